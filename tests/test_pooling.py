"""Pooling: the kernels, the plain formulas, and a loop over windows must agree, whatever the windows and the memory."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import naive_pooling as naive
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.errors import DTypeError, ShapeError
from tapegrad.kernels import plain_pooling, pooling, threads
from tapegrad.ops._windows import windows
from tapegrad.testing import check_gradients

POOLS = [tg.max_pool, tg.avg_pool]
NAIVE = {
    tg.max_pool: (naive.max_pool, naive.max_pool_gradient),
    tg.avg_pool: (naive.avg_pool, naive.avg_pool_gradient),
}
pools = pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.__name__)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda dtype: dtype.__name__)


def same_bits(a: Any, b: Any) -> None:
    """Bit for bit, except that one NaN is as good as another."""
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b))


def without_ties(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers in an order drawn from `seed`, far enough apart for finite differences."""
    count = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(count).reshape(shape) / 8 - count / 16


def whole(*shape: int, dtype: Any = np.float64, seed: int = 1, low: int = -9, high: int = 9) -> np.ndarray:
    """Small whole numbers, whose sums are exact in any order."""
    return np.random.default_rng(seed).integers(low, high, shape, endpoint=True).astype(dtype)


def pulled(pool: Any, x: np.ndarray, g: np.ndarray | None, *args: Any) -> tuple[np.ndarray, np.ndarray]:
    """The result, and the gradient for `x`, where `g` is the one for the result; without, it is `whole`."""
    y, pullback = tg.vjp(lambda x: pool(x, *args), x)
    return y, pullback(whole(*y.shape, dtype=y.dtype) if g is None else g)[0]


# --------------------------------------------------------------------------------------------------
# By hand

IMAGE = np.array([[4, 3, 1, 0, 9], [2, 1, 0, 1, 2], [1, 2, 4, 1, 6], [3, 1, 0, 2, 5], [-3, 0, 8, 7, 0.0]])
X = IMAGE.reshape(1, 5, 5, 1)


@pytest.mark.parametrize(
    ("size", "strides", "padding", "largest", "mean"),
    [
        (2, None, "VALID", [[4, 1], [3, 4]], [[2.5, 0.5], [1.75, 1.75]]),
        (2, None, "SAME", [[4, 1, 9], [3, 4, 6], [0, 8, 0]], [[2.5, 0.5, 5.5], [1.75, 1.75, 5.5], [-1.5, 7.5, 0]]),
        (3, 2, "VALID", [[4, 9], [8, 8]], [[2, 24 / 9], [16 / 9, 33 / 9]]),
        (3, 2, "SAME", [[4, 3, 9], [3, 4, 6], [3, 8, 7]], [[2.5, 1, 3], [10 / 6, 12 / 9, 17 / 6], [0.25, 3, 3.5]]),
        ((1, 5), (2, 1), "VALID", [[9], [6], [8]], [[3.4], [2.8], [2.4]]),
        ((2, 4), 4, ((1, 0), (0, 3)), [[4, 9], [8, 5]], [[2, 9], [2.25, 2.5]]),
        (5, 1, "VALID", [[9]], [[2.4]]),
        (2, 9, "SAME", [[4]], [[2.5]]),
    ],
)
def test_a_table_by_hand(size, strides, padding, largest, mean):
    np.testing.assert_array_equal(tg.max_pool(X, size, strides, padding)[0, :, :, 0], largest)
    np.testing.assert_allclose(tg.avg_pool(X, size, strides, padding)[0, :, :, 0], mean, rtol=1e-15)


def test_gradients_by_hand():
    g = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    _, d = pulled(tg.max_pool, X, g, 3, 2)
    expected = np.zeros((5, 5))
    expected[0, 0], expected[0, 4], expected[4, 2] = 1, 2, 3 + 4  # two windows share the 8
    np.testing.assert_array_equal(d[0, :, :, 0], expected)
    _, d = pulled(tg.avg_pool, X, g * 9, 3, 2)
    rows = [[1, 1, 3, 2, 2], [1, 1, 3, 2, 2], [4, 4, 10, 6, 6], [3, 3, 7, 4, 4], [3, 3, 7, 4, 4]]
    np.testing.assert_array_equal(d[0, :, :, 0], rows)


