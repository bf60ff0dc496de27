"""relu and max pooling, one after the other, give the same in either order; after pooling there is less to cut.

    max_pool(relu(x)) = relu(max_pool(x))

So is it with their gradients: where a window's largest number is above zero, relu changes no number that matters, and
where it is not, no gradient passes. Only the signs of zeros may differ.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..ops.activation import relu_op
from ..ops.pooling import max_pool_gradient_op, max_pool_op
from .program import Entry, Kind, Program, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable

_RELU, _POOL, _POOL_GRADIENT = (op.op.function for op in (relu_op, max_pool_op, max_pool_gradient_op))


def pooled_first(program: Program) -> Program:
    """The program in which relu comes after the max pooling that alone reads it."""
    if not any(entry.function is _POOL for entry in program.entries):
        return program
    for entry in program.entries:
        if entry.function is _RELU:
            found = _Found(program, entry)
            if found.fits:
                return pooled_first(found.reordered())
    return program


class _Found:
    """What reads a relu: a pooling, and perhaps the gradients of both."""

    def __init__(self, program: Program, relu: Entry) -> None:
        self.program = program
        self.relu = relu
        readers = self._readers(relu.out)
        self.pool = _first(readers, _POOL)
        self.gradient = _first(readers, _POOL_GRADIENT)
        self.above = _first(readers, np.greater)
        self.product = _first(self._readers(self.gradient.out), np.multiply) if self.gradient else None
        self.fits = self.pool is not None and relu.out not in program.used() and self._holds(readers)

    def _readers(self, variable: Variable) -> list[Entry]:
        return [entry for entry in self.program.entries if variable in entry.inputs()]

    def _holds(self, readers: list[Entry]) -> bool:
        """Whether nothing else reads what would no longer be there."""
        if len(readers) == 1:
            return True
        if len(readers) != 3 or self.gradient is None or self.above is None or self.product is None:
            return False
        kept = self.program.used()
        return (
            self.pool is not None
            and self.gradient.arguments[1:] == (self.relu.out, self.pool.out)
            and self.above.arguments == (self.relu.out, 0)
            and set(self.product.inputs()) == {self.gradient.out, self.above.out}
            and all(
                self._readers(entry.out) == [self.product] and entry.out not in kept
                for entry in (self.gradient, self.above)
            )
        )

    def reordered(self) -> Program:
        """The program with the pooling first."""
        assert self.pool is not None
        kinds = dict(self.program.kinds)
        number = max(variable.number for variable in kinds)
        largest, above, cut = (Variable(number + i) for i in (1, 2, 3))
        kind = kinds[self.pool.out]
        kinds |= {largest: kind, above: Kind(kind.shape, np.dtype(np.bool_)), cut: kind}
        (x,) = self.relu.arguments
        entries = []
        for entry in self.program.entries:
            if entry is self.pool:
                entries.append(replace(entry, arguments=(x,), out=largest))
                entries.append(replace(self.relu, arguments=(largest,), out=entry.out))
            elif entry is self.product and self.gradient and self.above:
                entries.append(replace(self.above, arguments=(self.pool.out, 0), out=above))
                entries.append(replace(entry, arguments=(self.gradient.arguments[0], above), out=cut))
                entries.append(replace(self.gradient, arguments=(cut, x, largest), out=entry.out))
            elif entry not in (self.relu, self.gradient, self.above):
                entries.append(entry)
        return self.program.changed("reordered", entries=tuple(entries), kinds=kinds)


def _first(entries: Iterable[Entry], function: object) -> Entry | None:
    return next((entry for entry in entries if entry.function is function), None)
