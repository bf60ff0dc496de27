"""Optimizers with gradients that keep only a few rows: the same ends, or rows that rest where they are asked to."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import optim
from tapegrad._rows import Rows
from tapegrad.optim import rules

MAKERS = {
    "SGD": lambda p, **o: optim.SGD(p, 0.1, **o),
    "SGD with decay": lambda p, **o: optim.SGD(p, 0.1, weight_decay=0.1, **o),
    "Momentum": lambda p, **o: optim.Momentum(p, 0.1, **o),
    "Nesterov": lambda p, **o: optim.Nesterov(p, 0.1, **o),
    "Adagrad": lambda p, **o: optim.Adagrad(p, 0.1, initial_accumulator_value=0.1, **o),
    "Adadelta": lambda p, **o: optim.Adadelta(p, **o),
    "RMSprop": lambda p, **o: optim.RMSprop(p, 0.1, momentum=0.5, centered=True, **o),
    "Adam": lambda p, **o: optim.Adam(p, 0.1, **o),
    "AdamW": lambda p, **o: optim.AdamW(p, 0.1, **o),
    "Nadam": lambda p, **o: optim.Nadam(p, 0.1, **o),
    "Adamax": lambda p, **o: optim.Adamax(p, 0.1, **o),
    "Lion": lambda p, **o: optim.Lion(p, 0.1, **o),
}
each_optimizer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
IDS = [np.array([1, 4, 1]), np.array([4, 0]), np.array([1, 1])]  # rows 2, 3 and 5 are never seen


def table():
    return tg.tensor(np.random.default_rng(0).normal(size=(6, 2)), requires_grad=True)


def train(optimizer, w, dense=False):
    """Three steps; after each, the parameter and the arrays of its state."""
    held = []
    for ids in IDS:
        optimizer.zero_grad()
        (tg.embedding(w, ids) ** 2).sum().backward()
        assert isinstance(w._grad, Rows)
        if dense:
            w.grad = w.grad
            assert type(w._grad) is tg.Tensor
        optimizer.step()
        held.append([w.numpy(), *[a for a in optimizer.state[0].values() if np.ndim(a)]])
    return held


@pytest.mark.parametrize("compiled", [False, True])
@each_optimizer
def test_rows_move_a_parameter_where_the_whole_gradient_would(make, compiled, monkeypatch):
    monkeypatch.setattr(rules, "_SMALL", 0 if compiled else 1 << 60)
    w, v = table(), table()
    for ours, theirs in zip(train(make([w]), w), train(make([v]), v, dense=True), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


@each_optimizer
def test_lazy_rows_rest_until_they_are_seen(make):
    w = table()
    start = w.numpy()
    optimizer = make([w], lazy_rows=True)
    blank = [a for a in optimizer.start(start, optimizer.param_groups[0]).values() if np.ndim(a)]
    held = [[start, *blank], *train(optimizer, w)]
    for ids, before, after in zip(IDS, held, held[1:], strict=False):
        rest = np.setdiff1d(np.arange(6), ids)
        for a, b in zip(before, after, strict=True):
            assert a is not b
            np.testing.assert_array_equal(a[rest], b[rest])
        assert (before[0][ids] != after[0][ids]).all()
    # The rows seen moved as a parameter of only these would.
    small = tg.tensor(start[[1, 4]], requires_grad=True)
    other = make([small])
    (tg.embedding(small, [0, 1, 0]) ** 2).sum().backward()
    other.step()
    np.testing.assert_array_equal(held[1][0][[1, 4]], small.numpy())


def test_only_what_moves_is_computed(monkeypatch):
    """A step without momentum, and Adagrad's, hand nothing but the rows seen to their rules."""
    shapes = []
    apply = rules._apply

    def noting(rule, arrays, *numbers):
        shapes.append(arrays[0].shape)
        return apply(rule, arrays, *numbers)

    monkeypatch.setattr(rules, "_apply", noting)
    for name, expected in (("SGD", (2, 2)), ("Adagrad", (2, 2)), ("SGD with decay", (6, 2)), ("Adam", (6, 2))):
        shapes.clear()
        w = table()
        train(MAKERS[name]([w]), w)
        assert shapes[0] == expected
    w = table()
    shapes.clear()
    train(MAKERS["Adam"]([w], lazy_rows=True), w)
    assert shapes[0] == (2, 2)


@pytest.mark.parametrize("lazy", [False, True])
@each_optimizer
def test_a_step_by_rows_writes_into_no_array(make, lazy):
    w = table()
    optimizer = make([w], lazy_rows=lazy)
    held = []
    for ids in IDS:
        optimizer.zero_grad()
        (tg.embedding(w, ids) ** 2).sum().backward()
        arrays = [w.numpy(), w._grad.values, w._grad.indices, *optimizer.state[0].values()]
        held += [(a, a.copy()) for a in arrays if np.ndim(a)]
        optimizer.step()
    assert all(np.array_equal(a, before) for a, before in held)


def test_lazy_rows_of_one_group_only():
    a, b = table(), table()
    optimizer = optim.Momentum([{"params": [a], "lazy_rows": True}, {"params": [b]}], 0.1)
    for ids in IDS:
        optimizer.zero_grad()
        (tg.embedding(a, ids) ** 2).sum().backward()
        (tg.embedding(b, ids) ** 2).sum().backward()
        optimizer.step()
    assert (a.numpy() != b.numpy()).any(1).tolist() == [True, True, False, False, True, False]


def test_a_changed_setting_asks_lazy_rows_for_more_state():
    w = table()
    optimizer = optim.RMSprop([w], 0.1, lazy_rows=True)
    train(optimizer, w)
    optimizer.momentum = 0.5
    train(optimizer, w)
    assert optimizer.state[0]["velocity"].shape == (6, 2)
    assert not optimizer.state[0]["velocity"][[2, 3, 5]].any()


def test_clipping_leaves_rows_rows():
    for clip, expected in (
        (lambda p: optim.clip_grad_norm(p, 1.0), lambda g: g / np.sqrt((g**2).sum())),
        (lambda p: optim.clip_grad_value(p, 0.5), lambda g: np.clip(g, -0.5, 0.5)),
    ):
        w = table()
        (tg.embedding(w, IDS[0]) ** 2).sum().backward()
        before = w.grad.numpy()
        norm = clip([w])
        assert norm is None or norm == pytest.approx(np.sqrt((before**2).sum()))
        assert isinstance(w._grad, Rows)
        np.testing.assert_allclose(w.grad.numpy(), expected(before), rtol=1e-12)
        assert np.abs(w.grad.numpy() - before).max() > 0.1


def test_lbfgs_sees_the_whole_of_it():
    w = table()
    optimizer = optim.LBFGS([w])

    def closure():
        optimizer.zero_grad()
        loss = ((tg.embedding(w, IDS[0]) - 3.0) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(w.numpy()[[1, 4]], 3.0, atol=1e-6)
