"""Pooling by its definition, one window and one channel at a time: slow, and independent of everything in tapegrad."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np


def _each(value: Any, ndim: int) -> list[Any]:
    return [value] * ndim if isinstance(value, int) else list(value)


def _bounds(n: int, size: int, stride: int, padding: Any) -> list[range]:
    """The cells that exist in each window along one dimension, padded as TensorFlow documents it."""
    if n == 0:
        return []  # there is no window over nothing
    before = after = 0
    if padding == "SAME":
        total = max(size - (stride if n % stride == 0 else n % stride), 0)
        before, after = total // 2, total - total // 2
    elif padding != "VALID":
        before, after = padding
    starts = range(-before, n + after - size + 1, stride)
    return [range(max(start, 0), min(start + size, n)) for start in starts]


def windows(shape: tuple[int, ...], size: Any, strides: Any = None, padding: Any = "VALID") -> list[list[range]]:
    """For each spatial dimension of an image of `shape`, the cells of each window."""
    sizes = shape[1:-1]
    size = _each(size, len(sizes))
    strides = size if strides is None else _each(strides, len(sizes))
    if isinstance(padding, int):
        padding = (padding, padding)
    paddings = [padding] * len(sizes) if isinstance(padding, str) or isinstance(padding[0], int) else padding
    return [_bounds(*each) for each in zip(sizes, size, strides, paddings, strict=True)]


def places(x: np.ndarray, *args: Any, **kwargs: Any) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """The place of every result, and the places in `x` of its window's cells, row by row."""
    if x.dtype.kind != "f":
        raise TypeError("floating-point numbers only")
    along = windows(x.shape, *args, **kwargs)
    for n, c in itertools.product(range(x.shape[0]), range(x.shape[-1])):
        for place in itertools.product(*[range(len(cells)) for cells in along]):
            cells = itertools.product(*[cells[i] for cells, i in zip(along, place, strict=True)])
            yield (n, *place, c), [(n, *cell, c) for cell in cells]


def _empty(x: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    return np.empty((x.shape[0], *map(len, windows(x.shape, *args, **kwargs)), x.shape[-1]), x.dtype)


def first_maximum(x: np.ndarray, cells: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The first of `cells` with the largest element, NaN being larger than any number."""
    best = cells[0]
    for cell in cells[1:]:
        if not math.isnan(x[best]) and (math.isnan(x[cell]) or x[cell] > x[best]):
            best = cell
    return best


def max_pool(x: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    y = _empty(x, *args, **kwargs)
    for place, cells in places(x, *args, **kwargs):
        y[place] = x[first_maximum(x, cells)]
    return y


def max_pool_gradient(g: np.ndarray, x: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    """The gradient of `max_pool` at `x`, where `g` is the one for its result."""
    dx = np.zeros_like(x)
    for place, cells in places(x, *args, **kwargs):
        dx[first_maximum(x, cells)] += g[place]
    return dx


def at_maxima(z: np.ndarray, x: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    """The derivative of `max_pool` at `x` in the direction `z`."""
    y = _empty(x, *args, **kwargs)
    for place, cells in places(x, *args, **kwargs):
        y[place] = z[first_maximum(x, cells)]
    return y


def avg_pool(x: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    """Added up row by row, in the dtype of `x`."""
    y = _empty(x, *args, **kwargs)
    for place, cells in places(x, *args, **kwargs):
        total = x[cells[0]]
        for cell in cells[1:]:
            total += x[cell]
        y[place] = total / x.dtype.type(len(cells))
    return y


def avg_pool_gradient(g: np.ndarray, x: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    """The gradient of `avg_pool`, which does not depend on the values of `x`, summed in float64."""
    dx = np.zeros(x.shape)
    for place, cells in places(x, *args, **kwargs):
        for cell in cells:
            dx[cell] += g[place] / len(cells)
    return dx.astype(x.dtype)
