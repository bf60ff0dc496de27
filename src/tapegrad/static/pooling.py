"""relu and the max pooling that alone reads it are one entry, and so are their gradients.

An array as large as what is pooled is not written, and not read again, each way. The numbers are the same. Where
windows overlap, zeros of the gradient may have another sign, and gradients that add up to infinity where relu cuts make
no NaN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..ops.activation import relu_op
from ..ops.pooling import max_pool_gradient_op, max_pool_op

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .program import Entry, Program, Variable

_RELU, _POOL, _POOL_GRADIENT = (op.op.function for op in (relu_op, max_pool_op, max_pool_gradient_op))


def pooled(program: Program) -> Program:
    """The program in which relu is a part of the max pooling that alone reads it."""
    if not any(entry.function is _POOL for entry in program.entries):
        return program
    kept = program.used()
    readers: dict[Variable, list[Entry]] = {}
    for entry in program.entries:
        for variable in entry.inputs():
            readers.setdefault(variable, []).append(entry)
    new: dict[Variable, Entry | None] = {}  # what stands for an entry, by its result
    for relu in program.entries:
        if relu.function is _RELU and relu.out not in kept:
            new |= _together(relu, readers, kept) or {}
    if not new:
        return program
    entries = [new.get(entry.out, entry) for entry in program.entries]
    return program.changed("pooling", entries=tuple(entry for entry in entries if entry is not None))


def _together(
    relu: Entry, readers: dict[Variable, list[Entry]], kept: set[Variable]
) -> dict[Variable, Entry | None] | None:
    """Entries for a relu and a pooling, and perhaps for the gradients of both; None where anything else reads it."""
    (x,) = relu.arguments
    after = readers.get(relu.out, [])
    pool = _first(after, _POOL)
    if pool is None:
        return None
    new: dict[Variable, Entry | None] = {
        relu.out: None,
        pool.out: replace(pool, arguments=(x,), params={**pool.params, "relu": True}),
    }
    if len(after) == 1:
        return new
    gradient, above = _first(after, _POOL_GRADIENT), _first(after, np.greater)
    if len(after) != 3 or gradient is None or above is None:
        return None
    cut = _first(readers.get(gradient.out, []), np.multiply)
    if (
        cut is None
        or gradient.arguments[1:] != (relu.out, pool.out)
        or above.arguments != (relu.out, 0)
        or set(cut.inputs()) != {gradient.out, above.out}
        or any(readers[entry.out] != [cut] or entry.out in kept for entry in (gradient, above))
    ):
        return None
    both = {**gradient.params, "relu": True}
    new |= {
        gradient.out: None,
        above.out: None,
        cut.out: replace(gradient, arguments=(gradient.arguments[0], x, pool.out), params=both, out=cut.out),
    }
    return new


def _first(entries: Iterable[Entry], function: object) -> Entry | None:
    return next((entry for entry in entries if entry.function is function), None)
