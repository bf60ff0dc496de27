"""Shapes, joins, slices and choices of elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._graph import Tensor, convert, node

__all__ = ["boolean_mask"]


def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: int | None = None) -> Tensor:
    """The elements, or rows, of `tensor` where `mask` is true."""
    before = (slice(None),) * (axis or 0)

    def choose(value: Any, mask: Any) -> Any:
        return value[(*before, np.asarray(getattr(mask, "_array", mask)))]

    return node("BooleanMask", choose, [convert(tensor), convert(mask)], name)
