"""Sums of rows of a table in plain NumPy: the definitions as they stand.

It serves for few rows, where numba is switched off (NUMBA_DISABLE_JIT=1), for dtypes that have no kernel, and as the
reference that the kernels are tested against. The rows of bag `i` are those at `ids[starts[i] : starts[i + 1]]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]


@np.errstate(over="ignore", invalid="ignore")  # as silent as the kernels
def sums(table: Array, ids: Array, starts: Array) -> Array:
    """The sum of the rows of each bag, one after the other: `(V, D) -> (B, D)`."""
    accurate = np.float32 if table.dtype == np.float16 else table.dtype  # the sum of many float16 is none
    out = np.zeros((len(starts) - 1, table.shape[1]), accurate)
    np.add.at(out, np.repeat(np.arange(len(out)), np.diff(starts)), table[ids])
    return out.astype(table.dtype, copy=False)


@np.errstate(over="ignore", invalid="ignore")
def scattered(g: Array, places: Array, starts: Array, count: int) -> Array:
    """The transpose of `sums`: each row of `g` added to `count` rows at its bag's `places`, `(B, D) -> (count, D)`."""
    accurate = np.float32 if g.dtype == np.float16 else g.dtype
    out = np.zeros((count, g.shape[1]), accurate)
    np.add.at(out, places, np.repeat(g, np.diff(starts), axis=0))
    return out.astype(g.dtype, copy=False)
