"""What a program hands out, or keeps as state, lies in no memory into which somebody else may write.

A caller may write into the arrays that it was given, and into those that it gave, which are often used again for the
next batch. An entry's result may lie in one of those: a reshaped argument is a view of it, and so is the product with
1 that a pass left out.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .program import Program, Variable


def apart(array: Any, others: Iterable[Any]) -> Any:
    """The array, or a copy of it if it lies in the memory of one of the others."""
    if not isinstance(array, np.ndarray):  # one of NumPy's scalars, into which nobody can write
        return array
    owner = _owner(array)
    return array.copy() if any(_owner(other) is owner for other in others) else array


def _owner(array: Any) -> Any:
    """The object whose memory an array lies in."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


def not_apart(program: Program) -> set[Variable]:
    """The variables whose arrays may lie in the memory of an argument, of state, a constant or another result."""
    made = set()
    for entry in program.entries:
        # NumPy's universal functions, draws, optimizers and the machine give arrays of their own. Others, among them
        # everybody's own, may give a view.
        if isinstance(entry.function, np.ufunc) or entry.effect or entry.function is operator.getitem:
            made.add(entry.out)
    return program.kinds.keys() - made
