"""Losses as of old, which take predictions before labels: `tf.contrib.losses`."""

from __future__ import annotations

from typing import Any

from .. import losses
from .._missing import not_covered
from ..losses import add_loss, get_losses, get_regularization_losses, get_total_loss

__all__ = [
    "absolute_difference",
    "add_loss",
    "compute_weighted_loss",
    "cosine_distance",
    "get_losses",
    "get_regularization_losses",
    "get_total_loss",
    "hinge_loss",
    "log_loss",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]

__getattr__ = not_covered(__name__)


def compute_weighted_loss(losses_: Any, weights: Any = 1.0, scope: str | None = None) -> Any:
    """Losses, each times its weight, made one number."""
    return losses.compute_weighted_loss(losses_, weights, scope)


def mean_squared_error(predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None) -> Any:
    """The squared differences."""
    return losses.mean_squared_error(labels, predictions, weights, scope)


def absolute_difference(predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None) -> Any:
    """The sizes of the differences."""
    return losses.absolute_difference(labels, predictions, weights, scope)


def log_loss(
    predictions: Any, labels: Any = None, weights: Any = 1.0, epsilon: float = 1e-7, scope: str | None = None
) -> Any:
    """The cross entropy of probabilities of yes."""
    return losses.log_loss(labels, predictions, weights, epsilon, scope)


def cosine_distance(
    predictions: Any,
    labels: Any = None,
    axis: Any = None,
    weights: Any = 1.0,
    scope: str | None = None,
    dim: Any = None,
) -> Any:
    """1 less the products of unit vectors along `axis`."""
    return losses.cosine_distance(labels, predictions, dim if axis is None else axis, weights, scope)


def hinge_loss(logits: Any, labels: Any = None, scope: str | None = None) -> Any:
    """How far logits are from being 1 on their side of 0; labels are 0 and 1."""
    return losses.hinge_loss(labels, logits, 1.0, scope)


def sigmoid_cross_entropy(
    logits: Any, multi_class_labels: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None
) -> Any:
    """The cross entropy of the sigmoids of logits."""
    return losses.sigmoid_cross_entropy(multi_class_labels, logits, weights, label_smoothing, scope)


def softmax_cross_entropy(
    logits: Any, onehot_labels: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None
) -> Any:
    """The cross entropy of the softmax of logits (..., K) for probabilities (..., K)."""
    return losses.softmax_cross_entropy(onehot_labels, logits, weights, label_smoothing, scope)


def sparse_softmax_cross_entropy(logits: Any, labels: Any, weights: Any = 1.0, scope: str | None = None) -> Any:
    """The cross entropy of the softmax of logits (..., K) for classes (...)."""
    return losses.sparse_softmax_cross_entropy(labels, logits, weights, scope)
