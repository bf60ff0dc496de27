"""Threads: each has a mode of its own, and graphs may cross from one to another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad._tape import mode


def together(*functions: Callable[[], Any]) -> list[Any]:
    """What the functions give, each run in a thread of its own, all started at once."""
    gate = threading.Barrier(len(functions))

    def run(function: Callable[[], Any]) -> Any:
        gate.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result() for future in [pool.submit(run, f) for f in functions]]


def trained(seed: int, steps: int = 40) -> list[np.ndarray]:
    """The parameters of a small network after some steps of momentum."""
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((16, 6)), rng.integers(0, 3, 16)
    parameters = [
        tg.tensor(rng.standard_normal(shape) * 0.5, requires_grad=True) for shape in ((6, 8), (8,), (8, 3), (3,))
    ]
    velocities = [np.zeros(p.shape) for p in parameters]
    for step in range(steps):
        w1, b1, w2, b2 = parameters
        hidden = np.tanh(x @ w1 + b1)
        hidden.retain_grad()
        loss = tg.softmax_cross_entropy(hidden @ w2 + b2, labels).mean()
        if step % 5 == 0:
            loss.backward(create_graph=True)
            penalty = sum((p.grad**2).sum() for p in parameters)
            for p in parameters:
                p.grad = None
            (loss + 0.01 * penalty).backward()
        else:
            loss.backward()
        with tg.no_grad():
            for i, p in enumerate(parameters):
                velocities[i] = 0.9 * velocities[i] + p.grad.numpy()
                p -= 0.1 * velocities[i]
                assert not (p * 2).requires_grad
        for p in parameters:
            p.grad = None
    return [p.numpy() for p in parameters]


def test_eight_threads_train_as_one_does():
    alone = [trained(seed) for seed in range(8)]
    many = together(*(lambda seed=seed: trained(seed) for seed in range(8)))
    for expected, parameters in zip(alone, many, strict=True):
        for a, b in zip(expected, parameters, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_graph_made_in_one_thread_is_walked_in_another():
    x = tg.tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    y = (x * np.sin(x)).sum()
    together(y.backward)
    np.testing.assert_array_equal(x.grad.numpy(), np.sin(x.numpy()) + x.numpy() * np.cos(x.numpy()))

    def build() -> tg.Tensor:
        return (x * np.sin(x)).sum()

    x.grad = None
    (made,) = together(build)
    made.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.sin(x.numpy()) + x.numpy() * np.cos(x.numpy()))


def test_a_graph_may_be_built_by_several_threads():
    """Serial numbers are the process's, so that the order of the walk is right across threads."""
    x = tg.tensor(np.array([0.3, 0.7]), requires_grad=True)
    y = x
    for _ in range(10):
        (y,) = together(lambda y=y: np.sin(y) * x)
    a, b = together(lambda: y * 2, lambda: y * 3)
    (a + b).sum().backward()
    expected = tg.tensor(x.numpy(), requires_grad=True)
    z = expected
    for _ in range(10):
        z = np.sin(z) * expected
    (z * 2 + z * 3).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), expected.grad.numpy(), rtol=1e-14)


def test_no_grad_holds_for_its_thread_alone():
    x = tg.tensor(np.ones(2), requires_grad=True)
    inside, checked = threading.Event(), threading.Event()

    def silent() -> bool:
        with tg.no_grad():
            inside.set()
            assert checked.wait(10)
            return (x * 2).requires_grad

    def loud() -> bool:
        assert inside.wait(10)
        recorded = (x * 2).requires_grad and np.exp(x).requires_grad and x.sum().requires_grad
        checked.set()
        return recorded

    assert together(silent, loud) == [False, True]
    assert (x * 2).requires_grad


def test_a_new_thread_records_although_its_maker_does_not():
    x = tg.tensor(np.ones(2), requires_grad=True)
    with tg.no_grad():
        assert together(lambda: (x * 2).requires_grad, lambda: mode.recording) == [True, True]


def test_no_grad_comes_and_goes_in_many_threads_at_once():
    """Whether anybody does anything unusual is one flag for the process; it must not be lost between two of them."""
    x = tg.tensor(np.ones(2), requires_grad=True)

    def flicker() -> bool:
        good = True
        for _ in range(300):
            with tg.no_grad():
                good &= not (x * 2).requires_grad
                good &= not np.exp(x).requires_grad
            good &= (x * 2).requires_grad and np.exp(x).requires_grad
        return good

    assert all(together(*[flicker] * 8))
    assert (x * 2).requires_grad


@pytest.mark.parametrize("create_graph", [False, True])
def test_two_threads_walk_graphs_that_share_a_part(create_graph):
    rng = np.random.default_rng(0)
    start = rng.standard_normal((8, 8)) * 0.3

    def graph() -> tuple[tg.Tensor, list[tg.Tensor], list[tg.Tensor]]:
        x = tg.tensor(start, requires_grad=True)
        shared = x
        for _ in range(15):
            shared = np.tanh(shared @ x) + shared * 0.5
        tops = [tg.tensor(start + i, requires_grad=True) for i in range(4)]
        return x, tops, [(shared * top).sum() for top in tops]

    x, tops, losses = graph()
    for loss in losses:
        loss.backward(retain_graph=True, create_graph=create_graph)
    expected = [t.grad.numpy() for t in (x, *tops)]

    for _ in range(5):
        x, tops, losses = graph()
        seen: list[np.ndarray] = []
        x.register_hook(lambda g, seen=seen: seen.append(np.array(g.numpy())))
        together(*(lambda loss=loss: loss.backward(retain_graph=True, create_graph=create_graph) for loss in losses))
        for top, g in zip(tops, expected[1:], strict=True):
            np.testing.assert_array_equal(top.grad.numpy(), g)
        # Each walk found the whole of its own gradient, whatever the others did.
        assert len(seen) == 4
        np.testing.assert_allclose(sum(seen), expected[0], rtol=1e-12)
        np.testing.assert_allclose(x.grad.numpy(), expected[0], rtol=1e-12)


def test_transforms_in_many_threads():
    def f(x):
        return np.sum(np.sin(x) ** 3)

    def work(seed: int) -> np.ndarray:
        x = np.random.default_rng(seed).standard_normal(3)
        return np.stack([tg.hessian(f)(x) for _ in range(5)])

    alone = [work(seed) for seed in range(8)]
    for a, b in zip(alone, together(*(lambda s=seed: work(s) for seed in range(8))), strict=True):
        np.testing.assert_array_equal(a, b)
