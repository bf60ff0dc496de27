"""Sums of rows of a table in compiled code: what `plain_embedding` says in NumPy, function for function.

No row is copied: a vector of a bag's columns stays in registers while the bag's rows are added to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads
from .arrays import flat_to_read
from .jit import compiled, inlined
from .jobs import taken
from .memory import get
from .vectors import BYTES, add, below, load, spread, store

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

_SMALL = 1 << 15  # elements below which waking a thread costs more than it brings


def sums(table: Array, ids: Array, starts: Array) -> Array:
    """The sum of the rows of each bag, one after the other: `(V, D) -> (B, D)`."""
    bags, width = len(starts) - 1, table.shape[1]
    out = np.empty((bags, width), table.dtype)
    parallel = len(ids) * width > _SMALL
    threads.run(
        _sums,
        bags,
        out.reshape(-1),
        flat_to_read(table),
        flat_to_read(ids),
        flat_to_read(starts),
        width,
        parallel=parallel,
    )
    return out


def scattered(g: Array, places: Array, starts: Array, count: int) -> Array:
    """The transpose of `sums`: each row of `g` added to `count` rows at its bag's `places`, `(B, D) -> (count, D)`."""
    width = g.shape[1]
    out = np.zeros((count, width), g.dtype)
    # Two bags may name one row, so the jobs are vectors of columns, which have nothing in common.
    vectors = -(-width * g.itemsize // BYTES)
    parallel = len(places) * width > _SMALL
    threads.run(
        _scattered,
        vectors,
        out.reshape(-1),
        flat_to_read(g),
        flat_to_read(places),
        flat_to_read(starts),
        width,
        parallel=parallel,
    )
    return out


@inlined
def _columns(array, first, width):
    """The mask of a vector of columns that starts at `first`."""
    return below(array, width - first)


@compiled
def _sums(state, jobs, out, table, ids, starts, width):
    lanes = BYTES // out.itemsize
    for bag in taken(state, jobs):
        for c in range(0, width, lanes):
            mask = _columns(out, c, width)
            total = spread(out, 0)
            for i in range(get(starts, bag), get(starts, bag + 1)):
                total = add(total, load(table, get(ids, i) * width + c, mask))
            store(out, bag * width + c, total, mask)


@compiled
def _scattered(state, jobs, out, g, places, starts, width):
    lanes = BYTES // out.itemsize
    for vector in taken(state, jobs):
        c = vector * lanes
        mask = _columns(out, c, width)
        for bag in range(len(starts) - 1):
            share = load(g, bag * width + c, mask)
            for i in range(get(starts, bag), get(starts, bag + 1)):
                row = get(places, i) * width + c
                store(out, row, add(load(out, row, mask), share), mask)
