"""Products of matrices by the register tile, for where NumPy's own library does not use all of the processor.

A job is a panel of columns of the result, as wide as a tile. It lays a part of the second matrix's panel out in a
buffer, in the order in which the tile reads, and multiplies all rows of the first matrix by it; then the next part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from . import blas, threads
from .arrays import LINE, flat_to_read
from .heights import COVERING, FITTING
from .jit import LANES, compiled
from .jobs import taken
from .memory import copy
from .panels import finish, lay_out, turn, turned_step
from .tile import HEIGHTS, PIECES, run_tile_ahead, width

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

_DEPTH = 512  # rows of the second matrix that are laid out at a time: a buffer that stays in the second-level cache
_PARALLEL = 500_000  # multiplications from which a second thread is worth while
_SEGMENT = 16  # products that a tile sums before it brings near what it will read next
_ROWS = _DEPTH // _SEGMENT // PIECES  # that it brings near in a call: so many of the rows after its own, for each panel
_HEIGHT_0 = HEIGHTS[0]


def matmul(
    x: Array,
    y: Array,
    transpose_x: bool = False,
    transpose_y: bool = False,
    bias: Array | None = None,
    relu: bool = False,
    gate: Array | None = None,
) -> Array:
    """The product of two matrices of one dtype, float32 or float64, either of them transposed first.

    A `bias` is added to each row of the result; `relu` gives zero for what is below; and where there is no number above
    zero in the `gate`, which has the result's shape, the result is multiplied by zero, as relu's gradient is.
    """
    x_row, x_step = (1, x.shape[1]) if transpose_x else (x.shape[1], 1)
    y_row, y_column = (1, y.shape[1]) if transpose_y else (y.shape[1], 1)
    rows, depth = x.shape[::-1] if transpose_x else x.shape
    columns = y.shape[0] if transpose_y else y.shape[1]
    out = np.empty((rows, columns), x.dtype)
    if not depth:
        out[:] = 0 if bias is None else bias
        out = np.maximum(out, 0) if relu else out
        return out if gate is None else out * (gate > 0)
    if out.size:
        first, second = flat_to_read(x), flat_to_read(y)
        out_row, out_column = columns, 1
        wide = width(x.itemsize)
        # The larger matrix is read as it lies and the smaller one laid out, and few columns are no panel: then it is
        # the transpose of y times the transpose of x that is computed.
        turned = rows >= wide and ((transpose_y and y.size > 2 * x.size) or columns < wide)
        if turned:
            first, second = second, first
            x_row, x_step, y_row, y_column = y_column, y_row, x_step, x_row
            rows, columns, out_row, out_column = columns, rows, 1, columns
        panels = -(-columns // wide)
        # Neighbouring panels are laid out together where there are many: more of each page of memory is read at once.
        group = min(4, panels if first.size > 4 * second.size else max(1, panels // 8))
        groups = -(-panels // group)
        # Rows a page apart would push one another out of the first-level cache: they are copied to where they do not.
        crowded = x_step == 1 and x_row * x.itemsize % 4096 == 0
        long = min(depth, _DEPTH) + LINE // x.itemsize
        tall = turned_step(x.itemsize)
        # Few groups are divided by rows too, so that threads share them evenly.
        parts = min(-(-rows // HEIGHTS[0]), -(-8 // groups))
        threads.run(
            multiply, groups * parts, first, x_row, x_step, second, y_row, y_column, out.reshape(-1), out_row,
            out_column, rows, columns, depth, wide, tall, COVERING if x_step == 1 else FITTING, group, parts, _DEPTH,
            crowded, long, turned, flat_to_read(out[:0] if bias is None else bias), relu,
            flat_to_read(out[:0] if gate is None else gate),
            scratch=(
                (group * min(depth, _DEPTH) * wide, x.dtype), (2 * tall * wide, x.dtype), (_DEPTH // _SEGMENT, np.intp),
                (HEIGHTS[0] * long, x.dtype),
            ),
            parallel=rows * columns * depth > _PARALLEL,
        )  # fmt: skip
    return out


def faster() -> bool:
    """Whether these products are quicker than NumPy's here.

    They are where OpenBLAS uses half of the processor: on AVX-512, with kernels for AVX2. Timing both instead would
    give another answer when the machine is busy, and so other last bits in another process.
    """
    disabled: bool = numba.config.DISABLE_JIT  # type: ignore[attr-defined]
    return LANES == 16 and not disabled and blas.core() is not None and blas.core() not in blas.WIDE


@compiled
def multiply(
    state, jobs, x, x_row, x_step, y, y_row, y_column, out, out_row, out_column, rows, columns, depth, wide, tall,
    heights, group, parts, most, crowded, long, turned, bias, relu, gate, panel, edge, segments, near,
):  # fmt: skip
    """The sums over k of `x[m * x_row + k * x_step] * y[k * y_row + n * y_column]`, for `m < rows` and `n < columns`.

    They are written to `out[m * out_row + n * out_column]`; where the product is `turned`, it is `out_row` that is 1,
    and else `out_column`. In the end, if there is a `bias`, it is added, a number for each step of 1; then relu is
    taken; then what has no number above zero in the `gate`, which has the places of `out`, is multiplied by zero.
    """
    behind = tall * wide
    for s in range(len(segments)):
        segments[s] = s * _SEGMENT * x_step
    finished = relu or len(bias) > 0 or len(gate) > 0
    for job in taken(state, jobs):
        first = job // parts * group * wide
        start = job % parts * rows // parts
        end = (job % parts + 1) * rows // parts
        for low in range(0, depth, most):
            count = min(most, depth - low)
            length = _SEGMENT if count % _SEGMENT == 0 else count
            last = low + count == depth
            biased, cut, gated = last and len(bias) > 0, last and relu, last and len(gate) > 0
            lay_out(panel, y, low * y_row + first * y_column, y_row, y_column, columns - first, count, group)
            m = start
            while m < end:
                height = heights[min(end - m, _HEIGHT_0)]
                there = min(height, end - m)  # what the tile makes of old numbers in further rows is not written
                copied = crowded or there < height
                if copied:
                    for i in range(there):
                        copy(near, i * long, x, (m + i) * x_row + low, count)
                for p in range(group):
                    column = first + p * wide
                    if column >= columns:
                        break
                    valid = min(wide, columns - column)
                    direct = valid == wide and there == height and not turned
                    to = m * out_row + column * out_column
                    # The rows that come near are the next ones where a row's numbers lie side by side; else they are of
                    # no use, and do no harm.
                    run_tile_ahead(
                        height, near if copied else x, 0 if copied else m * x_row + low * x_step,
                        long if copied else x_row, 1 if copied else x_step, segments, count // length, length,
                        panel, p * count * wide, wide, length * wide,
                        out if direct else edge, to if direct else 0, out_row if direct else wide, low > 0 and direct,
                        x, (m + there + p * _ROWS) * x_row + low, x_row,
                    )  # fmt: skip
                    if turned:  # lines of columns, so that a vector's numbers are neighbours in the result
                        turn(edge, there)
                        finish(
                            out, to, out_column, edge, behind, tall, valid, there, low > 0, bias, m, biased, cut, gate,
                            gated,
                        )  # fmt: skip
                    elif not direct or (last and finished):
                        finish(
                            out, to, out_row, out if direct else edge, to if direct else 0, out_row if direct else wide,
                            there, valid, low > 0 and not direct, bias, column, biased, cut, gate, gated,
                        )  # fmt: skip
                m += there
