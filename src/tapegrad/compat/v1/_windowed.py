"""What convolutions and poolings have in common: numbers for spatial dimensions, padding, the order of dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import shape as shaping
from ._arguments import fixed
from ._infer import Kind

if TYPE_CHECKING:
    from collections.abc import Callable


def spatial(what: str, value: Any, ndim: int, first: bool) -> tuple[int, ...]:
    """The numbers for the `ndim` spatial dimensions, out of one number, `ndim` numbers or one for each dimension."""
    numbers = fixed(value, what)
    if not isinstance(numbers, list):
        numbers = [numbers]
    if len(numbers) == 1:
        numbers = numbers * ndim
    if len(numbers) == ndim + 2:
        channels = numbers[1] if first else numbers[-1]
        if numbers[0] != 1 or channels != 1:
            raise ValueError(f"{what}: expected 1 for examples and channels, got {value}")
        numbers = numbers[2:] if first else numbers[1:-1]
    if len(numbers) != ndim:
        raise ValueError(f"{what}: expected a number, {ndim} or {ndim + 2} of them, got {value}")
    return tuple(int(number) for number in numbers)


def edges_of(value: Any, ndim: int, first: bool) -> Any:
    """ "SAME", "VALID", or pairs of numbers for the spatial dimensions."""
    if isinstance(value, str) or value is None:
        kind = (value or "").upper()
        if kind not in ("SAME", "VALID"):
            raise ValueError(f"padding must be 'SAME' or 'VALID', got {value!r}")
        return kind
    pairs = [tuple(pair) for pair in fixed(value, "padding")]
    return tuple(pairs[2:] if first else pairs[1:-1]) if len(pairs) == ndim + 2 else tuple(pairs)


def channels_first(data_format: str | None) -> bool:
    """Whether channels are the second dimension, before the spatial ones."""
    return bool(data_format) and str(data_format).startswith("NC")


def channels_last(x: Any) -> Any:
    """`x`, whose channels are in the second dimension, with them in the last."""
    return shaping.moveaxis(x, 1, -1)


def channels_second(x: Any) -> Any:
    """`x`, whose channels are in the last dimension, with them in the second."""
    return shaping.moveaxis(x, -1, 1)


def exchanged(function: Callable[..., Any], first: bool) -> Callable[..., Any]:
    """`function` for inputs with their channels in the second dimension, if `first`."""
    return (lambda x, *others: channels_second(function(channels_last(x), *others))) if first else function


def sample_of(make: Callable[..., tuple[int, ...]], first: bool) -> Callable[..., Any]:
    """The shape and dtype of a result without computing it; `make` gives the shape for channels last."""

    def sample(x: Any, *others: Any) -> Any:
        if x is None:
            raise ValueError
        shape = [x.shape[0], *x.shape[2:], x.shape[1]] if first else list(x.shape)
        try:
            sizes = list(make(tuple(shape), *[np.shape(other) for other in others]))
        except ValueError:  # the sizes that stand for unknown ones may be smaller than a window
            return Kind((None,) * len(shape), x.dtype)
        if first:
            sizes = [sizes[0], sizes[-1], *sizes[1:-1]]
        return np.broadcast_to(np.zeros((), x.dtype), sizes)

    return sample
