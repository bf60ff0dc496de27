"""Arrays as kernels get them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def to_read(array: Array) -> Array:
    """A contiguous and aligned view, or a copy, that is always read-only: numba would compile anew for others."""
    view = np.require(array, None, ("C", "ALIGNED")).view()
    view.flags.writeable = False
    return view


def flat_to_read(array: Array) -> Array:
    """The same in one dimension, so that a kernel has one type for each dtype."""
    return to_read(array).reshape(-1)
