"""Convolution: kernels, plain formulas, the definition, other libraries and finite differences must agree."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import naive_convolution as naive
import numpy as np
import pytest
from convolution_cases import CONV, LARGE, cases, minimal_cases, pulled, whole
from hypothesis import assume, given

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.errors import DTypeError, ShapeError
from tapegrad.kernels import plain_convolution as plain
from tapegrad.kernels import winograd as filtering
from tapegrad.kernels.jit import LANES
from tapegrad.ops import convolution as ops
from tapegrad.ops._windows import windows
from tapegrad.testing import check_gradients

TRANSPOSE = {1: tg.conv_transpose1d, 2: tg.conv_transpose2d, 3: tg.conv_transpose3d}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda dtype: dtype.__name__)
paths = pytest.mark.parametrize("path", ["compiled", "plain"])


@contextmanager
def computed(path: str) -> Iterator[None]:
    """Inside this block convolutions are computed by kernels, or by the plain formulas."""
    usual = ops.kernels
    if path == "plain":
        ops.kernels = lambda dtype, name: plain
    try:
        yield
    finally:
        ops.kernels = usual


@contextmanager
def winograd(*, always: bool) -> Iterator[None]:
    """Inside this block Winograd's filtering serves wherever it can, however small; or never."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filtering, "suits", lambda *arguments: always)
        yield


def same(ours: Any, theirs: Any) -> None:
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)  # the shape too


# --------------------------------------------------------------------------------------------------
# By hand

IMAGE = np.array([[4, 3, 1, 0, 9], [2, 1, 0, 1, 2], [1, 2, 4, 1, 6], [3, 1, 0, 2, 5], [-3, 0, 8, 7, 0.0]])
KERNEL = np.array([[1, 0, 1], [2, 1, 0], [0, 0, 1.0]])
SAME = {
    1: [[5, 11, 8, 4, 9], [7, 14, 6, 17, 4], [3, 6, 12, 16, 9], [5, 20, 12, 12, 10], [-2, -3, 11, 28, 16]],
    2: [[5, 8, 9], [3, 12, 9], [-2, 11, 16]],
    3: [[14, 4], [-3, 16]],
    4: [[5, 9], [-2, 16]],
    5: [[14]],
}
VALID = {1: [[14, 6, 17], [6, 12, 16], [20, 12, 12]], 2: [[14, 17], [20, 12]], 3: [[14]], 4: [[14]], 5: [[14]]}


@dtypes
@paths
@pytest.mark.parametrize(
    ("padding", "stride", "expected"),
    [("SAME", *item) for item in SAME.items()] + [("VALID", *item) for item in VALID.items()],
)
def test_a_table_that_tensorflow_agrees_with(padding, stride, expected, path, dtype):
    with computed(path):
        y = tg.conv2d(
            IMAGE.reshape(1, 5, 5, 1).astype(dtype), KERNEL.reshape(3, 3, 1, 1).astype(dtype), stride, padding
        )
    same(y, np.array(expected, dtype)[None, :, :, None])


@paths
def test_gradients_by_hand(path):
    with computed(path):
        y, pullback = tg.vjp(
            lambda *a: tg.conv1d(*a, strides=2), np.array([[[1.0], [2], [3]]]), np.full((3, 1, 1), 5.0)
        )
        dx, dfilters = pullback(np.array([[[10.0], [100.0]]]))
    np.testing.assert_array_equal(y.ravel(), [15, 25])
    np.testing.assert_array_equal(dx.ravel(), [50, 550, 500])
    np.testing.assert_array_equal(dfilters.ravel(), [200, 310, 20])


@paths
def test_filters_are_not_flipped(path):
    with computed(path):
        y = tg.conv1d(np.array([[[0.0], [0], [1], [0], [0]]]), np.array([[[1.0]], [[2]], [[3]]]))
    np.testing.assert_array_equal(y.ravel(), [0, 3, 2, 1, 0])


@paths
def test_groups_take_neighbouring_channels(path):
    x = np.array([1.0, 10, 100, 1000]).reshape(1, 1, 1, 4)
    with computed(path):
        both = tg.conv2d(x, np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]).reshape(1, 1, 2, 4), groups=2)
        each = tg.conv2d(x, np.arange(1.0, 9).reshape(1, 1, 1, 8), groups=4)
    np.testing.assert_array_equal(both.ravel(), [51, 62, 7300, 8400])
    np.testing.assert_array_equal(each.ravel(), [1, 2, 30, 40, 500, 600, 7000, 8000])


