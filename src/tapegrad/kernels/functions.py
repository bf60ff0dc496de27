"""Functions that are written for LLVM: in the module of the kernel that calls them, compiled once, and not inlined."""

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


def repeat(builder: Any, end: Any, by: int, body: Callable[[Any], None]) -> None:
    """Write a loop over `range(0, end, by)`; `body` writes a turn of it, whose index it is given."""
    before, inside, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.cbranch(builder.icmp_signed("<", INDEX(0), end), inside, after)
    builder.position_at_end(inside)
    i = builder.phi(INDEX)
    body(i)
    following = builder.add(i, INDEX(by))
    i.add_incoming(INDEX(0), before)
    i.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, end), inside, after)
    builder.position_at_end(after)


def lower(builder: Any, x: Any, y: Any) -> Any:
    """The lower one of two indices."""
    return builder.select(builder.icmp_signed("<", x, y), x, y)
