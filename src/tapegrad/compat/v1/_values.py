"""Arrays: of values that a session computed, and of Python's: numbers, strings, shapes, and lists of these."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._tape import Tensor as Value
from . import _dtypes as dtypes
from ._shapes import Dimension, TensorShape


def array_in(value: Any) -> Any:
    """The array of a value that a session computed."""
    return np.asarray(value._array if isinstance(value, Value) else value)


def array_of(value: Any, dtype: Any = None, preferred: Any = None) -> np.ndarray[Any, Any]:
    """A new array of a value, of `dtype`, or of TensorFlow's for such a value."""
    if value is None:
        raise ValueError("None values not supported.")
    kind = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, TensorShape):
        value = [int(size) for size in value]
    elif isinstance(value, list | tuple):
        value = [int(item) if isinstance(item, Dimension) else item for item in value]
    elif isinstance(value, Dimension):
        value = int(value)
    given = isinstance(value, np.ndarray | np.generic)
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError(f"Can't convert non-rectangular Python sequence to Tensor: {value!r}") from None
    if array.dtype.kind in "SU" and not given:
        array = np.array(value, object)  # of NumPy's own kind, strings lose zeros at their ends
    if array.dtype.kind in "SUO":
        if kind is not None and kind != dtypes.string:
            raise TypeError(f"Expected {kind.name}, got {value!r} of type {type(value).__name__!r} instead.")
        if array.dtype.kind == "O" and any(not isinstance(item, str | bytes) for item in array.ravel()):
            raise TypeError(f"Failed to convert {value!r} to a tensor: it holds {type(array.ravel()[0]).__name__}")
        flat = [item.encode() if isinstance(item, str) else bytes(item) for item in array.ravel().tolist()]
        out = np.empty(array.size, object)
        out[:] = flat
        return out.reshape(array.shape)
    if kind is not None:
        if not given and kind.is_integer and array.dtype.kind == "f" and array.size:
            raise TypeError(f"Expected {kind.name}, got {value!r} of type 'float' instead.")
        return array.astype(kind.dtype)
    if given and array.dtype != np.float128:
        return array
    if preferred is not None and array.dtype.kind in "fiu":
        wanted = dtypes.as_dtype(preferred)
        if wanted.is_floating or array.dtype.kind != "f":
            return array.astype(wanted.dtype)
    if array.dtype.kind == "f":
        mixed = isinstance(value, list | tuple) and any(
            type(item) is np.float64 for item in np.ravel(np.array(value, object))
        )
        return array if mixed else array.astype(np.float32)
    if array.dtype.kind in "iu":
        small = not array.size or (array.min() >= -(2**31) and array.max() < 2**31)
        return array.astype(np.int32 if small else np.int64)
    return array
