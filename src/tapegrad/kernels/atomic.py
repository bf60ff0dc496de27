"""What threads need to work together without holding the GIL: numbers that several of them may change at once."""

from __future__ import annotations

import os
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .memory import place_of


@intrinsic
def fetch_add(context: Any, array: Any, index: Any, value: Any) -> Any:
    """Add `value` to `array[index]`, and give what was there before; no other thread comes between."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, signature.args[0], *arguments[:2])
        return builder.atomic_rmw("add", place, arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def read(context: Any, array: Any, index: Any) -> Any:
    """`array[index]` as it is now, and after it whatever was written before it was set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(place_of(context, builder, signature.args[0], *arguments), "seq_cst", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def write(context: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index] = value`, which another thread's `read` sees."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = place_of(context, builder, signature.args[0], *arguments[:2])
        builder.store_atomic(arguments[2], place, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), generate


@intrinsic
def pause(context: Any) -> Any:
    """Nothing, politely: a moment in which the processor's other thread may run."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if builder.module.triple.startswith("x86"):
            nothing = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, nothing, "llvm.x86.sse2.pause"), [])  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(), generate


# Other threads may have the processor now.
step_aside = types.ExternalFunction("sched_yield", types.int32()) if hasattr(os, "sched_yield") else pause
