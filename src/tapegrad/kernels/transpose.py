"""Small square blocks of matrices, transposed in vector registers.

Element by element, transposing costs a load and a store each. Here a block's rows are loaded as vectors and combined
in pairs: each round interleaves the first half of the rows with the second half, and after as many rounds as a row's
length has bits, rows have become columns.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .jit import LANES

_index = ir.IntType(64)


def side(itemsize: int) -> int:
    """The rows, and columns, of a block, for elements of `itemsize` bytes."""
    return LANES * 4 // itemsize


@intrinsic
def transpose(
    context: Any, target: Any, to: Any, target_row: Any, source: Any, start: Any, source_row: Any
) -> Any:  # fmt: skip
    """`target[to + k * target_row + n] = source[start + n * source_row + k]` for all n and k below `side`."""
    n = types.intp
    signature = types.void(target, n, n, source, n, n)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = signature.args[0].dtype.bitwidth
        given = list(arguments)
        for place in (0, 3):
            given[place] = make_array(signature.args[place])(context, builder, given[place]).data  # type: ignore[no-untyped-call]
        builder.call(_function(builder.module, bits), given)
        return context.get_dummy_value()

    return signature, generate


def _function(module: Any, bits: int) -> Any:
    """The work as a function of its own in `module`, so that its many registers are nobody else's."""
    name = f"tapegrad_transpose_{LANES}_{bits}"
    if name in module.globals:
        return module.globals[name]
    scalar = ir.FloatType() if bits == 32 else ir.DoubleType()
    kinds = [scalar.as_pointer(), _index, _index] * 2
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    count = side(bits // 8)
    vector = ir.VectorType(scalar, count)
    builder = ir.IRBuilder(function.append_basic_block("begin"))
    target, to, target_row, source, start, source_row = function.args

    def pointer(base: Any, begin: Any, row: Any, number: int) -> Any:
        place = builder.add(begin, builder.mul(row, ir.Constant(_index, number)))
        return builder.bitcast(builder.gep(base, [place]), vector.as_pointer())

    rows = []
    for number in range(count):
        rows.append(builder.load(pointer(source, start, source_row, number)))
        rows[-1].align = bits // 8  # arrays are aligned to their elements only
    half = count // 2
    masks = [
        ir.Constant(
            ir.VectorType(ir.IntType(32), count), [i // 2 + first + (count if i % 2 else 0) for i in range(count)]
        )
        for first in (0, half)
    ]
    for _ in range(count.bit_length() - 1):
        rows = [
            builder.shuffle_vector(rows[number], rows[number + half], mask) for number in range(half) for mask in masks
        ]
    for number, row in enumerate(rows):
        builder.store(row, pointer(target, to, target_row, number)).align = bits // 8
    builder.ret_void()
    return function
