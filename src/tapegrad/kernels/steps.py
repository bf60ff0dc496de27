"""What the elementwise instructions of `instructions.py` do to a number, and loops of them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from . import instructions as to
from . import scalar
from .functions import repeat
from .values import BITS, Value

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


def write_loop(builder: Any, start: Any, end: Any, body: Callable[[Loop], None], **hints: int) -> None:
    """Write a loop over indices; `body` writes a turn of it.

    The turns are declared to be independent, so that LLVM may do several at once: what one writes, no other reads. An
    array that is written to may be an operand, too, but not overlap one otherwise. Hints are those of LLVM's loops:
    `vectorize_width` is its `vectorize.width`.
    """
    loop = Loop(builder)

    def turn(i: Any) -> None:
        loop.i = i
        body(loop)

    repeat(builder, start, end, 1, turn).set_metadata("llvm.loop", loop.told(hints))


class Loop:
    """A loop while it is being written: its index `i`, and access to what its turns read and write."""

    i: Any

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._group = _Group(builder.module)

    def get(self, pointer: Any, index: Any = None) -> Any:
        """The number at the index of the loop from a pointer on, or at another one."""
        value = self._builder.load(self._builder.gep(pointer, [self.i if index is None else index]))
        value.set_metadata("llvm.access.group", self._group)
        return value

    def put(self, value: Any, pointer: Any) -> None:
        """Write a number at the index of the loop from a pointer on."""
        store = self._builder.store(value, self._builder.gep(pointer, [self.i]))
        store.set_metadata("llvm.access.group", self._group)

    def told(self, hints: dict[str, int]) -> Any:
        """What LLVM is told about the loop: that its turns are independent, and the hints."""
        module = self._builder.module

        def part(name: str, value: Any) -> Any:
            return module.add_metadata([ir.MetaDataString(module, f"llvm.loop.{name}"), value])

        parts = [part("parallel_accesses", self._group)]
        parts += [part(name.replace("_", ".", 1), BITS(value)) for name, value in hints.items()]
        loop = module.add_metadata([self._group, *parts])
        loop.operands = (loop, *parts)  # LLVM knows a loop by a list that begins with itself
        return loop


class _Group(ir.values.MDValue):  # type: ignore[misc]  # llvmlite has no types
    """A name for the reads and writes of one loop, which LLVM wants to be a list with nothing in it, and its own."""

    def __init__(self, module: Any) -> None:
        super().__init__(module, (), name=str(len(module.metadata)))

    __eq__, __hash__ = object.__eq__, object.__hash__

    def descr(self, buf: Any) -> None:
        """What llvmlite prints of it."""
        buf += ("distinct !{ }", "\n")
