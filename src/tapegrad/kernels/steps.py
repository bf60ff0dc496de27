"""What the elementwise instructions of `instructions.py` do to numbers, and loops of them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from . import instructions as to
from . import scalar
from .functions import repeat
from .instructions import PARTS
from .jit import LANES
from .values import BITS, INDEX, NUMBER, Value, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEPS: dict[int, Callable[..., Value]] = {
    to.ADD: operator.add,
    to.SUBTRACT: operator.sub,
    to.MULTIPLY: operator.mul,
    to.DIVIDE: operator.truediv,
    to.MAXIMUM: lambda x, y: ((x >= y) | x.is_nan()).choose(x, y),
    to.MINIMUM: lambda x, y: ((x <= y) | x.is_nan()).choose(x, y),
    to.GREATER: lambda x, y: (x > y).choose(1, 0),
    to.GREATER_EQUAL: lambda x, y: (x >= y).choose(1, 0),
    to.LESS: lambda x, y: (x < y).choose(1, 0),
    to.LESS_EQUAL: lambda x, y: (x <= y).choose(1, 0),
    to.NEGATIVE: operator.neg,
    to.ABSOLUTE: abs,
    to.SQRT: Value.sqrt,
    to.SQUARE: lambda x: x * x,
    to.EXP: scalar.exp,
    to.LOG: scalar.log,
    to.TANH: scalar.tanh,
    to.SIGMOID: scalar.sigmoid,
    to.RELU: lambda x: (x <= 0).choose(0, x),  # in this order NaN stays
    to.COPY: lambda x: x,
}


def operands(code: int) -> int:
    """How many operands an elementwise instruction has."""
    return 2 if code < to.NEGATIVE else 1


def step(builder: Any, code: int, values: Sequence[Any]) -> Any:
    """The result of an instruction for LLVM's `values`."""
    return STEPS[code](*(Value(builder, value) for value in values)).value


def in_pairs(values: list[Any], combine: Callable[[Any, Any], Any]) -> Any:
    """All values combined to one: neighbours first."""
    while len(values) > 1:
        values = [combine(*pair) for pair in zip(values[::2], values[1::2], strict=True)]
    return values[0]


class Run:
    """Numbers that stand side by side, while a loop over them is being written.

    What a turn of it computes with is a list of vectors, or of a number alone. They go through a step one after the
    other: so the processor, which waits for each link of a chain like the polynomial of an exp, has several chains.
    """

    def __init__(self, builder: Any, i: Any, vectors: int) -> None:
        self._builder = builder
        self._i = i
        self._vectors = vectors

    def get(self, pointer: Any) -> list[Any]:
        """The numbers of this turn, in an array that begins at a pointer."""
        values = [self._builder.load(place) for place in self._places(pointer)]
        for value in values:
            value.align = 4  # arrays are aligned to their elements only
        return values

    def put(self, values: list[Any], pointer: Any, past_caches: bool = False) -> None:
        """Write the numbers of this turn; those that go past the caches, into an array that begins at a cache line."""
        for value, place in zip(values, self._places(pointer), strict=True):
            store = self._builder.store(value, place)
            store.align = 4
            if past_caches and self._vectors:
                store.align = 4 * LANES
                store.set_metadata("nontemporal", self._builder.module.add_metadata([BITS(1)]))

    def everywhere(self, value: Any) -> list[Any]:
        """A number for all of the turn."""
        return [spread(self._builder, value, LANES)] * self._vectors if self._vectors else [value]

    def step(self, code: int, operands: Sequence[list[Any]]) -> list[Any]:
        """The result of an instruction."""
        return [step(self._builder, code, values) for values in zip(*operands, strict=True)]

    def add_up(self, values: list[Any], pointer: Any) -> None:
        """Add the numbers of this turn to the `PARTS` sums, in double precision, from a pointer on, each to its own.

        A loop of vectors begins at the first of them.
        """
        if self._vectors:
            lanes = min(LANES, PARTS)
            kind: Any = ir.VectorType(ir.DoubleType(), lanes)
            starts = [self._builder.gep(pointer, [INDEX(part)]) for part in range(0, PARTS, lanes)]
            places = [self._builder.bitcast(start, kind.as_pointer()) for start in starts]
            values = [part for value in values for part in self._parts(value, lanes)]
        else:
            kind = ir.DoubleType()
            places = [self._builder.gep(pointer, [self._builder.and_(self._i, INDEX(PARTS - 1))])]
        sums = [self._builder.load(place) for place in places]
        for total in sums:
            total.align = 8
        for number, value in enumerate(values):
            part = number % len(sums)
            sums[part] = self._builder.fadd(sums[part], self._builder.fpext(value, kind))
        for total, place in zip(sums, places, strict=True):
            self._builder.store(total, place).align = 8

    def _parts(self, vector: Any, lanes: int) -> list[Any]:
        """A vector as several of so many lanes."""
        choices = [range(first, first + lanes) for first in range(0, LANES, lanes)]
        kind = ir.VectorType(BITS, lanes)
        return [self._builder.shuffle_vector(vector, vector, ir.Constant(kind, list(choice))) for choice in choices]

    def _places(self, pointer: Any) -> list[Any]:
        place = self._builder.gep(pointer, [self._i])
        if not self._vectors:
            return [place]
        kind = ir.VectorType(NUMBER, LANES).as_pointer()
        places = [self._builder.gep(place, [INDEX(number * LANES)]) for number in range(self._vectors)]
        return [self._builder.bitcast(each, kind) for each in places]


def write_run(builder: Any, start: Any, end: Any, vectors: int, body: Callable[[Run], None]) -> None:
    """Write a loop from one index to another, by so many vectors, a power of two; the rest goes number by number."""
    numbers = vectors * LANES
    rest = builder.sub(end, builder.and_(builder.sub(end, start), INDEX(numbers - 1)))
    repeat(builder, start, rest, numbers, lambda i: body(Run(builder, i, vectors)))
    repeat(builder, rest, end, 1, lambda i: body(Run(builder, i, 0)))
