"""Pooling in plain NumPy: the definitions as they stand, one step for each place in a window, for all windows at once.

It serves where numba is switched off (NUMBA_DISABLE_JIT=1), for dtypes that have no kernel, and as the reference that
the kernels are tested against. Inputs `x` and `z` are (N, A, B, D, C), results `y` and `maxima` have one cell a window.
A NaN is larger than any number, and as large as another NaN.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..ops._windows import Windows

    Array = np.ndarray[Any, np.dtype[Any]]
    Slices = tuple[slice, ...]


def max_pool(x: Array, at: Windows, relu: bool = False) -> Array:
    """The largest element of each window, of `x` or of relu of it."""
    x = np.maximum(x, 0) if relu else x
    y = np.full((len(x), *at.out, x.shape[-1]), -np.inf, x.dtype)
    for windows, cells in _places(x.shape[1:-1], at):
        larger = (x[cells] > y[windows]) | (np.isnan(x[cells]) & ~np.isnan(y[windows]))
        np.copyto(y[windows], x[cells], where=larger)
    return y


def at_maxima(z: Array, x: Array, maxima: Array, at: Windows) -> Array:
    """The elements of `z` at the places of the first `maxima` of `x`."""
    y = np.zeros(maxima.shape, x.dtype)
    for windows, cells, found in _first(x, maxima, at):
        np.copyto(y[windows], z[cells], where=found)
    return y


@np.errstate(over="ignore", invalid="ignore")  # as silent as the kernels
def to_maxima(y: Array, x: Array, maxima: Array, at: Windows, relu: bool = False) -> Array:
    """The transpose of `at_maxima`: `y` added up at the places of the first `maxima` of `x`.

    With `relu` these are maxima of relu of `x`, and the gradient of that, 0 or 1, multiplies what is put there.
    """
    if relu:
        x, y = np.maximum(x, 0), y * (maxima > 0)
    z = np.zeros(x.shape, x.dtype)
    for windows, cells, found in _first(x, maxima, at):
        z[cells] += np.where(found, y[windows], 0)
    return z


@np.errstate(over="ignore", invalid="ignore")
def avg_pool(x: Array, at: Windows) -> Array:
    """The mean of the cells of each window that exist."""
    accurate = np.result_type(x, np.float32)  # the sum of many float16 is none
    y = np.full((len(x), *at.out, x.shape[-1]), -0.0, accurate)  # -0 changes nothing, not even a sum of -0
    for windows, cells in _places(x.shape[1:-1], at):
        y[windows] += x[cells]
    return (y / _counts(x.shape[1:-1], at, accurate)).astype(x.dtype)


@np.errstate(over="ignore", invalid="ignore")
def avg_pool_gradient(y: Array, sizes: Sequence[int], at: Windows) -> Array:
    """The transpose of `avg_pool`: `y`, divided by how many cells its window has, added to each of them."""
    x = np.zeros((len(y), *sizes, y.shape[-1]), y.dtype)
    shares = y / _counts(sizes, at, y.dtype)
    for windows, cells in _places(sizes, at):
        x[cells] += shares[windows]
    return x


def _first(x: Array, maxima: Array, at: Windows) -> Iterator[tuple[Slices, Slices, Array]]:
    """For each place in a window: the windows, their cells there, and which of these are a window's first maximum."""
    pending = np.ones(maxima.shape, bool)
    for windows, cells in _places(x.shape[1:-1], at):
        found = pending[windows] & ((x[cells] == maxima[windows]) | np.isnan(x[cells]))
        pending[windows] &= ~found
        yield windows, cells, found


def _counts(sizes: Sequence[int], at: Windows, dtype: np.dtype[Any]) -> Array:
    """How many cells of each window exist."""
    counts = np.zeros((*at.out, 1), np.intp)
    for windows, _ in _places(sizes, at):
        counts[windows[1:]] += 1
    return counts.astype(dtype)


def _places(sizes: Sequence[int], at: Windows) -> Iterator[tuple[Slices, Slices]]:
    """For each place in a window, row by row: the windows that have a cell of the input there, and these cells."""
    dimensions = zip(sizes, at.out, at.size, at.strides, at.before, strict=True)
    for pairs in itertools.product(*[list(_along(*dimension)) for dimension in dimensions]):
        windows, cells = zip(*pairs, strict=True)
        yield (slice(None), *windows), (slice(None), *cells)


def _along(n: int, out: int, size: int, stride: int, before: int) -> Iterator[tuple[slice, slice]]:
    for place in range(size):
        offset = place - before  # window i has cell i * stride + offset there
        first = max(0, -(offset // stride))
        last = min(out, -(-(n - offset) // stride))
        if first < last:
            begin = first * stride + offset
            yield slice(first, last), slice(begin, begin + (last - first - 1) * stride + 1, stride)
