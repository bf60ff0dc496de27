"""Metrics as of old, which take predictions before labels: `tf.contrib.metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....ops.reduction import mean as averaged
from ....ops.reduction import sum as summed
from .. import metrics
from .._missing import not_covered
from .._nodes import convert, node

if TYPE_CHECKING:
    from .._operation import Tensor

__all__ = [
    "accuracy",
    "streaming_accuracy",
    "streaming_auc",
    "streaming_false_negatives",
    "streaming_false_positives",
    "streaming_mean",
    "streaming_mean_absolute_error",
    "streaming_mean_squared_error",
    "streaming_precision",
    "streaming_recall",
    "streaming_root_mean_squared_error",
    "streaming_true_negatives",
    "streaming_true_positives",
]

__getattr__ = not_covered(__name__)


def _streaming(name: str) -> Any:
    """A metric of `tf.metrics`, with the predictions first."""

    def streaming(predictions: Any, labels: Any, *arguments: Any, **keywords: Any) -> Any:
        return getattr(metrics, name)(labels, predictions, *arguments, **keywords)

    streaming.__name__ = streaming.__qualname__ = f"streaming_{name}"
    streaming.__doc__ = f"`tf.metrics.{name}`, with the predictions before the labels."
    return streaming


streaming_mean = metrics.mean
streaming_accuracy = _streaming("accuracy")
streaming_auc = _streaming("auc")
streaming_false_negatives = _streaming("false_negatives")
streaming_false_positives = _streaming("false_positives")
streaming_mean_absolute_error = _streaming("mean_absolute_error")
streaming_mean_squared_error = _streaming("mean_squared_error")
streaming_precision = _streaming("precision")
streaming_recall = _streaming("recall")
streaming_root_mean_squared_error = _streaming("root_mean_squared_error")
streaming_true_negatives = _streaming("true_negatives")
streaming_true_positives = _streaming("true_positives")


def accuracy(predictions: Any, labels: Any, weights: Any = None, name: str | None = None) -> Tensor:
    """The share of predictions that are equal to their labels, each with its weight."""

    def share(predictions: Any, labels: Any, *weights: Any) -> Any:
        equal = (predictions == labels).astype(np.float32)
        return summed(equal * weights[0]) / summed(weights[0]) if weights else averaged(equal)

    given = [] if weights is None else [convert(weights)]
    return node("Accuracy", share, [convert(predictions), convert(labels), *given], name)  # type: ignore[no-any-return]
