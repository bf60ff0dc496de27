"""Gradients that keep only the rows seen: what makes them, what adds to them, who sees the whole array."""

from __future__ import annotations

import copy
import tracemalloc

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import _rows, _tape
from tapegrad.kernels import choice, plain_embedding

Rows = _rows.Rows
DRAW = np.random.default_rng(0)


def table(rows=7, columns=3, dtype=np.float64):
    return tg.tensor(np.random.default_rng(1).normal(size=(rows, columns)).astype(dtype), requires_grad=True)


def scattered(ids, values, shape):
    out = np.zeros(shape)
    np.add.at(out, ids, values)
    return out


# The class ----------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 6), max_size=12), st.lists(st.integers(0, 6), max_size=12), st.integers(0, 2**32 - 1))
def test_rows_are_the_array_that_they_stand_for(first, second, seed):
    draw = np.random.default_rng(seed)
    shape = (7, 2)
    arrays, rows = [], []
    for ids in (first, second):
        values = draw.normal(size=(len(ids), 2))
        rows.append(Rows.of_repeated(ids, values, shape))
        arrays.append(scattered(np.array(ids, int), values, shape))
        assert rows[-1].indices.dtype == np.int64
        assert rows[-1].indices.tolist() == sorted(set(ids))
        np.testing.assert_allclose(rows[-1].dense(), arrays[-1], atol=1e-14)
    both = rows[0] + rows[1]
    assert isinstance(both, Rows)
    assert both.indices.tolist() == sorted({*first, *second})
    np.testing.assert_allclose(both.dense(), arrays[0] + arrays[1], atol=1e-14)
    other = draw.normal(size=shape)
    for total in (other + rows[0], rows[0] + other):
        np.testing.assert_allclose(total, other + arrays[0], atol=1e-14)
    mine = other.copy()
    assert np.add(mine, rows[0], mine) is mine
    np.testing.assert_allclose(mine, other + arrays[0], atol=1e-14)


def test_rows_have_no_other_arithmetic():
    rows = Rows.of_repeated([1], np.ones((1, 2)), (3, 2))
    assert repr(rows) == "<1 rows of (3, 2), float64>"
    for act in (lambda: np.ones((3, 2)) * rows, lambda: np.multiply(rows, 2), lambda: np.add.reduce(rows)):
        with pytest.raises(TypeError):
            act()


# The backward pass --------------------------------------------------------------------------------


def test_a_parameter_keeps_the_rows_and_shows_the_array():
    w = table()
    ids = np.array([5, 1, 5])
    g = DRAW.normal(size=(3, 3))
    tg.embedding(w, ids).backward(g)
    assert isinstance(w._grad, Rows)
    assert w._grad.indices.tolist() == [1, 5]
    assert type(w.grad) is tg.Tensor
    np.testing.assert_allclose(w.grad.numpy(), scattered(ids, g, (7, 3)), atol=1e-14)
    tg.embedding(w, [0]).backward(np.ones((1, 3)))
    assert w._grad.indices.tolist() == [0, 1, 5]
    again = copy.deepcopy(w)
    np.testing.assert_array_equal(again.grad.numpy(), w.grad.numpy())
    w.grad = w.grad * 2
    assert type(w._grad) is tg.Tensor
    w.grad = None
    assert w.grad is None