def test_the_average_of_the_edge_is_shared_among_the_cells_that_exist():
    g = np.array([[4.0, 8.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
    _, d = pulled(tg.avg_pool, np.zeros((1, 3, 3, 1)), g, 2, 2, "SAME")
    np.testing.assert_array_equal(d[0, :, :, 0], [[1, 1, 4], [1, 1, 4], [1, 1, 3]])


# --------------------------------------------------------------------------------------------------
# Against the loop over windows


@st.composite
def cases(draw: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The shape of an input, and the size, strides and padding of windows that each have a cell of it."""
    ndim = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, 11 if ndim == 1 else 7 if ndim == 2 else 4)) for _ in range(ndim)]
    size = [draw(st.integers(1, n + 3)) for n in sizes]
    strides = draw(st.none() | st.tuples(*[st.integers(1, 4)] * ndim))
    kind = draw(st.sampled_from(["VALID", "SAME", "cells", "pairs"]))
    if kind == "VALID":
        size = [min(k, n) for k, n in zip(size, sizes, strict=True)]
    padding: Any = kind
    if kind == "cells":
        padding = draw(st.integers(0, min(size) - 1))
        size = [min(k, n + 2 * padding) for k, n in zip(size, sizes, strict=True)]
    elif kind == "pairs":
        padding = [(draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in size]
        size = [min(k, n + sum(pair)) for k, n, pair in zip(size, sizes, padding, strict=True)]
    shape = (draw(st.integers(0, 2)), *sizes, draw(st.sampled_from([1, 2, 3, 17])))
    args = tuple(size), strides, padding
    assume(all(len(cells) for along in naive.windows(shape, *args) for cells in along))
    return shape, args


@pools
@dtypes
@given(case=cases(), seed=st.integers(0, 99))
def test_what_the_loop_over_windows_says(pool, dtype, case, seed):
    shape, args = case
    expected, gradient = NAIVE[pool]
    x = whole(*shape, dtype=dtype, seed=seed, low=-3, high=3)  # with ties
    y, d = pulled(pool, x, None, *args)
    same_bits(y, expected(x, *args))
    g = whole(*y.shape, dtype=dtype)
    if pool is tg.max_pool:
        np.testing.assert_array_equal(d, gradient(g, x, *args))
    else:
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(d, gradient(g, x, *args), rtol=8 * eps, atol=99 * eps)


@pools
@given(case=cases(), seed=st.integers(0, 99))
def test_gradients_are_those_of_finite_differences(pool, case, seed):
    shape, args = case
    check_gradients(lambda x: pool(x, *args), without_ties(*shape, seed=seed))


@pools
@pytest.mark.parametrize("args", [(2,), (3, 2, "SAME"), (3, 1, 1), ((2, 3), (3, 1), ((1, 0), (0, 2)))], ids=str)
def test_gradients_of_third_order(pool, args):
    check_gradients(lambda x: pool(x, *args), without_ties(2, 5, 4, 3), order=3)
    check_gradients(lambda x: pool(x, *args) ** 2, without_ties(1, 5, 4, 2) / 16, order=3, rtol=1e-4)


@given(case=cases(), seed=st.integers(0, 99))
def test_the_directional_derivative_takes_the_elements_at_the_maxima(case, seed):
    shape, args = case
    x, z = whole(*shape, seed=seed, low=-2, high=2), whole(*shape, seed=seed + 1)
    y, dy = tg.jvp(lambda x: tg.max_pool(x, *args), (x,), (z,))
    same_bits(y, naive.max_pool(x, *args))
    np.testing.assert_array_equal(dy, naive.at_maxima(z, x, *args))


# --------------------------------------------------------------------------------------------------
# Kernels against plain NumPy

WIDTHS = [1, 2, 7, 15, 16, 17, 31, 32, 33, 64, 70]


def with_specials(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    """Numbers with ties, zeros of both signs, infinities and NaN among them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape).round(1).astype(dtype)
    special = rng.choice(np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype), shape)
    return np.where(rng.random(shape) < 0.2, special, x)


@dtypes
@pytest.mark.parametrize("channels", WIDTHS)
@pytest.mark.parametrize(
    ("size", "strides", "padding"),
    [((2, 1, 2), (2, 1, 2), "VALID"), ((3, 2, 3), (2, 2, 1), "SAME"), ((2, 3, 1), 3, ((1, 0), (2, 1), (0, 0)))],
)
def test_kernels_and_formulas_give_the_same_bits(dtype, channels, size, strides, padding):
    shape = (2, 6, 5, 7, channels)
    x, z = with_specials(shape, dtype), with_specials(shape, dtype, seed=1)
    at = windows("test", shape[1:-1], size, strides, padding)
    y = plain_pooling.max_pool(x, at)
    same_bits(pooling.max_pool(x, at), y)
    same_bits(pooling.avg_pool(x, at), plain_pooling.avg_pool(x, at))
    same_bits(pooling.at_maxima(z, x, y, at), plain_pooling.at_maxima(z, x, y, at))
    g = whole(*y.shape, dtype=dtype)
    np.testing.assert_array_equal(pooling.to_maxima(g, x, y, at), plain_pooling.to_maxima(g, x, y, at))
    cut = np.maximum(x, 0)
    y = plain_pooling.max_pool(cut, at)
    with np.errstate(invalid="ignore"):
        d = plain_pooling.to_maxima(g, cut, y, at) * (cut > 0)
    for way in (pooling, plain_pooling):
        np.testing.assert_array_equal(way.max_pool(x, at, relu=True), y)
        np.testing.assert_array_equal(way.to_maxima(g, x, y, at, relu=True), d)
    shared, expected = (way.avg_pool_gradient(g, shape[1:-1], at) for way in (pooling, plain_pooling))
    np.testing.assert_allclose(shared, expected, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-6)


@pools
def test_dtypes_without_a_kernel_use_the_formulas(pool):
    x = without_ties(2, 6, 6, 3) / 8
    expected, d = pulled(pool, x, None, 3, 2)
    for dtype in (np.float16, np.longdouble, np.dtype(np.float32).newbyteorder()):
        y, dy = pulled(pool, x.astype(dtype), None, 3, 2)
        assert y.dtype == dtype
        assert dy.dtype == dtype
        np.testing.assert_allclose(y.astype(float), expected, rtol=2e-3)
        np.testing.assert_allclose(dy.astype(float), d, rtol=2e-3, atol=2e-3)


def test_a_long_average_of_half_precision_is_right():
    x = np.full((1, 100, 100, 1), 2.0, np.float16)
    assert tg.global_avg_pool(x)[0, 0] == 2
    y, d = pulled(tg.global_avg_pool, x, np.full((1, 1), 1e4, np.float16))
    assert y.dtype == d.dtype == np.float16
    np.testing.assert_array_equal(d, np.ones_like(x))


# --------------------------------------------------------------------------------------------------
# Ties and NaN


@pytest.mark.parametrize("value", [0.0, -np.inf, np.inf, 2.5, np.nan])
def test_the_gradient_of_ties_goes_to_the_first(value):
    y, d = pulled(tg.max_pool, np.full((1, 4, 6, 20), value), None, (2, 3))
    expected = np.zeros((1, 4, 6, 20))
    expected[:, ::2, ::3] = whole(*y.shape)
    np.testing.assert_array_equal(y, np.full((1, 2, 2, 20), value))
    np.testing.assert_array_equal(d, expected)


def test_the_first_is_found_row_by_row():
    x = np.array([[0, 0, 5], [5, 0, 0], [0, 5, 5.0]]).reshape(1, 3, 3, 1)
    _, d = pulled(tg.max_pool, x, np.ones((1, 1, 1, 1)), 3)
    assert np.argwhere(d).tolist() == [[0, 0, 2, 0]]
    _, d = pulled(tg.max_pool, x.reshape(1, 1, 3, 3, 1), np.ones((1, 1, 1, 1, 1)), (1, 3, 3))
    assert np.argwhere(d).tolist() == [[0, 0, 0, 2, 0]]


def test_both_zeros_are_equal():
    for x in ([-0.0, 0.0], [0.0, -0.0]):
        _, d = pulled(tg.max_pool, np.array(x).reshape(1, 2, 1), np.ones((1, 1, 1)), 2)
        np.testing.assert_array_equal(d.ravel(), [1, 0])


def test_padding_is_never_the_largest():
    x = np.full((1, 3, 3, 2), -7.0)
    y, d = pulled(tg.max_pool, x, None, 3, 1, 1)
    np.testing.assert_array_equal(y, x)
    same_bits(d, naive.max_pool_gradient(whole(*y.shape), x, 3, 1, 1))


def test_a_window_with_nan_is_nan_and_its_gradient_goes_to_the_first_nan():
    x = np.array([9.0, np.nan, np.nan, 3.0]).reshape(1, 4, 1)
    y, d = pulled(tg.max_pool, x, np.array([2.0]).reshape(1, 1, 1), 4)
    assert np.isnan(y).all()
    np.testing.assert_array_equal(d.ravel(), [0, 2, 0, 0])
    y, d = pulled(tg.avg_pool, x, np.array([2.0]).reshape(1, 1, 1), 4)
    assert np.isnan(y).all()
    np.testing.assert_array_equal(d.ravel(), [0.5] * 4)


def test_one_nan_is_as_large_as_another():
    """NaNs have a sign and other bits, too; the kernels compare bits."""
    for first, second in ((np.nan, -np.nan), (-np.nan, np.nan)):
        x = np.array([1.0, first, second, first]).reshape(1, 4, 1)
        for dtype in (np.float32, np.float64, np.longdouble):
            _, d = pulled(tg.max_pool, x.astype(dtype), np.ones((1, 1, 1), dtype), 4)
            np.testing.assert_array_equal(d.ravel(), [0, 1, 0, 0])


@pools
def test_a_cotangent_that_is_not_finite_stays_where_it_belongs(pool):
    x, g = without_ties(1, 4, 4, 3), np.zeros((1, 2, 2, 3))
    g[0, 0, 0, 0], g[0, 1, 1, 2] = np.inf, np.nan
    _, d = pulled(pool, x, g, 2)
    assert np.isfinite(d[0, :2, 2:]).all()
    assert np.isfinite(d[..., 1]).all()
    assert np.isfinite(d[0, 2:, :, 0]).all()
    assert np.isnan(d[0, 2:, 2:, 2]).any()


# --------------------------------------------------------------------------------------------------
# All spatial dimensions at once


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 3, 4, 5), (1, 2, 3, 2, 4), (3, 1, 1, 1), (0, 3, 3, 2), (2, 3, 3, 0)])
def test_global_pooling(shape):
    x = without_ties(*shape)
    axes = tuple(range(1, len(shape) - 1))
    y, d = pulled(tg.global_max_pool, x, None)
    same_bits(y, np.max(x, axes))
    spread = np.expand_dims(whole(*y.shape), axes)
    np.testing.assert_array_equal(d, np.where(x == np.max(x, axes, keepdims=True), spread, 0))
    np.testing.assert_allclose(tg.global_avg_pool(x), np.mean(x, axes), rtol=1e-14, atol=1e-14)
    if x.size:
        check_gradients(tg.global_max_pool, x)
        check_gradients(tg.global_avg_pool, x)


