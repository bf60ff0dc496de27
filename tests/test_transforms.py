"""Gradients of functions: against finite differences, against each other, and nested in every combination."""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import threading
import types
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_table import OTHERS, ROWS, arrays_of, with_arrays

import tapegrad as tg
from tapegrad import Tensor
from tapegrad._pytree import flatten, leaves_like
from tapegrad._tape import UNWANTED, Entry, collect, everyone, mode
from tapegrad.errors import BackwardError, DTypeError, LostGradientError, ShapeError
from tapegrad.testing import strategies

X3 = np.array([0.5, -1.25, 2.0])
X23 = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]])


def assert_equal(got: Any, expected: Any) -> None:
    """Bit for bit, with types, containers and dtypes; Tensors by their values."""
    if isinstance(expected, Tensor):
        assert isinstance(got, Tensor)
        got, expected = got._array, expected._array
    assert type(got) is type(expected)
    if isinstance(expected, dict | list | tuple):
        for mine, other in zip(flatten(got)[0], flatten(expected)[0], strict=True):
            assert_equal(mine, other)
    else:
        np.testing.assert_array_equal(got, expected, strict=True)


# --------------------------------------------------------------------------------------------------
# Against finite differences

SMOOTH: dict[str, Callable[[Any], Any]] = {  # of an array of shape (2, 3)
    "elementwise": lambda x: np.sin(x) * np.exp(0.5 * x) / (2 + np.cos(x * x)),
    "number": lambda x: np.sum(np.tanh(x) ** 3) * np.mean(x),
    "product": lambda x: (x @ x.T) @ np.tanh(x),
    "slices": lambda x: x[:, 1:] * x[:, :-1] + np.concatenate([x[:1, 2:], x[1:, :1]], axis=1),
    "log-sum-exp": lambda x: np.log(np.sum(np.exp(x - 1.0), axis=1)) ** 2,
    "several": lambda x: {"a": np.outer(x[0], x[1]), "b": [x.prod(), (np.linalg.norm(x + 2.5, axis=0), x.var())]},
}
smooth = pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH)


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in flatten(tree)[0]])


