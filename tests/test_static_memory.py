"""The memory of a replay, beyond what is there between steps: at most that of the function itself."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.static.blocks import Blocks
from tapegrad.static.machine import Steps


class Recurrent(nn.Module):
    """A recurrent layer, and what it makes of the last time step."""

    def __init__(self, layer: Any, size: int) -> None:
        super().__init__()
        self.layer = layer
        self.last = nn.Linear(size, 3)

    def forward(self, x: Any) -> Any:
        return self.last(self.layer(x)[0][-1])


def _dense() -> Any:
    return nn.Sequential(nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 500), nn.Tanh(), nn.Linear(500, 3))


def _convolutional() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm(16), nn.ReLU(), nn.Dropout(0.3), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(2704, 3),
    )  # fmt: skip


CASES = {
    "few rows": (_dense, (8, 500)),
    "many rows": (_dense, (3000, 500)),
    "LSTM of many small arrays": (lambda: Recurrent(nn.LSTM(32, 32), 32), (32, 100, 32)),
    "LSTM": (lambda: Recurrent(nn.LSTM(16, 64), 64), (16, 500, 16)),
    "GRU of many small arrays": (lambda: Recurrent(nn.GRU(32, 32), 32), (32, 100, 32)),
    "GRU": (lambda: Recurrent(nn.GRU(16, 64), 64), (16, 200, 16)),
    "CNN": (_convolutional, (64, 28, 28, 1)),
}


def _step(case: str, make: Any, clears: bool) -> Any:
    model, shape = CASES[case]
    network = model()
    optimizer = make(network.parameters(), lr=1e-4)
    labels = np.arange(shape[1] if isinstance(network, Recurrent) else shape[0]) % 3
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)

    def step(x: Any) -> Any:
        if clears:
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step, x


def _peak(run: Any, x: Any) -> int:
    for _ in range(4):
        run(x)
    gc.collect()
    tracemalloc.start()
    try:
        run(x)  # what is there between steps has been made anew, and is known
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        run(x)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("case", "make", "clears"),
    [
        *((case, optim.Momentum, True) for case in CASES),
        # What optimizers take counts beside few other arrays.
        ("few rows", optim.Adam, True),
        ("few rows", optim.Adam, False),
        ("few rows", optim.Momentum, False),
    ],
)
def test_a_replay_takes_no_more_than_the_function_itself(case, make, clears):
    step, x = _step(case, make, clears)
    eager = _peak(lambda x: step(tg.asarray(x)), x)
    for fuse in (False, True):
        step, x = _step(case, make, clears)
        run = tg.compile(step, fuse=fuse)
        assert _peak(run, x) <= 1.005 * eager + 10_000, fuse
        if fuse and "few" not in case:
            assert any(isinstance(entry.function, Steps | Blocks) for entry in run.programs[0].entries)
