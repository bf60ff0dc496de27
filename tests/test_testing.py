"""The gradient checker must fail on every rule that is wrong, and pass those that are right."""

from __future__ import annotations

import doctest
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.errors import DTypeError, RuleError
from tapegrad.testing import KinkError, check_gradients, gradients, strategies

X = np.array([[0.3, -1.2, 0.8], [1.7, 0.1, -0.4]])
Y = np.array([[1.1, 0.4, -0.9], [0.2, -1.5, 0.6]])


def shares(x):
    exponentials = np.exp(x - np.max(x, -1, keepdims=True))
    return exponentials / np.sum(exponentials, -1, keepdims=True)


# --------------------------------------------------------------------------------------------------
# Wrong rules

WRONG = {
    "a flipped sign": (tg.primitive(np.sin, lambda g, x: -g * tg.cos(x)), (X,)),
    "a missing factor": (tg.primitive(np.square, lambda g, x: g * x), (X,)),
    "a factor that is 1 % off": (tg.primitive(np.exp, lambda g, out: 1.01 * g * out), (X,)),
    "the incoming gradient left out": (tg.primitive(np.sin, lambda g, x: tg.cos(x)), (X,)),
    "the incoming gradient as a sum": (tg.primitive(np.sin, lambda g, x: tg.sum(g) * tg.cos(x)), (X,)),
    "one of two arguments": (tg.primitive(np.multiply, lambda g, y: g * y, lambda g, y: g * y), (X, Y)),
    "a transpose too few": (
        tg.primitive(lambda x, y: x @ y, lambda g, y: g @ y, lambda g, x: x.T @ g),
        (X[:, :2], Y[:, :2]),
    ),
    "softmax by s (1 - s), element by element": (tg.primitive(shares, lambda g, out: g * out * (1 - out)), (X,)),
    # A cotangent of ones, as `softmax(x).sum().backward()` would have, finds nothing wrong with this one.
    "softmax by zeros": (tg.primitive(shares, lambda g, out: 0 * out), (X,)),
    "right in the wrong place": (
        tg.primitive(lambda x: x[::-1], lambda g: g + 0),
        (X,),
    ),
    "broadcasting that hides a sum": (
        tg.primitive(lambda x, y: x * y, lambda g, y: g * y, lambda g, x: g * np.ones(x.shape), broadcasts=True),
        (X, Y[0]),
    ),
    "NaN": (tg.primitive(np.sin, lambda g, x: g * tg.cos(x) / (0 * x)), (X,)),
    "right up to rounding in float32": (
        tg.primitive(np.sin, lambda g, x: (g * tg.cos(x)).astype(np.float16).astype(np.float64)),
        (X,),
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_rule_is_found(what):
    function, arguments = WRONG[what]
    with pytest.raises(AssertionError, match="check_gradients, order 1: the gradient disagrees"):
        check_gradients(function, *arguments)


def test_ones_would_not_have_found_softmax_by_zeros():
    """The reason why cotangents are random."""
    function, (x,) = WRONG["softmax by zeros"]
    t = tg.tensor(x, requires_grad=True)
    function(t).sum().backward()
    right = tg.tensor(x, requires_grad=True)
    tg.softmax(right).sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), right.grad.numpy(), atol=1e-16)


def test_a_rule_of_the_wrong_shape_is_found():
    function = tg.primitive(lambda x: np.sum(x, 0), lambda g: g)
    with pytest.raises(RuleError, match=r"gave a gradient of shape \(3,\) for an argument of shape \(2, 3\)"):
        check_gradients(function, X)


def test_a_rule_that_only_its_derivative_shows_wrong_is_found():
    """First order is right: the rule uses the right numbers, but they do not depend on x as far as the tape knows."""
    function = tg.primitive(np.sin, lambda g, x: g * np.cos(x.detach().numpy() if isinstance(x, tg.Tensor) else x))
    check_gradients(function, X, order=1)
    with pytest.raises(AssertionError, match="order 2: the gradient disagrees"):
        check_gradients(function, X)


def test_a_rule_that_is_not_linear_in_the_incoming_gradient_is_found():
    function = tg.primitive(np.sin, lambda g, x: g * g * tg.cos(x))
    with pytest.raises(AssertionError, match="disagrees"):
        check_gradients(function, X)


