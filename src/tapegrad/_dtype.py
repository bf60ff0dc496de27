"""The dtype that Python numbers and lists become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DTypeError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_default: np.dtype[Any] = np.dtype(np.float32)


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of tensors made from Python numbers and lists, and of random draws: float32 unless it was set."""
    return _default


def set_default_dtype(dtype: DTypeLike) -> None:
    """Make `dtype`, a floating-point one, the dtype of tensors made from Python numbers from now on."""
    global _default
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise DTypeError(f"set_default_dtype: expected a floating-point dtype, got {dtype}")
    _default = dtype
