"""A Python number that is differentiated.

NumPy lets a Python number take the dtype of the array that it meets, and arithmetic between Python numbers is
Python's. A transform that was given `2.0` must do the same, so that values and dtypes are what the function
gives without it. Only transforms make a `Number`; it is a Tensor whose `_array` is a Python float.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._tape import Entry, Tensor, keep_gradient, keeps_gradient
from .ops import elementwise
from .primitive import Op, run

if TYPE_CHECKING:
    from collections.abc import Callable


class Number(Tensor):
    """A Python float on the tape."""

    __slots__ = ()

    def __init__(self, value: float, entry: Entry | None) -> None:
        self._array = value
        self._entry = entry
        self._grad = None

    shape = property(lambda self: ())
    ndim = property(lambda self: 0)
    size = property(lambda self: 1)
    dtype = property(lambda self: np.dtype(np.float64))
    nbytes = property(lambda self: 8)

    def detach(self) -> Number:
        """The same number, that nothing was recorded for."""
        return Number(self._array, None)


def _python_op(python: Callable[..., Any], op: Op) -> Callable[..., Any]:
    """The operator as Python itself runs it, with the rules of the op that stands for it."""
    twin = Op(op.name, python, op.broadcasts)
    twin.rules, twin.needs = op.rules, op.needs

    def combine(*numbers: Any) -> Number:
        out = run(twin, numbers, {})
        number = Number(out._array.item(), out._entry)
        if keeps_gradient(out):
            keep_gradient(number)  # which takes the place of `out`
        return number

    return combine


def _install(name: str, python: Callable[..., Any], numpy_op: Any) -> None:
    """Give Number an operator that is Python's between Python numbers, and the op's otherwise."""
    python_op = _python_op(python, numpy_op.op)

    def combine(*operands: Any) -> Any:
        between_numbers = all(type(x) in (Number, float, int, bool) for x in operands)
        return (python_op if between_numbers else numpy_op)(*operands)

    setattr(Number, f"__{name}__", lambda *operands: combine(*operands))
    if name not in ("neg", "pos", "abs"):
        setattr(Number, f"__r{name}__", lambda x, y: combine(y, x))
        setattr(Number, f"__i{name}__", lambda x, y: combine(x, y))


def _install_comparison(name: str) -> None:
    """Give Number a comparison that answers a bool between Python numbers, and as NumPy otherwise."""
    python, otherwise = getattr(operator, name), getattr(Tensor, f"__{name}__")

    def compare(x: Number, y: Any) -> Any:
        if type(y) in (Number, float, int, bool):
            return python(x._array, y._array if type(y) is Number else y)
        return otherwise(x, y)

    setattr(Number, f"__{name}__", compare)


_OPERATORS: list[tuple[str, Callable[..., Any], Any]] = [
    ("add", operator.add, elementwise.add),
    ("sub", operator.sub, elementwise.subtract),
    ("mul", operator.mul, elementwise.multiply),
    ("truediv", operator.truediv, elementwise.divide),
    ("floordiv", operator.floordiv, elementwise.floor_divide),
    ("mod", operator.mod, elementwise.remainder),
    ("pow", operator.pow, elementwise.operator_pow),
    ("neg", operator.neg, elementwise.negative),
    ("pos", operator.pos, elementwise.positive),
    ("abs", operator.abs, elementwise.abs),
]
for _operator in _OPERATORS:
    _install(*_operator)
for _comparison in ("eq", "ne", "lt", "le", "gt", "ge"):
    _install_comparison(_comparison)
