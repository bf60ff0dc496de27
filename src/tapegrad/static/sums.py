"""The sums and means at the end of a run of elementwise steps on large arrays: of all numbers, or of each row.

A block makes the sums of its rows, or a part of a sum of all numbers. Sums over rows are NumPy's: it adds one row after
the other in float32, and another order would be more than 1e-6 away from that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.instructions import SUM_ALL, SUM_COLUMNS
from ..ops import reduction
from .program import Variable
from .runs import F4

if TYPE_CHECKING:
    from .program import Entry, Program

SUM, MEAN = reduction.sum_op.op.function, reduction.mean_op.op.function
WIDEST = 1 << 14  # numbers of a row, where rows matter: a block has whole rows


def is_sum(entry: Entry) -> bool:
    """Whether an entry is a sum or a mean."""
    return entry.function in (SUM, MEAN)


def instruction(program: Program, entry: Entry) -> int | None:
    """The machine's instruction for a sum or mean of float32, or None for one over other axes."""
    (argument,) = entry.arguments
    if entry.effect or type(argument) is not Variable or program.kinds[argument].dtype != F4:
        return None
    shape = program.kinds[argument].shape
    axis = entry.params["axis"]
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    axes = {each % len(shape) for each in axes}
    last = len(shape) - 1
    if math.prod(program.kinds[entry.out].shape) == 1:
        return SUM_ALL
    return SUM_COLUMNS if axes == {last} and shape[-1] <= WIDEST else None


class Sum:
    """One of them, in a run of a program."""

    def __init__(self, program: Program, entry: Entry) -> None:
        self.out = entry.out
        self.instruction = instruction(program, entry)
        self._shape = program.kinds[entry.out].shape
        count = math.prod(program.kinds[entry.arguments[0]].shape) // math.prod(self._shape)
        self._divisor = np.float64(count) if entry.function is MEAN else None

    def parts(self, rows: int, blocks: int) -> Any:
        """An array for what the blocks make of it."""
        return np.empty(rows if self.instruction == SUM_COLUMNS else blocks, F4)

    def total(self, parts: Any) -> Any:
        """The result, of what the blocks made."""
        with np.errstate(all="ignore"):  # as the machine, which tells of nothing
            result = parts
            if self.instruction != SUM_COLUMNS:
                result = parts.sum(dtype=np.float64).astype(F4)
            if self._divisor is not None:
                result = (result / self._divisor).astype(F4)
        return result.reshape(self._shape) if self._shape else np.float32(result)
