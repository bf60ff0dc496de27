"""Metrics: how good predictions are, in numbers for people. Each is a function of predictions and labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError


def accuracy(predictions: Any, labels: Any) -> float:
    """The fraction of examples that are told right: predictions (N, classes), whose largest counts; labels (N,).

    With one number an example, (N,) or (N, 1), above a half means yes, and labels are true or false, of that shape or
    (N,). Raises ShapeError for shapes that do not fit.
    """
    values, labels = _array(predictions), _array(labels)
    single = values.ndim == 1 or values.shape[-1] == 1
    told = (values > 0.5).reshape(len(values)) if single else values.argmax(axis=-1)
    if single and labels.size == len(values):
        labels = labels.reshape(len(values)) > 0.5
    if told.shape != labels.shape:
        raise ShapeError(f"accuracy: expected a label for each prediction {values.shape}, got {labels.shape}")
    return float(np.mean(told == labels))


def _array(values: Any) -> np.ndarray[Any, Any]:
    return np.asarray(values.numpy() if hasattr(values, "numpy") else values)
