"""`primitive`: how a function and its rules become an op, for the library and for its users."""

from __future__ import annotations

import functools
import operator
import pickle

import numba
import numpy as np
import pytest

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.errors import LostGradientError, RuleError, ShapeError
from tapegrad.primitive import UFUNCS, constant, variadic
from tapegrad.testing import check_gradients

X = np.array([[0.3, -1.2, 0.8], [1.7, 0.1, -0.4]])


def recorded(array=X):
    return tg.tensor(array, requires_grad=True)


# --------------------------------------------------------------------------------------------------
# What a function may be


@numba.njit
def cubed(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out.flat[i] = x.flat[i] ** 3
    return out


@numba.vectorize
def soft(x, y):
    return x / (1 + abs(y))


class Doubled:
    def __call__(self, x):
        return 2 * x


FUNCTIONS = {
    "a ufunc of one argument": (tg.primitive(np.sin, lambda g, x: g * tg.cos(x)), (X,), np.sin),
    "a ufunc of two": (tg.primitive(np.multiply, lambda g, y: g * y, lambda g, x: g * x), (X, X[0]), np.multiply),
    "a function": (tg.primitive(lambda x: x**3, lambda g, x: g * 3 * x * x), (X,), lambda x: x**3),
    "a function of two arrays": (
        tg.primitive(lambda x, w: x @ w, lambda g, w: g @ w.T, lambda g, x: x.T @ g),
        (X, X.T),
        np.matmul,
    ),
    "a built-in": (tg.primitive(operator.neg, lambda g: -g), (X,), np.negative),
    "numba's njit": (tg.primitive(cubed, lambda g, x: g * 3 * x * x), (X,), lambda x: x**3),
    "numba's vectorize": (
        tg.primitive(
            soft,
            lambda g, y: g / (1 + abs(y)),
            lambda g, x, y: -g * x * tg.sign(y) / (1 + abs(y)) ** 2,
            broadcasts=True,
        ),
        (X, X[0]),
        lambda x, y: x / (1 + np.abs(y)),
    ),
    "an object": (tg.primitive(Doubled(), lambda g: 2 * g), (X,), lambda x: 2 * x),
    "a partial": (tg.primitive(functools.partial(np.multiply, 3.0), lambda g: 3 * g), (X,), lambda x: 3 * x),
    "a number": (
        tg.primitive(lambda x: float(np.sum(x)), lambda g, shape: tg.broadcast_to(g, shape)),
        (X,),
        lambda x: np.asarray(np.sum(x)),
    ),
    "a rule that is an object": (
        tg.primitive(np.positive, functools.partial(lambda scale, g: scale * g, 1.0)),
        (X,),
        np.positive,
    ),
}


@pytest.mark.parametrize("what", FUNCTIONS)
def test_anything_that_can_be_called_becomes_an_op(what):
    op, arguments, expected = FUNCTIONS[what]
    y = op(*map(recorded, arguments))
    assert type(y) is Tensor
    assert y._entry.op is op.op
    np.testing.assert_allclose(y.numpy(), expected(*arguments), rtol=1e-15)
    np.testing.assert_allclose(op(*arguments), expected(*arguments), rtol=1e-15)
    assert not isinstance(op(*arguments), Tensor)
    check_gradients(op, *arguments)


def test_an_op_has_the_name_and_the_documentation_of_its_function():
    def clamp(x):
        """Nothing below 0."""
        return np.maximum(x, 0)

    op = tg.primitive(clamp, lambda g, out: g * (out > 0))
    assert op.__name__ == "clamp"
    assert op.__doc__ == "Nothing below 0."
    assert repr(op.op) == "<op clamp>"
    assert tg.primitive(clamp, lambda g: g, name="other").op.name == "other"
    assert tg.primitive(Doubled(), lambda g: 2 * g).op.name == "Doubled"


def test_an_op_made_of_a_ufunc_does_not_replace_numpys():
    before = UFUNCS[np.sin]
    mine = tg.primitive(np.sin, lambda g: 100 * g)
    assert UFUNCS[np.sin] is before
    x = recorded()
    np.sin(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos(X))
    x.grad = None
    mine(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full(X.shape, 100.0))


def test_a_ufunc_that_had_no_op_records_from_then_on():
    ufunc = np.frompyfunc(lambda x: x, 1, 1)
    x = recorded()
    with pytest.raises(LostGradientError):
        ufunc(x)
    tg.primitive(ufunc, lambda g: g)
    try:
        assert ufunc(x).requires_grad
    finally:
        del UFUNCS[ufunc]


# --------------------------------------------------------------------------------------------------
# What a rule may ask for


def test_a_rule_gets_what_it_names_and_nothing_else_is_kept():
    cases = {
        "x": (lambda g, x: g, (False, True, False)),
        "y": (lambda g, y: g, (False, False, True)),
        "out": (lambda g, out: g, (True, False, False)),
        "x, y": (lambda g, x, y: g, (False, True, True)),
        "x, y, out": (lambda g, x, y, out: g, (True, True, True)),
        "shape": (lambda g, shape: g, (False, False, False)),
        "scale": (lambda g, scale: g, (False, False, False)),
        "nothing": (lambda g: g, (False, False, False)),
        "all": (lambda g, scale, out, shape, y: g, (True, False, True)),
    }
    for rule, kept in cases.values():
        op = tg.primitive(lambda x, y, *, scale=2.0: x * y * scale, rule, None)
        saved = op(recorded(), X)._entry.saved
        assert tuple(value is not None for value in saved) == kept


def test_rules_get_the_right_values():
    seen = {}

    def rule(g, scale, out, shape, y, x):
        seen.update(locals())
        return g

    op = tg.primitive(lambda x, y, scale=2.0: x * y * scale, rule, None)
    for call, scale in [
        (lambda x: op(x, X[0]), 2.0),
        (lambda x: op(x, X[0], scale=3.0), 3.0),
        (lambda x: op(x, X[0], 4.0), 4.0),
    ]:
        x = recorded()
        call(x).backward(np.full(X.shape, 7.0))
        assert seen["scale"] == scale
        assert seen["shape"] == X.shape
        np.testing.assert_array_equal(seen["g"], np.full(X.shape, 7.0))
        np.testing.assert_array_equal(seen["x"], X)
        np.testing.assert_array_equal(seen["y"], X[0])
        np.testing.assert_array_equal(seen["out"], X * X[0] * scale)


def test_a_rule_may_have_parameters_of_its_own():
    op = tg.primitive(np.negative, lambda g, times=-1.0: times * g)
    check_gradients(op, X)


def test_an_argument_without_a_rule_is_fixed():
    op = tg.primitive(lambda x, y: x * y, lambda g, y: g * y, None)
    x, y = recorded(), recorded(X + 1)
    op(x, y).sum().backward()
    assert y.grad is None
    assert not op(X, y).requires_grad


def test_all_of_the_rules_parameters_are_known_when_the_op_is_made():
    for function in (np.sin, lambda x: x, lambda x, *, scale: x):
        with pytest.raises(RuleError, match="a rule asks for nonsense, which there is not; it may ask for out, x"):
            tg.primitive(function, lambda g, nonsense: g)
    with pytest.raises(
        RuleError, match=r"a rule's first parameter is g, the incoming gradient; this one takes \['x'\]"
    ):
        tg.primitive(np.sin, lambda x: x)
    with pytest.raises(RuleError, match="got 2 rules, but its function takes 1 arguments by position"):
        tg.primitive(lambda x: x, lambda g: g, lambda g: g)
    tg.primitive(lambda x, **options: x, lambda g, anything: g)  # this function may know it


# --------------------------------------------------------------------------------------------------
# How an op may be called


def test_parameters_come_by_position_or_by_name():
    op = tg.primitive(lambda x, power=2, scale=1.0: scale * x**power, lambda g, x, power, scale: g * scale * power * x)
    for y in (op(recorded(), 2, 3.0), op(recorded(), power=2, scale=3.0), op(recorded(), 2, scale=3.0)):
        np.testing.assert_array_equal(y.numpy(), 3 * X**2)
        assert y._entry.params == {"power": 2, "scale": 3.0}


@pytest.mark.parametrize("keywords", [{"y": X}, {"y": recorded()}])
def test_arrays_come_by_position(keywords):
    op = tg.primitive(lambda x, y: x * y, lambda g, y: g * y, lambda g, x: g * x, name="product")
    with pytest.raises(TypeError, match="product"):
        op(x=recorded(), **keywords)
    if isinstance(keywords["y"], Tensor):
        with pytest.raises(TypeError, match="product: its function computed a Tensor, because it got one by keyword"):
            op(recorded(), **keywords)


def test_recorded_tensors_are_no_parameters():
    op = tg.primitive(lambda x, scale: x * scale, lambda g, scale: g * scale, name="scaled")
    with pytest.raises(LostGradientError, match="scaled: its 1 rules leave no gradient for a recorded Tensor"):
        op(recorded(), recorded())
    y = op(recorded(), tg.tensor(2.0))
    y.sum().backward()
    with pytest.raises(TypeError, match="scaled: its function computed a Tensor"):
        op(recorded(), scale=recorded())


def test_a_numba_function_takes_its_parameters_by_name():
    @numba.njit
    def scaled(x, scale):
        return x * scale

    op = tg.primitive(scaled, lambda g, scale: g * scale, name="scaled")
    check_gradients(lambda x: op(x, scale=3.0), X)
    with pytest.raises(TypeError, match="scaled: takes 1 arrays, got 2; pass parameters by keyword"):
        op(recorded(), 3.0)


def test_one_array_comes_out():
    two = tg.primitive(lambda x: (x, x), lambda g: g, name="two")
    with pytest.raises(RuleError, match="two: an op's function gives one array, and this one gave tuple"):
        two(recorded())


def test_an_error_of_the_function_says_which_op():
    op = tg.primitive(lambda x, y: x @ y, lambda g: g, lambda g: g, name="product")
    with pytest.raises(ValueError, match="matmul") as caught:
        op(recorded(), X)
    assert caught.value.__notes__ == ["in product of float64 (2, 3), float64 (2, 3)"]
    op = tg.primitive(lambda x, y: x + y, lambda g: g, lambda g: g, name="total", broadcasts=True)
    with pytest.raises(ShapeError, match=r"total: shapes \(2, 3\) and \(2,\) do not broadcast together"):
        op(recorded(), X[:, 0])


# --------------------------------------------------------------------------------------------------
# The other two kinds


def test_a_variadic_op_has_one_rule_that_is_told_which():
    seen = []

    def rule(g, index, arguments, shape, out, scale):
        seen.append((index, [a.copy() for a in arguments], shape, scale))
        return g * scale * np.prod([a for i, a in enumerate(arguments) if i != index], axis=0)

    product = variadic(lambda *arrays, scale: scale * np.prod(arrays, axis=0), rule, name="product")
    arrays = [X, X + 1, X + 2]
    tensors = [recorded(a) for a in arrays]
    y = product(tensors[0], tensors[1], arrays[2], scale=2.0)
    np.testing.assert_allclose(y.numpy(), 2 * X * (X + 1) * (X + 2))
    y.sum().backward()
    assert [s[0] for s in seen] == [0, 1]  # not for the last, which is an array
    for _, arguments, shape, scale in seen:
        for a, b in zip(arguments, arrays, strict=True):
            np.testing.assert_array_equal(a, b)
        assert (shape, scale) == (X.shape, 2.0)
    np.testing.assert_allclose(tensors[1].grad.numpy(), 2 * X * (X + 2))
    assert product.op_for(3) is product.op_for(3)
    assert product.op_for(2) is not product.op_for(3)


def test_a_constant_records_nothing():
    floor = constant(np.floor)
    assert not floor(recorded()).requires_grad
    assert type(floor(recorded())) is Tensor
    assert constant(np.sign, name="signum").op.name == "signum"


def test_ops_are_not_pickled():
    with pytest.raises(TypeError, match="the op sin cannot be pickled; pickle arrays, or detached Tensors"):
        pickle.dumps(tg.sin.op)


def test_what_is_in_a_rule_is_recorded_for_higher_orders():
    op = tg.primitive(lambda x: x**4, lambda g, x: 4 * g * x**3)
    check_gradients(op, X, order=3)
    third = tg.grad(tg.grad(tg.grad(lambda x: op(x))))
    assert third(2.0) == 48.0
