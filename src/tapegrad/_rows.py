"""A gradient that is zero outside of a few rows, and keeps nothing but these.

A batch of text sees some thousand words of a table that has a row for each of 74,000. The rule of an op that takes
rows out of a table gives `Rows`: where the backward pass ends at a parameter, it hands them to the parameter as they
are, an optimizer reads them as they are, and whoever reads `.grad` sees the whole array.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernels.choice import for_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, np.dtype[Any]]


class Rows:
    """An array of `shape` whose rows at `indices` are `values`, and whose other rows are zero.

    `indices` (K,) are int64, sorted and unique; `values` are (K, *shape[1:]). Neither is written to after they were
    handed over. `of_repeated` makes one of indices in any order. Rows add up with rows to rows, and with an array to
    an array; they have no other arithmetic.

    A gradient rule may give Rows instead of an array. They have no `dtype`, which arrays have, and that is how the
    backward pass tells them from arrays without having to ask.
    """

    __slots__ = ("indices", "shape", "values")

    def __init__(self, indices: Array, values: Array, shape: tuple[int, ...]) -> None:
        self.indices = indices
        self.values = values
        self.shape = shape

    @classmethod
    def of_repeated(cls, indices: Any, values: Any, shape: Sequence[int]) -> Rows:
        """Rows of `indices` in any order, where the `values` of an index that comes several times are added up."""
        indices, values = np.asarray(indices, np.int64), np.asarray(values)
        order = np.argsort(indices, kind="stable")
        indices = indices[order]
        starts = np.flatnonzero(np.concatenate([[True], indices[1:] != indices[:-1], [True]])[: len(indices) + 1])
        firsts = starts[:-1]
        flat = values.reshape(len(values), math.prod(values.shape[1:]))
        values = for_rows(flat.dtype, flat.size).sums(flat, order, starts).reshape(len(firsts), *values.shape[1:])
        return cls(indices[firsts], values, tuple(shape))

    def dense(self) -> Array:
        """The array that they stand for."""
        array = np.zeros(self.shape, self.values.dtype)
        array[self.indices] = self.values
        return array

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Rows):
            indices = np.concatenate([self.indices, other.indices])
            return Rows.of_repeated(indices, np.concatenate([self.values, other.values]), self.shape)
        return self.dense() + other

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
        """`array + rows` and `np.add(array, rows, array)`, by which a backward pass adds to an array."""
        if ufunc is not np.add or method != "__call__" or options or not isinstance(inputs[0], np.ndarray):
            return NotImplemented
        array = inputs[0]
        if not out or out[0] is not array:
            array = array.copy()
        array[self.indices] += self.values
        return array

    def __repr__(self) -> str:
        return f"<{len(self.indices)} rows of {self.shape}, {self.values.dtype}>"
