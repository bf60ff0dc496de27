"""Memory falls by reference counting alone, and only what a rule needs is kept.

All of this runs with the garbage collector off: a reference cycle would show as growth.
"""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
import weakref
from collections.abc import Callable

import numpy as np
import pytest

import tapegrad as tg
from tapegrad._tape import collect


@pytest.fixture(autouse=True)
def _without_the_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def model():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 5))
    w = tg.tensor(rng.standard_normal((5, 3)), requires_grad=True)
    b = tg.tensor(rng.standard_normal(3), requires_grad=True)
    return x, w, b


def loss(x, w, b):
    y = tg.relu(x @ w + b)
    parts = np.concatenate([y[:2], y[2:]]) * 2
    return np.mean(np.exp(-parts)) + tg.softmax_cross_entropy(y, np.array([0, 1, 2, 0])).sum()


def forward_and_backward() -> Callable[[], None]:
    x, w, b = model()

    def run() -> None:
        w.grad = b.grad = None
        loss(x, w, b).backward()

    return run


def forward_only() -> Callable[[], None]:
    x, w, b = model()

    def run() -> None:
        loss(x, w, b)

    return run


def an_exception_in_the_middle() -> Callable[[], None]:
    x, w, b = model()

    def run() -> None:
        y = tg.relu(x @ w + b)
        with contextlib.suppress(ValueError):
            y @ y  # shapes that do not fit
        with contextlib.suppress(ValueError):
            y.backward(np.ones(7))

    return run


def an_exception_in_a_rule() -> Callable[[], None]:
    x, w, b = model()

    def rule(g):
        raise ZeroDivisionError

    broken = tg.primitive(np.negative, rule)

    def run() -> None:
        with contextlib.suppress(ZeroDivisionError):
            loss(x, broken(w), b).backward()
        w.grad = b.grad = None

    return run


def second_order() -> Callable[[], None]:
    x, w, b = model()

    def run() -> None:
        gradient = tg.grad(lambda w: loss(x, w, b))
        tg.grad(lambda w: (gradient(w) ** 2).sum())(w.numpy())

    return run


def create_graph() -> Callable[[], None]:
    x, w, b = model()

    def run() -> None:
        loss(x, w, b).backward(create_graph=True)
        (w.grad**2).sum().backward()
        w.grad = b.grad = None

    return run


def hooks_and_kept_gradients() -> Callable[[], None]:
    x, w, b = model()

    def run() -> None:
        y = x @ w
        y.retain_grad()
        remove = y.register_hook(lambda g: g * 0.5)
        (y + b).sum().backward()
        remove()
        w.grad = b.grad = None

    return run


def in_place() -> Callable[[], None]:
    x, w, b = model()

    def run() -> None:
        nonlocal w
        y = x @ w
        y += b
        y *= y
        y.sum().backward()
        with tg.no_grad():
            w -= 1e-6 * w.grad
        w.grad = b.grad = None

    return run


PROGRAMS = [
    forward_and_backward,
    forward_only,
    an_exception_in_the_middle,
    an_exception_in_a_rule,
    second_order,
    create_graph,
    hooks_and_kept_gradients,
    in_place,
]


def more_objects(run: Callable[[], None], rounds: int = 50) -> int:
    """How many more containers (entries, Tensors, tuples ...) are alive after some rounds."""
    for _ in range(5):  # what is made once is no leak
        run()
    before = len(gc.get_objects())
    for _ in range(rounds):
        run()
    return len(gc.get_objects()) - before


def more_bytes(run: Callable[[], None], first: int, last: int) -> int:
    """How many more bytes are held after the `last` round than after the `first`."""
    tracemalloc.start()
    try:
        for _ in range(first):
            run()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(last - first):
            run()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_loop_leaves_no_object_behind(program):
    assert more_objects(program()) < 10


@pytest.mark.slow
@pytest.mark.parametrize("program", [forward_and_backward, forward_only, an_exception_in_the_middle])
def test_a_long_loop_does_not_grow(program):
    # Not sooner: Python keeps up to 2000 free tuples of each size, which the first rounds fill.
    assert more_bytes(program(), 10_000, 100_000) <= 64 * 1024


def test_the_tests_see_a_leak():
    held = []
    x, w, b = model()

    def hold() -> None:
        held.append(loss(x, w, b))

    def cycle() -> None:
        y = loss(x, w, b)
        y.register_hook(lambda g: y)

    for leak in (hold, cycle):
        assert more_objects(leak) >= 50
        assert more_bytes(leak, 100, 300) > 64 * 1024


# --------------------------------------------------------------------------------------------------
# What is freed


def test_everything_is_freed_with_the_last_reference():
    x, w, b = model()
    hidden = x @ w + b
    middle = weakref.ref(hidden)
    entry = weakref.ref(hidden._entry)
    y = tg.relu(hidden).sum()
    del hidden
    assert middle() is None  # the tape holds entries, not Tensors
    assert entry() is not None
    y.backward()
    assert entry() is not None  # released, but still the way to what led here
    del y
    assert entry() is None


