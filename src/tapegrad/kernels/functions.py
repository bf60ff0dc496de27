"""What is written for LLVM is made of functions of their own, which are compiled once and not inlined, and of loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from .values import INDEX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def own(module: Any, name: str, kinds: Sequence[Any], write: Callable[[Any, Any], None]) -> Any:
    """The function of a name in `module`; `write` writes it when it is first asked for, given a builder and arguments.

    It is not inlined: among a kernel's many variables, LLVM would no longer find registers for all of its own.
    """
    if name not in module.globals:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        write(builder, function.args)
        builder.ret_void()
    return module.globals[name]


def repeat(builder: Any, start: Any, end: Any, by: int, body: Callable[[Any], None]) -> Any:
    """Write a loop over `range(start, end, by)`; `body` writes a turn, given its index. The branch back is returned."""
    before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.cbranch(builder.icmp_signed("<", start, end), inside, after)
    builder.position_at_end(inside)
    i = builder.phi(INDEX)
    body(i)
    following = builder.add(i, INDEX(by))
    i.add_incoming(start, before)
    i.add_incoming(following, builder.block)
    again = builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
    builder.position_at_end(after)
    return again


def lower(builder: Any, x: Any, y: Any) -> Any:
    """The lower one of two indices."""
    return builder.select(builder.icmp_signed("<", x, y), x, y)
