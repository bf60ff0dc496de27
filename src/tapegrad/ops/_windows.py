"""Where the windows of a convolution or a pooling lie: sizes, strides, dilation and padding, one number a dimension."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..kernels.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Windows", "is_plain", "per_dimension", "windows"]


def windows(
    name: str,
    sizes: Sequence[int],
    size: Sequence[int],
    strides: Any,
    padding: Any,
    dilation: Any = 1,
) -> Windows:
    """The windows of `size` over an input whose spatial dimensions are `sizes`.

    `padding` is "SAME" (as many windows as strides fit into the input, padded as TensorFlow does, the odd cell at
    the end), "VALID" (none), or explicit: a number, or a pair (before, after) for each dimension. Raises ShapeError
    when a window has no cells or is larger than the padded input, and ValueError for any other padding, strides or
    dilation.
    """
    if is_plain(strides) and is_plain(padding) and is_plain(dilation):
        return _remembered(name, tuple(sizes), tuple(size), strides, padding, dilation)
    return _windows(name, sizes, size, strides, padding, dilation)


def is_plain(value: Any) -> bool:
    """Whether this is a name, or integers of Python: nothing that means something else is equal to these."""
    return type(value) in (int, str) or (type(value) is tuple and all(type(number) is int for number in value))


def _windows(
    name: str, sizes: Sequence[int], size: Sequence[int], strides: Any, padding: Any, dilation: Any
) -> Windows:  # fmt: skip
    ndim = len(sizes)
    strides = per_dimension(name, "strides", strides, ndim)
    dilation = per_dimension(name, "dilation", dilation, ndim)
    size = tuple(int(k) for k in size)
    if min(size) < 1:
        raise ShapeError(f"{name}: a window needs at least one cell, got windows of {size}")
    spans = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    if isinstance(padding, str) and padding == "SAME":
        total = [
            max((-(-n // s) - 1) * s + span - n, 0) if n else 0
            for n, s, span in zip(sizes, strides, spans, strict=True)
        ]
        pairs = [(t // 2, t - t // 2) for t in total]
    elif isinstance(padding, str) and padding == "VALID":
        pairs = [(0, 0)] * ndim
    else:
        pairs = _explicit(name, padding, ndim)
    out = []
    for n, span, s, (before, after) in zip(sizes, spans, strides, pairs, strict=True):
        room = n + before + after - span
        if room < 0 and n:
            raise ShapeError(
                f"{name}: a window spans {spans} cells, but the input has {tuple(sizes)}, padded by {pairs}; "
                "use a smaller window or padding='SAME'"
            )
        out.append(max(room // s + 1, 0) if n else 0)
    return Windows(
        size,
        strides,
        dilation,
        tuple(p[0] for p in pairs),
        tuple(p[1] for p in pairs),
        tuple(out),
    )


# As a layer asks again and again: to work it out takes longer than a small convolution.
_remembered = functools.lru_cache(512)(_windows)


def per_dimension(name: str, what: str, value: Any, ndim: int) -> tuple[int, ...]:
    """`value`, a number for all dimensions or one for each, as `ndim` positive integers."""
    values = tuple(value) if isinstance(value, list | tuple | np.ndarray) else (value,) * ndim
    if len(values) != ndim or not all(isinstance(v, int | np.integer) and v >= 1 for v in values):
        several = f", or {ndim} of them" if ndim > 1 else ""
        raise ValueError(f"{name}: {what} must be a positive integer{several}, got {value!r}")
    return tuple(int(v) for v in values)


def _explicit(name: str, padding: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(padding, int | np.integer):
        padding = [(padding, padding)] * ndim
    try:
        pairs = [(operator.index(before), operator.index(after)) for before, after in padding]
    except (TypeError, ValueError):
        pairs = []
    if len(pairs) != ndim or any(p < 0 for pair in pairs for p in pair):
        raise ValueError(
            f"{name}: padding must be 'SAME', 'VALID', a number of at least 0, or {ndim} pairs (before, after), "
            f"got {padding!r}"
        )
    return pairs
