"""Arrays as kernels get them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

LINE = 64  # bytes of a cache line


def to_read(array: Array) -> Array:
    """A contiguous and aligned view, or a copy, that is always read-only: numba would compile anew for others."""
    if type(array) is not np.ndarray or not (array.flags.c_contiguous and array.flags.aligned):
        array = np.require(array, None, ("C", "ALIGNED"))  # which takes as long as a small kernel
    view = array.view()
    view.flags.writeable = False
    return view


def flat_to_read(array: Array) -> Array:
    """The same in one dimension, so that a kernel has one type for each dtype."""
    flat = array.ravel()  # a view, unless the array does not lie in one piece
    if type(flat) is not np.ndarray or not flat.flags.aligned:
        return to_read(flat)
    flat.setflags(write=False)  # a third of what `to_read` takes, where a small kernel takes little more
    return flat


def aligned(size: int, dtype: Any) -> Array:
    """An array that begins where a cache line does: a vector that lies in two lines takes twice as long."""
    dtype = np.dtype(dtype)
    return at_line(np.empty(size + LINE // dtype.itemsize, dtype))[:size]


def at_line(array: Array) -> Array:
    """The view of an array from the first cache line on that begins in it."""
    start: int = -array.__array_interface__["data"][0] % LINE // array.itemsize
    return array[start:]