def test_global_max_pool_gives_ties_to_the_first_while_max_shares_them():
    x = np.ones((1, 2, 2, 1))
    _, d = pulled(tg.global_max_pool, x, np.ones((1, 1)))
    np.testing.assert_array_equal(d.ravel(), [1, 0, 0, 0])
    np.testing.assert_array_equal(tg.grad(lambda x: tg.max(x))(x).ravel(), [0.25] * 4)


# --------------------------------------------------------------------------------------------------
# Recording


def test_nothing_is_kept_but_the_input_and_the_result():
    x = tg.tensor(without_ties(2, 4, 4, 3), requires_grad=True)
    y = tg.max_pool(x, 2)
    kept = [array for array in y._entry.saved if array is not None]
    assert len(kept) == 2
    assert kept[0] is y._array
    assert kept[1] is x._array
    assert tg.avg_pool(x, 2)._entry.saved == (None, None)


@pools
def test_arrays_give_arrays_and_tensors_give_tensors(pool):
    x = without_ties(1, 4, 4, 2)
    assert type(pool(x, 2)) is np.ndarray
    assert type(pool(x.tolist(), 2)) is np.ndarray
    assert type(pool(tg.tensor(x), 2)) is Tensor
    assert not pool(tg.tensor(x), 2).requires_grad
    assert pool(tg.tensor(x, requires_grad=True), 2).requires_grad


