"""Helpers under Keras's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._missing import not_covered

__all__ = ["to_categorical"]

__getattr__ = not_covered(__name__)


def to_categorical(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> np.ndarray[Any, Any]:
    """Class numbers (...) as vectors of zeros and a one (..., num_classes)."""
    classes = np.asarray(y, int)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    return np.eye(num_classes or int(classes.max()) + 1, dtype=dtype)[classes]
