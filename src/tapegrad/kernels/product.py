"""Products of matrices by the register tile, for where NumPy's own library does not use all of the processor.

A job is a panel of columns of the result, as wide as a tile. It lays a part of the second matrix's panel out in a
buffer, in the order in which the tile reads, and multiplies all rows of the first matrix by it; then the next part.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

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
    plan = _plan(x.shape, y.shape, x.dtype, transpose_x, transpose_y)
    out = np.empty(plan.shape, x.dtype)
    if not plan.depth:
        out[:] = 0 if bias is None else bias
        out = np.maximum(out, 0) if relu else out
        return out if gate is None else out * (gate > 0)
    if out.size:
        first, second = flat_to_read(x), flat_to_read(y)
        if plan.turned:
            first, second = second, first
        nothing = first[:0]
        threads.run(
            multiply, plan.jobs, first, plan.first_row, plan.first_step, second, plan.second_row, plan.second_column,
            out.reshape(-1), plan.out_row, plan.out_column, plan.rows, plan.columns, plan.depth, plan.wide, plan.tall,
            COVERING if plan.first_step == 1 else FITTING, plan.group, plan.parts, _DEPTH, plan.crowded, plan.long,
            plan.turned, nothing if bias is None else flat_to_read(bias), relu,
            nothing if gate is None else flat_to_read(gate), scratch=plan.scratch, parallel=plan.parallel,
        )  # fmt: skip
    return out


class _Plan(NamedTuple):
    """How a product of matrices of some shapes is divided and laid out, in the terms of `multiply`."""

    shape: tuple[int, int]
    first_row: int
    first_step: int
    second_row: int
    second_column: int
    out_row: int
    out_column: int
    rows: int
    columns: int
    depth: int
    wide: int
    tall: int
    group: int
    parts: int
    jobs: int
    crowded: bool
    long: int
    turned: bool
    scratch: tuple[tuple[int, Any], ...]
    parallel: bool


@functools.lru_cache(1024)  # to think of it takes as long as a small product
def _plan(
    x_shape: tuple[int, int], y_shape: tuple[int, int], dtype: np.dtype[Any], transpose_x: bool, transpose_y: bool
) -> _Plan:  # fmt: skip
    x_row, x_step = (1, x_shape[1]) if transpose_x else (x_shape[1], 1)
    y_row, y_column = (1, y_shape[1]) if transpose_y else (y_shape[1], 1)
    rows, depth = x_shape[::-1] if transpose_x else x_shape
    columns = y_shape[0] if transpose_y else y_shape[1]
    shape = rows, columns
    out_row, out_column = columns, 1
    size, other_size = rows * depth, columns * depth
    wide = width(dtype.itemsize)
    # The larger matrix is read as it lies and the smaller one laid out, and few columns are no panel: then it is
    # the transpose of y times the transpose of x that is computed.
    turned = rows >= wide and ((transpose_y and other_size > 2 * size) or columns < wide)
    if turned:
        x_row, x_step, y_row, y_column = y_column, y_row, x_step, x_row
        rows, columns, out_row, out_column = columns, rows, 1, columns
        size, other_size = other_size, size
    panels = -(-columns // wide)
    # Neighbouring panels are laid out together where there are many: more of each page of memory is read at once.
    group = max(1, min(4, panels if size > 4 * other_size else max(1, panels // 8)))
    groups = -(-panels // group)
    # Few groups are divided by rows too, so that threads share them evenly.
    parts = min(-(-rows // HEIGHTS[0]), -(-8 // max(groups, 1)))
    long, tall = min(depth, _DEPTH) + LINE // dtype.itemsize, turned_step(dtype.itemsize)
    scratch = (
        (group * min(depth, _DEPTH) * wide, dtype), (2 * tall * wide, dtype), (_DEPTH // _SEGMENT, np.intp),
        (HEIGHTS[0] * long, dtype),
    )  # fmt: skip
    return _Plan(
        shape, x_row, x_step, y_row, y_column, out_row, out_column, rows, columns, depth, wide, tall, group, parts,
        groups * parts,
        # Rows a page apart would push one another out of the first-level cache: they are copied to where they do not.
        x_step == 1 and x_row * dtype.itemsize % 4096 == 0,
        long, turned, scratch, rows * columns * depth > _PARALLEL,
    )  # fmt: skip


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