USES = {
    "one": lambda w: [tg.embedding(w, [2, 0])],
    "two": lambda w: [tg.embedding(w, [2, 0]), tg.embedding(w, [2, 3])],
    "three, then the whole": lambda w: [tg.embedding(w, [i, 3]) for i in range(3)] + [w * w],
    "the whole, then two": lambda w: [w * w, tg.embedding(w, [2, 0]), tg.embedding(w, [2, 3])],
    "the whole twice between": lambda w: [tg.embedding(w, [0]), w * w, tg.embedding(w, [1]), np.sin(w), w[1]],
    "bags": lambda w: [tg.embedding_bag(w, [[1, 1], [0, 1]]), tg.embedding_bag(w, [4, 4, 1], [0, 1], "mean")],
    "of what was computed": lambda w: [tg.embedding(w * 2, [2, 0]), tg.embedding(np.tanh(w), [2, 2])],
    "of both": lambda w: [tg.embedding(w * 2, [2, 0]), tg.embedding(w, [2, 2])],
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_rows_and_arrays_add_up_to_the_gradient(use):
    """As they do where nothing keeps rows: `take` gives the same values."""
    w, v = table(), table()
    parts = use(w)
    shares = [np.random.default_rng(3).normal(size=part.shape) for part in parts]
    sum((part * share).sum() for part, share in zip(parts, shares, strict=True)).backward()

    def loss(x):
        return sum((part * share).sum() for part, share in zip(use(x), shares, strict=True))

    (expected,) = (tg.jacobian(loss)(v.numpy()),)
    np.testing.assert_allclose(w.grad.numpy(), expected, atol=1e-13)
    step = np.random.default_rng(4).normal(size=v.shape)
    numeric = (loss(v.numpy() + 1e-6 * step) - loss(v.numpy() - 1e-6 * step)) / 2e-6
    assert abs(np.vdot(w.grad.numpy(), step) - numeric) < 1e-7


def test_whoever_watches_sees_arrays():
    w = table()
    seen = []
    w.register_hook(lambda g: seen.append(type(g)))
    tg.embedding(w, [1, 1]).sum().backward()
    assert seen == [tg.Tensor]
    assert type(w._grad) is tg.Tensor
    for watching in (tg.debug, tg.profile, tg.detect_nan):
        v = table()
        with watching():
            tg.embedding(v, [1, 1]).sum().backward()
        np.testing.assert_array_equal(v.grad.numpy(), w.grad.numpy())


def test_observers_are_told_of_arrays():
    class Types(_tape.Observer):
        def reached(self, entry, g):
            seen.append(type(g))

        def differentiated(self, entry, index, g, gradient, seconds):
            seen.append(type(gradient))

    seen = []
    w = table()
    loss = tg.embedding(w, [1, 1]).sum()
    with _tape.observed(Types()):
        loss.backward()
    assert len(seen) >= 4
    assert Rows not in seen


def test_a_hook_may_replace_the_gradient_of_rows():
    w = table()
    w.register_hook(lambda g: g * 3)
    tg.embedding(w, [1, 1]).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy()[:3], [[0] * 3, [6] * 3, [0] * 3])


def test_transforms_give_arrays():
    w = table()
    array = w.numpy()

    def loss(x):
        return (tg.embedding(x, [3, 3, 0]) ** 2).sum()

    g = tg.grad(loss)(array)
    assert type(g) is np.ndarray
    np.testing.assert_allclose(g, scattered([3, 3, 0], 2 * array[[3, 3, 0]], (7, 3)), atol=1e-14)
    assert type(tg.grad(loss)(w)) is tg.Tensor
    np.testing.assert_allclose(tg.hvp(loss, array, array), g, atol=1e-14)


def test_a_second_gradient_goes_through():
    w = table()
    (tg.embedding(w, [3, 3, 0]) ** 3).sum().backward(create_graph=True)
    first = w.grad
    w.grad = None
    (first * first).sum().backward()
    x = w.numpy()
    expected = np.zeros_like(x)
    expected[0], expected[3] = 2 * 3 * x[0] ** 2 * 6 * x[0], 2 * 6 * x[3] ** 2 * 12 * x[3]
    np.testing.assert_allclose(w.grad.numpy(), expected, atol=1e-12)
    # What was recorded and what was not add up, too.
    tg.embedding(w, [1]).sum().backward()
    tg.embedding(w, [1]).sum().backward(create_graph=True)
    expected[1] += 2
    np.testing.assert_allclose(w.grad.numpy(), expected, atol=1e-12)


