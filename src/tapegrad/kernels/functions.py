"""What is written for LLVM is made of functions of their own, which are compiled once and not inlined, and of loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from .values import INDEX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def own(module: Any, name: str, kinds: Sequence[Any], write: Callable[[Any, Any], None]) -> Any:
    """The function of a name in `module`; `write` writes it when it is first asked for, given a builder and arguments.

    It is not inlined: among a kernel's many variables, LLVM would no longer find registers for all of its own. And its
    loops are compiled once, not unrolled, nor once for each truth that stays the same in them, which would take longer
    than all the rest.
    """
    if name not in module.globals:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "internal"
        for attribute in ("noinline", "optsize"):
            function.attributes.add(attribute)
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        write(builder, function.args)
        builder.ret_void()
    return module.globals[name]


def fold(builder: Any, start: Any, end: Any, by: int, initial: Any, body: Callable[[Any, Any], Any]) -> Any:
    """Write a loop over `range(start, end, by)`; `body` writes a turn: the next value, given an index and the last one.

    What the last turn made is returned, or `initial` where there is no turn.
    """
    before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.cbranch(builder.icmp_signed("<", start, end), inside, after)
    builder.position_at_end(inside)
    i, value = builder.phi(INDEX), builder.phi(initial.type)
    made, following = body(i, value), builder.add(i, INDEX(by))
    for node, first, again in ((i, start, following), (value, initial, made)):
        node.add_incoming(first, before)
        node.add_incoming(again, builder.block)
    last = builder.block
    builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
    builder.position_at_end(after)
    result = builder.phi(initial.type)
    result.add_incoming(initial, before)
    result.add_incoming(made, last)
    return result


def repeat(builder: Any, start: Any, end: Any, by: int, body: Callable[[Any], None]) -> None:
    """Write a loop over `range(start, end, by)`; `body` writes a turn, given its index."""

    def turn(i: Any, nothing: Any) -> Any:
        body(i)
        return nothing

    fold(builder, start, end, by, INDEX(0), turn)


def lower(builder: Any, x: Any, y: Any) -> Any:
    """The lower one of two indices."""
    return builder.select(builder.icmp_signed("<", x, y), x, y)