@pools
def test_through_a_network(pool):
    """The gradient through what comes before and after."""
    rng = np.random.default_rng(0)
    x, filters = rng.standard_normal((1, 3, 4, 2)), rng.standard_normal((2, 2, 2, 3))
    check_gradients(lambda x, filters: pool(tg.conv2d(x, filters), 2, 1) ** 2, x, filters, rtol=1e-5)


# --------------------------------------------------------------------------------------------------
# Memory and threads


def layouts(x: np.ndarray) -> Iterator[np.ndarray]:
    yield np.asfortranarray(x)
    yield x[..., ::-1, ::-1].copy()[..., ::-1, ::-1]
    wide = np.full([2 * n for n in x.shape], np.nan, x.dtype)
    every_other = (slice(None, None, 2),) * x.ndim
    wide[every_other] = x
    yield wide[every_other]
    yield np.broadcast_to(x, (1, *x.shape))[0]
    shifted = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    assert not shifted.flags.aligned
    yield shifted
    locked = x.copy()
    locked.flags.writeable = False
    yield locked


@pools
def test_any_memory_is_read_rightly_without_compiling_again(pool):
    x = without_ties(2, 5, 6, 3)
    y, d = pulled(pool, x, None, 3, 2, "SAME")
    g = whole(*y.shape)
    kernels = [pooling._max_pool, pooling._to_maxima, pooling._avg_pool, pooling._avg_pool_gradient]
    before = [len(kernel.signatures) for kernel in kernels]
    for other in layouts(x):
        for g_other in (g, *layouts(g)):
            again, d_again = pulled(pool, other, g_other, 3, 2, "SAME")
            same_bits(again, y)
            same_bits(d_again, d)
    assert [len(kernel.signatures) for kernel in kernels] == before
    assert max(before) <= 2  # one for each dtype