def test_the_tape_does_not_keep_leaves_alive():
    w = tg.tensor(np.ones(3), requires_grad=True)
    leaf = weakref.ref(w)
    y = (w * 2).sum()
    del w
    assert leaf() is None
    y.backward()  # nobody is there to receive it


def test_backward_releases_what_the_rules_needed():
    x, w, b = model()
    h = np.exp(x @ w + b)
    array = weakref.ref(h._array)
    y = h.sum()
    del h
    assert array() is not None  # exp's rule asks for its result
    y.backward(retain_graph=True)
    assert array() is not None
    y.backward()
    assert array() is None


def test_gradients_are_freed_as_the_pass_goes():
    """The walk holds the gradients of its front, not of the whole graph."""
    x = tg.tensor(np.zeros(100_000), requires_grad=True)
    y = x
    for _ in range(50):
        y = np.sin(y)
    total = y.sum()
    del y
    total.backward(retain_graph=True)
    x.grad = None
    tracemalloc.start()
    try:
        total.backward(retain_graph=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * x.nbytes


def test_an_unrecorded_computation_keeps_nothing():
    x = tg.tensor(np.ones(1000))
    with tg.no_grad():
        w = tg.tensor(np.ones(1000), requires_grad=True)
        y = w * x
    assert y._entry is None
    assert (x * x)._entry is None


# --------------------------------------------------------------------------------------------------
# What is kept


def kept(y: tg.Tensor) -> dict[int, tuple[str, int]]:
    """The arrays that the entries behind `y` keep: the op and the bytes for each memory address."""
    found = {}
    for entry in collect([y._entry])[0]:
        for value in entry.saved or ():
            if isinstance(value, np.ndarray):
                found[value.__array_interface__["data"][0]] = (entry.op.name, value.nbytes)
    return found


def kept_bytes(y: tg.Tensor) -> int:
    return sum(nbytes for _, nbytes in kept(y).values())


def test_the_bytes_behind_a_layer():
    x, w, b = model()
    y = tg.relu(x @ w + b)
    assert kept(y) == {
        y._array.__array_interface__["data"][0]: ("relu", y.nbytes),
        x.__array_interface__["data"][0]: ("matmul", x.nbytes),  # for w; x itself wants no gradient
    }
    assert kept_bytes(y) == y.nbytes + x.nbytes


def test_the_bytes_behind_a_layer_whose_input_wants_a_gradient():
    array, w, b = model()
    x = tg.tensor(array, requires_grad=True)
    y = tg.relu(x @ w + b)
    assert kept_bytes(y) == y.nbytes + x.nbytes + w.nbytes
    y = tg.relu(x @ w.detach() + b)
    assert kept_bytes(y) == y.nbytes + w.nbytes
    y = tg.relu(array @ w.detach() + b)
    assert kept_bytes(y) == y.nbytes


def test_what_no_rule_asks_for_is_not_kept():
    x = tg.tensor(np.ones((10, 10)), requires_grad=True)
    y = ((x + 1 - x).T.reshape(5, 20)[1:, ::2].sum(axis=0, keepdims=True) * 3 - np.ones(10)).mean()
    assert kept_bytes(y) == 0
    assert kept_bytes(np.concatenate([x, x])) == 0
    assert kept_bytes(np.sin(x)) == kept_bytes(np.exp(x)) == kept_bytes(np.sin(-x) + 1) == x.nbytes
    assert kept_bytes(np.broadcast_to(x, (3, 10, 10))) == 0


def test_checkpoint_keeps_its_arguments_alone():
    x, w, b = model()
    usual = loss(x, w, b)
    again = tg.checkpoint(lambda w, b: loss(x, w, b))(w, b)
    np.testing.assert_array_equal(usual.numpy(), again.numpy())
    assert kept_bytes(usual) > 0
    assert kept_bytes(again) == 0


# --------------------------------------------------------------------------------------------------
# Depth


def test_a_chain_of_a_million_ops():
    """Neither the walk nor the freeing of its entries may recurse."""
    x = tg.tensor(np.float64(1.0), requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    first = weakref.ref(y._entry)
    y.backward(retain_graph=True)
    assert y.item() == 1_000_001.0
    assert x.grad.item() == 1.0
    del y
    assert first() is None


def test_a_long_chain_of_two_arguments():
    x = tg.tensor(np.float64(1.0), requires_grad=True)
    y = z = x
    for _ in range(20_000):
        y, z = y * 0.5 + z * 0.5, y
    y.backward()
    assert abs(x.grad.item() - 1) < 1e-9
    del y, z


def test_a_long_chain_at_second_order():
    x = tg.tensor(np.float64(1.0), requires_grad=True)
    y = x
    for _ in range(10_000):
        y = np.sin(y)
    y.backward(create_graph=True)
    assert x.grad.requires_grad
    x.grad = None
    del y
