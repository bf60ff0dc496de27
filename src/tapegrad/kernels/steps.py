"""What the elementwise instructions of `instructions.py` do to a number, and loops of them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from . import instructions as to
from . import scalar
from .values import BITS, INDEX, Value

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


class Loop:
    """A loop over indices, none of which depends on another: `body(loop)` is written once, for the index `loop.i`."""

    def __init__(self, builder: Any, start: Any, end: Any, body: Callable[[Loop], None], **wishes: int) -> None:
        self._builder = builder
        self._group = _Group(builder.module)
        before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.cbranch(builder.icmp_signed("<", start, end), inside, after)
        builder.position_at_end(inside)
        self.i = builder.phi(INDEX)
        body(self)
        following = builder.add(self.i, INDEX(1))
        self.i.add_incoming(start, before)
        self.i.add_incoming(following, builder.block)
        again = builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
        again.set_metadata("llvm.loop", self._told(wishes))
        builder.position_at_end(after)

    def get(self, pointer: Any, index: Any = None) -> Any:
        """The number at the index of the loop from a pointer on, or at another one."""
        value = self._builder.load(self._builder.gep(pointer, [self.i if index is None else index]))
        value.set_metadata("llvm.access.group", self._group)
        return value

    def put(self, value: Any, pointer: Any) -> None:
        """Write a number at the index of the loop from a pointer on."""
        store = self._builder.store(value, self._builder.gep(pointer, [self.i]))
        store.set_metadata("llvm.access.group", self._group)

    def _told(self, wishes: dict[str, int]) -> Any:
        """What LLVM is told about the loop: that its turns may run at once, and how many should."""
        module = self._builder.module

        def told(name: str, value: Any) -> Any:
            return module.add_metadata([ir.MetaDataString(module, f"llvm.loop.{name}"), value])

        parts = [told("parallel_accesses", self._group)]
        parts += [told(name.replace("_", ".", 1), BITS(value)) for name, value in wishes.items()]
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