def test_a_third_order_can_be_asked_for():
    def rule(g, x):
        return g * lost(x)

    # cos, whose own rule is right, and whose rule's rule is not.
    lost = tg.primitive(np.cos, lambda g, x: -g * wrong(x))
    wrong = tg.primitive(np.sin, lambda g, x: g * x)
    function = tg.primitive(np.sin, rule)
    check_gradients(function, X[0])
    with pytest.raises(AssertionError, match="order 3"):
        check_gradients(function, X[0], order=3)


def test_wrong_rules_are_found_in_arrays_too_large_for_the_whole_jacobian():
    x = np.linspace(-1, 1, 300).reshape(10, 30)
    check_gradients(np.sin, x)
    with pytest.raises(AssertionError, match=r"a random direction of all arguments \(a random cotangent\)"):
        check_gradients(WRONG["a factor that is 1 % off"][0], x)


# --------------------------------------------------------------------------------------------------
# Right ones


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (np.sin, (X,)),
        (tg.softmax, (X,)),
        (np.multiply, (X, Y[0])),
        (np.matmul, (X, Y.T)),
        (lambda x: (x**3).sum(), (0.7,)),
        (lambda x, n: x**n, (X + 3, 2)),
        (np.concatenate, ([X, Y],)),
        (lambda tree: tree["w"] @ tree["x"], ({"w": X, "x": Y[0]},)),
        (lambda x: (np.sin(x), {"cos": np.cos(x)}), (X,)),
        (lambda x: np.split(x, 3, axis=1), (X,)),
        (np.sin, (tg.tensor(X),)),
        (np.sin, (X.astype(np.float32),)),
        (np.take, (X, np.array([0, 5, 5]))),
        (np.sin, (np.zeros((0, 3)),)),
        (lambda x: x[:0], (X,)),
        (lambda x: np.linspace(0.0, 1.0, 3), (X,)),
        (lambda x: tg.grad(lambda y: (y**3).sum())(x), (X,)),
        (tg.checkpoint(lambda x: np.exp(np.sin(x))), (X,)),
    ],
)
def test_what_is_right_passes(function, arguments):
    check_gradients(function, *arguments)


def test_arguments_are_left_alone():
    x = X.copy()
    t = tg.tensor(Y, requires_grad=True)
    check_gradients(np.multiply, x, t)
    np.testing.assert_array_equal(x, X)
    assert x.flags.writeable
    assert t.grad is None


# --------------------------------------------------------------------------------------------------
# Where there is nothing to compare


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (np.abs, [1.0, 0.0]),
        (tg.relu, [1.0, 3e-5]),
        (tg.relu, [1.0, -3e-5]),
        (np.max, [2.0, 1.0, 2.0]),
        (np.floor, [0.5, 2.0]),
        (lambda x: np.where(x > 0, x, 0), [0.0]),
        (np.linalg.norm, [0.0, 0.0]),
        (np.sqrt, [1e-7 + 1e-4]),
        (lambda x: np.sin(1e5 * x), [1.0]),
    ],
)
def test_kinks_are_told_from_wrong_rules(function, x):
    with pytest.raises(KinkError, match="no derivative by element"):
        check_gradients(function, np.array(x))


def test_a_kink_of_the_derivative_alone_is_found_where_it_matters():
    x = np.array([1.0, 0.0])
    with pytest.raises(KinkError):
        check_gradients(lambda x: np.abs(x) * x * x, x)  # the second derivative, 6 |x|, bends at 0