@pytest.fixture
def any_number_of_threads() -> Iterator[None]:
    count = threads.get_num_threads()
    yield
    threads.set_num_threads(count)


@pools
@pytest.mark.parametrize("shape", [(5, 40, 30, 8), (1, 200, 30, 9), (1, 30000, 3), (2, 12, 14, 16, 10)])
@pytest.mark.parametrize("args", [(2,), (3, 2, "SAME"), (5, 1, "SAME")], ids=str)
@pytest.mark.usefixtures("any_number_of_threads")
def test_the_number_of_threads_changes_no_bit(pool, shape, args):
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    assert x.size > pooling._SMALL
    g = np.random.default_rng(1).standard_normal(pool(x, *args).shape, np.float32)
    found = []
    for count in (1, 2, 7):
        threads.set_num_threads(count)
        found.append(pulled(pool, x, g, *args))
    for y, d in found[1:]:
        same_bits(y, found[0][0])
        same_bits(d, found[0][1])


@pools
@pytest.mark.parametrize("args", [(2,), (3, 2, "SAME"), (5, 1, "SAME"), (3, 4, 1)], ids=str)
def test_bands_change_no_bit(pool, args, monkeypatch):
    x = np.random.default_rng(0).standard_normal((1, 83, 5, 3))
    g = np.random.default_rng(1).standard_normal(pool(x, *args).shape)
    found = []
    for bands in (1, 2, 64):
        monkeypatch.setattr(pooling, "_BANDS", bands)
        found.append(pulled(pool, x, g, *args)[1])
    for d in found[1:]:
        same_bits(d, found[0])


