"""Updates that come last, and are in place at once: the same values, no second model, and nothing half moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.static.program import Value
from tapegrad.static.updates import all_last, at_once

ACTIONS = [
    "step", "other step", "old", "new", "gradient", "computed of new", "clear", "backward again", "norm", "add to old",
]  # fmt: skip


def _taken(actions: list[str], compiled: bool, fuse: bool) -> list[bytes]:
    """What a training step of some actions gives in four calls, and what it leaves behind."""
    tg.random.seed(3)
    rng = np.random.default_rng(0)
    w, v = (tg.tensor(rng.normal(size=4).astype(np.float32), requires_grad=True) for _ in range(2))
    one, other = optim.Adam([w, v], lr=0.1), optim.Momentum([w], lr=0.1)

    def step(x: Any) -> Any:
        results = []
        loss = ((w * x - v) ** 2).sum()
        loss.backward()
        for action in actions:
            if action == "step":
                one.step()
            elif action == "other step":
                other.step()
            elif action == "old":
                results.append(v.detach())
            elif action == "new":
                results.append(w)
            elif action == "gradient":
                results.append(w.grad)
            elif action == "computed of new":
                results.append((w.detach() * 2).sum())
            elif action == "clear":
                one.zero_grad()
            elif action == "backward again":
                ((w * x + v) ** 2).mean().backward()
            elif action == "norm":
                results.append(nn.functional.relu(v.detach()))
            else:
                v.assign_(v.detach() * 0.5 + x)
        return [r for r in results if r is not None], loss

    run = tg.compile(step, fuse=fuse) if compiled else step
    seen = []
    for _ in range(4):
        x = rng.normal(size=4).astype(np.float32)
        results, loss = run(x) if compiled else run(tg.asarray(x))
        seen += [np.asarray(r.numpy()).tobytes() for r in [*results, loss, w, v]]
        seen += [b"" if p.grad is None else p.grad.numpy().tobytes() for p in (w, v)]
        seen += [np.asarray(a).tobytes() for o in (one, other) for state in o.state for a in state.values()]
    return seen


@given(st.lists(st.sampled_from(ACTIONS), max_size=8))
@settings(max_examples=60)
def test_whatever_a_step_does_and_gives_is_what_it_does_eagerly(actions):
    assert _taken(actions, compiled=True, fuse=False) == _taken(actions, compiled=False, fuse=False)


def _step_of(w: Any, optimizer: Any, after: Any) -> Any:
    def step(x: Any, i: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return after(w, x, i)  # what fails

    return tg.compile(step)


@pytest.mark.parametrize("reads_new", [False, True])
def test_a_replay_that_fails_moves_nothing(reads_new):
    w = tg.tensor(np.arange(3, dtype=np.float32), requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    fast = _step_of(w, optimizer, (lambda w, x, i: w[i]) if reads_new else (lambda w, x, i: x[i]))
    x = np.ones(3, np.float32)
    for _ in range(3):
        fast(x, np.array([0, 1]))
    (program,) = fast.programs
    assert all_last(program) is not reads_new
    before = [w.numpy().copy(), *(np.array(a) for a in optimizer.state[0].values())]
    with pytest.raises(IndexError):
        fast(x, np.array([0, 7]))
    for a, b in zip(before, [w.numpy(), *optimizer.state[0].values()], strict=True):
        np.testing.assert_array_equal(a, b)


def test_updates_come_last_and_are_in_place_at_once_unless_the_old_value_is_read_later():
    w, v = (tg.tensor(np.ones(3, np.float32), requires_grad=True) for _ in range(2))
    optimizer = optim.Adam([w, v], lr=0.1)

    @tg.compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (w * v * x).sum()
        loss.backward()
        optimizer.step()
        return loss * 2

    @tg.compile
    def gives_the_old(x: Any) -> Any:
        optimizer.zero_grad()
        old = w.detach()
        (w * v * x).sum().backward()
        optimizer.step()
        return old

    x = np.ones(3, np.float32)
    step(x), gives_the_old(x)
    (program,) = step.programs
    assert [entry.name for entry in program.entries[-2:]] == ["update", "update"]
    names = {entry.out: entry.name for entry in program.entries}
    soon = at_once(program)
    assert [names[variable] for variable in soon].count("update") == 2
    (program,) = gives_the_old.programs
    written = [cell for cells in at_once(program).values() for cell in cells if isinstance(cell, Value)]
    assert [cell.tensor for cell in written] == [v]
