"""What must hold for every op, shape, dtype and axis that Hypothesis draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from op_table import leaves

import tapegrad as tg
from tapegrad.errors import ShapeError
from tapegrad.testing import KinkError, check_gradients, strategies

# Each with the interval on which it is smooth enough for finite differences.
UNARY: dict[str, tuple[Callable[..., Any], float, float]] = {
    "negative": (np.negative, -4, 4), "reciprocal": (np.reciprocal, 0.5, 4), "square": (np.square, -4, 4),
    "sqrt": (np.sqrt, 0.5, 4), "cbrt": (np.cbrt, 0.5, 4), "exp": (np.exp, -3, 3), "exp2": (np.exp2, -3, 3),
    "expm1": (np.expm1, -3, 3), "log": (np.log, 0.5, 4), "log2": (np.log2, 0.5, 4), "log10": (np.log10, 0.5, 4),
    "log1p": (np.log1p, -0.5, 4), "sin": (np.sin, -4, 4), "cos": (np.cos, -4, 4), "tan": (np.tan, -1, 1),
    "arcsin": (np.arcsin, -0.75, 0.75), "arccos": (np.arccos, -0.75, 0.75), "arctan": (np.arctan, -4, 4),
    "sinh": (np.sinh, -3, 3), "cosh": (np.cosh, -3, 3), "tanh": (np.tanh, -3, 3), "arcsinh": (np.arcsinh, -4, 4),
    "arccosh": (np.arccosh, 1.5, 4), "arctanh": (np.arctanh, -0.75, 0.75), "abs": (np.abs, -4, 4),
    "relu": (tg.relu, -4, 4), "sigmoid": (tg.sigmoid, -4, 4), "softplus": (tg.softplus, -4, 4),
    "clip": (lambda x: np.clip(x, -1.0, 2.0), -4, 4),
}  # fmt: skip

BINARY: dict[str, tuple[Callable[..., Any], float, float]] = {
    "add": (np.add, -4, 4), "subtract": (np.subtract, -4, 4), "multiply": (np.multiply, -4, 4),
    "divide": (np.divide, 0.5, 4), "power": (np.power, 0.5, 3), "maximum": (np.maximum, -4, 4),
    "minimum": (np.minimum, -4, 4), "fmax": (np.fmax, -4, 4), "fmin": (np.fmin, -4, 4),
    "logaddexp": (np.logaddexp, -4, 4), "logaddexp2": (np.logaddexp2, -4, 4), "arctan2": (np.arctan2, 0.5, 4),
    "hypot": (np.hypot, 0.5, 4), "remainder": (np.remainder, 0.5, 4), "fmod": (np.fmod, 0.5, 4),
    "where": (lambda x, y: np.where(x > y, x, 2 * y), -4, 4),
}  # fmt: skip

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "var": np.var, "std": np.std, "max": np.max, "min": np.min,
    "logsumexp": tg.logsumexp, "norm": lambda x, axis, keepdims: tg.norm(x, axis=axis, keepdims=keepdims),
}  # fmt: skip


many = settings(max_examples=4 * settings().max_examples)  # for tests that draw one of many functions


def cotangent(y: Any, seed: int = 0) -> Any:
    return np.asarray(np.random.default_rng(seed).standard_normal(np.shape(y)))


def check(function: Callable[..., Any], *arguments: Any) -> None:
    """Compare with finite differences, leaving kinks to other examples."""
    try:
        check_gradients(function, *arguments)
    except KinkError:
        reject()


@many
@given(name=st.sampled_from(sorted(UNARY)), data=st.data())
def test_elementwise_functions_of_one_argument(name, data):
    function, low, high = UNARY[name]
    x = data.draw(strategies.arrays(strategies.shapes(min_side=0), data.draw(strategies.dtypes()), low, high))
    t = tg.tensor(x, requires_grad=True)
    y = function(t)
    expected = function(x)
    np.testing.assert_array_equal(y.numpy(), expected)
    assert y.dtype == expected.dtype
    y.backward(cotangent(y))
    assert t.grad.shape == x.shape
    assert t.grad.dtype == x.dtype


@many
@given(name=st.sampled_from(sorted(BINARY)), data=st.data())
def test_elementwise_functions_of_two_arguments(name, data):
    function, low, high = BINARY[name]
    shapes = data.draw(strategies.broadcastable_shapes())
    x, y = (data.draw(strategies.arrays(s, data.draw(strategies.dtypes()), low, high)) for s in shapes)
    s, t = tg.tensor(x, requires_grad=True), tg.tensor(y, requires_grad=True)
    z = function(s, t)
    expected = function(x, y)
    np.testing.assert_array_equal(z.numpy(), expected)
    assert z.dtype == expected.dtype
    z.backward(cotangent(z))
    for a, array in ((s, x), (t, y)):
        assert a.grad.shape == array.shape
        assert a.grad.dtype == array.dtype


@given(data=st.data())
def test_gradients_of_elementwise_functions(data):
    """A product of functions, each differentiated by arguments that broadcast."""
    first, low, high = BINARY[data.draw(st.sampled_from(sorted(BINARY)))]
    shapes = data.draw(strategies.broadcastable_shapes(max_side=3))
    assume(math.prod(np.broadcast_shapes(*shapes)) <= 12)
    x, y = (data.draw(strategies.arrays(s, low=low, high=high)) for s in shapes)
    second, low, high = UNARY[data.draw(st.sampled_from(sorted(UNARY)))]
    w = data.draw(strategies.arrays(shapes[0], low=low, high=high))
    check(lambda x, y, w: first(x, y) * second(w), x, y, w)


@many
@given(name=st.sampled_from(sorted(REDUCTIONS)), data=st.data())
def test_reductions(name, data):
    function = REDUCTIONS[name]
    x = data.draw(strategies.arrays(strategies.shapes(max_side=3), unique=True))
    axis = data.draw(strategies.axes(x.ndim))
    if name == "norm":
        assume(axis is None or isinstance(axis, int) or len(axis) == 2)
    keepdims = data.draw(st.booleans())
    y = function(tg.tensor(x, requires_grad=True), axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(y.numpy(), function(x, axis=axis, keepdims=keepdims))
    check(lambda x: function(x, axis=axis, keepdims=keepdims), x)


@given(data=st.data())
def test_matmul(data):
    drawn = data.draw(nps.mutually_broadcastable_shapes(signature="(m?,n),(n,p?)->(m?,p?)", max_dims=2, max_side=3))
    x, y = (data.draw(strategies.arrays(s, low=-2, high=2)) for s in drawn.input_shapes)
    assume(x.size + y.size <= 40)
    z = tg.tensor(x, requires_grad=True) @ y
    np.testing.assert_array_equal(z.numpy(), x @ y)
    check_gradients(np.matmul, x, y)


@given(data=st.data())
def test_einsum(data):
    """Any labels on any operands, repeated ones among them, and any of them in the result."""
    sizes = {"i": 2, "j": 3, "k": 2}
    terms = data.draw(st.lists(st.text("ijk", max_size=3), min_size=1, max_size=3))
    labels = sorted(set("".join(terms)))
    result = "".join(data.draw(st.permutations(labels))[: data.draw(st.integers(0, len(labels)))])
    operands = [data.draw(strategies.arrays(tuple(sizes[c] for c in term), low=-2, high=2)) for term in terms]
    assume(sum(x.size for x in operands) <= 30)
    subscripts = f"{','.join(terms)}->{result}"
    np.testing.assert_array_equal(
        tg.einsum(subscripts, *(tg.tensor(x, requires_grad=True) for x in operands)).numpy(),
        np.einsum(subscripts, *operands),
    )
    check_gradients(lambda *operands: np.einsum(subscripts, *operands), *operands)


@given(data=st.data())
def test_tensordot(data):
    x = data.draw(strategies.arrays(strategies.shapes(max_side=3)))
    chosen = data.draw(st.permutations(range(x.ndim)))[: data.draw(st.integers(0, x.ndim))]
    rest = data.draw(st.lists(st.integers(1, 2), max_size=2))
    order = data.draw(st.permutations(range(len(chosen) + len(rest))))
    sizes = [x.shape[i] for i in chosen] + rest
    y = data.draw(strategies.arrays(tuple(sizes[i] for i in order), low=-2, high=2))
    axes = (list(chosen), [order.index(i) for i in range(len(chosen))])
    np.testing.assert_array_equal(tg.tensordot(tg.tensor(x), y, axes).numpy(), np.tensordot(x, y, axes))
    assume(x.size + y.size <= 30)
    check_gradients(lambda x, y: np.tensordot(x, y, axes), x, y)


def _axis(x: np.ndarray) -> st.SearchStrategy[int]:
    return strategies.axis(x.ndim)


def _axis_or_none(x: np.ndarray) -> st.SearchStrategy[int | None]:
    return st.none() | strategies.axis(x.ndim)


def _new_axis(x: np.ndarray) -> st.SearchStrategy[int]:
    return strategies.axis(x.ndim + 1)


def _pads(x: np.ndarray) -> st.SearchStrategy[Any]:
    return st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=x.ndim, max_size=x.ndim)


PAD_MODES = st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"])

# Functions that move, copy or drop elements, and what they may be called with besides an array `x`.
REARRANGING: dict[str, tuple[Callable[..., Any], Callable[[np.ndarray], st.SearchStrategy[Any]]]] = {
    "transpose": (np.transpose, lambda x: st.tuples(st.permutations(range(x.ndim)))),
    "moveaxis": (np.moveaxis, lambda x: st.tuples(_axis(x), _axis(x))),
    "swapaxes": (np.swapaxes, lambda x: st.tuples(_axis(x), _axis(x))),
    "flip": (np.flip, lambda x: st.tuples(strategies.axes(x.ndim))),
    "roll": (np.roll, lambda x: st.tuples(st.integers(-5, 5), _axis_or_none(x))),
    "pad": (np.pad, lambda x: st.tuples(_pads(x), PAD_MODES)),
    "tile": (np.tile, lambda x: st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=4))),
    "repeat": (np.repeat, lambda x: st.tuples(st.integers(0, 3), _axis_or_none(x))),
    "take": (np.take, lambda x: st.tuples(st.just([0, -1, 0]), _axis(x))),
    "ravel": (np.ravel, lambda x: st.tuples()),
    "expand_dims": (np.expand_dims, lambda x: st.tuples(_new_axis(x))),
    "concatenate": (lambda x, axis: np.concatenate([x, 2 * x, x], axis), lambda x: st.tuples(_axis_or_none(x))),
    "stack": (lambda x, axis: np.stack([x, 2 * x], axis), lambda x: st.tuples(_new_axis(x))),
    "array_split": (np.array_split, lambda x: st.tuples(st.integers(1, 4), _axis(x))),
    "broadcast_to": (
        np.broadcast_to,
        lambda x: st.tuples(strategies.shapes(max_dims=2, max_side=2).map(lambda lead: lead + x.shape)),
    ),
}


@many
@given(name=st.sampled_from(sorted(REARRANGING)), data=st.data())
def test_what_rearranges_elements(name, data):
    x = data.draw(strategies.arrays(strategies.shapes(min_dims=1, max_side=3), unique=True))
    rearrange, parameters = REARRANGING[name]
    drawn = data.draw(parameters(x))

    def function(x: Any) -> Any:
        return rearrange(x, *drawn)

    ours, theirs = leaves(function(tg.tensor(x, requires_grad=True))), leaves(function(x))
    for y, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(y.numpy(), expected)
    # Each element of the result is a multiple of one of x's, or a constant: the Jacobian can be read off.
    t = tg.tensor(x, requires_grad=True)
    gs = [cotangent(y) for y in theirs]
    for y, g in zip(leaves(function(t)), gs, strict=True):
        y.backward(g)
    expected = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = 1
        expected[place] = sum((np.asarray(y) * g).sum() for y, g in zip(leaves(function(unit)), gs, strict=True))
    np.testing.assert_allclose(t.grad.numpy(), expected, rtol=1e-12, atol=1e-12)


@given(data=st.data())
def test_reshape(data):
    x = data.draw(strategies.arrays(strategies.shapes(min_side=0)))
    shape = data.draw(st.permutations(x.shape)) + [1] * data.draw(st.integers(0, 2))
    t = tg.tensor(x, requires_grad=True)
    y = t.reshape(shape)
    np.testing.assert_array_equal(y.numpy(), x.reshape(shape))
    g = cotangent(y)
    y.backward(g)
    np.testing.assert_array_equal(t.grad.numpy(), g.reshape(x.shape))


# --------------------------------------------------------------------------------------------------
# Laws


def model(x: Any, w: Any) -> Any:
    return np.tanh(x @ w) * np.exp(-np.sum(x * x, axis=-1, keepdims=True)) + tg.logsumexp(w, axis=0)


@given(strategies.arrays((3, 2), low=-1, high=1), strategies.arrays((2, 4), low=-1, high=1), st.integers(0, 99))
def test_forward_and_reverse_products_with_the_jacobian_agree(x, w, seed):
    """<g, J v> = <J^T g, v>."""
    y, pullback = tg.vjp(model, x, w)
    v = cotangent(x, seed), cotangent(w, seed + 1)
    g = cotangent(y, seed + 2)
    _, forward = tg.jvp(model, (x, w), v)
    reverse = pullback(g)
    assert math.isclose(
        np.vdot(g, forward), sum(np.vdot(a, b) for a, b in zip(reverse, v, strict=True)), rel_tol=1e-9, abs_tol=1e-12
    )


@given(strategies.arrays((3, 2), low=-1, high=1), strategies.arrays((2, 4), low=-1, high=1), strategies.elements())
def test_pullbacks_are_linear(x, w, scale):
    y, pullback = tg.vjp(model, x, w)
    a, b = cotangent(y, 1), cotangent(y, 2)
    for both, one, other in zip(pullback(a + scale * b), pullback(a), pullback(b), strict=True):
        np.testing.assert_allclose(both, one + scale * other, rtol=1e-12, atol=1e-12)


@given(strategies.arrays((4,), low=-1, high=1))
def test_hessians_are_symmetric(x):
    def energy(x):
        return np.sum(np.sin(x)[:, None] * np.exp(x) + np.outer(x, x) ** 3)

    h = tg.hessian(energy)(x)
    np.testing.assert_allclose(h, h.T, rtol=1e-12, atol=1e-12)


@given(data=st.data())
def test_shapes_that_do_not_broadcast_are_refused_by_name(data):
    x, y = (data.draw(strategies.arrays(strategies.shapes(min_dims=1))) for _ in range(2))
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        with pytest.raises(ShapeError) as caught:
            tg.tensor(x) * y
        assert f"multiply: shapes {x.shape} and {y.shape} do not broadcast together" in str(caught.value)
    else:
        assert (tg.tensor(x) * y).shape == (x * y).shape
