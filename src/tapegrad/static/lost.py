"""Results of a program whose gradient would be lost: a backward pass that comes to one is an error."""

from __future__ import annotations

from typing import Any

from .._tape import Entry, Tensor, next_serial, wrap
from ..errors import LostGradientError
from ..primitive import primitive


def recorded(output: Tensor) -> bool:
    """Whether a backward pass would come to something behind a result, or to a parameter that is one.

    What one has gone through already and released, as it does with what is behind a loss, is given as a plain Tensor.
    """
    entry = output._entry
    return entry is not None and entry.saved is not None


def _refuse(g: Any, out: Any) -> Any:
    raise LostGradientError(
        "backward: it came to a result of a compiled function, and no gradient flows through a program. Compile the "
        "whole step, with its backward pass, or call the function itself; where no gradient is wanted, pass t.detach()"
    )


_result = primitive(lambda x: x, _refuse, name="compiled").op


def without_gradient(array: Any) -> Tensor:
    """A Tensor that was recorded where the function ran by itself: a backward pass that comes to it is an error."""
    entry, parent = Entry(), Entry()
    for each, op, parents in ((parent, None, ()), (entry, _result, (parent,))):
        each.op, each.parents, each.params, each.saved = op, parents, {}, (None, None)
        each.serial, each.shape, each.dtype, each.watch = next_serial(), array.shape, array.dtype, None
    return wrap(array, entry)
