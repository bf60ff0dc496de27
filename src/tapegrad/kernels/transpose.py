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

from .functions import own
from .jit import LANES
from .values import BITS, INDEX, size_of


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
        builder.call(transposing(builder.module, bits), given)
        return context.get_dummy_value()

    return signature, generate


def transposing(module: Any, bits: int) -> Any:
    """The work as a function of its own in `module`, for pointers to numbers of so many bits."""
    scalar = ir.FloatType() if bits == 32 else ir.DoubleType()
    return own(module, f"tapegrad_transpose_{LANES}_{bits}", [scalar.as_pointer(), INDEX, INDEX] * 2, _write)


def _write(builder: Any, arguments: Any) -> None:
    target, to, target_row, source, start, source_row = arguments
    scalar = target.type.pointee
    size = size_of(scalar)
    count = side(size)
    vector = ir.VectorType(scalar, count)

    def pointer(base: Any, begin: Any, row: Any, number: int) -> Any:
        place = builder.add(begin, builder.mul(row, INDEX(number)))
        return builder.bitcast(builder.gep(base, [place]), vector.as_pointer())

    rows = []
    for number in range(count):
        rows.append(builder.load(pointer(source, start, source_row, number)))
        rows[-1].align = size  # arrays are aligned to their elements only
    half = count // 2
    masks = [
        ir.Constant(ir.VectorType(BITS, count), [i // 2 + first + (count if i % 2 else 0) for i in range(count)])
        for first in (0, half)
    ]
    for _ in range(count.bit_length() - 1):
        rows = [
            builder.shuffle_vector(rows[number], rows[number + half], mask) for number in range(half) for mask in masks
        ]
    for number, row in enumerate(rows):
        builder.store(row, pointer(target, to, target_row, number)).align = size