# --------------------------------------------------------------------------------------------------
# Against the definition


@dtypes
@given(cases())
def test_convolutions_and_both_gradients_are_what_the_definition_says(dtype, case):
    shape, filters_shape, options = case
    x, filters = whole(*shape, dtype=dtype), whole(*filters_shape, seed=1, dtype=dtype)
    expected = naive.convolve(x, filters, **options)
    for path in ("compiled", "plain"):
        with computed(path):
            y, dx, dfilters, g = pulled(CONV[x.ndim - 2], x, filters, **options)
        same(y, expected)
        expected_dx, expected_dfilters = naive.gradients(x, filters, g, **options)
        same(dx, expected_dx)
        same(dfilters, expected_dfilters)


@dtypes
@given(minimal_cases())
def test_winograds_filtering_is_what_the_definition_says(dtype, case):
    shape, filters_shape, options = case
    x, filters = whole(*shape, dtype=dtype), whole(*filters_shape, seed=1, dtype=dtype)
    with winograd(always=True):
        y, dx, dfilters, g = pulled(CONV[x.ndim - 2], x, filters, **options)
    same(y, naive.convolve(x, filters, **options))
    expected_dx, expected_dfilters = naive.gradients(x, filters, g, **options)
    same(dx, expected_dx)
    same(dfilters, expected_dfilters)


@given(cases())
def test_transposed_convolutions_are_what_the_definition_says(case):
    """x has the shape of a convolution's result here, and the result that of its input."""
    shape, filters_shape, options = case
    ndim = len(shape) - 2
    out = windows(
        "test", shape[1:-1], filters_shape[:-2], *(options[k] for k in ("strides", "padding", "dilation"))
    ).out
    x, filters = whole(shape[0], *out, filters_shape[-1]), whole(*filters_shape, seed=1)
    expected = naive.convolve_transpose(x, filters, **options, output_size=shape[1:-1])
    for path in ("compiled", "plain"):
        with computed(path):
            y, dx, dfilters, g = pulled(TRANSPOSE[ndim], x, filters, **options, output_size=shape[1:-1])
        same(y, expected)
        assert y.shape == shape
        same(dx, naive.convolve(g, filters, **options))  # the transpose of the transpose
        same(dfilters, naive.gradients(g, filters, x, **options)[1])


@given(cases())
def test_a_transposed_convolution_leads_back_to_the_shape_it_came_from(case):
    shape, filters_shape, options = case
    ndim = len(shape) - 2
    outputs = filters_shape[-1]
    try:
        y = TRANSPOSE[ndim](np.zeros((*shape[:-1], outputs)), np.zeros(filters_shape), **options)
    except ShapeError:
        assume(False)  # padded by more than the result would have been large
    assert CONV[ndim](y, np.zeros(filters_shape), **options).shape == (*shape[:-1], outputs)


# --------------------------------------------------------------------------------------------------
# Kernels against the plain formulas, at sizes that reach all their branches


@dtypes
@pytest.mark.parametrize("name", LARGE)
def test_kernels_agree_with_the_plain_formulas(name, dtype):
    shape, filters_shape, options = LARGE[name]
    x, filters = whole(*shape, dtype=dtype), whole(*filters_shape, seed=1, dtype=dtype)
    with computed("plain"):
        expected = pulled(CONV[x.ndim - 2], x, filters, **options)
    for ours, theirs in zip(pulled(CONV[x.ndim - 2], x, filters, **options), expected, strict=True):
        same(ours, theirs)


@dtypes
@pytest.mark.parametrize(
    ("shape", "filters_shape"), [((1, 20, 20, 32), (5, 5, 32, 16)), ((2, 20, 20, 64), (3, 3, 64, 64))]
)
def test_sums_of_many_numbers_lose_few_digits(shape, filters_shape, dtype):
    rng = np.random.default_rng(0)
    x, filters = rng.standard_normal(shape), rng.standard_normal(filters_shape)
    y, dx, dfilters, g = pulled(tg.conv2d, x.astype(dtype), filters.astype(dtype))
    with computed("plain"):
        exact = tg.vjp(tg.conv2d, x.astype(np.longdouble), filters.astype(np.longdouble))
        expected = exact[0], *exact[1](g.astype(np.longdouble))
    for ours, theirs in zip((y, dx, dfilters), expected, strict=True):
        assert np.max(np.abs(ours - theirs)) < 40 * np.finfo(dtype).eps * np.max(np.abs(theirs))


