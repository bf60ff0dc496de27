"""Training steps of models so small that what counts is the price of an op: tapegrad's layers beside PyTorch's.

Both start from the same weights, and the losses after three steps are printed. `compiled` is the same step under
`tapegrad.compile`. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from measure import in_turns, machine, row
from torch import nn as their_nn
from torch.nn import functional as their_functional

import tapegrad as tg
from tapegrad import nn, optim

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], Any]

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 8)
FEATURES = RNG.standard_normal((8, 10)).astype(np.float32)
IMAGES = RNG.standard_normal((8, 1, 12, 12)).astype(np.float32)
SEQUENCES = RNG.standard_normal((8, 6, 10)).astype(np.float32)


def dense(of: Any) -> Any:
    """Two hidden layers of 32, 10 inputs, batches of 8."""
    return of.Sequential(of.Linear(10, 32), of.ReLU(), of.Linear(32, 32), of.ReLU(), of.Linear(32, 3))


def normalised(of: Any) -> Any:
    """The same with tanh, and the second layer normalised."""
    return of.Sequential(of.Linear(10, 32), of.Tanh(), of.Linear(32, 32), of.LayerNorm(32), of.ReLU(), of.Linear(32, 3))


def convolutional(of: Any) -> Any:
    """Two convolutions to 8 channels and two poolings over images of 12 x 12, batches of 8."""
    return of.Sequential(
        of.Conv2d(1, 8, 3, padding=1), of.ReLU(), of.MaxPool2d(2),
        of.Conv2d(8, 8, 3, padding=1), of.ReLU(), of.MaxPool2d(6), of.Flatten(), of.Linear(8, 3),
    )  # fmt: skip


def recurrent(name: str) -> Callable[[Any], Any]:
    """A layer of 16 cells over 6 steps of 10 numbers, batches of 8, whose outputs are averaged."""
    return lambda of: getattr(of, name)(10, 16, batch_first=True)


MODELS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "MLP": (dense, FEATURES),
    "MLP with LayerNorm": (normalised, FEATURES),
    "CNN": (convolutional, IMAGES),
    "RNN": (recurrent("RNN"), SEQUENCES),
    "LSTM": (recurrent("LSTM"), SEQUENCES),
    "GRU": (recurrent("GRU"), SEQUENCES),
}


def theirs(name: str) -> tuple[Any, Step]:
    """PyTorch's model, and a step of its training."""
    build, inputs = MODELS[name]
    torch.manual_seed(0)
    model, x, y = build(their_nn), torch.tensor(inputs), torch.tensor(LABELS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> Any:
        optimizer.zero_grad()
        out = model(x)
        loss = out[0].square().mean() if isinstance(out, tuple) else their_functional.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return model, step


def ours(name: str, state: dict[str, Any], compiled: bool) -> Step:
    """A step of tapegrad's with the weights of PyTorch's, whose inputs come last."""
    build, inputs = MODELS[name]
    model = build(nn)
    orders = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
    model.load_state_dict({key: np.transpose(value, orders[value.ndim]) for key, value in state.items()})
    inputs = np.moveaxis(inputs, 1, -1).copy() if name == "CNN" else inputs
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        out = model(x)
        loss = (out[0] ** 2).mean() if isinstance(out, tuple) else nn.functional.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        return loss

    run = tg.compile(step) if compiled else step
    return lambda: run(inputs, LABELS).item()


def main() -> None:
    parser = argparse.ArgumentParser(description="Training steps of small models.")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (default: 2)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tg.set_num_threads(options.threads)
    print("# Training steps of small models\n")
    print(f"- {machine()}")
    print(f"- tapegrad {tg.__version__}, numpy {np.__version__}, torch {torch.__version__}")
    print(f"- {options.threads} threads each, medians of {options.rounds} rounds in turns; batches of 8, Adam\n")
    row("step", "tapegrad, us", "compiled, us", "PyTorch, us", "ratio", "compiled", "losses after three steps")
    row("---", *["---:"] * 6)
    for name in MODELS:
        model, step = theirs(name)
        state = {key: value.numpy().copy() for key, value in model.state_dict().items()}
        tasks = {"tapegrad": ours(name, state, False), "compiled": ours(name, state, True), "PyTorch": step}
        losses = {key: [task() for _ in range(4)][-1] for key, task in tasks.items()}
        times = in_turns(tasks, options.rounds)
        found = {key: statistics.median(values) * 1e6 for key, values in times.items()}
        ratios = [
            statistics.median(a / b for a, b in zip(times[key], times["PyTorch"], strict=True))
            for key in ("tapegrad", "compiled")
        ]
        row(name, *(f"{value:.0f}" for value in found.values()), *(f"{ratio:.2f}" for ratio in ratios),
            ", ".join(f"{loss:.5f}" for loss in losses.values()))  # fmt: skip


if __name__ == "__main__":
    main()
