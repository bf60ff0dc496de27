"""Products of matrices by the register tile, for where NumPy's own library does not use all of the processor.

A job is a panel of columns of the result, as wide as a tile. It lays a part of the second matrix's panel out in a
buffer, in the order in which the tile reads, and multiplies all rows of the first matrix by it; then the next part.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads
from .arrays import flat_to_read
from .jit import compiled, inlined
from .jobs import taken
from .memory import clear, copy, get, put
from .tile import HEIGHTS, run_tile, width

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

_DEPTH = 512  # rows of the second matrix that are laid out at a time: a buffer that stays in the second-level cache
_HEIGHT_0, _HEIGHT_1, _HEIGHT_2, _HEIGHT_3 = HEIGHTS


def matmul(x: Array, y: Array, transpose_x: bool = False, transpose_y: bool = False) -> Array:
    """The product of two matrices of one dtype, float32 or float64, either of them transposed first."""
    x_row, x_step = (1, x.shape[1]) if transpose_x else (x.shape[1], 1)
    y_row, y_column = (1, y.shape[1]) if transpose_y else (y.shape[1], 1)
    rows, depth = x.shape[::-1] if transpose_x else x.shape
    columns = y.shape[0] if transpose_y else y.shape[1]
    out = np.empty((rows, columns), x.dtype)
    if not depth:
        out[:] = 0
    if out.size and depth:
        wide = width(x.itemsize)
        panels = -(-columns // wide)
        # Neighbouring panels are laid out together where there are many: more of each page of memory is read at once.
        group = min(4, max(1, panels // 8))
        groups = -(-panels // group)
        # Few groups are divided by rows too, so that threads share them evenly.
        parts = min(-(-rows // HEIGHTS[0]), -(-8 // groups))
        threads.run(
            multiply, groups * parts, flat_to_read(x), x_row, x_step, flat_to_read(y), y_row, y_column, out.reshape(-1),
            rows, columns, depth, wide, group, parts, _DEPTH,
            scratch=((group * _DEPTH * wide, x.dtype), (HEIGHTS[0] * wide, x.dtype), (1, np.intp)),
            parallel=rows * columns * depth > 500_000,
        )  # fmt: skip
    return out


_faster: bool | None = None


def faster() -> bool:
    """Whether these products are quicker than NumPy's here: measured once, on matrices of a usual size."""
    global _faster
    if _faster is None:
        x, y = np.ones((256, 512), np.float32), np.ones((512, 256), np.float32)
        _faster = _seconds(lambda: matmul(x, y)) < 0.9 * _seconds(lambda: x @ y)
    return _faster


def _seconds(task: Any) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


@inlined
def _lay_out(panel, y, y_row, y_column, first, columns, low, count, wide, group):
    """Copy `count` rows of `group` panels from row `low` and column `first` on; each panel lies by itself."""
    if y_column == 1:
        for k in range(count):
            source = (low + k) * y_row + first
            for p in range(group):
                valid = max(0, min(wide, columns - first - p * wide))
                to = (p * count + k) * wide
                copy(panel, to, y, source + p * wide, valid)
                clear(panel, to + valid, wide - valid)
    else:
        for p in range(group):
            valid = max(0, min(wide, columns - first - p * wide))
            for block in range(0, count, 16):  # so few rows at a time that they stay in the first-level cache
                end = min(block + 16, count)
                for n in range(valid):
                    source = (first + p * wide + n) * y_column + low * y_row
                    for k in range(block, end):
                        put(panel, (p * count + k) * wide + n, get(y, source + k * y_row))
                for k in range(block, end):
                    clear(panel, (p * count + k) * wide + valid, wide - valid)


@compiled
def multiply(
    state, jobs, x, x_row, x_step, y, y_row, y_column, out, rows, columns, depth, wide, group, parts, most,
    panel, edge, segments,
):  # fmt: skip
    """`out[m, n]`, (rows, columns), is the sum over k of `x[m * x_row + k * x_step] * y[k * y_row + n * y_column]`."""
    segments[0] = 0
    for job in taken(state, jobs):
        first = job // parts * group * wide
        begin = job % parts * rows // parts
        end = (job % parts + 1) * rows // parts
        for low in range(0, depth, most):
            count = min(most, depth - low)
            _lay_out(panel, y, y_row, y_column, first, columns, low, count, wide, group)
            m = begin
            while m < end:
                rest = end - m
                if rest >= _HEIGHT_0:
                    height = _HEIGHT_0
                elif rest >= _HEIGHT_1:
                    height = _HEIGHT_1
                elif rest >= _HEIGHT_2:
                    height = _HEIGHT_2
                else:
                    height = _HEIGHT_3
                for p in range(group):
                    column = first + p * wide
                    if column >= columns:
                        break
                    valid = min(wide, columns - column)
                    whole = valid == wide
                    to = m * columns + column
                    if not whole and low > 0:
                        for i in range(height):
                            copy(edge, i * wide, out, to + i * columns, valid)
                    run_tile(
                        height, x, m * x_row + low * x_step, x_row, x_step, segments, 1, count,
                        panel, p * count * wide, wide, 0,
                        out if whole else edge, to if whole else 0, columns if whole else wide, low > 0,
                    )  # fmt: skip
                    if not whole:
                        for i in range(height):
                            copy(out, to + i * columns, edge, i * wide, valid)
                m += height