def differences(f: Callable[[Any], Any], x: np.ndarray, v: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """The derivative of `f` at `x` along `v`, by differences of fourth order."""
    at = lambda h: flat(f(x + h * v))  # noqa: E731
    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


@smooth
@given(seed=st.integers(0, 999))
def test_vjp_and_jvp_agree_with_finite_differences_and_with_each_other(f, seed):
    rng = np.random.default_rng(seed)
    x, v = rng.uniform(-1.5, 1.5, (2, 2, 3))
    value, tangent = tg.jvp(f, (x,), (v,))
    assert_equal(value, f(x))
    np.testing.assert_allclose(flat(tangent), differences(f, x, v), rtol=1e-7, atol=1e-8)
    value, pullback = tg.vjp(f, x)
    assert_equal(value, f(x))
    leaves, rebuild = flatten(value)
    g = rebuild([rng.standard_normal(np.shape(y)) for y in leaves])
    (gradient,) = pullback(g)
    assert np.sum(gradient * v) == pytest.approx(flat(g) @ flat(tangent), rel=1e-10, abs=1e-10)
    assert_equal(pullback(g), (gradient,))  # any number of times


@smooth
def test_jacobians_agree_with_finite_differences(f):
    jacobian = tg.jacobian(f)(X23)
    results, _ = flatten(f(X23))
    blocks = leaves_like(jacobian, f(X23), "the Jacobian")
    assert [b.shape for b in blocks] == [np.shape(y) + X23.shape for y in results]
    matrix = np.concatenate([b.reshape(-1, X23.size) for b in blocks])
    for place, unit in enumerate(np.eye(X23.size)):
        expected = differences(f, X23, unit.reshape(X23.shape))
        np.testing.assert_allclose(matrix[:, place], expected, rtol=1e-7, atol=1e-8)


@smooth
@given(seed=st.integers(0, 99))
def test_hessians_and_their_products(f, seed):
    rng = np.random.default_rng(seed)
    x, v = rng.uniform(-1.5, 1.5, (2, 2, 3))
    weights = rng.standard_normal(flat(f(x)).size)

    def weighted(x):
        return sum(
            tg.vdot(y, weights[k : k + 1]) if not np.shape(y) else np.sum(y * weights[k])
            for k, y in enumerate(flatten(f(x))[0])
        )

    hessian = tg.hessian(weighted)(x)
    assert hessian.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(hessian, np.transpose(hessian, (2, 3, 0, 1)), rtol=1e-9, atol=1e-9)
    product = tg.hvp(weighted, x, v)
    np.testing.assert_allclose(product, np.tensordot(hessian, v, 2), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(product.ravel(), differences(tg.grad(weighted), x, v), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("row", [row for row in [*ROWS, *OTHERS] if row.differentiable], ids=str)
def test_jvp_and_vjp_of_every_op_are_transposes(row):
    """jvp runs each rule on a recorded cotangent and on plain arrays that it saved, which backward never does."""
    rng = np.random.default_rng(7)
    for sample in row.samples:
        arrays = arrays_of(row, sample)
        f = lambda *xs, sample=sample: flatten(row.ours(*with_arrays(row, sample, xs), **sample.parameters))[0]  # noqa: E731
        tangents = [rng.standard_normal(a.shape) for a in arrays]
        with np.errstate(all="ignore"):
            value, out = tg.jvp(f, arrays, tangents)
            cotangents = [rng.standard_normal(np.shape(y)).astype(np.asarray(y).dtype) for y in value]
            gradients = tg.vjp(f, *arrays)[1](cotangents)
            forward = flat(cotangents) @ flat(out)
            back = sum(np.vdot(g, v) for g, v in zip(gradients, tangents, strict=True))
        if np.isfinite(back):
            assert forward == pytest.approx(back, rel=1e-7, abs=1e-8), sample


# --------------------------------------------------------------------------------------------------
# Nested


def by_backward(f):
    """The derivative by a backward pass through a leaf of one's own, inside of the function."""

    def derivative(x):
        moved = tg.tensor(np.zeros(()), requires_grad=True)
        f(x + moved).backward(create_graph=True)
        return moved.grad

    return derivative


DERIVATIVES: dict[str, Callable[[Any], Any]] = {
    "grad": tg.grad,
    "jvp": lambda f: lambda x: tg.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: tg.vjp(f, x)[1](1.0)[0],
    "jacobian": tg.jacobian,
    "value_and_grad": lambda f: lambda x: tg.value_and_grad(f)(x)[1],
    "checkpoint": lambda f: tg.checkpoint(tg.grad(tg.checkpoint(f))),
    "backward": by_backward,
}


# A backward pass adds to the leaves of one around it, too, so there is one of them in a combination at most.
COMBINATIONS = [names for names in itertools.product(DERIVATIVES, repeat=3) if names.count("backward") <= 1]


def wave(x):
    return np.sin(x) * np.exp(0.5 * x)


def wave_derivative(n: int, x: float) -> float:
    return ((0.5 + 1j) ** n * np.exp((0.5 + 1j) * x)).imag


@pytest.mark.parametrize("names", COMBINATIONS, ids="-of-".join)
def test_transforms_nest_in_every_combination(names):
    outer, middle, inner = (DERIVATIVES[name] for name in names)
    x = 0.7
    np.testing.assert_allclose(float_of(inner(wave)(x)), wave_derivative(1, x), rtol=1e-12)
    np.testing.assert_allclose(float_of(middle(inner(wave))(x)), wave_derivative(2, x), rtol=1e-12)
    np.testing.assert_allclose(float_of(outer(middle(inner(wave)))(x)), wave_derivative(3, x), rtol=1e-12)


def float_of(x: Any) -> float:
    return x.item() if isinstance(x, Tensor) else float(x)


@pytest.mark.parametrize("names", list(itertools.product(DERIVATIVES, ["hvp", "hessian"])), ids="-of-".join)
def test_second_derivatives_nest(names):
    derivative = DERIVATIVES[names[0]]
    second = {"hvp": lambda f: lambda x: tg.hvp(f, x, 1.0), "hessian": tg.hessian}[names[1]]
    assert float_of(derivative(second(wave))(0.7)) == pytest.approx(wave_derivative(3, 0.7), rel=1e-12)
    assert float_of(second(derivative(wave))(0.7)) == pytest.approx(wave_derivative(3, 0.7), rel=1e-12)
    assert float_of(second(second(wave))(0.7)) == pytest.approx(wave_derivative(4, 0.7), rel=1e-12)


def test_six_times():
    f = wave
    for n, transform in enumerate([tg.grad, *list(DERIVATIVES.values())[:5]], 1):
        f = transform(f)
        assert float_of(f(0.3)) == pytest.approx(wave_derivative(n, 0.3), rel=1e-10)


def test_jacobians_of_jacobians():
    third = tg.jacobian(tg.jacobian(tg.jacobian(lambda x: np.sum(x**4))))(X3)
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 24 * X3
    np.testing.assert_allclose(third, expected)


D = {"grad": tg.grad, "jvp": DERIVATIVES["jvp"], "vjp": DERIVATIVES["vjp"], "jacobian": tg.jacobian}


@pytest.mark.parametrize("outer", D.values(), ids=D)
@pytest.mark.parametrize("inner", D.values(), ids=D)
def test_perturbations_are_not_confused(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(2.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(x))(3.0) == 6.0
    assert outer(lambda x: inner(lambda y: x * y * y)(x))(3.0) == 12.0
    assert outer(lambda x: inner(lambda y: outer(lambda z: x * y * z)(x))(x))(2.0) == 1.0
    assert outer(lambda x: inner(lambda y: outer(lambda z: x * y * z * z)(y))(x))(2.0) == 16.0
    assert outer(lambda x: x * inner(lambda y: np.sin(x) * 1.0 + 0 * y)(1.0))(2.0) == 0.0


@pytest.mark.parametrize("derivative", D.values(), ids=D)
def test_derivatives_of_functions_that_give_functions(derivative):
    """Manzyuk and others, Perturbation confusion in forward automatic differentiation of higher-order functions."""

    def shifted(u):
        return lambda f: lambda x: f(x + u)

    def at_zero(f):  # the derivative of `shifted` by u at 0, which is the derivative of f
        return lambda x: derivative(lambda u: shifted(u)(f)(x))(0.0)

    assert at_zero(at_zero(lambda x: x**3))(2.0) == 12.0
    assert derivative(at_zero(at_zero(lambda x: x**4)))(2.0) == 48.0


def test_a_result_of_an_inner_transform_alone_depends_on_nothing_outside():
    value = tg.grad(lambda x: x * tg.grad(lambda y: y * y)(3.0))(2.0)
    assert_equal(value, 6.0)
    gradient = tg.grad(lambda v: np.sum(tg.jvp(lambda x: x**3, (X3,), (v,))[1] * X3))(X3)
    assert type(gradient) is np.ndarray
    np.testing.assert_allclose(gradient, 3 * X3**3)


def test_backward_inside_of_a_function():
    def trained(x):
        w = tg.tensor(np.array(3.0), requires_grad=True)
        (w * w * x).backward(create_graph=True)
        return w.grad * x  # 2 w x x

    assert_equal(tg.value_and_grad(trained)(2.0), (np.float64(24.0), 24.0))

    def fitted(x):
        w = tg.tensor(np.array(3.0), requires_grad=True)
        (w * w).backward()  # of nothing that depends on x
        return w.grad * x

    assert_equal(tg.value_and_grad(fitted)(2.0), (np.float64(12.0), 6.0))

    def released(x):
        y = x * x
        (y * y).backward()
        return y * 3.0

    with pytest.raises(BackwardError, match="was released by an earlier backward"):
        tg.grad(released)(2.0)


def test_backward_inside_adds_to_leaves_outside():
    leaf = tg.tensor(np.array(2.0), requires_grad=True)

    def f(x):
        (x * x).backward(retain_graph=True)
        return x * leaf

    value, gradient = tg.value_and_grad(f)(leaf)
    assert (value.item(), gradient.item(), leaf.grad.item()) == (4.0, 2.0, 4.0)
    leaf.grad = None
    with tg.no_grad():
        tg.grad(f)(leaf)
    assert leaf.grad is None


# --------------------------------------------------------------------------------------------------
# Closures over what is recorded outside

OVER_W: dict[str, Callable[[Any], Any]] = {
    "value": lambda w: tg.value_and_grad(lambda x: np.sum(x * x * w))(X3)[0],
    "grad": lambda w: tg.grad(lambda x: np.sum(x * x * w))(X3),
    "grad of an argument": lambda w: tg.grad(lambda x: np.sum(x**3))(w),
    "grad inside": lambda w: tg.grad(lambda x: np.sum(x * x * w**2))(w),
    "vjp": lambda w: tg.vjp(lambda x: np.sin(x * w), X3)[1](X3[::-1]),
    "vjp of a cotangent": lambda w: tg.vjp(np.sin, X3)[1](w * w),
    "jvp": lambda w: tg.jvp(lambda x: np.sin(x * w), (X3,), (X3[::-1],)),
    "jvp along it": lambda w: tg.jvp(np.sin, (X3,), (w * w,)),
    "jvp at it": lambda w: tg.jvp(lambda x, y: np.sin(x) * y, (w, X3), (X3, w)),
    "jacobian": lambda w: tg.jacobian(lambda x: np.tanh(x * w)[:2])(X3),
    "hessian": lambda w: tg.hessian(lambda x: np.sum(np.tanh(x * w)))(X3),
    "hvp": lambda w: tg.hvp(lambda x: np.sum(x**3 * w), X3, w),
    "keyword": lambda w: tg.grad(lambda x, by: np.sum(x * x * by))(X3, by=w),
    "argnums": lambda w: tg.grad(lambda x, by: np.sum(x * x * by))(X3, w * w),
    "checkpoint": lambda w: tg.checkpoint(lambda x: np.sin(x * w) * w)(X3),
    "checkpoint inside": lambda w: tg.grad(lambda x: np.sum(tg.checkpoint(lambda y: np.sin(y * w))(x)))(X3),
    "grad inside of a checkpoint": lambda w: tg.checkpoint(lambda v: tg.grad(lambda x: np.sum(np.sin(x * v)))(X3))(w),
}


@pytest.mark.parametrize("f", OVER_W.values(), ids=OVER_W)
def test_results_stay_differentiable_by_what_is_recorded_outside(f):
    """By leaves and backward, by a transform around, and by finite differences."""
    w = np.array([0.75, -0.5, 1.25])
    leaf = tg.tensor(w, requires_grad=True)
    results = flatten(f(leaf))[0]
    live = [y for y in results if isinstance(y, Tensor) and y.requires_grad]
    assert live
    rng = np.random.default_rng(2)
    cotangents = [rng.standard_normal(np.shape(y)) for y in results]
    total = sum((y * g).sum() for y, g in zip(results, cotangents, strict=True) if any(y is other for other in live))
    total.backward()
    weighted = lambda w: sum(np.sum(y * g) for y, g in zip(flatten(f(w))[0], cotangents, strict=True))  # noqa: E731
    by_grad = tg.grad(weighted)(w)
    assert type(by_grad) is np.ndarray
    np.testing.assert_allclose(leaf.grad.numpy(), by_grad, rtol=1e-12)
    by_differences = [differences(weighted_values(f, cotangents), w, unit)[0] for unit in np.eye(3)]
    np.testing.assert_allclose(by_grad, by_differences, rtol=1e-7, atol=1e-9)


def weighted_values(f: Callable[[Any], Any], cotangents: list[np.ndarray]) -> Callable[[Any], Any]:
    return lambda w: [sum(np.sum(y * g) for y, g in zip(flatten(f(w))[0], cotangents, strict=True))]


def test_arrays_come_back_unless_something_outside_is_recorded():
    constant, leaf = tg.tensor(X3), tg.tensor(X3, requires_grad=True)
    value, gradient = tg.value_and_grad(lambda x: np.sum(x * constant))(X3)
    assert (type(value), type(gradient)) == (np.float64, np.ndarray)
    value, gradient = tg.value_and_grad(lambda x: np.sum(x * leaf))(X3)
    assert (type(value), type(gradient)) == (Tensor, Tensor)
    assert gradient.requires_grad
    with tg.no_grad():
        value, gradient = tg.value_and_grad(lambda x: np.sum(x * leaf))(X3)
    assert (type(value), type(gradient)) == (np.float64, np.ndarray)
    own = lambda x: np.sum(x * tg.tensor(X3, requires_grad=True))  # noqa: E731
    value, gradient = tg.value_and_grad(own)(X3)
    assert (type(value), type(gradient)) == (np.float64, np.ndarray)


def test_a_gradient_that_is_zero_is_of_the_kind_of_the_others():
    leaf = tg.tensor(X3, requires_grad=True)
    gradients = tg.grad(lambda x, y: np.sum(x * leaf), (0, 1))(X3, X23)
    assert [type(g) for g in gradients] == [Tensor, Tensor]
    assert_equal(tg.grad(lambda x, y: np.sum(x), (0, 1))(X3, np.float32(2.0))[1], np.float32(0.0))
    assert_equal(tg.grad(lambda x, y: np.sum(x), (0, 1))(X3, X3.astype(np.float32))[1], np.zeros(3, np.float32))


def test_a_pullback_depends_on_its_cotangent_alone_where_nothing_outside_is_recorded():
    _, pullback = tg.vjp(np.sin, X3)
    gradient = tg.grad(lambda g: np.sum(pullback(g * g)[0]))(X3)
    assert type(gradient) is np.ndarray
    np.testing.assert_allclose(gradient, 2 * X3 * np.cos(X3))
    assert tg.grad(lambda g: tg.vjp(lambda x: x**3, 2.0)[1](g * g)[0])(3.0) == 72.0
    leaf = tg.tensor(X3, requires_grad=True)
    assert pullback(leaf)[0].requires_grad
    with tg.no_grad():
        assert type(pullback(leaf)[0]) is np.ndarray


def test_an_infinite_slope_of_a_python_number_is_infinite():
    """Python would raise ZeroDivisionError, but the function itself has a value there."""
    root = lambda x: x**0.5  # noqa: E731
    for act in (
        lambda: tg.grad(root)(0.0),
        lambda: tg.jvp(root, (0.0,), (1.0,))[1],
        lambda: tg.grad(lambda c: tg.vjp(root, 0.0)[1](c)[0])(1.0),
        lambda: tg.grad(lambda c: tg.vjp(np.log, 0.0)[1](c)[0])(1.0),
        lambda: tg.grad(lambda x: np.sum(x**0.5))(np.zeros(1))[0],
    ):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            assert act() == math.inf


def test_tensors_come_back_where_tensors_went_in():
    constant = tg.tensor(X3)
    assert [type(y) for y in tg.jvp(np.sin, (constant,), (X3,))] == [Tensor, Tensor]
    assert [type(y) for y in tg.jvp(np.sin, (X3,), (constant,))] == [np.ndarray, np.ndarray]
    value, (of_tensor, of_array, of_number) = tg.value_and_grad(lambda x, y, z: np.sum(x * y * z), (0, 1, 2))(
        constant, X3, 2.0
    )
    assert [type(x) for x in (value, of_tensor, of_array, of_number)] == [Tensor, Tensor, np.ndarray, float]
    assert not value.requires_grad
    assert not of_tensor.requires_grad
    np.testing.assert_array_equal(of_tensor.numpy(), 2 * X3)


def test_what_is_outside_is_not_walked():
    """Inside of a loop that records, each transform would otherwise walk over all that came before."""
    y = tg.tensor(X3, requires_grad=True)
    for _ in range(1000):
        y = y * 1.0
    x = tg.tensor(X3, requires_grad=True)
    order, reached = collect([(np.sin(x) * y).sum()._entry], [x._entry])
    assert [entry.op.name for entry in order] == ["sum", "multiply", "sin"]
    assert len(reached) == 5
    assert reached[y._entry] is UNWANTED


# --------------------------------------------------------------------------------------------------
# Arguments and results of every kind

Pair = namedtuple("Pair", ["left", "right"])


@dataclass
class Layer:
    weight: Any
    bias: Any


@pytest.mark.parametrize(
    "tree",
    [
        {"a": X3, "b": 2.0},
        [X3, (X23, None), []],
        Pair(X3, {"x": np.float32(2.0)}),
        Layer(X23, [X3, Layer(1.0, None)]),
        (np.array(2.0), np.zeros((0, 2))),
    ],
    ids=lambda tree: type(tree).__name__,
)
def test_gradients_have_the_structure_of_the_argument(tree):
    def f(t):
        return sum(np.sum(leaf * leaf * k) for k, leaf in enumerate(flatten(t)[0], 1))

    gradient = tg.grad(f)(tree)
    leaves, rebuild = flatten(tree)
    expected = rebuild([2 * k * leaf for k, leaf in enumerate(leaves, 1)])
    assert type(gradient) is type(expected)
    for mine, leaf, other in zip(flatten(gradient)[0], leaves, flatten(expected)[0], strict=True):
        assert type(mine) is type(leaf)
        assert np.asarray(mine).dtype == np.asarray(leaf).dtype
        np.testing.assert_allclose(mine, other)
    value, pullback = tg.vjp(f, tree)
    for mine, other in zip(flatten(pullback(1.0)[0])[0], flatten(gradient)[0], strict=True):
        np.testing.assert_array_equal(mine, other, strict=True)
    tangent = tg.jvp(f, (tree,), (expected,))[1]
    assert tangent == pytest.approx(sum(np.sum(e * e) for e in flatten(expected)[0]))
    product = tg.hvp(f, tree, tree)
    for mine, other in zip(flatten(product)[0], flatten(expected)[0], strict=True):
        np.testing.assert_allclose(mine, other)
    assert value == pytest.approx(f(tree))


def test_a_hessian_by_a_container_is_a_container_of_containers():
    hessian = tg.hessian(lambda p: np.sum(p["a"] * p["b"] ** 2))({"a": X3, "b": X3})
    np.testing.assert_allclose(hessian["a"]["a"], np.zeros((3, 3)))
    np.testing.assert_allclose(hessian["a"]["b"], np.diag(2 * X3))
    np.testing.assert_allclose(hessian["b"]["a"], np.diag(2 * X3))
    np.testing.assert_allclose(hessian["b"]["b"], np.diag(2 * X3))


def test_argnums():
    f = lambda x, y, z, power=1: np.sum(x * y**2 * z) ** power  # noqa: E731
    args = (X3, X3 + 3, 2.0)
    gradients = [2 * args[1] ** 2, 4 * X3 * args[1], np.sum(X3 * args[1] ** 2)]
    for place in (0, 1, 2, -1, -3):
        np.testing.assert_allclose(tg.grad(f, place)(*args), gradients[place])
    for places in ((0,), (0, 2), (2, 1), [1, -1], ()):
        result = tg.grad(f, places)(*args) if places else ()
        assert type(result) is tuple
        assert len(result) == len(places)
        for g, place in zip(result, places, strict=True):
            np.testing.assert_allclose(g, gradients[place])
    np.testing.assert_allclose(tg.grad(f, 1)(*args, power=2), 2 * f(*args) * gradients[1])
    np.testing.assert_allclose(tg.jacobian(lambda x, y: x * y, 1)(X3, X3 + 1), np.diag(X3))
    both = tg.jacobian(lambda x, y: (x * y, x), (0, 1))(X3, X3 + 1)
    np.testing.assert_allclose(both[0][0], np.diag(X3 + 1))
    np.testing.assert_allclose(both[1][1], np.zeros((3, 3)))
    np.testing.assert_allclose(tg.hessian(lambda x, y: np.sum(x * y**3), 1)(X3, X3), np.diag(6 * X3**2))


def test_integers_may_be_arguments_that_are_not_differentiated():
    assert tg.grad(lambda x, n: x**n)(2.0, 3) == 12.0
    assert tg.grad(lambda n, x: np.sum(x[n]), 1)(np.array([0, 2]), X3).tolist() == [1.0, 0.0, 1.0]


@given(dtype=st.sampled_from([np.float16, np.float32, np.float64, np.longdouble]), data=st.data())
def test_gradients_have_the_dtype_and_shape_of_the_argument(dtype, data):
    shape = data.draw(strategies.shapes(min_side=0))
    x = data.draw(strategies.arrays(shape)).astype(dtype)
    wide = data.draw(strategies.arrays(shape))
    for f in (lambda x: np.sum(x * wide), lambda x: np.sum(x.astype(np.float64) ** 2) + np.mean(x * wide.sum())):
        with np.errstate(all="ignore"):
            if x.size or f is None:
                gradient = tg.grad(f)(x)
                assert (type(gradient), gradient.dtype, gradient.shape) == (np.ndarray, x.dtype, x.shape)
    tangent = tg.jvp(lambda x: x * x, (x,), (wide,))[1]
    assert (tangent.dtype, tangent.shape) == (x.dtype, x.shape)
    assert tg.jacobian(lambda x: x * x)(x).dtype == x.dtype


def test_kinds_of_numbers_come_back():
    cube = lambda x: x**3  # noqa: E731
    for x in (2.0, np.float32(2.0), np.float64(2.0), np.array(2.0), np.array(2.0, np.float32)):
        for gradient in (
            tg.grad(cube)(x),
            tg.vjp(cube, x)[1](1.0)[0],
            tg.jacobian(cube)(x),
            tg.hvp(lambda x: 0.5 * x**4 / x, x, 2.0),
        ):
            assert type(gradient) is type(x)
            assert np.asarray(gradient).dtype == np.asarray(x).dtype
            assert gradient == pytest.approx(12.0)
        value, tangent = tg.jvp(cube, (x,), (1.0,))
        assert type(tangent) is type(value)
        assert tangent == 12.0


def test_zero_sizes():
    empty = np.zeros((0, 3))
    for gradient in (
        tg.grad(np.sum)(empty),
        tg.vjp(np.sin, empty)[1](empty)[0],
        tg.jvp(np.sin, (empty,), (empty,))[1],
        tg.hvp(lambda x: np.sum(x**2), empty, empty),
    ):
        assert_equal(gradient, empty)
    assert tg.jacobian(np.sin)(empty).shape == (0, 3, 0, 3)
    assert tg.jacobian(lambda x: np.sum(x, 0))(empty).shape == (3, 0, 3)
    assert tg.hessian(lambda x: np.sum(x**2))(empty).shape == (0, 3, 0, 3)
    assert type(tg.jacobian(np.sin)(tg.tensor(empty))) is Tensor
    assert tg.grad(lambda p: 3.0 * p[0])((2.0, [], None)) == (3.0, [], None)


@pytest.mark.parametrize(
    "layout",
    [lambda a: a.T.copy().T, lambda a: np.repeat(a, 2, 0)[::2], lambda a: a[::-1, ::-1]],
    ids=["F", "step", "back"],
)
def test_layouts_in_memory(layout):
    x = layout(X23)
    x.flags.writeable = False
    f = lambda x: np.sum(np.sin(x) * x[::-1] @ np.arange(3.0))  # noqa: E731
    contiguous = np.ascontiguousarray(x)
    np.testing.assert_allclose(tg.grad(f)(x), tg.grad(f)(contiguous), rtol=1e-14)
    assert tg.grad(f)(x).flags.writeable


ALIASING: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: np.sum(x + y),
    "same": lambda x, y: np.sum(x),
    "views": lambda x, y: np.sum(np.concatenate([x, y])),
    "transposed": lambda x, y: np.sum((x + y.T.T).reshape(-1)),
    "negative": lambda x, y: np.sum(x - y) + np.sum(y),
}


@pytest.mark.parametrize("f", ALIASING.values(), ids=ALIASING)
def test_what_comes_back_is_the_callers_own(f):
    """One array may be the gradient of two arguments, and sum's is one number seen everywhere."""
    x, y = X23.copy(), X23.copy() + 1
    for gradients in (
        tg.grad(f, (0, 1))(x, y),
        tg.vjp(f, x, y)[1](1.0),
        tg.vjp(f, x, y)[1](np.array(1.0)),
    ):
        first, second = gradients
        expected = second.copy()
        assert first.flags.writeable
        assert second.flags.writeable
        assert not np.shares_memory(first, second)
        first += 100.0
        np.testing.assert_array_equal(second, expected)
        second += 100.0
    assert_equal(x, X23)
    assert_equal(y, X23 + 1)


def test_a_pullback_keeps_its_cotangent_and_its_results_apart():
    _, pullback = tg.vjp(lambda x: x, X3)
    g = X3.copy()
    (first,) = pullback(g)
    g[:] = 0
    np.testing.assert_array_equal(first, X3)
    first[:] = 9.0
    np.testing.assert_array_equal(pullback(X3)[0], X3)
    jacobian = tg.jacobian(lambda x: x)(X3)
    jacobian[:] = 7.0
    np.testing.assert_array_equal(tg.jacobian(lambda x: x)(X3), np.eye(3))


def test_functions_that_change_their_argument_in_place_change_their_own():
    def f(x, d):
        x += 1.0
        d["x"] = x * x
        return np.sum(d["x"])

    x, d = X3.copy(), {"x": X3.copy()}
    gradient = tg.grad(f, (0, 1))(x, d)
    np.testing.assert_allclose(gradient[0], 2 * (X3 + 1))
    np.testing.assert_allclose(gradient[1]["x"], 0 * X3)
    assert_equal(x, X3)
    assert_equal(d, {"x": X3})
    leaf = tg.tensor(X3, requires_grad=True)
    gradient = tg.grad(f)(leaf, {})
    assert leaf.tolist() == X3.tolist()
    assert leaf.is_leaf
    np.testing.assert_allclose(gradient.numpy(), 2 * (X3 + 1))


def test_results_without_a_gradient_have_zeros_for_it():
    def f(x):
        return {"y": x * 2, "place": np.argmax(x), "floor": np.floor(x), "n": 3, "half": 0.5, "no": None, "name": "f"}

    value, tangent = tg.jvp(f, (X3,), (X3,))
    assert_equal(value["place"], np.int64(2))
    expected = {"y": 2 * X3, "place": np.int64(0), "floor": 0 * X3, "n": 0, "half": 0.0, "no": None, "name": "f"}
    assert_equal(tangent, expected)
    numeric = lambda x: (x * 2, np.argmax(x), np.floor(x), 3, 0.5)  # noqa: E731
    jacobians = tg.jacobian(numeric)(X3)
    np.testing.assert_array_equal(jacobians[0], 2 * np.eye(3))
    assert [j.shape for j in jacobians] == [(3, 3), (3,), (3, 3), (3,), (3,)]
    assert not any(j.any() for j in jacobians[1:])
    gradient = tg.vjp(numeric, X3)[1]((X3, 1, X3, 1, 1.0))[0]
    np.testing.assert_array_equal(gradient, 2 * X3)


def test_an_output_that_is_there_twice_gets_both_cotangents():
    def f(x):
        y = x * 2
        return y, y, x

    assert tg.vjp(f, X3)[1]((X3, 10 * X3, 100 * X3))[0].tolist() == (122 * X3).tolist()


def test_hooks_on_arguments_run():
    def f(x):
        y = x * x
        x.register_hook(lambda g: 10 * g)
        y.register_hook(lambda g: g + 1)
        return np.sum(y)

    np.testing.assert_array_equal(tg.grad(f)(X3), 40 * X3)


# --------------------------------------------------------------------------------------------------
# Errors and warnings


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda: tg.grad(np.sin)(2),
            DTypeError,
            r"grad: expected floating-point .*, got int64 \(int\); write 2.0 for 2",
        ),
        (lambda: tg.grad(np.sum)(np.arange(3)), DTypeError, r"got int64 \(ndarray\)"),
        (lambda: tg.grad(np.sum)(True), DTypeError, r"got bool \(bool\)"),
        (lambda: tg.grad(np.sum)(1j), DTypeError, r"got complex128 \(complex\)"),
        (lambda: tg.grad(len)("text"), DTypeError, r"got <U4 \(str\)"),
        (lambda: tg.grad(len)({"x": 1.0, "steps": 3}), DTypeError, r"got int64 \(int\)"),
        (lambda: tg.vjp(np.sum, 2), DTypeError, "^vjp: "),
        (lambda: tg.jvp(np.sum, (2,), (1.0,)), DTypeError, "^jvp: "),
        (lambda: tg.jacobian(np.sum)(2), DTypeError, "^jacobian: "),
        (lambda: tg.hvp(np.sum, 2, 1.0), DTypeError, "^hvp: "),
        (lambda: tg.grad(np.sin)(X3), ShapeError, r"a function that gives one number, but the result has shape \(3,\)"),
        (lambda: tg.grad(lambda x: [x])(2.0), TypeError, "one number, but it gave list; use jacobian or vjp"),
        (lambda: tg.grad(lambda x: None)(2.0), TypeError, "one number, but it gave NoneType"),
        (lambda: tg.grad(lambda x: "x")(2.0), TypeError, "one number, but it gave str"),
        (lambda: tg.grad(np.sin, 1)(2.0), TypeError, "argnums=1, but the function was called with 1 positional"),
        (lambda: tg.grad(np.sin, (0, -2))(2.0), TypeError, r"argnums=\(0, -2\), but .* 1 positional arguments"),
        (lambda: tg.grad(lambda x: x)(x=2.0), TypeError, "called with 0 positional arguments"),
        (lambda: tg.grad(lambda x, y: x, (1, -1))(2.0, 1.0), ValueError, r"argnums=\(1, -1\) names an argument twice"),
        (lambda: tg.vjp(np.sin, X3)[1](X3[:2]), ShapeError, r"vjp: the cotangent: expected shape \(3,\), got \(2,\)"),
        (lambda: tg.vjp(np.sin, X3)[1](1.0), ShapeError, r"expected shape \(3,\), got \(\)"),
        (lambda: tg.vjp(lambda x: (x, x), X3)[1](X3), ValueError, "the cotangent: expected tuple of 2, got ndarray"),
        (lambda: tg.vjp(lambda x: {"a": x}, X3)[1]({"b": X3}), ValueError, "expected dict of a, got dict of b"),
        (
            lambda: tg.vjp(lambda x: {"a": [x, x]}, X3)[1]({"a": [X3, X23]}),
            ShapeError,
            r"the cotangent: expected shape \(3,\), got \(2, 3\)",
        ),
        (lambda: tg.jvp(np.sin, X3, X3), TypeError, r"expected a tuple of arguments .* jvp\(f, \(x,\), \(v,\)\)"),
        (lambda: tg.jvp(np.sin, (X3,), (X23,)), ShapeError, r"the tangents: expected shape \(3,\), got \(2, 3\)"),
        (lambda: tg.jvp(np.sin, (X3,), (X3, X3)), ValueError, "the tangents: expected tuple of 1, got tuple of 2"),
        (
            lambda: tg.jvp(lambda d: d["x"], ({"x": X3},), (X3,)),
            ValueError,
            r"tangents\[0\]: expected dict of x, got nd",
        ),
        (lambda: tg.hvp(np.sum, X23, X23.T), ShapeError, r"hvp: v: expected shape \(2, 3\), got \(3, 2\)"),
        (lambda: tg.hvp(lambda p: np.sum(p[0]), [X3], X3), ValueError, "hvp: v: expected list of 1, got ndarray"),
    ],
)
def test_errors_say_what_was_expected(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_cotangents_and_tangents_are_matched_by_key():
    _, pullback = tg.vjp(lambda x: {"one": 1.0 * x, "ten": 10.0 * x}, 2.0)
    assert pullback({"ten": 0.0, "one": 1.0}) == (1.0,)
    f = lambda d: d["one"] + 10.0 * d["ten"]  # noqa: E731
    assert tg.jvp(f, ({"one": 1.0, "ten": 1.0},), ({"ten": 0.0, "one": 1.0},))[1] == 1.0
    quadratic = lambda d: d["one"] ** 2 + 10.0 * d["ten"] ** 2  # noqa: E731
    product = tg.hvp(quadratic, {"one": 1.0, "ten": 1.0}, {"ten": 0.0, "one": 1.0})
    assert product == {"one": 2.0, "ten": 0.0}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 3.0,
        lambda x: np.floor(x) + 1.0,
        lambda x: x.item() * 2 if isinstance(x, Tensor) else x,
        lambda x: x.detach() if isinstance(x, Tensor) else x,
        lambda x: (x > 1) * 2.0,
        lambda x: tg.grad(lambda y: 3.0 * y)(x),
    ],
)
def test_a_result_that_does_not_depend_on_the_argument_warns(f):
    with pytest.warns(UserWarning, match=r"grad: the result does not depend on the argument.*item\(\), .numpy\(\) and"):
        assert_equal(tg.grad(f)(2.0), 0.0)