# --------------------------------------------------------------------------------------------------
# Against PyTorch, and TensorFlow's padding

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("convolution.json").read_text("utf-8"))


def numbers(shape: list[int], salt: int) -> np.ndarray:
    """The same as in `golden/make_convolution.py`."""
    return ((np.arange(np.prod(shape)) * 7 + salt) % 11 - 5).reshape(shape).astype(np.float64)


@paths
@pytest.mark.parametrize("case", GOLDEN, ids=lambda c: f"{c['x']}-{c['filters']}{'-transposed' * c['transposed']}")
def test_other_libraries_give_the_same(case, path):
    x, filters = numbers(case["x"], 3), numbers(case["filters"], 5)
    function = (TRANSPOSE if case["transposed"] else CONV)[x.ndim - 2]
    with computed(path):
        y, pullback = tg.vjp(lambda x, filters: function(x, filters, **case["arguments"]), x, filters)
        dx, dfilters = pullback(numbers(case["shape"], 8))
    assert y.shape == tuple(case["shape"])
    for ours, name in ((y, "y"), (dx, "dx"), (dfilters, "dfilters")):
        np.testing.assert_array_equal(ours.ravel(), case[name], err_msg=name)


# --------------------------------------------------------------------------------------------------
# Derivatives of every order

DIFFERENTIATED = [
    (tg.conv2d, (1, 4, 5, 2), (3, 2, 2, 3), {"strides": (2, 1)}),
    (tg.conv2d, (2, 5, 5, 4), (2, 3, 2, 2), {"padding": ((1, 0), (2, 1)), "dilation": (2, 1), "groups": 2}),
    (tg.conv2d, (1, 5, 4, 3), (3, 3, 1, 6), {"strides": 2, "groups": 3}),
    (tg.conv1d, (2, 9, 2), (4, 2, 3), {"padding": "VALID", "strides": 3}),
    (tg.conv3d, (1, 3, 3, 4, 1), (2, 2, 2, 1, 2), {"strides": (1, 2, 2)}),
    (tg.conv_transpose2d, (1, 3, 2, 2), (3, 2, 2, 2), {"strides": 2}),
    (tg.conv_transpose2d, (1, 2, 3, 4), (2, 3, 1, 4), {"strides": (1, 2), "padding": "VALID", "groups": 2}),
    (tg.conv_transpose1d, (2, 4, 2), (3, 1, 2), {"padding": ((1, 0),), "dilation": 2}),
    (tg.conv_transpose3d, (1, 2, 2, 1, 2), (2, 2, 2, 1, 2), {"output_size": (3, 4, 2), "strides": 2}),
]


@pytest.mark.parametrize(("function", "shape", "filters_shape", "options"), DIFFERENTIATED)
def test_gradients_are_those_of_finite_differences(function, shape, filters_shape, options):
    rng = np.random.default_rng(0)
    x, filters = rng.standard_normal(shape), rng.standard_normal(filters_shape)
    check_gradients(lambda x, filters: function(x, filters, **options), x, filters)


def test_third_derivatives_are_those_of_finite_differences():
    rng = np.random.default_rng(1)
    x, filters = rng.standard_normal((1, 3, 3, 1)), rng.standard_normal((2, 2, 1, 2))
    check_gradients(lambda x, filters: tg.conv2d(x, filters, 2) ** 3, x, filters, order=3, rtol=1e-5)


def test_the_three_ops_differentiate_into_one_another():
    """Every rule of the three is one of the three, whatever the order."""
    x, filters = whole(1, 4, 4, 2), whole(3, 3, 2, 3, seed=1)

    def inner(f: Any) -> Any:
        return tg.grad(lambda x, filters: np.sum(f(x, filters)), argnums=(0, 1))

    seen = set()

    class Ops(tg._tape.Observer):
        def called(self, op: Any, arguments: Any, params: Any, out: Any, seconds: float) -> None:
            if "convolution" in op.name:
                seen.add(op.name)

    def squared(f: Any) -> Any:
        return lambda *a: sum(np.sum(g**2) for g in f(*a))

    first = inner(lambda x, filters: tg.conv2d(x, filters) ** 2)
    second = tg.grad(squared(first), argnums=(0, 1))
    third = tg.grad(squared(second), argnums=(0, 1))
    with tg._tape.observed(Ops()):
        third(x, filters)
    assert seen == {"convolution", "convolution_input_gradient", "convolution_filter_gradient"}