def test_a_checkpointed_embedding_keeps_rows():
    w, v = table(), table()
    run = tg.checkpoint(lambda ids: np.tanh(tg.embedding(w, ids)))
    run(np.array([2, 2, 5])).sum().backward()
    np.tanh(tg.embedding(v, np.array([2, 2, 5]))).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), v.grad.numpy(), atol=1e-14)
    assert isinstance(w._grad, Rows)


def test_a_rule_of_ones_own_may_give_rows():
    ids = np.array([1, 4])

    def rule(g, shape):
        return Rows.of_repeated(ids, g.astype(np.float64), shape)

    pick = tg.primitive(lambda x: x[ids], rule, name="pick")
    w = table(dtype=np.float32)
    (pick(w) * np.arange(6.0).reshape(2, 3)).sum().backward()
    assert w._grad.values.dtype == np.float32
    np.testing.assert_array_equal(w.grad.numpy()[ids], np.arange(6.0).reshape(2, 3))
    wrong = tg.primitive(lambda x: x[ids], lambda g: Rows.of_repeated(ids, g, (9, 3)), name="wrong")
    for x in (w, w * 1):
        with pytest.raises(tg.errors.RuleError, match=r"wrong: its rule gave a gradient of shape \(9, 3\)"):
            wrong(x).sum().backward()


def test_the_gradient_of_a_large_table_is_small():
    w = tg.tensor(np.zeros((200_000, 32), np.float32), requires_grad=True)
    ids = DRAW.integers(0, 200_000, 500)
    loss = tg.embedding_bag(w, ids, np.arange(0, 500, 10)).sum()
    tracemalloc.start()
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < w.numpy().nbytes / 5


# Compiled code ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [0, 1, 10, 33, 70])
def test_compiled_sums_have_the_bits_of_numpys(dtype, width):
    from tapegrad.kernels import embedding

    x = DRAW.normal(size=(50, width)).astype(dtype)
    for count, bags in ((0, 3), (40, 0), (1, 1), (4000, 60)):
        ids = DRAW.integers(0, 50, count if bags else 0)
        starts = np.sort(np.append(DRAW.integers(0, len(ids) + 1, max(bags - 1, 0)), [0, len(ids)]))[-bags - 1 :]
        starts[0] = 0
        g = DRAW.normal(size=(bags, width)).astype(dtype)
        np.testing.assert_array_equal(embedding.sums(x, ids, starts), plain_embedding.sums(x, ids, starts))
        np.testing.assert_array_equal(
            embedding.scattered(g, ids, starts, 50), plain_embedding.scattered(g, ids, starts, 50)
        )


def test_large_bags_go_through_compiled_code(monkeypatch):
    x, ids, starts = DRAW.normal(size=(90, 11)), DRAW.integers(0, 90, 5000), np.arange(0, 5000, 100)
    g = DRAW.normal(size=(50, 11))

    def both():
        w = tg.tensor(x, requires_grad=True)
        y = tg.embedding_bag(w, ids, starts, "mean")
        y.backward(g)
        return y.numpy(), w.grad.numpy()

    assert choice.for_rows(np.dtype(np.float64), ids.size * 11).__name__ == "tapegrad.kernels.embedding"
    compiled = both()
    for module, name, value in ((choice, "SMALL", 1 << 60), (numba.config, "DISABLE_JIT", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            kernels = choice.for_rows(np.dtype(np.float64), ids.size * 11)
            assert kernels.__name__ == "tapegrad.kernels.plain_embedding"
            for ours, plain in zip(compiled, both(), strict=True):
                np.testing.assert_array_equal(ours, plain)


def test_many_small_numbers_of_float16_add_up():
    w = tg.tensor(np.full((2, 1), 1.0, np.float16), requires_grad=True)
    y = tg.embedding_bag(w, np.zeros(5000, int), [0])
    assert y.item() == 5000
    y.backward(np.ones((1, 1)))
    assert w.grad.numpy().tolist() == [[5000], [0]]