@pytest.mark.parametrize(
    ("function", "x", "error", "message"),
    [
        (np.log, [-1.0, 1.0], ValueError, "the result must be finite"),
        (np.log, [1e-5, 1.0], ValueError, r"finite where it is differentiated, .* of element \[0\] of argument 0"),
        (lambda x: x.astype(np.float32), [1.0], DTypeError, "need a float64 result, and the function gave float32"),
        (lambda x: x > 0, [1.0], DTypeError, "need a float64 result, and the function gave bool"),
        (lambda x: "text", [1.0], DTypeError, "the function gave str"),
        (lambda x: tg.random.uniform((), dtype=np.float64) + x, [1.0], AssertionError, "must not draw random numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_cannot_be_checked_says_why(function, x, error, message):
    with pytest.raises(error, match=message):
        check_gradients(function, np.array(x))


def test_something_must_be_differentiable():
    with pytest.raises(DTypeError, match="expected at least one floating-point argument"):
        check_gradients(np.sin, np.arange(3))


def test_the_message_names_the_argument_and_the_element():
    def rule(g, x):
        return g * x + 0.5 * g * np.array([[0, 0, 0], [0, 1, 0]])

    function = tg.primitive(np.multiply, lambda g, y: g * y, rule)
    with pytest.raises(AssertionError) as caught:
        check_gradients(function, X, Y, order=1)
    message = str(caught.value)
    assert message.startswith(
        "check_gradients, order 1: the gradient disagrees with finite differences in 2 of 84 places, "
        "most for element [1, 1] of argument 1 ("
    )
    assert "expected 0.1" in message or "expected" in message
    assert ", off by " in message


def test_the_message_names_the_leaf_of_a_container():
    function = tg.primitive(np.multiply, lambda g, y: g * y, lambda g, x: -g * x)
    with pytest.raises(AssertionError, match=r"element \[\d, \d\] of argument 0, leaf 1"):
        check_gradients(lambda pair: function(*pair), [X, Y])


def test_the_examples_in_the_documentation_run():
    assert doctest.testmod(gradients, extraglobs={"check_gradients": check_gradients, "np": np}).failed == 0


# --------------------------------------------------------------------------------------------------
# Strategies


@given(st.data())
@settings(max_examples=200)
def test_strategies_draw_what_they_promise(data):
    shape = data.draw(strategies.shapes(min_side=0))
    x = data.draw(strategies.arrays(shape, data.draw(strategies.dtypes())))
    assert x.shape == shape
    assert x.dtype in (np.float32, np.float64)
    assert np.all(np.abs(x) <= 4)
    assert np.all(x * 1024 == np.floor(x * 1024))
    np.sum(x, data.draw(strategies.axes(x.ndim)))
    if x.ndim:
        np.sum(x, data.draw(strategies.axis(x.ndim)))
    x[data.draw(strategies.indices(shape))]
    np.broadcast_shapes(*data.draw(strategies.broadcastable_shapes(3)))


@given(strategies.arrays((3, 3), low=0.25, high=2.0, unique=True))
def test_arrays_keep_to_their_bounds(x):
    assert x.min() >= 0.25
    assert x.max() <= 2.0
    assert len(np.unique(x)) == x.size


def kinds(key):
    """What an index is made of."""
    entries = key if isinstance(key, tuple) else (key,)
    found = {"tuple" if isinstance(key, tuple) else "alone"}
    for k in entries:
        if isinstance(k, slice):
            found.add("negative step" if (k.step or 1) < 0 else "slice")
        elif isinstance(k, np.ndarray):
            found.add("mask" if k.dtype == bool else "array")
            if k.dtype != bool and len(np.unique(k)) < k.size:
                found.add("duplicates")
            if (k < 0).any():
                found.add("negative place")
        else:
            found.add({int: "integer", list: "list"}.get(type(k), str(k)))
    if "array" in found and {"slice", "negative step"} & found:
        found.add("mixed")
    return found


def test_indices_are_of_every_kind():
    seen = set()

    # Always the same draws: one kind is so rare that five hundred others may be without it.
    @settings(max_examples=500, database=None, derandomize=True)
    @given(strategies.indices((3, 4, 2)))
    def draw(key):
        seen.update(kinds(key))

    draw()
    assert seen >= {
        "tuple", "alone", "slice", "negative step", "mask", "array", "duplicates", "negative place", "integer", "list",
        "None", "Ellipsis", "mixed",
    }  # fmt: skip


def test_without_hypothesis_the_rest_still_works():
    code = """
        import sys
        sys.modules["hypothesis"] = None
        import numpy as np
        from tapegrad import testing
        testing.check_gradients(np.sin, np.ones(2))
        try:
            testing.strategies
        except ImportError as error:
            print(type(error).__name__, error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "MissingExtraError tapegrad.testing.strategies needs Hypothesis, which is not installed; "
        "run: pip install hypothesis"
    )


def test_testing_has_no_other_names():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = tg.testing.nonsense