@pytest.mark.parametrize(("function", "shape", "filters_shape", "options"), DIFFERENTIATED)
def test_forward_mode_is_the_convolution_of_each_with_the_others_direction(function, shape, filters_shape, options):
    x, filters = whole(*shape), whole(*filters_shape, seed=1)
    dx, dfilters = whole(*shape, seed=2), whole(*filters_shape, seed=3)
    y, dy = tg.jvp(lambda x, filters: function(x, filters, **options), (x, filters), (dx, dfilters))
    np.testing.assert_array_equal(y, function(x, filters, **options))
    np.testing.assert_array_equal(dy, function(dx, filters, **options) + function(x, dfilters, **options))


@pytest.mark.parametrize("path", ["compiled", "plain"])
def test_only_what_is_wanted_is_computed(path, monkeypatch):
    """A first layer does not compute its data's gradient."""
    monkeypatch.setattr(ops._input_gradient.op, "function", lambda *a, **k: pytest.fail("computed for nobody"))
    filters = tg.tensor(whole(3, 3, 2, 3), requires_grad=True)
    with computed(path):
        np.sum(tg.conv2d(whole(1, 4, 4, 2), filters)).backward()
    assert filters.grad.shape == filters.shape


def test_bias_add():
    x, bias = whole(2, 3, 3, 4), whole(4, seed=1)
    y, pullback = tg.vjp(tg.bias_add, x, bias)
    g = whole(2, 3, 3, 4, seed=2)
    np.testing.assert_array_equal(y, x + bias)
    np.testing.assert_array_equal(pullback(g)[0], g)
    np.testing.assert_array_equal(pullback(g)[1], g.sum((0, 1, 2)))


# --------------------------------------------------------------------------------------------------
# Transposed convolution


@pytest.mark.parametrize(
    ("n", "k", "stride", "padding", "expected"),
    [
        (4, 3, 1, "SAME", 4),
        (4, 3, 2, "SAME", 8),
        (5, 2, 3, "SAME", 15),
        (4, 3, 2, "VALID", 9),
        (4, 3, 2, ((1, 0),), 8),
        (4, 3, 2, np.array([[1, 1]]), 7),
        (0, 3, 2, "SAME", 0),
        (0, 3, 2, "VALID", 0),
    ],
)
def test_the_size_that_a_transposed_convolution_has_by_itself(n, k, stride, padding, expected):
    assert tg.conv_transpose1d(np.zeros((1, n, 2)), np.zeros((k, 3, 2)), stride, padding).shape == (1, expected, 3)


def test_several_sizes_have_led_to_one():
    x, filters = whole(1, 3, 3, 2), whole(3, 3, 4, 2, seed=1)
    for size in (5, 6):
        y = tg.conv_transpose2d(x, filters, 2, "SAME", output_size=(size, size))
        assert y.shape == (1, size, size, 4)
        assert tg.conv2d(y, filters, 2, "SAME").shape == x.shape
    with pytest.raises(ShapeError, match=r"an output of \(7, 7\) comes from \(4, 4\) cells, but x has \(3, 3\)"):
        tg.conv_transpose2d(x, filters, 2, "SAME", output_size=(7, 7))


# --------------------------------------------------------------------------------------------------
# Memory: layouts, dtypes, and how much of it