@pools
def test_many_threads_may_pool_at_once(pool):
    xs = [np.random.default_rng(i).standard_normal((4, 30, 30, 16), np.float32) for i in range(6)]
    alone = [pulled(pool, x, None, 3, 2) for x in xs]
    found: list[Any] = [None] * len(xs)

    def work(i: int) -> None:
        for _ in range(5):
            found[i] = pulled(pool, xs[i], None, 3, 2)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(xs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for (y, d), (y_alone, d_alone) in zip(found, alone, strict=True):
        same_bits(y, y_alone)
        same_bits(d, d_alone)


# --------------------------------------------------------------------------------------------------
# Sizes at the edge, and refusals


@pools
@pytest.mark.parametrize(
    ("shape", "args", "expected"),
    [
        ((0, 4, 4, 3), (2,), (0, 2, 2, 3)),
        ((2, 4, 4, 0), (2,), (2, 2, 2, 0)),
        ((2, 0, 4, 3), (2,), (2, 0, 2, 3)),
        ((2, 4, 0, 3), (2, 1, "SAME"), (2, 4, 0, 3)),
        ((2, 1, 1, 3), (1,), (2, 1, 1, 3)),
        ((1, 1, 1, 1), (5, 1, "SAME"), (1, 1, 1, 1)),
        ((1, 3, 2), (10**12, 10**15, "SAME"), (1, 1, 2)),
        ((1, 3, 2), (2, 2**80), (1, 1, 2)),
        ((1, 3, 2), (10**9, 10**9, ((10**9 - 3, 0),)), (1, 1, 2)),
        ((1, 2, 1, 3, 2), (2, (1, 2, 2), "SAME"), (1, 2, 1, 2, 2)),
    ],
)
def test_sizes_at_the_edge(pool, shape, args, expected):
    x = without_ties(*shape)
    y, d = pulled(pool, x, None, *args)
    assert y.shape == expected
    assert d.shape == shape
    if x.size:
        np.testing.assert_allclose(d.sum(), whole(*expected).sum(), rtol=1e-13)  # each window hands on all it got
    if x.shape == (1, 3, 2):
        cells = 2 if args[0] == 2 else 3
        reduce = np.max if pool is tg.max_pool else np.mean
        np.testing.assert_allclose(y, reduce(x[:, :cells], 1, keepdims=True), rtol=1e-15)


@pools
@pytest.mark.parametrize(
    ("shape", "args", "error", "message"),
    [
        ((4, 4), (2,), ShapeError, "expected x with one to three spatial dimensions, channels last"),
        ((1, 2, 2, 2, 2, 3), (2,), ShapeError, r"got \(1, 2, 2, 2, 2, 3\)"),
        ((1, 4, 4, 3), (5,), ShapeError, r"a window spans \(5, 5\) cells, but the input has \(4, 4\)"),
        ((1, 4, 4, 3), (2, 1, 2), ShapeError, "some windows lie in the padding alone"),
        ((1, 4, 4, 3), (2, 4, ((0, 3), (0, 0))), ShapeError, r"padded by \[\(0, 3\), \(0, 0\)\]"),
        ((1, 4, 4, 3), (0,), ValueError, "size must be a positive integer, or 2 of them, got 0"),
        ((1, 4, 4, 3), ((2, 2, 2),), ValueError, "size must be"),
        ((1, 4, 4, 3), (2, -1), ValueError, "strides must be"),
        ((1, 4, 4, 3), (2, (1, 1.5)), ValueError, "strides must be"),
        ((1, 4, 4, 3), (2, 1, "FULL"), ValueError, "padding must be 'SAME', 'VALID'"),
        ((1, 4, 4, 3), (2, 1, ((0, -1), (0, 0))), ValueError, "padding must be"),
    ],
)
def test_what_does_not_fit_is_refused(pool, shape, args, error, message):
    for x in (np.zeros(shape), tg.zeros(shape)):
        with pytest.raises(error, match=f"{pool.__name__}: .*{message}"):
            pool(x, *args)


@pytest.mark.parametrize(
    "function", [lambda x: tg.max_pool(x, 2), lambda x: tg.avg_pool(x, 2), tg.global_max_pool, tg.global_avg_pool]
)
def test_integers_are_refused(function):
    with pytest.raises(DTypeError, match="_pool: expected floating-point numbers, but x is int64; convert with astype"):
        function(np.zeros((1, 2, 2, 1), np.int64))


@pytest.mark.parametrize("function", [tg.global_max_pool, tg.global_avg_pool])
def test_images_without_a_cell_have_no_global_pool(function):
    with pytest.raises(ShapeError, match=r"expected at least one cell in each image, got x \(2, 0, 3, 1\)"):
        function(np.zeros((2, 0, 3, 1)))


# --------------------------------------------------------------------------------------------------
# Other processes


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh process, which sees the helpers of the tests."""
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


AGREE = """
    import sys
    import naive_pooling as naive
    import numpy as np
    import tapegrad as tg

    for dtype in (np.float32, np.float64):
        for channels in (1, 3, 4, 5, 8, 9, 16, 17, 33):
            x = np.random.default_rng(0).integers(-4, 5, (2, 5, 6, channels)).astype(dtype)
            for args in ((2,), (3, 2, "SAME"), (2, 1, ((1, 0), (0, 1)))):
                y, pull = tg.vjp(lambda x: tg.max_pool(x, *args), x)
                g = np.random.default_rng(1).integers(-4, 5, y.shape).astype(dtype)
                np.testing.assert_array_equal(y, naive.max_pool(x, *args))
                np.testing.assert_array_equal(pull(g)[0], naive.max_pool_gradient(g, x, *args))
                z = tg.jvp(lambda x: tg.max_pool(x, *args), (x,), (x + 1,))[1]
                np.testing.assert_array_equal(z, y + 1)
                y, pull = tg.vjp(lambda x: tg.avg_pool(x, *args), x)
                np.testing.assert_array_equal(y, naive.avg_pool(x, *args))
                np.testing.assert_allclose(pull(g)[0], naive.avg_pool_gradient(g, x, *args), rtol=1e-5, atol=1e-5)
"""


def test_without_compiled_code():
    ran = python(AGREE + "    assert 'tapegrad.kernels.pooling' not in sys.modules", NUMBA_DISABLE_JIT="1")
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("lanes", ["4", "8", "16"])
def test_any_number_of_lanes(lanes, tmp_path):
    ran = python(AGREE, TAPEGRAD_LANES=lanes, NUMBA_CACHE_DIR=str(tmp_path))
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_a_processor_without_vector_units_beyond_the_least(tmp_path):
    ran = python(
        AGREE, TAPEGRAD_LANES="4", NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR=str(tmp_path)
    )
    assert ran.returncode == 0, ran.stderr


def test_importing_tapegrad_imports_no_kernel():
    ran = python("import sys, tapegrad; assert not {'numba', 'tapegrad.kernels.jit'} & set(sys.modules)")
    assert ran.returncode == 0, ran.stderr


FUZZ = """
    import naive_pooling as naive
    import numpy as np
    from hypothesis import HealthCheck, Phase, assume, given, settings, strategies as st
    import tapegrad as tg
    from tapegrad.ops._windows import per_dimension, windows

    small = st.integers(-1, 5)
    wild = small | st.sampled_from([2**31 - 1, 2**31, 2**62, 2**63 - 1, 2**63, 10**30, -(2**63)])

    phases = [Phase.explicit, Phase.generate]  # shrinking a crash is of no use

    @settings(max_examples=2000, deadline=None, phases=phases, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def fuzz(data):
        ndim = data.draw(st.integers(1, 3))
        sizes = [data.draw(st.integers(0, 6)) for _ in range(ndim)]
        shape = (data.draw(st.integers(0, 3)), *sizes, data.draw(st.sampled_from([0, 1, 3, 16, 35])))
        dtype = data.draw(st.sampled_from([np.float32, np.float64]))
        x = np.random.default_rng(0).integers(-4, 5, shape).astype(dtype)
        for axis in range(x.ndim):
            if data.draw(st.booleans()):
                x = np.flip(x, axis)
        x = x.transpose(data.draw(st.permutations(range(x.ndim)))) if data.draw(st.booleans()) else x
        x = x[tuple(slice(None, None, data.draw(st.sampled_from([1, 1, 2, -1]))) for _ in x.shape)]
        several = wild | st.tuples(*[wild] * ndim)
        size, strides = data.draw(several), data.draw(st.none() | several)
        padding = data.draw(st.sampled_from(["SAME", "VALID"]) | wild | st.tuples(*[st.tuples(wild, wild)] * ndim))
        pool = data.draw(st.sampled_from([tg.max_pool, tg.avg_pool]))
        try:
            at = windows("fuzz", x.shape[1:-1], per_dimension("fuzz", "size", size, ndim), strides or size, padding)
            assume(max(at.out) < 1000)  # so much padding may make more windows than there is memory
            y, pull = tg.vjp(lambda x: pool(x, size, strides, padding), x)
        except (ValueError, OverflowError, MemoryError):
            return
        d, = pull(np.ones(y.shape, dtype))
        assert d.shape == x.shape
        np.testing.assert_allclose(d.sum(dtype=float), y.size, rtol=1e-3)
        if x.size:
            assert x.min() <= y.min() and y.max() <= x.max()
        if pool is tg.max_pool:
            np.testing.assert_array_equal(y, naive.max_pool(x, size, strides, padding))
            again = tg.jvp(lambda x: pool(x, size, strides, padding), (x,), (x,))[1]
            np.testing.assert_array_equal(again, y)

    fuzz()
"""


@pytest.mark.slow
def test_no_window_can_crash_the_process():
    """A bad index in compiled code would end it, so it has one of its own."""
    ran = python(FUZZ)
    assert ran.returncode == 0, ran.stdout + ran.stderr
