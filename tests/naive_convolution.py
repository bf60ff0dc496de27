"""Convolution by its definition, one product at a time: slow, and independent of everything in tapegrad.

`products` lists every product that a convolution adds up. The convolution and its two gradients are three sums over the
same list, since each product x * w in y hands g * w to x and g * x to w.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def _each(value: Any, ndim: int) -> list[Any]:
    return [value] * ndim if isinstance(value, int) else list(value)


def _paddings(padding: Any, ndim: int) -> list[Any]:
    """What is said of each dimension: "SAME", "VALID", or a pair (before, after)."""
    if isinstance(padding, int):
        return [(padding, padding)] * ndim
    return [padding] * ndim if isinstance(padding, str) else list(padding)


def _pair(n: int, k: int, stride: int, dilation: int, padding: Any) -> tuple[int, int]:
    """Cells of padding before and after, as TensorFlow documents them for "SAME" and "VALID"."""
    if padding == "SAME":
        effective = (k - 1) * dilation + 1
        total = max(effective - (stride if n % stride == 0 else n % stride), 0)
        return total // 2, total - total // 2
    return (0, 0) if padding == "VALID" else padding


def products(
    x: tuple[int, ...], filters: tuple[int, ...], strides: Any, padding: Any, dilation: Any, groups: int
) -> tuple[tuple[int, ...], np.ndarray]:
    """The shape of y, and for every product its places in x, in the filters and in y, each flattened: (count, 3)."""
    batch, *sizes, channels = x
    *taps, inputs, outputs = filters
    ndim = len(sizes)
    strides, dilation = _each(strides, ndim), _each(dilation, ndim)
    pads = [_pair(*each) for each in zip(sizes, taps, strides, dilation, _paddings(padding, ndim), strict=True)]
    counts = [
        (n + before + after - (k - 1) * d - 1) // s + 1
        for n, k, s, d, (before, after) in zip(sizes, taps, strides, dilation, pads, strict=True)
    ]
    assert channels == inputs * groups
    assert outputs % groups == 0
    y = (batch, *counts, outputs)
    at_x, at_filters, at_y = (np.arange(np.prod(shape, dtype=int)).reshape(shape) for shape in (x, filters, y))
    found = []
    for n in range(batch):
        for place in itertools.product(*map(range, counts)):
            for tap in itertools.product(*map(range, taps)):
                cell = [
                    p * s + t * d - b for p, s, t, d, (b, _) in zip(place, strides, tap, dilation, pads, strict=True)
                ]
                if all(0 <= i < size for i, size in zip(cell, sizes, strict=True)):
                    for i in range(inputs):
                        for o in range(outputs):
                            c = o // (outputs // groups) * inputs + i
                            found.append((at_x[n, *cell, c], at_filters[*tap, i, o], at_y[n, *place, o]))
    return y, np.array(found, dtype=int).reshape(-1, 3)


def _summed(shape: tuple[int, ...], places: np.ndarray, values: np.ndarray, dtype: Any) -> np.ndarray:
    out = np.zeros(np.prod(shape, dtype=int))
    np.add.at(out, places, values)
    return out.reshape(shape).astype(dtype)


def convolve(
    x: np.ndarray, filters: np.ndarray, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1
) -> np.ndarray:
    """The convolution (N, *spatial, C), (*taps, C / groups, F) -> (N, *spatial, F), summed in float64."""
    if x.dtype.kind != "f" or filters.dtype.kind != "f":
        raise TypeError("floating-point numbers only")
    shape, at = products(x.shape, filters.shape, strides, padding, dilation, groups)
    terms = x.ravel()[at[:, 0]].astype(float) * filters.ravel()[at[:, 1]]
    return _summed(shape, at[:, 2], terms, np.result_type(x, filters))


def gradients(
    x: np.ndarray, filters: np.ndarray, g: np.ndarray, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1,
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The gradients of `convolve` for its two arguments, where `g` is the one for its result."""
    _, at = products(x.shape, filters.shape, strides, padding, dilation, groups)
    g_terms = g.ravel()[at[:, 2]].astype(float)
    return (
        _summed(x.shape, at[:, 0], g_terms * filters.ravel()[at[:, 1]], x.dtype),
        _summed(filters.shape, at[:, 1], g_terms * x.ravel()[at[:, 0]], filters.dtype),
    )


def convolve_transpose(
    x: np.ndarray, filters: np.ndarray, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1,
    output_size: Any = None,
) -> np.ndarray:  # fmt: skip
    """The transposed convolution: each cell of x is spread over a window of the result."""
    if x.dtype.kind != "f" or filters.dtype.kind != "f":
        raise TypeError("floating-point numbers only")
    batch, *sizes, _ = x.shape
    *taps, outputs, _ = filters.shape
    ndim = len(sizes)
    if output_size is None:
        pairs = _paddings(0 if isinstance(padding, str) else padding, ndim)
        output_size = [
            n * s if padding == "SAME" else (n - 1) * s + (k - 1) * d + 1 - before - after
            for n, s, k, d, (before, after) in zip(
                sizes, _each(strides, ndim), taps, _each(dilation, ndim), pairs, strict=True
            )
        ]
    shape = (batch, *output_size, outputs * groups)
    seen, at = products(shape, filters.shape, strides, padding, dilation, groups)
    assert seen == x.shape
    terms = x.ravel()[at[:, 2]].astype(float) * filters.ravel()[at[:, 1]]
    return _summed(shape, at[:, 0], terms, np.result_type(x, filters))