def layouts(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The same values, otherwise in memory."""
    yield "Fortran's order", np.asfortranarray(array)
    yield "from the end", np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    yield "rows from the end", np.ascontiguousarray(array[:, ::-1])[:, ::-1]
    yield "every other", np.repeat(array, 2, axis=1)[:, ::2]
    yield "the other byte order", array.astype(array.dtype.newbyteorder())
    protected = array.copy()
    protected.flags.writeable = False
    yield "read-only", protected
    buffer = np.empty(array.nbytes + 1, np.uint8)
    odd = buffer[1:].view(array.dtype).reshape(array.shape)
    odd[...] = array
    yield "at odd addresses", odd
    yield "read-only, spread out", np.broadcast_to(array[:1], array.shape)


@dtypes
@paths
@pytest.mark.parametrize("groups", [1, 3])
def test_any_layout_in_memory_gives_the_same(groups, path, dtype):
    x, filters = whole(2, 5, 4, 3, dtype=dtype), whole(3, 2, 3 // groups, 6, seed=1, dtype=dtype)
    x[1], filters[1:] = x[0], filters[0]  # so that they can be spread out of their first
    with computed(path):
        expected = pulled(tg.conv2d, x, filters, groups=groups)
        cotangents = {**dict(layouts(expected[3])), "read-only, spread out": expected[3]}
        for (name, a), (_, b) in zip(layouts(x), layouts(filters), strict=True):
            for arguments in ((a, filters), (x, b), (a, b)):
                y, pullback = tg.vjp(lambda *arrays: tg.conv2d(*arrays, groups=groups), *arguments)
                for got, wanted in zip((y, *pullback(cotangents[name])), expected[:3], strict=True):
                    np.testing.assert_array_equal(got, wanted, err_msg=name)
                    assert got.dtype.newbyteorder("=") == dtype


def test_no_layout_makes_numba_compile_again():
    from tapegrad.kernels import correlation, depthwise

    kernels = [correlation.correlate, correlation.correlate_filter, correlation.scatter]
    kernels += [depthwise.forward, depthwise.input_gradient, depthwise.filter_gradient]
    for channels, groups in ((20, 1), (1, 1), (20, 20)):
        x, filters = whole(2, 5, 4, channels), whole(3, 3, channels // groups, 20, seed=1)
        for (_, a), (_, b), (_, g) in zip(*map(layouts, (x, filters, whole(2, 5, 4, 20))), strict=True):
            tg.vjp(lambda x, filters, groups=groups: tg.conv2d(x, filters, groups=groups), a, b)[1](g)
    assert {len(kernel.signatures) for kernel in kernels} <= {1, 2}  # one for each dtype


@paths
@pytest.mark.parametrize(("x_dtype", "filters_dtype"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_two_dtypes_meet_in_the_wider_one_and_each_gradient_has_its_own(x_dtype, filters_dtype, path):
    x, filters = whole(1, 4, 4, 2, dtype=x_dtype), whole(3, 3, 2, 3, seed=1, dtype=filters_dtype)
    with computed(path):
        y, dx, dfilters, g = pulled(tg.conv2d, x, filters)
    assert (y.dtype, dx.dtype, dfilters.dtype) == (np.float64, x_dtype, filters_dtype)
    same(y, naive.convolve(x, filters))
    for ours, theirs in zip((dx, dfilters), naive.gradients(x, filters, g), strict=True):
        same(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_dtypes_without_kernels_are_computed_too(dtype):
    x, filters = whole(1, 4, 5, 2, dtype=dtype), whole(3, 2, 2, 3, seed=1, dtype=dtype)
    y, dx, dfilters, g = pulled(tg.conv2d, x, filters)
    same(y, naive.convolve(x, filters))
    for ours, theirs in zip((dx, dfilters), naive.gradients(x, filters, g), strict=True):
        same(ours, theirs)


def test_results_are_new_arrays():
    x, filters = whole(1, 4, 4, 2), whole(1, 1, 2, 3)
    kept = x.copy(), filters.copy()
    y, dx, dfilters, _ = pulled(tg.conv2d, x, filters)
    for result in (y, dx, dfilters):
        assert result.flags.writeable
        assert not any(np.shares_memory(result, a) for a in (x, filters))
        result[...] = 99
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(filters, kept[1])


@pytest.mark.parametrize(
    ("shape", "filters_shape", "options"),
    [
        ((8, 64, 64, 32), (3, 3, 32, 32), {}),
        ((8, 64, 64, 32), (5, 5, 32, 32), {"strides": 2}),
        ((8, 96, 96, 3), (7, 7, 3, 32), {}),
        ((8, 64, 64, 32), (5, 5, 1, 32), {"groups": 32}),
    ],
)
def test_there_is_no_column_matrix(shape, filters_shape, options):
    """A column matrix holds the cells of x once for each tap that sees them, here 9, 6, 49 or 25 times as much as x."""
    x, filters = whole(*shape, dtype=np.float32), whole(*filters_shape, dtype=np.float32)
    y, dx, dfilters, g = pulled(tg.conv2d, x, filters, **options)
    results = y.nbytes + dx.nbytes + dfilters.nbytes
    del y, dx, dfilters
    tracemalloc.start()
    try:
        kept = tg.vjp(lambda *a: tg.conv2d(*a, **options), x, filters)
        kept += kept[1](g)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert results <= peak  # tracemalloc does see arrays
    assert peak < results + x.nbytes + g.nbytes + 8 * filters.nbytes + 1_000_000


# --------------------------------------------------------------------------------------------------
# Edges


EDGES = [
    ((0, 5, 5, 2), (3, 3, 2, 4), {}),
    ((0, 5, 5, 2), (3, 3, 1, 4), {"groups": 2}),
    ((2, 0, 5, 2), (3, 3, 2, 4), {}),
    ((2, 5, 0, 2), (3, 3, 2, 4), {"padding": "VALID"}),
    ((2, 5, 5, 0), (3, 3, 0, 4), {}),
    ((2, 5, 5, 2), (3, 3, 2, 0), {}),
    ((2, 5, 5, 0), (3, 3, 0, 0), {"strides": 2}),
]


@paths
@pytest.mark.parametrize(("shape", "filters_shape", "options"), EDGES)
def test_arrays_without_elements_have_gradients_of_zeros(shape, filters_shape, options, path):
    x, filters = np.ones(shape), np.ones(filters_shape)
    with computed(path):
        y, dx, dfilters, _ = pulled(tg.conv2d, x, filters, **options)
    assert y.shape == (shape[0], *tg.conv2d(np.ones((1, *shape[1:])), filters, **options).shape[1:])
    for result, like in ((y, y), (dx, x), (dfilters, filters)):
        same(result, np.zeros(like.shape))


@paths
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize(
    "options",
    [
        {"strides": 1000},
        {"strides": (1, 2**62)},
        {"strides": 2**70},
        {"dilation": 1000},
        {"dilation": 2**40},
        {"dilation": (2**70, 1)},
        {"strides": 3, "dilation": 4},
        {"padding": 9},
        {"padding": ((0, 30), (30, 0)), "strides": 7},
        {"padding": 40, "strides": 2000},
    ],
    ids=str,
)
def test_windows_far_apart_and_far_outside(options, groups, path):
    x, filters = whole(2, 5, 3, 4), whole(3, 3, 4 // groups, 8, seed=1)
    if path == "plain" and max(np.ravel(options.get("dilation", 1))) > 1000:
        pytest.skip("the plain formulas make the padding")
    with computed(path):
        y, dx, dfilters, g = pulled(tg.conv2d, x, filters, groups=groups, **options)
    same(y, naive.convolve(x, filters, groups=groups, **options))
    expected = naive.gradients(x, filters, g, groups=groups, **options)
    same(dx, expected[0])
    same(dfilters, expected[1])


def test_large_dilation_takes_no_memory():
    x, filters = whole(1, 8, 8, 16), whole(5, 5, 16, 16, seed=1)
    pulled(tg.conv2d, x, filters, dilation=10**6)
    tracemalloc.start()
    try:
        pulled(tg.conv2d, x, filters, dilation=10**6)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@paths
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_reaches_the_windows_that_see_it_and_no_others(value, groups, path):
    x, filters = whole(2, 9, 9, 4), np.abs(whole(3, 3, 4 // groups, 8, seed=1)) + 1
    x[1, 4, 4, 2] = value
    seen = np.zeros((2, 9, 9, 8), bool)
    seen[1, 3:6, 3:6, 2 * (8 // groups) if groups > 1 else 0 : 3 * (8 // groups) if groups > 1 else 8] = True
    with computed(path), np.errstate(invalid="ignore"):
        y, dx, dfilters, g = pulled(tg.conv2d, x, filters, groups=groups)
    np.testing.assert_array_equal(np.isfinite(y), ~seen)
    assert np.isfinite(dx).all()
    assert not np.isfinite(dfilters[:, :, 2 if groups == 1 else 0, 4 if groups > 1 else 0]).all()
    g = g.copy()
    g[0, 0, 0, 5] = value
    with computed(path), np.errstate(invalid="ignore"):
        dx = tg.vjp(lambda x: tg.conv2d(x, filters, groups=groups), whole(2, 9, 9, 4))[1](g)[0]
    assert not np.isfinite(dx[0, :2, :2, 2 if groups > 1 else slice(None)]).any()
    assert np.isfinite(dx[0, 2:]).all()
    assert np.isfinite(dx[1]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.finfo(np.float32).max])
@pytest.mark.parametrize("place", ["x", "filters", "g"])
def test_what_is_not_finite_spreads_no_further_by_winograds_filtering(place, value):
    """The largest finite number does not fit into some of its sums, though the results do not see these."""
    arrays = {"x": np.abs(whole(2, 20, 21, 48)) + 1, "filters": np.abs(whole(3, 3, 48, 64, seed=1)) + 1}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    arrays["g"] = np.ones((2, 20, 21, 64), np.float32)
    arrays[place].flat[1000] = value
    results = []
    for always in (True, False):
        with winograd(always=always), np.errstate(all="ignore"):
            y, pullback = tg.vjp(tg.conv2d, arrays["x"], arrays["filters"])
            results.append((y, *pullback(arrays["g"])))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert not np.isfinite(results[1][1 if place == "g" else 0]).all()


@pytest.mark.parametrize(("size", "used"), [(20, 3), (3, 0)])
def test_winograds_filtering_serves_where_there_are_many_tiles(size, used, monkeypatch):
    served = []
    for name in ("forward", "filter_gradient"):
        function = getattr(filtering, name)
        monkeypatch.setattr(filtering, name, lambda *a, f=function, **o: served.append(f) or f(*a, **o))
    pulled(tg.conv2d, whole(1, size, size, 48), whole(3, 3, 48, 48))
    assert len(served) == (used if LANES >= 8 else 0)


# --------------------------------------------------------------------------------------------------
# Messages

X, FILTERS = np.zeros((32, 28, 28, 3)), np.zeros((3, 3, 3, 16))


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        (
            tg.conv2d,
            (X, np.zeros((3, 3, 2, 16))),
            ShapeError,
            "conv2d: filters take 2 input channels but x has 3 (x (32, 28, 28, 3), filters (3, 3, 2, 16))",
        ),
        (
            tg.conv2d,
            (X, FILTERS, 1, "SAME", 1, 3),
            ShapeError,
            (
                "conv2d: filters take 3 input channels for each of 3 groups but x has 3 (x (32, 28, 28, 3), "
                "filters (3, 3, 3, 16))"
            ),
        ),
        (
            tg.conv2d,
            (X, np.zeros((3, 3, 1, 16)), 1, "SAME", 1, 3),
            ShapeError,
            "conv2d: 16 filters do not divide into 3 groups (filters (3, 3, 1, 16))",
        ),
        (
            tg.conv2d,
            (X[0], FILTERS),
            ShapeError,
            (
                "conv2d: expected x as (N, H, W, channels) and filters as (KH, KW, channels, channels), "
                "got x (28, 28, 3) and filters (3, 3, 3, 16)"
            ),
        ),
        (tg.conv1d, (X, FILTERS), ShapeError, "conv1d: expected x as (N, W, channels) and filters as (KW, channels,"),
        (
            tg.conv3d,
            (X, FILTERS),
            ShapeError,
            "conv3d: expected x as (N, D, H, W, channels) and filters as (KD,",
        ),
        (
            tg.conv2d,
            (X.astype(int), FILTERS),
            DTypeError,
            "conv2d: expected floating-point numbers, but x is int64; convert with astype",
        ),
        (tg.conv2d, (X, FILTERS > 0), DTypeError, "conv2d: expected floating-point numbers, but filters is bool;"),
        (tg.conv2d, (X + 0j, FILTERS), DTypeError, "conv2d: expected floating-point numbers, but x is complex128;"),
        (
            tg.conv2d,
            (X, np.zeros((29, 3, 3, 16)), 1, "VALID"),
            ShapeError,
            (
                "conv2d: a window spans (29, 3) cells, but the input has (28, 28), padded by [(0, 0), (0, 0)]; "
                "use a smaller window or padding='SAME'"
            ),
        ),
        (
            tg.conv2d,
            (X, FILTERS, 1, 1, 15),
            ShapeError,
            "conv2d: a window spans (31, 31) cells, but the input has (28, 28), padded by [(1, 1), (1, 1)];",
        ),
        (tg.conv2d, (X, np.zeros((0, 3, 3, 16))), ShapeError, "conv2d: a window needs at least one cell"),
        *[
            (
                tg.conv2d,
                (X, FILTERS, strides),
                ValueError,
                "conv2d: strides must be a positive integer, or 2 of them, got",
            )
            for strides in (0, -1, 1.5, (1,), (1, 2, 3), (1, 0), "1", None)
        ],
        *[
            (
                tg.conv2d,
                (X, FILTERS, 1, padding),
                ValueError,
                "conv2d: padding must be 'SAME', 'VALID', a number of at least 0, or 2 pairs (before, after), got ",
            )
            for padding in ("same", "FULL", -1, 1.5, (1, 1), ((1, 1),), ((1, 1), (0, -1)), ((1, 1), (1.5, 1)), None)
        ],
        (
            tg.conv2d,
            (X, FILTERS, 1, "SAME", 0),
            ValueError,
            "conv2d: dilation must be a positive integer, or 2 of them",
        ),
        (tg.conv2d, (X, FILTERS, 1, "SAME", 1, 0), ValueError, "conv2d: groups must be a positive integer, got 0"),
        (tg.conv2d, (X, FILTERS, 1, "SAME", 1, 1.0), ValueError, "conv2d: groups must be a positive integer, got 1.0"),
        (
            tg.conv_transpose2d,
            (X, FILTERS),
            ShapeError,
            (
                "conv_transpose2d: the last dimension of filters must be x's channels, 3, in 1 equal groups "
                "(x (32, 28, 28, 3), filters (3, 3, 3, 16))"
            ),
        ),
        (tg.conv_transpose2d, (X, FILTERS[..., :3], 1, "SAME", 1, 2), ShapeError, "x's channels, 3, in 2 equal groups"),
        (
            tg.conv_transpose2d,
            (X, FILTERS[..., :3], 2, "SAME", 1, 1, (60, 60)),
            ShapeError,
            (
                "conv_transpose2d: an output of (60, 60) comes from (30, 30) cells, but x has (28, 28) "
                "(strides (2, 2), padding 'SAME'); leave output_size out to have one that fits"
            ),
        ),
        (
            tg.conv_transpose2d,
            (X, FILTERS[..., :3], 2, "SAME", 1, 1, (56,)),
            ValueError,
            "conv_transpose2d: output_size must be a positive integer, or 2 of them, got (56,)",
        ),
        (
            tg.conv_transpose2d,
            (X[:, :1], FILTERS[..., :3], 1, 2),
            ShapeError,
            "conv_transpose2d: padding 2 would leave an output of (-1, 26) (x (32, 1, 28, 3))",
        ),
        (
            tg.bias_add,
            (X, np.zeros(2)),
            ShapeError,
            "bias_add: expected one number a channel, got bias (2,)",
        ),
    ],
)
def test_messages(function, arguments, error, message):
    for wrap in (np.asarray, tg.asarray):
        with pytest.raises(error) as caught:
            function(*(wrap(a) if isinstance(a, np.ndarray) and a.dtype.kind != "c" else a for a in arguments))
        assert message in str(caught.value)


def test_the_message_about_channels_is_exactly_this():
    with pytest.raises(ShapeError) as caught:
        tg.conv2d(X, np.zeros((3, 3, 2, 16)))
    assert str(caught.value) == (
        "conv2d: filters take 2 input channels but x has 3 (x (32, 28, 28, 3), filters (3, 3, 2, 16))"
    )


def test_lists_and_numbers_are_taken_as_numpy_takes_them():
    y = tg.conv1d([[[1.0], [2.0], [3.0]]], [[[1.0]], [[10.0]], [[100.0]]])
    np.testing.assert_array_equal(y, [[[210.0], [321.0], [32.0]]])
    assert type(y) is np.ndarray
    assert type(tg.conv1d(tg.asarray(np.ones((1, 3, 1))), np.ones((1, 1, 1)))) is Tensor
    same(
        tg.conv2d(X[:1, :4, :4], FILTERS, np.int64(2), np.int32(1), (np.int8(1), 2), np.int64(1)),
        np.zeros((1, 2, 1, 16)),
    )


def test_a_gradient_for_filters_keeps_nothing_but_itself_in_memory():
    x, g = whole(1, 6, 6, 40), whole(1, 6, 6, 5, seed=1)
    at = ops._deepened(windows("conv2d", (6, 6), (3, 3), 1, "SAME"))
    gradient = ops._filter_gradient(x, g, at=at, groups=1)
    assert gradient.flags.c_contiguous
    assert gradient.base is None or gradient.base.nbytes == gradient.nbytes
