"""Where a NaN comes from: the op, or the gradient rule, that made the first one."""

from __future__ import annotations

import contextlib
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Entry, Observer, Tensor, observed
from ..errors import NaNError
from . import facts
from .where import user_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..primitive import Op


@contextlib.contextmanager
def detect_nan() -> Iterator[None]:
    """Raise NaNError in this block as soon as an op, or a gradient rule in a backward pass, gives a NaN.

    The message names the op, its shapes and the user's line, of the forward call also for a rule; and says when it was
    not the op that made the NaN, because an argument had it before.
    """
    with observed(_NaNDetector()):
        yield


class _NaNDetector(Observer):
    def recorded(self, entry: Entry, tensor: Tensor) -> None:
        entry.line = user_line()

    def called(self, op: Op, arguments: Sequence[Any], params: dict[str, Any], out: Tensor, seconds: float) -> None:
        if not _has_nan(out._array):
            return
        given = {f"argument {index}": value for index, value in enumerate(arguments)} | params
        for name, value in given.items():
            if _has_nan(facts.raw(value)):
                raise NaNError(
                    f"detect_nan: {name} of {op.name}, {_shape(value)}, already had {_nans(value)}, which no op made "
                    f"in this block; {op.name} was called at {user_line()}. Look at the data that it came from"
                )
        shapes = ", ".join(_shape(value) for value in arguments if hasattr(facts.raw(value), "shape"))
        raise NaNError(
            f"detect_nan: {op.name} of {shapes} gave {_nans(out)}{_operands(op, arguments, out)}, while no argument "
            f"had one; it was called at {user_line()}. Keep its arguments where it is defined, e.g. with tapegrad.clip"
        )

    def reached(self, entry: Entry, g: Any) -> None:
        if _has_nan(facts.raw(g)):
            name = "a leaf" if entry.op is None else f"the result of {entry.op.name}"
            raise NaNError(
                f"detect_nan: the gradient of {name}, {_shape(g)}, has {_nans(g)}{_called(entry)}. No gradient rule "
                "made it: backward was given it, a hook made it, or infinities of both signs were added up"
            )

    def differentiated(self, entry: Entry, index: int, g: Any, gradient: Any, seconds: float) -> None:
        if _has_nan(facts.raw(gradient)):
            assert entry.op is not None
            raise NaNError(
                f"detect_nan: the gradient rule of {entry.op.name} for argument {index}, {_shape(gradient)}, gave "
                f"{_nans(gradient)}, while the gradient that it was given had none{_called(entry)}. Keep the argument "
                "where the derivative is finite: choose with tapegrad.where before the op, not after it"
            )


def _has_nan(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return isinstance(value, float) and value != value
    return dtype.kind in "fc" and bool(np.isnan(value).any())


def _nans(value: Any) -> str:
    """How many NaNs there are and where the first one is."""
    places = np.argwhere(np.isnan(facts.raw(value)))
    if np.size(value) == 1:
        return "NaN"
    count = "a NaN" if len(places) == 1 else f"{len(places):,} NaNs"
    return f"{count} among {np.size(value):,} elements, the first at {places[0].tolist()}"


def _operands(op: Op, arguments: Sequence[Any], out: Tensor) -> str:
    """What an elementwise op was given where its first NaN is."""
    function = op.function
    if not isinstance(function, np.ufunc | BuiltinFunctionType) or getattr(function, "signature", None):
        return ""
    place = tuple(np.argwhere(np.isnan(out._array))[0])
    given = [f"{np.broadcast_to(facts.raw(value), out.shape)[place]:.6g}" for value in arguments]
    return f", where it is {op.name} of {' and '.join(given)}"


def _shape(value: Any) -> str:
    array = facts.raw(value)
    return f"{array.dtype} {array.shape}" if hasattr(array, "dtype") else f"{array}"


def _called(entry: Entry) -> str:
    what = "the leaf was made" if entry.op is None else f"{entry.op.name} was called"
    line = getattr(entry, "line", None)
    return f"; {what} {f'at {line}' if line else 'outside detect_nan(), so its line is not known'}"
