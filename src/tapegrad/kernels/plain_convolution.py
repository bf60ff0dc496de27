"""Convolution in plain NumPy: the formulas as they stand, one product for each tap of the filters.

It serves where numba is switched off (NUMBA_DISABLE_JIT=1), for dtypes that have no kernel, and as the reference that
the kernels are tested against. Shapes are those of `convolution.py`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .windows import Windows

    Array = np.ndarray[Any, np.dtype[Any]]


def forward(x: Array, filters: Array, at: Windows, groups: int) -> Array:
    """The convolution of `x` with `filters`: each tap adds its product with the cells that it sees."""
    x = _padded(x, at)
    y = np.zeros((x.shape[0], *at.out, filters.shape[-1]), x.dtype)
    for tap, cells in _taps(filters.shape[:3], at):
        for inputs, outputs in _groups(x.shape[-1], filters.shape[-1], groups):
            y[..., outputs] += x[cells][..., inputs] @ filters[tap][:, outputs]
    return y


def input_gradient(g: Array, filters: Array, sizes: Sequence[int], at: Windows, groups: int) -> Array:
    """The gradient for the input: each tap hands `g` back to the cells that it saw."""
    padded = tuple(b + n + a for b, n, a in zip(at.before, sizes, at.after, strict=True))
    dx = np.zeros((g.shape[0], *padded, filters.shape[3] * groups), g.dtype)
    for tap, cells in _taps(filters.shape[:3], at):
        for inputs, outputs in _groups(dx.shape[-1], filters.shape[-1], groups):
            dx[cells][..., inputs] += g[..., outputs] @ filters[tap][:, outputs].T
    inside = tuple(slice(b, b + n) for b, n in zip(at.before, sizes, strict=True))
    return np.ascontiguousarray(dx[:, *inside])


def filter_gradient(x: Array, g: Array, taps: Sequence[int], at: Windows, groups: int) -> Array:
    """The gradient for the filters: each tap sums the products of the cells that it saw with `g`."""
    x = _padded(x, at)
    dw = np.zeros((*taps, x.shape[-1] // groups, g.shape[-1]), x.dtype)
    for tap, cells in _taps(taps, at):
        for inputs, outputs in _groups(x.shape[-1], g.shape[-1], groups):
            dw[tap][:, outputs] = np.tensordot(x[cells][..., inputs], g[..., outputs], axes=([0, 1, 2, 3],) * 2)
    return dw


def _padded(x: Array, at: Windows) -> Array:
    return np.pad(x, [(0, 0), *zip(at.before, at.after, strict=True), (0, 0)])


def _taps(sizes: Sequence[int], at: Windows) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each tap, with the cells of the padded input that it sees, one for each window."""
    for tap in itertools.product(*map(range, sizes)):
        yield (
            tap,
            (
                slice(None),
                *(
                    slice(k * d, k * d + (n - 1) * s + 1 if n else 0, s)
                    for k, d, s, n in zip(tap, at.dilation, at.strides, at.out, strict=True)
                ),
            ),
        )


def _groups(inputs: int, outputs: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """The input and the output channels of each group."""
    i, o = inputs // groups, outputs // groups
    for group in range(groups):
        yield slice(group * i, (group + 1) * i), slice(group * o, (group + 1) * o)
