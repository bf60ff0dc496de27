"""Products of matrices by the register tile, for where NumPy's own library does not use all of the processor.

A job is a panel of columns of the result, as wide as a tile. It lays a part of the second matrix's panel out in a
buffer, in the order in which the tile reads, and multiplies all rows of the first matrix by it; then the next part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from . import blas, threads
from .arrays import flat_to_read
from .jit import LANES, compiled, inlined
from .jobs import taken
from .memory import clear, copy, fetch_ahead, get, put
from .tile import HEIGHTS, run_tile, width
from .transpose import side, transpose

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

_DEPTH = 512  # rows of the second matrix that are laid out at a time: a buffer that stays in the second-level cache
_PARALLEL = 500_000  # multiplications from which a second thread is worth while
_AHEAD = 8  # rows of the second matrix that are on their way from memory while one is laid out
_LINE = 16  # numbers of float32 in a cache line
_HEIGHT_0, _HEIGHT_1, _HEIGHT_2, _HEIGHT_3 = HEIGHTS


def matmul(
    x: Array,
    y: Array,
    transpose_x: bool = False,
    transpose_y: bool = False,
    bias: Array | None = None,
    relu: bool = False,
) -> Array:
    """The product of two matrices of one dtype, float32 or float64, either of them transposed first.

    A `bias` is added to each row of the result, and then `relu` gives zero for what is below.
    """
    x_row, x_step = (1, x.shape[1]) if transpose_x else (x.shape[1], 1)
    y_row, y_column = (1, y.shape[1]) if transpose_y else (y.shape[1], 1)
    rows, depth = x.shape[::-1] if transpose_x else x.shape
    columns = y.shape[0] if transpose_y else y.shape[1]
    out = np.empty((rows, columns), x.dtype)
    if not depth:
        out[:] = 0 if bias is None else bias
        return np.maximum(out, 0) if relu else out
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
        long = min(depth, _DEPTH) + _LINE
        # Few groups are divided by rows too, so that threads share them evenly.
        parts = min(-(-rows // HEIGHTS[0]), -(-8 // groups))
        threads.run(
            multiply, groups * parts, first, x_row, x_step, second, y_row, y_column, out.reshape(-1), out_row,
            out_column, rows, columns, depth, wide, side(x.itemsize), group, parts, _DEPTH, crowded, long,
            flat_to_read(out[:0] if bias is None else bias), turned, relu, x.dtype.type(0),
            scratch=(
                (group * min(depth, _DEPTH) * wide, x.dtype), (HEIGHTS[0] * wide, x.dtype), (1, np.intp),
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


@inlined
def _lay_out(panel, y, y_row, y_column, first, columns, low, count, wide, group, square):
    """Copy `count` rows of `group` panels from row `low` and column `first` on; each panel lies by itself."""
    if y_column == 1:
        lines = min(wide * group, columns - first)
        for k in range(count):
            source = (low + k) * y_row + first
            for n in range(0, lines, _LINE):
                fetch_ahead(y, source + _AHEAD * y_row + n)
            for p in range(group):
                valid = max(0, min(wide, columns - first - p * wide))
                to = (p * count + k) * wide
                copy(panel, to, y, source + p * wide, valid)
                clear(panel, to + valid, wide - valid)
    else:
        for p in range(group):
            valid = max(0, min(wide, columns - first - p * wide))
            for block in range(0, count, square):
                end = min(block + square, count)
                for begin in range(0, wide, square):
                    source = (first + p * wide + begin) * y_column + low * y_row
                    to = p * count * wide + begin
                    if begin + square <= valid and block + square <= count:
                        transpose(panel, to + block * wide, wide, y, source + block, y_column)
                    else:
                        here = max(0, min(square, valid - begin))
                        for n in range(here):
                            for k in range(block, end):
                                put(panel, to + k * wide + n, get(y, source + n * y_column + k))
                        for k in range(block, end):
                            clear(panel, to + k * wide + here, square - here)


@inlined
def _near(near, long, x, start, x_row, x_step, rows, height, count):
    """Copy `rows` rows of `count` numbers to where they lie side by side, and zeros up to `height` rows."""
    for i in range(height):
        if i >= rows:
            clear(near, i * long, count)
        elif x_step == 1:
            copy(near, i * long, x, start + i * x_row, count)
        else:
            for k in range(count):
                put(near, i * long + k, get(x, start + i * x_row + k * x_step))


@inlined
def _finish(tile, at, row, rows, columns, bias, place, turned, relu, zero):
    """Add the bias to a tile of the result, and put `zero` where it is below."""
    for i in range(rows):
        for n in range(columns):
            value = get(tile, at + i * row + n)
            if len(bias):
                value = value + get(bias, place + (i if turned else n))
            if relu and value < zero:
                value = zero
            put(tile, at + i * row + n, value)


@compiled
def multiply(
    state, jobs, x, x_row, x_step, y, y_row, y_column, out, out_row, out_column, rows, columns, depth, wide, square,
    group, parts, most, crowded, long, bias, turned, relu, zero, panel, edge, segments, near,
):  # fmt: skip
    """`out[m, n]`, (rows, columns), is the sum over k of `x[m * x_row + k * x_step] * y[k * y_row + n * y_column]`.

    If there is a `bias`, one for each n, or for each m where the product is `turned`, it is added in the end.
    """
    segments[0] = 0
    for job in taken(state, jobs):
        first = job // parts * group * wide
        begin = job % parts * rows // parts
        end = (job % parts + 1) * rows // parts
        for low in range(0, depth, most):
            count = min(most, depth - low)
            last = low + count == depth
            _lay_out(panel, y, y_row, y_column, first, columns, low, count, wide, group, square)
            m = begin
            while m < end:
                rest = end - m
                # The lowest tile that has all rows that are left; rows that do not exist are zeros.
                height = _HEIGHT_0
                for lower in (_HEIGHT_1, _HEIGHT_2, _HEIGHT_3):
                    if lower >= rest:
                        height = lower
                there = min(height, rest)
                copied = crowded or there < height
                if copied:
                    _near(near, long, x, m * x_row + low * x_step, x_row, x_step, there, height, count)
                for p in range(group):
                    column = first + p * wide
                    if column >= columns:
                        break
                    valid = min(wide, columns - column)
                    direct = valid == wide and out_column == 1 and there == height
                    to = m * out_row + column * out_column
                    run_tile(
                        height, near if copied else x, 0 if copied else m * x_row + low * x_step,
                        long if copied else x_row, 1 if copied else x_step, segments, 1, count,
                        panel, p * count * wide, wide, 0,
                        out if direct else edge, to if direct else 0, out_row if direct else wide, low > 0 and direct,
                    )  # fmt: skip
                    if low > 0 and not direct:
                        for i in range(there):
                            for n in range(valid):
                                before = get(out, to + i * out_row + n * out_column)
                                put(edge, i * wide + n, before + get(edge, i * wide + n))
                    if last and (relu or len(bias)):
                        _finish(
                            out if direct else edge, to if direct else 0, out_row if direct else wide, there, valid,
                            bias, m if turned else column, turned, relu, zero,
                        )  # fmt: skip
                    if not direct:
                        for n in range(valid):
                            for i in range(there):
                                put(out, to + i * out_row + n * out_column, get(edge, i * wide + n))
                m += there
