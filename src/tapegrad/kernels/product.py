"""Products of matrices by the register tile, for where NumPy's own library does not use all of the processor.

A job is a panel of columns of the result, as wide as a tile. It lays a part of the second matrix's panel out in a
buffer, in the order in which the tile reads, and multiplies all rows of the first matrix by it; then the next part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from . import blas, threads, vectors
from .arrays import flat_to_read
from .heights import fitting
from .jit import LANES, compiled, inlined
from .jobs import taken
from .memory import clear, copy, fetch_ahead, get, put
from .tile import HEIGHTS, run_tile_ahead, width
from .transpose import side, transpose
from .vectors import add, below, everywhere, load, spread, store

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

_DEPTH = 512
_PARALLEL = 500_000  # multiplications from which a second thread is worth while
_AHEAD = 8  # rows of the second matrix that are on their way from memory while one is laid out
_SEGMENT = 16  # products that a tile sums before it brings near what it will read next
_ROWS = _DEPTH // _SEGMENT // 4  # that it brings near in a call: so many of the rows after its own, for each panel
_LINE = 16  # numbers of float32 in a cache line
_HEIGHT_0, _HEIGHT_1, _HEIGHT_2, _HEIGHT_3 = HEIGHTS


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
        long = min(depth, _DEPTH) + _LINE
        square = side(x.itemsize)
        tall = -(-HEIGHTS[0] // square) * square
        # Few groups are divided by rows too, so that threads share them evenly.
        parts = min(-(-rows // HEIGHTS[0]), -(-8 // groups))
        threads.run(
            multiply, groups * parts, first, x_row, x_step, second, y_row, y_column, out.reshape(-1), out_row,
            out_column, rows, columns, depth, wide, square, group, parts, _DEPTH, crowded, long,
            turned, flat_to_read(out[:0] if bias is None else bias), relu,
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
                there = below(y, columns - first - p * wide)
                store(panel, (p * count + k) * wide, load(y, source + p * wide, there), everywhere(panel))
    else:
        for p in range(group):
            valid = max(0, min(wide, columns - first - p * wide))
            source = (first + p * wide) * y_column + low * y_row
            to = p * count * wide
            if count >= square and valid >= square:
                for block in range(0, count, square):
                    k = min(block, count - square)  # the last ones may overlap those before
                    for begin in range(0, valid, square):
                        n = min(begin, valid - square)
                        transpose(panel, to + k * wide + n, wide, y, source + n * y_column + k, y_column)
            else:
                for n in range(valid):
                    for k in range(count):
                        put(panel, to + k * wide + n, get(y, source + n * y_column + k))
            if valid < wide:
                for k in range(count):
                    clear(panel, to + k * wide + valid, wide - valid)


@inlined
def _near(near, long, x, start, x_row, rows, height, count):
    """Copy `rows` rows of `count` numbers to where they lie side by side, and zeros up to `height` rows."""
    for i in range(rows):
        copy(near, i * long, x, start + i * x_row, count)
    for i in range(rows, height):
        clear(near, i * long, count)


@inlined
def _finish(
    out, to, out_row, out_column, edge, direct, turned, rows, columns, wide, square, added, bias, place, relu, gate,
    last,
):  # fmt: skip
    """Do what is left to do with a tile, which lies in `edge`, or where it belongs if it is `direct`.

    It goes line by line: a row of the tile, or a column where the product is `turned`, so that a vector's numbers are
    neighbours in the result.
    """
    lines, line, length, source, step = rows, out_row, columns, 0, wide
    if direct:
        source, step = to, out_row
    if turned:
        tall = -(-_HEIGHT_0 // square) * square
        lines, line, length, source, step = columns, out_column, rows, tall * wide, tall
        for i in range(0, rows, square):
            for n in range(0, wide, square):
                transpose(edge, source + n * tall + i, tall, edge, i * wide + n, wide)
    for begin in range(0, length, wide):
        mask = below(out, length - begin)
        offset = load(bias, place + begin, mask) if len(bias) else spread(out, 0)
        for i in range(lines):
            here = to + i * line + begin
            value = load(out if direct else edge, source + i * step + begin, mask)
            if added and not direct:
                value = add(load(out, here, mask), value)
            if last and len(bias):
                value = add(value, offset)
            if last and relu:
                value = vectors.relu(value)
            if last and len(gate):
                value = vectors.relu_gradient(value, load(gate, here, mask))
            store(out, here, value, mask)


@compiled
def multiply(
    state, jobs, x, x_row, x_step, y, y_row, y_column, out, out_row, out_column, rows, columns, depth, wide, square,
    group, parts, most, crowded, long, turned, bias, relu, gate, panel, edge, segments, near,
):  # fmt: skip
    """The sums over k of `x[m * x_row + k * x_step] * y[k * y_row + n * y_column]`, for `m < rows` and `n < columns`.

    They are written to `out[m * out_row + n * out_column]`; where the product is `turned`, it is `out_row` that is 1,
    and else `out_column`. In the end, if there is a `bias`, it is added, a number for each step of 1; then relu is
    taken; then what has no number above zero in the `gate`, which has the places of `out`, is multiplied by zero.
    """
    for s in range(len(segments)):
        segments[s] = s * _SEGMENT * x_step
    finished = relu or len(bias) > 0 or len(gate) > 0
    for job in taken(state, jobs):
        first = job // parts * group * wide
        start = job % parts * rows // parts
        end = (job % parts + 1) * rows // parts
        for low in range(0, depth, most):
            count = min(most, depth - low)
            last = low + count == depth
            _lay_out(panel, y, y_row, y_column, first, columns, low, count, wide, group, square)
            m = start
            length = _SEGMENT if count % _SEGMENT == 0 else count
            while m < end:
                rest = end - m
                height = fitting(rest, _HEIGHT_0)
                if x_step == 1:  # the lowest tile that has all rows that are left; rows that do not exist are zeros
                    height = _HEIGHT_0
                    for lower in (_HEIGHT_1, _HEIGHT_2, _HEIGHT_3):
                        if lower >= rest:
                            height = lower
                there = min(height, rest)
                copied = crowded or there < height
                if copied:
                    _near(near, long, x, m * x_row + low, x_row, there, height, count)
                for p in range(group):
                    column = first + p * wide
                    if column >= columns:
                        break
                    valid = min(wide, columns - column)
                    direct = valid == wide and there == height and not turned
                    to = m * out_row + column * out_column
                    run_tile_ahead(
                        height, near if copied else x, 0 if copied else m * x_row + low * x_step,
                        long if copied else x_row, 1 if copied else x_step, segments, count // length, length,
                        panel, p * count * wide, wide, length * wide,
                        out if direct else edge, to if direct else 0, out_row if direct else wide, low > 0 and direct,
                        x, (m + there + p * _ROWS) * x_row + low, x_row,
                    )  # fmt: skip
                    if direct and not (last and finished):
                        continue
                    _finish(
                        out, to, out_row, out_column, edge, direct, turned, there, valid, wide, square, low > 0,
                        bias, m if turned else column, relu, gate, last,
                    )  # fmt: skip
                m += there
