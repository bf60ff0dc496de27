"""In which order the numbers of a program's arrays lie in memory, as far as that is known before they are there.

It matters to the last bit: NumPy adds up numbers in the order in which they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .program import Entry, Program, Variable

PLAIN = "plain"  # the order of the dimensions


def orders(program: Program) -> dict[Variable, Any]:
    """The order of each variable: PLAIN, or that of another variable, which may be itself; none for numbers alone."""
    found: dict[Variable, Any] = {}
    for variable, kind in program.kinds.items():
        constant = program.values.get(variable)
        if kind.shape != ():
            found[variable] = PLAIN if constant is not None and _lies_plainly(constant.array) else variable
    for entry in program.entries:
        if entry.function is np.matmul or (entry.effect and not entry.arguments):  # which is a draw
            found[entry.out] = PLAIN
        elif elementwise(entry) and program.kinds[entry.out].shape != ():
            shapes = {program.kinds[variable].shape for variable in entry.inputs() if variable in found}
            of_inputs = {found[variable] for variable in entry.inputs() if variable in found}
            if len(of_inputs) == 1 and shapes == {program.kinds[entry.out].shape}:
                found[entry.out] = of_inputs.pop()
    return found


def elementwise(entry: Entry) -> bool:
    """Whether an entry is one of NumPy's functions of single numbers: its result has memory of its own, without gaps.

    It lies in the order of the operands, if these have one.
    """
    return isinstance(entry.function, np.ufunc) and entry.function.signature is None


def _lies_plainly(array: Any) -> bool:
    if isinstance(array, tuple | list):  # what an entry gave that gives several
        return False
    array = np.asarray(array)
    return bool(array.flags.c_contiguous) or not any(array.strides)
