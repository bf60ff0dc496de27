"""The words of honest errors: what was expected, what came, and what to do.

Other tests look for a fragment where an error belongs; this one reads the whole message, once for each kind.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors

X = tg.tensor(np.ones((2, 3)), requires_grad=True)
W = tg.tensor(np.ones((4, 3)), requires_grad=True)

broken = tg.primitive(lambda x: x * 1, lambda g: 1 / 0, name="broken")
shrinking = tg.primitive(lambda x: x * 1, lambda g: g[:1], name="shrinking")


def twice(y: tg.Tensor) -> None:
    y.backward()
    y.backward()


# What is done, the exception, and all that it says, its notes included, however the lines are broken.
MESSAGES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # Shapes
    "shapes of an elementwise op": (
        lambda: X + np.ones(2),
        errors.ShapeError,
        """
        add: shapes (2, 3) and (2,) do not broadcast together; aligned at the right, each dimension must be
        equal or 1
        """,
    ),
    "shapes of a product": (
        lambda: X @ W,
        errors.ShapeError,
        """
        matmul: shapes (2, 3) and (4, 3) do not fit together as (n?,k),(k,m?)->(n?,m?), where dimensions of one
        name have one size and those before them broadcast
        """,
    ),
    "shapes to join": (
        lambda: np.concatenate([X, W], axis=1),
        errors.ShapeError,
        """
        concat: shapes (2, 3), (4, 3) must be equal except along axis 1
        """,
    ),
    "labels": (
        lambda: tg.softmax_cross_entropy(X, np.array([0, 1, 2])),
        errors.ShapeError,
        """
        softmax_cross_entropy: for logits of shape (2, 3), labels are integers of shape (2,) or probabilities of
        shape (2, 3); got int64 (3,)
        """,
    ),
    # Dtypes
    "an integer asked for a gradient": (
        lambda: tg.tensor([1, 2], dtype=np.int64, requires_grad=True),
        errors.DTypeError,
        """
        requires_grad: only floating-point tensors have gradients, and this one is int64; convert it first, e.g.
        tapegrad.tensor(x, dtype=np.float32, requires_grad=True)
        """,
    ),
    "an integer differentiated by": (
        lambda: tg.grad(lambda x: x * x)(2),
        errors.DTypeError,
        """
        grad: expected floating-point numbers or arrays to differentiate by, got int64 (int); write 2.0 for 2,
        or convert with astype
        """,
    ),
    "a float as an index": (
        lambda: X[tg.tensor([1.0])],
        errors.DTypeError,
        """
        index: expected integers or booleans, got a tensor of float32; use astype(int)
        """,
    ),
    # Backward passes
    "no cotangent": (
        lambda: (X * 2).backward(),
        errors.BackwardError,
        """
        backward: a result of shape (2, 3) needs a cotangent of that shape: call y.backward(g), or reduce it to
        one number first, e.g. y.sum().backward()
        """,
    ),
    "a cotangent of another shape": (
        lambda: (X * 2).backward(np.ones(3)),
        errors.ShapeError,
        """
        backward: the cotangent has shape (3,), but the result has shape (2, 3)
        """,
    ),
    "a released graph": (
        lambda: twice((X * X).sum()),
        errors.BackwardError,
        """
        backward: the graph behind this sum was released by an earlier backward; pass retain_graph=True to that
        one, or add the results up and call backward once
        """,
    ),
    "nothing recorded": (
        lambda: np.floor(X).sum().backward(),
        errors.BackwardError,
        """
        backward: nothing was recorded for this tensor. Nothing that it was computed from requires a gradient
        (tapegrad.tensor(..., requires_grad=True)), or it came through an op without one (a comparison, floor,
        argmax, ...), through detach(), or ran under no_grad()
        """,
    ),
    "no number to differentiate": (
        lambda: tg.grad(np.sin)(np.ones(3)),
        errors.ShapeError,
        """
        grad: expected a function that gives one number, but the result has shape (3,); reduce it (e.g. with
        sum), or use jacobian or vjp
        """,
    ),
    # Rules
    "a rule of the wrong shape": (
        lambda: shrinking(X).sum().backward(),
        errors.RuleError,
        """
        shrinking: its rule gave a gradient of shape (1, 3) for an argument of shape (2, 3); a rule gives its
        argument's shape
        in the gradient of shrinking for argument 0: arguments (2, 3), result (2, 3); tapegrad.debug() would
        tell the line that called it
        """,
    ),
    "an exception in a rule": (
        lambda: broken(X).sum().backward(),
        ZeroDivisionError,
        """
        division by zero
        in the gradient of broken for argument 0: arguments (2, 3), result (2, 3); tapegrad.debug() would tell
        the line that called it
        """,
    ),
    "a rule that asks for what there is not": (
        lambda: tg.primitive(np.sin, lambda g, z: g),
        errors.RuleError,
        """
        sin: a rule asks for z, which there is not; it may ask for out, x, shape
        """,
    ),
    # Lost gradients
    "a Tensor as a number": (
        lambda: float(X.sum()),
        errors.LostGradientError,
        """
        float(t), or a function of math, would lose the gradient of a recorded tensor. For the bare value use
        t.item(), t.numpy() or t.detach(); to go on computing use np.exp or tapegrad.exp instead of math.exp,
        tapegrad.stack to collect tensors in one, tapegrad.index_update instead of a[i] = t
        """,
    ),
    "item assignment": (
        lambda: X.__setitem__(0, 1.0),
        errors.LostGradientError,
        """
        t[key] = value: item assignment cannot be recorded; write t = tapegrad.index_update(t, key, value), or
        tapegrad.index_add(t, key, value) for +=, which give a new tensor
        """,
    ),
    "a leaf changed in place": (
        lambda: X.__iadd__(1),
        errors.BackwardError,
        """
        x += y: x is a leaf that requires a gradient, and changing it would lose track of it; write y = x + ...
        for a new tensor, or update x inside `with tapegrad.no_grad():`
        """,
    ),
}


def said(error: BaseException) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


@pytest.mark.parametrize(("act", "error", "message"), MESSAGES.values(), ids=MESSAGES)
def test_an_error_says_what_was_expected_what_came_and_what_to_do(act, error, message):
    with pytest.raises(error) as caught:
        act()
    assert said(caught.value).split() == message.split()
    assert type(caught.value) is error


def test_numpys_own_errors_say_which_op_and_which_arguments():
    for act, error, note in [
        (lambda: X.reshape(4, 2), ValueError, "in reshape of float64 (2, 3)"),
        (lambda: X.sum(axis=2), np.exceptions.AxisError, "in sum of float64 (2, 3)"),
        (lambda: X[5], IndexError, "in getitem of float64 (2, 3)"),
        (lambda: X & 1, TypeError, "in bitwise_and of float64 (2, 3), int ()"),
    ]:
        with pytest.raises(error) as caught:
            act()
        assert caught.value.__notes__ == [note]


def test_a_released_graph_names_the_op_that_it_met():
    y = np.sin(X)
    y.sum().backward()
    with pytest.raises(errors.BackwardError, match="behind this sin was released"):
        (y * 2).sum().backward()


def line_of(function: Callable[..., Any], text: str) -> str:
    """`file:line` of the only line of a function with `text` in it."""
    lines, first = inspect.getsourcelines(function)
    (number,) = [first + i for i, line in enumerate(lines) if text in line]
    return f"{__file__}:{number}"


def call_broken():
    return broken(X).sum()  # the line that debug mode tells


def test_in_debug_mode_an_exception_in_a_rule_tells_the_users_line():
    with tg.debug():
        y = call_broken()
    with pytest.raises(ZeroDivisionError) as caught:
        y.backward()
    assert said(caught.value) == (
        "division by zero\nin the gradient of broken for argument 0: arguments (2, 3), result (2, 3), called at "
        + line_of(call_broken, "broken(X)")
    )


def take_a_logarithm():
    return np.log(X - 2)  # of -1


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_nan_names_the_op_and_the_users_line():
    with tg.detect_nan(), pytest.raises(errors.NaNError) as caught:
        take_a_logarithm()
    assert str(caught.value) == (
        "detect_nan: log of float64 (2, 3) gave 6 NaNs among 6 elements, the first at [0, 0], where it is log of -1, "
        f"while no argument had one; it was called at {line_of(take_a_logarithm, 'np.log')}. Keep its arguments where "
        "it is defined, e.g. with tapegrad.clip"
    )


def take_a_root():
    return np.sqrt(X - 1).sum()  # of 0, where the slope is infinite


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_nan_in_a_gradient_names_the_rule_and_the_users_line():
    with tg.detect_nan():
        y = take_a_root() * 0
        with pytest.raises(errors.NaNError) as caught:
            y.backward()
    assert str(caught.value).startswith(
        "detect_nan: the gradient rule of sqrt for argument 0, float64 (2, 3), gave 6 NaNs among 6 elements, the first "
        "at [0, 0], while the gradient that it was given had none; sqrt was called at "
        + line_of(take_a_root, "np.sqrt")
    )


def test_every_exception_is_also_the_built_in_that_fits():
    builtin = {
        errors.ShapeError: ValueError,
        errors.DTypeError: TypeError,
        errors.LostGradientError: RuntimeError,
        errors.BackwardError: RuntimeError,
        errors.RuleError: RuntimeError,
        errors.NaNError: FloatingPointError,
        errors.DataError: ValueError,
        errors.KinkError: ValueError,
        errors.TraceError: RuntimeError,
        errors.MissingExtraError: ImportError,
    }
    every = {getattr(errors, name) for name in errors.__all__} - {errors.TapegradError}
    assert set(builtin) == every
    for error, parent in builtin.items():
        assert issubclass(error, errors.TapegradError)
        assert issubclass(error, parent)
        assert error.__name__ in errors.__doc__
        assert parent.__name__ in errors.__doc__
        assert getattr(tg, error.__name__) is error
