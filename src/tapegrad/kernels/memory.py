"""Elements of flat arrays without Python's rules for indices, which keep compiled loops from using vector units.

An index that may be negative counts from the end in Python, so compiled code would ask at each access. These do not
ask, and do not check anything else either: what they are given was checked before the kernel was called.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


def place_of(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """A pointer to the element at an index of an array of a kind."""
    return builder.gep(make_array(kind)(context, builder, array).data, [index])  # type: ignore[no-untyped-call]


@intrinsic
def get(context: Any, array: Any, index: Any) -> Any:
    """`array[index]`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(place_of(context, builder, signature.args[0], *arguments))

    return array.dtype(array, types.intp), generate


@intrinsic
def put(context: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index] = value`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], place_of(context, builder, signature.args[0], *arguments[:2]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), generate


@intrinsic
def copy(context: Any, target: Any, to: Any, source: Any, start: Any, count: Any) -> Any:
    """`target[to : to + count] = source[start : start + count]`, for two arrays that do not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        cgutils.raw_memcpy(  # type: ignore[no-untyped-call]
            builder,
            place_of(context, builder, signature.args[0], *arguments[0:2]),
            place_of(context, builder, signature.args[2], *arguments[2:4]),
            arguments[4],
            signature.args[0].dtype.bitwidth // 8,
        )
        return context.get_dummy_value()

    n = types.intp
    return types.void(target, n, source, n, n), generate


@intrinsic
def clear(context: Any, target: Any, to: Any, count: Any) -> Any:
    """`target[to : to + count] = 0`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, signature.args[0], *arguments[0:2])
        size = builder.mul(arguments[2], ir.Constant(ir.IntType(64), signature.args[0].dtype.bitwidth // 8))
        cgutils.memset(builder, place, size, 0)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(target, types.intp, types.intp), generate


def prefetch(builder: Any, place: Any) -> None:
    """LLVM's instruction to bring the cache line at a pointer near; nothing is wrong if there is none."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
    # To be read, wanted again and again, and it is data.
    builder.call(function, [builder.bitcast(place, byte), *(number(value) for value in (0, 3, 1))])
