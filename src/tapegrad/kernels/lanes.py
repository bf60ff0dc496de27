"""Vectors for functions that are written for LLVM: masks, lanes of memory that exist, and relu."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from .values import BITS, INDEX, size_of, spread


def below(builder: Any, count: Any, lanes: int) -> Any:
    """The mask of the first `count` lanes."""
    places = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
    return builder.icmp_signed("<", places, spread(builder, count, lanes))


def everywhere(lanes: int) -> Any:
    """The mask of all lanes."""
    return ir.Constant(ir.VectorType(ir.IntType(1), lanes), [1] * lanes)


def zeros(kind: Any) -> Any:
    """A vector of zeros, of LLVM's type `kind`."""
    return ir.Constant(kind, [0.0] * kind.count)


def load(builder: Any, pointer: Any, mask: Any) -> Any:
    """The numbers from a pointer on whose lanes are in the mask, and zeros."""
    kind = ir.VectorType(pointer.type.pointee, mask.type.count)
    place = builder.bitcast(pointer, kind.as_pointer())
    return _masked(builder, "load", kind, [place, BITS(size_of(kind.element)), mask, zeros(kind)], "p0")


def store(builder: Any, value: Any, pointer: Any, mask: Any) -> None:
    """Write the lanes of a vector that are in the mask from a pointer on."""
    place = builder.bitcast(pointer, value.type.as_pointer())
    _masked(builder, "store", ir.VoidType(), [value, place, BITS(size_of(value.type.element)), mask], "p0", value.type)


def gather(builder: Any, pointer: Any, apart: Any, mask: Any) -> Any:
    """The same as `load`, of numbers that are `apart` from one another."""
    lanes = mask.type.count
    kind = ir.VectorType(pointer.type.pointee, lanes)
    size = size_of(kind.element)
    steps = ir.Constant(ir.VectorType(INDEX, lanes), list(range(0, size * lanes, size)))
    offsets = builder.mul(steps, spread(builder, apart, lanes))
    places = builder.add(spread(builder, builder.ptrtoint(pointer, INDEX), lanes), offsets)
    pointers = builder.inttoptr(places, ir.VectorType(pointer.type, lanes))
    return _masked(builder, "gather", kind, [pointers, BITS(size), mask, zeros(kind)], f"v{lanes}p0")


def relu(builder: Any, x: Any) -> Any:
    """`x` where that is above 0, or no number, and 0 elsewhere."""
    zero = zeros(x.type)
    return builder.select(builder.fcmp_ordered("<=", x, zero), zero, x)


def relu_gradient(builder: Any, g: Any, out: Any) -> Any:
    """`g * (out > 0)`."""
    zero, one = zeros(g.type), ir.Constant(g.type, [1.0] * g.type.count)
    return builder.fmul(g, builder.select(builder.fcmp_ordered(">", out, zero), one, zero))


def _masked(builder: Any, what: str, result: Any, arguments: list[Any], pointer: str, kind: Any = None) -> Any:
    """A call of one of LLVM's masked functions."""
    kind = kind or result
    name = f"llvm.masked.{what}.v{kind.count}{kind.element.intrinsic_name}.{pointer}"
    of = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, of, name), arguments)  # type: ignore[no-untyped-call]