def test_the_warning_is_about_the_line_that_called():
    with pytest.warns(UserWarning, match="does not depend") as caught:
        tg.value_and_grad(lambda x: 3.0)(2.0)
    assert caught[0].filename == __file__


def test_what_depends_in_any_way_does_not_warn():
    assert tg.grad(lambda x: x)(2.0) == 1.0
    assert tg.grad(lambda x, y: x, (0, 1))(2.0, 3.0) == (1.0, 0.0)
    assert tg.grad(lambda p: p["a"])({"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": 0.0}
    assert tg.grad(lambda x: 0 * x)(2.0) == 0.0
    assert tg.hvp(np.sum, X3, X3).tolist() == [0.0, 0.0, 0.0]
    assert tg.hessian(np.sum)(X3).tolist() == np.zeros((3, 3)).tolist()
    assert tg.vjp(lambda x: np.floor(x), X3)[1](X3)[0].tolist() == [0.0, 0.0, 0.0]


class Failed(Exception):
    pass


def fail(*args: Any) -> Any:
    raise Failed


def usual() -> bool:
    return mode.recording and mode.usual and everyone.usual and not mode.observers


failing = tg.primitive(lambda x: 2 * x, lambda g: fail(), name="failing")


@pytest.mark.parametrize(
    "act",
    [
        lambda: tg.grad(fail)(2.0),
        lambda: tg.jvp(fail, (X3,), (X3,)),
        lambda: tg.hessian(lambda x: np.sum(failing(x)))(X3),
        lambda: tg.grad(lambda x: np.sum(failing(x)))(X3),
        lambda: tg.grad(lambda x: tg.grad(lambda y: fail())(x))(2.0),
        lambda: tg.checkpoint(fail)(X3),
        lambda: tg.grad(lambda x: np.sum(tg.checkpoint(lambda y: failing(y))(x)))(X3),
    ],
)
@pytest.mark.parametrize("recording", [True, False])
def test_an_exception_inside_leaves_nothing_behind(act, recording):
    state = tg.random.get_state()
    if recording:
        with pytest.raises(Failed):
            act()
    else:
        with tg.no_grad():
            with contextlib.suppress(Failed):
                act()
            assert not mode.recording
    assert usual()
    assert tg.random.get_state() == state
    assert tg.grad(lambda x: x * x)(3.0) == 6.0


# --------------------------------------------------------------------------------------------------
# Modes and threads


def test_transforms_work_under_no_grad():
    w = tg.tensor(X3, requires_grad=True)
    f = lambda x: np.sum(np.sin(x * w))  # noqa: E731
    expected = [np.cos(X3 * X3) * X3]
    expected += [X3 * np.cos(X3 * X3)]
    with tg.no_grad():
        results = [
            tg.grad(f)(X3),
            tg.vjp(f, X3)[1](1.0)[0],
            tg.jacobian(f)(X3),
            tg.grad(tg.checkpoint(f))(X3),
        ]
        second = [tg.hvp(f, X3, X3), tg.hessian(f)(X3) @ X3]
        tangent = tg.jvp(f, (X3,), (X3,))[1]
        nested = tg.grad(lambda x: np.sum(tg.grad(f)(x)))(X3)
        assert not mode.recording
    for result in results:
        assert type(result) is np.ndarray
        np.testing.assert_allclose(result, np.cos(X3 * X3) * X3)
    for result in second:
        np.testing.assert_allclose(result, -np.sin(X3 * X3) * X3 * X3 * X3)
    np.testing.assert_allclose(nested, -np.sin(X3 * X3) * X3 * X3)
    assert tangent == pytest.approx(np.sum(np.cos(X3 * X3) * X3 * X3))
    assert usual()


def test_no_grad_inside_makes_constants():
    def f(x):
        with tg.no_grad():
            scale = x * 2
            inner = tg.grad(lambda y: y * y * x)(x)  # a gradient of its own, but none of it
        return x * scale * inner

    value, gradient = tg.value_and_grad(f)(3.0)
    assert_equal(value, 3.0 * 6.0 * 18.0)
    assert_equal(gradient, 6.0 * 18.0)


def test_under_no_grad_a_python_number_of_an_outer_transform_is_one():
    seen = []

    def f(x):
        with tg.no_grad():
            seen.append(tg.value_and_grad(lambda y: np.sum(y * np.ones(2, np.float32)))(x))
        return x * 2

    tg.grad(f)(3.0)
    assert_equal(seen[0], (np.float32(6.0), 2.0))


def test_no_grad_decorates():
    @tg.no_grad()
    def f(x):
        return x * x

    x = tg.tensor(2.0, requires_grad=True)
    assert not f(x).requires_grad
    assert not f(x).requires_grad
    assert usual()


def model(x: Any, seed: int) -> Any:
    """Something of everything."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((3, 3))
    h = tg.checkpoint(lambda h: np.tanh(h @ w))(x)
    inner = tg.grad(lambda y: np.sum(np.sin(y) * h))(x)
    return np.sum(inner * h) + tg.jvp(lambda y: np.sum(y**3), (x,), (inner,))[1]


def test_threads_do_not_mix():
    def work(seed: int) -> Any:
        x = np.random.default_rng(seed + 100).standard_normal((2, 3))
        if seed % 2:
            with tg.no_grad():
                return tg.value_and_grad(model)(x, seed)
        return tg.value_and_grad(model)(x, seed), tg.hvp(lambda x: model(x, seed), x, x)

    expected = [work(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, list(range(8)) * 4))
    for seed, result in enumerate(results):
        assert_equal(result, expected[seed % 8])
    assert usual()


def test_a_pullback_may_be_called_by_many_threads_at_once():
    _, pullback = tg.vjp(lambda x: model(x, 1) * tg.checkpoint(np.sin)(x), X23)
    cotangents = [np.random.default_rng(seed).standard_normal((2, 3)) for seed in range(32)]
    expected = [pullback(g) for g in cotangents]
    with ThreadPoolExecutor(8) as pool:
        assert_equal(list(pool.map(pullback, cotangents)), expected)


# --------------------------------------------------------------------------------------------------
# Checkpoints


def counted(f: Callable[..., Any]) -> Any:
    """`f`, which counts its calls."""

    def counting(*args: Any, **kwargs: Any) -> Any:
        counting.calls += 1
        return f(*args, **kwargs)

    counting.calls = 0
    return counting


def kept_bytes(*roots: Any) -> int:
    """The bytes of all arrays that a program could still reach from the entries of `roots`, by whatever way."""
    seen: dict[int, Any] = {}
    arrays: dict[int, int] = {}
    stack = [root._entry for root in roots]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, type | types.ModuleType):
            continue
        seen[id(item)] = item
        if isinstance(item, np.ndarray):
            while item.base is not None and isinstance(item.base, np.ndarray):
                item = item.base
            arrays[id(item)] = item.nbytes
        elif isinstance(item, types.FunctionType):
            stack += [cell.cell_contents for cell in item.__closure__ or ()]
            stack += item.__defaults__ or ()
            stack += list(vars(item).values())
        else:
            stack += gc.get_referents(item)
    return sum(arrays.values())


def deep(x: Any) -> Any:
    for _ in range(20):
        x = np.tanh(x) + 0.1 * x * x
    return x


@pytest.mark.parametrize("row", [row for row in ROWS if row.differentiable], ids=str)
def test_a_checkpoint_of_every_op_changes_no_bit(row):
    rng = np.random.default_rng(3)
    for sample in row.samples:
        arrays = arrays_of(row, sample)
        f = lambda *xs, sample=sample: flatten(row.ours(*with_arrays(row, sample, xs), **sample.parameters))[0]  # noqa: E731
        with np.errstate(all="ignore"):
            value, pullback = tg.vjp(f, *arrays)
            again, repeated = tg.vjp(tg.checkpoint(f), *arrays)
            assert_equal(again, value)
            g = [rng.standard_normal(np.shape(y)).astype(np.asarray(y).dtype) for y in value]
            assert_equal(repeated(g), pullback(g))


def test_a_checkpoint_keeps_less_and_runs_the_function_again():
    x = tg.tensor(np.linspace(-1, 1, 1000), requires_grad=True)
    plain = deep(x)
    f = counted(deep)
    y = tg.checkpoint(f)(x)
    assert f.calls == 1
    assert kept_bytes(plain) > 20 * 8000
    assert kept_bytes(y) <= 8000
    z = (y * y).sum()
    assert kept_bytes(z) <= 2 * 8000
    z.backward(retain_graph=True)
    assert f.calls == 2
    assert kept_bytes(z) <= 2 * 8000
    first, x.grad = x.grad, None
    (plain * plain).sum().backward()
    assert_equal(x.grad, first)
    x.grad = None
    z.backward()
    assert f.calls == 3
    assert_equal(x.grad, first)
    with pytest.raises(BackwardError, match="was released by an earlier backward"):
        z.backward()


def test_a_chain_of_checkpoints_keeps_one_array_each():
    x = tg.tensor(np.linspace(-1, 1, 1000), requires_grad=True)
    y = x
    for _ in range(5):
        y = tg.checkpoint(deep)(y)
    assert kept_bytes(y) <= 5 * 8000
    y.sum().backward()
    expected = tg.grad(lambda x: np.sum(deep(deep(deep(deep(deep(x)))))))(x.detach())
    assert_equal(x.grad, expected)


def test_several_outputs_are_recomputed_at_once():
    f = counted(lambda x, y: {"sum": x + y, "products": (x * y, [x * x * y, None]), "argmax": np.argmax(x), "n": 3})
    x, y = (tg.tensor(a, requires_grad=True) for a in (X3, X3[::-1]))
    result = tg.checkpoint(f)(x, y=y)
    assert list(result) == ["sum", "products", "argmax", "n"]
    assert result["products"][1][1] is None
    assert (result["n"], result["argmax"].item()) == (3, 2)
    assert not result["argmax"].requires_grad
    total = (result["sum"] * X3).sum() + (result["products"][0] * 3.0).sum() + result["products"][1][0].sum()
    total.backward()
    assert f.calls == 2
    np.testing.assert_allclose(x.grad.numpy(), X3 + 3 * X3[::-1] + 2 * X3 * X3[::-1])
    np.testing.assert_allclose(y.grad.numpy(), X3 + 3 * X3 + X3 * X3)


@given(number=st.integers(0, 10**6))
def test_a_checkpoint_changes_no_bit(number):
    """What is used inside of it and outside gets what each op gives, one after the other, the last one first."""
    draw = np.random.default_rng(number)
    w0, x = draw.normal(size=3), draw.normal(size=3)

    def made(around):
        w = tg.tensor(w0, requires_grad=True)

        def step(x):
            w.grad = None
            h = x * w
            first, second, again = around(lambda h: ((y := np.tanh(h * w) * w + h[0]), w[::-1] * h[1:2], y))(h)
            (first * w + second * h + w[[0, 0, 2]] + again * h + first * x).sum().backward()
            return w.grad

        return step

    expected = made(lambda f: f)(x).numpy().tobytes()
    assert made(tg.checkpoint)(x).numpy().tobytes() == expected
    program = tg.compile(made(tg.checkpoint), fuse=False)
    assert [program(x).numpy().tobytes() for _ in range(3)] == [expected] * 3


def test_one_of_several_outputs():
    x, y = (tg.tensor(a, requires_grad=True) for a in (X3, X3[::-1]))
    first, second, same, argument = tg.checkpoint(lambda x, y: ((p := x * 2), y * 3, p, x))(x, y)
    assert argument.is_leaf  # an argument handed through is that argument
    second.sum().backward(retain_graph=True)
    assert x.grad is None  # as without the checkpoint
    assert y.grad.tolist() == [3.0, 3.0, 3.0]
    (first.sum() + 10 * same.sum()).backward()
    assert x.grad.tolist() == [22.0, 22.0, 22.0]


def test_a_pass_for_one_argument_does_not_show_in_the_next():
    """A recomputation gives the gradients of all arguments; what this pass does not ask for must not stay."""
    cube = tg.checkpoint(lambda w, x: w * w * x * x)
    inner = lambda w: tg.grad(lambda x: np.sum(cube(w, x)))(X3[::-1])  # wants the gradient by x, and then by w  # noqa: E731
    np.testing.assert_allclose(tg.grad(lambda w: np.sum(X3 * inner(w)))(X3), 4 * X3 * X3[::-1] * X3)
    w, x = (tg.tensor(a, requires_grad=True) for a in (X3, X3[::-1]))
    y = cube(w, x)
    y.backward(X3, retain_graph=True)
    first = w.grad, x.grad
    w.grad = x.grad = None
    y.backward(100 * X3)
    np.testing.assert_allclose(w.grad.numpy(), 100 * first[0].numpy())
    np.testing.assert_allclose(x.grad.numpy(), 100 * first[1].numpy())
    inside, plain = (lambda w, x: np.sum(cube(w, x) * w)), (lambda w, x: np.sum(w * w * x * x * w))
    for place in (0, 1, (1, 0)):
        assert_equal(tg.grad(inside, place)(X3, X3[::-1]), tg.grad(plain, place)(X3, X3[::-1]))


def test_random_draws_are_repeated():
    tg.random.seed(3)
    x = tg.tensor(np.ones(1000), requires_grad=True)
    masks = []

    def dropped(x):
        masks.append(tg.random.bernoulli(1000, 0.5, np.float64))
        return x * x * masks[-1]

    y = tg.checkpoint(dropped)(x)
    after = tg.random.uniform(3)
    state = tg.random.get_state()
    y.sum().backward()
    assert tg.random.get_state() == state
    assert_equal(masks[1], masks[0])
    assert_equal(x.grad.numpy(), 2 * masks[0].numpy())
    assert 300 < np.count_nonzero(x.grad) < 700
    tg.random.seed(3)
    tg.random.bernoulli(1000, 0.5, np.float64)
    assert_equal(tg.random.uniform(3), after)


def test_what_a_function_holds_gets_its_gradient():
    w, b = (tg.tensor(a, requires_grad=True) for a in (X23, np.ones(2)))
    layer = tg.checkpoint(lambda x: np.tanh(x @ w.T + b))
    x = np.ones((4, 3))
    layer(layer(x) @ np.ones((2, 3))).sum().backward()
    plain = lambda w, b: np.sum(np.tanh(np.tanh(x @ w.T + b) @ np.ones((2, 3)) @ w.T + b))  # noqa: E731
    expected = tg.grad(plain, (0, 1))(X23, np.ones(2))
    np.testing.assert_allclose(w.grad.numpy(), expected[0], rtol=1e-13)
    np.testing.assert_allclose(b.grad.numpy(), expected[1], rtol=1e-13)


def test_checkpoints_nest():
    inner = counted(lambda x: np.sin(x) * x)
    outer = counted(lambda x: tg.checkpoint(inner)(x) + tg.checkpoint(inner)(2 * x))
    expected = tg.value_and_grad(lambda x: np.sum(np.sin(x) * x + np.sin(2 * x) * (2 * x)))(X3)
    assert_equal(tg.value_and_grad(lambda x: np.sum(tg.checkpoint(outer)(x)))(X3), expected)
    assert outer.calls == 2
    assert inner.calls == 6  # twice in each run of the outer one, and once for each rule


@pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH)
def test_higher_orders_through_a_checkpoint(f):
    number = lambda f: lambda x: np.sum(np.concatenate([np.ravel(y) ** 2 for y in flatten(f(x))[0]]))  # noqa: E731
    plain, repeated = number(f), number(tg.checkpoint(f))
    assert_equal(tg.value_and_grad(repeated)(X23), tg.value_and_grad(plain)(X23))
    np.testing.assert_allclose(tg.hessian(repeated)(X23), tg.hessian(plain)(X23), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(tg.jvp(repeated, (X23,), (X23,))[1], tg.jvp(plain, (X23,), (X23,))[1], rtol=1e-12)
    x = tg.tensor(X23, requires_grad=True)
    repeated(x).backward(create_graph=True)
    gradient, x.grad = x.grad, None
    (gradient * X23).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), tg.hvp(plain, X23, X23), rtol=1e-11, atol=1e-12)


def test_arguments_of_a_checkpoint_of_every_kind():
    f = tg.checkpoint(lambda tree, *, scale, flag, n=2: (tree["x"] ** n * scale).sum() if flag else None)
    gradient = tg.grad(lambda x, scale: f({"x": x, "unused": "text"}, scale=scale, flag=True), (0, 1))(X3, 2.0)
    np.testing.assert_allclose(gradient[0], 4 * X3)
    assert gradient[1] == pytest.approx(np.sum(X3 * X3))
    assert type(gradient[1]) is float
    assert f({"x": X3}, scale=1.0, flag=False) is None
    assert_equal(f({"x": X3}, scale=1.0, flag=True), np.sum(X3**2))
    value, gradient = tg.value_and_grad(lambda x: tg.checkpoint(lambda y: y * y)(x) * np.ones(2, np.float32) @ [1, 1])(
        3.0
    )
    assert_equal(value, np.float64(18.0))
    assert gradient == 12.0
    assert tg.value_and_grad(lambda x: tg.checkpoint(lambda y: y * y)(x))(3.0) == (9.0, 6.0)


def test_a_checkpoint_that_changes_its_argument_in_place_changes_its_own():
    def f(x):
        x += 1.0
        return x * x

    leaf = tg.tensor(X3, requires_grad=True)
    x = leaf * 1.0
    y = tg.checkpoint(f)(x)
    assert x.tolist() == X3.tolist()
    x *= 0.0
    y.sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), 2 * (X3 + 1))


def test_a_checkpoint_records_nothing_under_no_grad_or_of_plain_arrays():
    x = tg.tensor(X3, requires_grad=True)
    f = counted(lambda x: x * 2)
    with tg.no_grad():
        assert not tg.checkpoint(f)(x).requires_grad
    assert_equal(tg.checkpoint(f)(X3), 2 * X3)
    assert not tg.checkpoint(f)(tg.tensor(X3)).requires_grad
    assert f.calls == 3


CHANGED = "checkpoint: recomputing the function did not use the tensors that it used before, or not their values"


def test_a_parameter_that_changed_between_the_passes_is_an_error():
    w = tg.tensor(X3, requires_grad=True)
    for change in (lambda: w.assign_(X3 + 1), lambda: w.__imul__(2.0), lambda: w.__setitem__(0, 9.0)):
        y = tg.checkpoint(lambda x: np.sin(x * w))(X3)
        with tg.no_grad():
            change()
        with pytest.raises(BackwardError, match=CHANGED):
            y.sum().backward()
    y = tg.checkpoint(lambda v: np.sin(v * v))(w)  # as an argument it was taken as it was
    value = w.numpy()
    w.assign_(X3)
    w.grad = None
    y.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), np.cos(value * value) * 2 * value)


@pytest.mark.parametrize(
    "f",
    [
        lambda turn, x, first, second: x * (second if turn else first),
        lambda turn, x, first, second: x * 1.0 if turn else x * first,
        lambda turn, x, first, second: X3 if turn else first * 1.0,
        lambda turn, x, first, second: [first * 1.0] if turn else [x, first * 1.0],
        lambda turn, x, first, second: first * second if turn else first * first,
    ],
)
def test_a_function_that_does_something_else_the_second_time_is_an_error(f):
    first, second = tg.tensor(X3, requires_grad=True), tg.tensor(X3, requires_grad=True)
    turns = itertools.count()
    out = flatten(tg.checkpoint(lambda x: f(next(turns), x, first, second))(X3))[0]
    with pytest.raises(BackwardError, match=CHANGED):
        out[-1].sum().backward()


def test_an_error_in_the_second_run_restores_the_stream():
    turn = itertools.count()
    w = tg.tensor(X3, requires_grad=True)

    def f(x):
        tg.random.uniform(2)
        return x * w if next(turn) == 0 else fail()

    y = tg.checkpoint(f)(X3)
    tg.random.uniform(1)
    state = tg.random.get_state()
    with pytest.raises(Failed):
        y.sum().backward()
    assert tg.random.get_state() == state
    assert usual()


# --------------------------------------------------------------------------------------------------
# Ops of one's own, numba's among them


@pytest.fixture(scope="module")
def compiled():
    """softplus twice: by @njit for arrays, and by @vectorize as a ufunc."""
    import numba

    @numba.njit
    def logistic(x):
        out = np.empty_like(x)
        for i in range(x.size):
            out.flat[i] = 1.0 / (1.0 + math.exp(-x.flat[i]))
        return out

    @numba.vectorize(["float32(float32)", "float64(float64)"])
    def softplus(x):
        return math.log1p(math.exp(-abs(x))) + max(x, 0.0)

    @numba.vectorize(["float64(float64, float64)"])
    def product(x, y):
        return x * y

    sigmoid = tg.primitive(logistic, lambda g, out: g * out * (1.0 - out), name="sigmoid")
    return types.SimpleNamespace(
        sigmoid=sigmoid,
        softplus=tg.primitive(softplus, lambda g, x: g * sigmoid(x)),
        product=tg.primitive(product, lambda g, y: g * y, lambda g, x: g * x),
    )


def test_a_compiled_op_is_differentiated_to_every_order(compiled):
    s = 1 / (1 + np.exp(-X3))
    f = lambda x: np.sum(compiled.softplus(x) * x)  # noqa: E731
    np.testing.assert_allclose(tg.grad(f)(X3), s * X3 + np.log1p(np.exp(X3)), rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(f)(X3), np.diag(s * (1 - s) * X3 + 2 * s), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(tg.hvp(tg.checkpoint(f), X3, X3), (s * (1 - s) * X3 + 2 * s) * X3, rtol=1e-12)
    third = tg.jacobian(tg.jacobian(tg.jacobian(compiled.softplus)))(X3)
    np.testing.assert_allclose(third[0, 0, 0, 0], s[0] * (1 - s[0]) * (1 - 2 * s[0]), rtol=1e-12)
    tg.testing.check_gradients(lambda x: compiled.softplus(compiled.sigmoid(x) * x), X23)


def test_a_compiled_op_gives_plain_values_to_plain_arguments(compiled):
    assert_equal(compiled.sigmoid(X3), compiled.sigmoid.op.function(X3))
    x = X3.astype(np.float32)
    value, pullback = tg.vjp(compiled.softplus, x)
    assert_equal(value, compiled.softplus.op.function(x))
    assert pullback(x)[0].dtype == np.float32
    t = tg.tensor(X3)
    assert type(compiled.softplus(t)) is Tensor
    with pytest.raises(LostGradientError, match=r"softplus has no gradient rule here.*tapegrad\.primitive"):
        compiled.softplus.op.function(tg.tensor(X3, requires_grad=True))  # numba's ufuncs ask, too


def test_a_compiled_ufunc_broadcasts(compiled):
    x, y = np.arange(1.0, 4.0), np.array([[2.0], [3.0]])
    gradients = tg.grad(lambda x, y: np.sum(compiled.product(x, y) * X23), (0, 1))(x, y)
    np.testing.assert_allclose(gradients[0], (X23 * y).sum(0))
    np.testing.assert_allclose(gradients[1], (X23 * x).sum(1, keepdims=True))


def test_an_op_with_parameters_nests():
    power = tg.primitive(
        lambda x, *, n: x**n, lambda g, x, n: g * (n * power(x, n=n - 1)) if n else g * (0 * x), name="power"
    )
    f = lambda x: power(x, n=4)  # noqa: E731
    assert tg.grad(tg.grad(tg.grad(f)))(2.0) == 48.0
    assert tg.grad(lambda x: x * tg.grad(lambda y: power(y, n=2) * x)(x))(2.0) == pytest.approx(24.0)


# --------------------------------------------------------------------------------------------------
# Nothing stays: with the collector off, what a transform made is gone when it returns

W = tg.tensor(X3, requires_grad=True)
LEAVES_NOTHING: dict[str, Callable[[], Any]] = {
    "grad": lambda: tg.grad(lambda x: np.sum(x**3))(X3),
    "of a number": lambda: tg.grad(lambda x: x**3)(2.0),
    "of a grad": lambda: tg.grad(lambda x: np.sum(tg.grad(lambda y: np.sum(y**3))(x)))(X3),
    "over a parameter": lambda: tg.grad(lambda x: np.sum(x**3 * W))(X3),
    "vjp": lambda: tg.vjp(lambda x: x**3, X3)[1](X3),
    "jvp": lambda: tg.jvp(lambda x: x**3, (X3,), (X3,)),
    "jacobian": lambda: tg.jacobian(lambda x: x**3)(X3),
    "hessian": lambda: tg.hessian(lambda x: np.sum(x**3 * W))(X3),
    "hvp": lambda: tg.hvp(lambda x: np.sum(x**3), X3, X3),
    "a checkpoint, forward only": lambda: tg.checkpoint(lambda x: np.sin(x) * W)(X3),
    "a checkpoint": lambda: tg.checkpoint(lambda x: np.sin(x) * W)(X3).sum().backward(),
    "a checkpoint, recorded": lambda: tg.checkpoint(lambda x: np.sin(x) * W)(X3).sum().backward(create_graph=True),
    "a checkpoint of two": lambda: sum(y.sum() for y in tg.checkpoint(lambda x: (x * W, x + W))(X3)).backward(),
    "a checkpoint, in part": lambda: tg.jacobian(tg.checkpoint(lambda x: np.sin(x) * W))(X3),
    "a checkpoint, twice": lambda: tg.hessian(lambda x: np.sum(tg.checkpoint(lambda y: y**3 * W)(x)))(X3),
    "an exception": lambda: tg.grad(lambda x: fail(x * x))(X3),
    "an exception of NumPy's": lambda: tg.grad(lambda x: np.sum(x[7]))(X3),
    "an exception in a rule": lambda: tg.hessian(lambda x: np.sum(failing(x)))(X3),
    "a wrong cotangent": lambda: tg.vjp(lambda x: x**3, X3)[1]({}),
    "a hook": lambda: tg.grad(lambda x: (x.register_hook(lambda g: 2 * g), np.sum(x * x))[1])(X3),
}


@pytest.fixture
def collector_off():
    """The collector off, and looking only at what is made from now on, so that it is quick when it is called."""
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def entries() -> int:
    return sum(type(item) is Entry for item in gc.get_objects())


@pytest.mark.parametrize("act", LEAVES_NOTHING.values(), ids=LEAVES_NOTHING)
@pytest.mark.usefixtures("collector_off")
def test_nothing_is_left_for_the_collector(act):
    for _ in range(2):  # what the first call makes may stay, such as an op for so many arguments
        assert gc.collect() == 0 or _ == 0
        with contextlib.suppress(Failed, IndexError, ValueError):
            act()
        W.grad = None
        assert entries() == 0
    assert gc.collect() == 0


@pytest.mark.usefixtures("collector_off")
def test_a_thread_that_ends_leaves_nothing():
    thread = threading.Thread(target=lambda: tg.grad(lambda x: np.sum(x**3))(X3))
    thread.start()
    thread.join()
    assert entries() == 0
    assert usual()
