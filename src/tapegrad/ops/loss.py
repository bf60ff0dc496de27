"""Cross entropies of logits, each fused with the function that makes the logits probabilities.

Fused, nothing overflows and the gradient is the difference of two probabilities, `p - labels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._tape import Tensor
from ..errors import ShapeError
from ..primitive import constant, primitive
from .activation import floating, log_softmax, sigmoid, softmax
from .elementwise import clip, exp
from .indexing import getitem_op, index_add, plain_key
from .reduction import sum as _sum
from .shape import moveaxis

__all__ = [
    "huber",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]

# Labels as class indices: logits (..., C), labels (...) -> (...)


def _at_labels(labels: Any) -> tuple[Any, ...]:
    """The index that takes from logits (..., C) the one of each label."""
    return (*np.indices(labels.shape, sparse=True), labels)


def _indexed_raw(logits: Any, *, labels: Any) -> Any:
    largest = np.max(logits, -1, keepdims=True)
    # Taken from the largest first, a large logit loses no digits of its distance from it.
    return np.log(np.sum(np.exp(logits - largest), -1)) + (largest[..., 0] - logits[_at_labels(labels)])


def _indexed_rule(g: Any, logits: Any, out: Any, labels: Any) -> Any:
    key = _at_labels(labels)
    total = out + getitem_op(logits, key=key)  # the log of the summed exponentials
    return index_add(exp(logits - total[..., None]) * g[..., None], key, -g)


_indexed = primitive(_indexed_raw, _indexed_rule, name="softmax_cross_entropy")

# Labels as probabilities: logits (..., C), labels (..., C) -> (...)


def _probable_raw(logits: Any, labels: Any) -> Any:
    largest = np.max(logits, -1, keepdims=True)
    shifted = logits - largest
    return np.sum(labels * (np.log(np.sum(np.exp(shifted), -1, keepdims=True)) - shifted), -1)


def _probable_logits(g: Any, logits: Any, labels: Any) -> Any:
    return (softmax(logits) * _sum(labels, -1, keepdims=True) - labels) * g[..., None]


probable_op = primitive(
    _probable_raw,
    _probable_logits,
    lambda g, logits: -g[..., None] * log_softmax(logits),
    name="softmax_cross_entropy",
)


def _class_numbers_raw(labels: Any, *, name: str, classes: int) -> Any:
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise IndexError(
            f"{name}: labels run from {labels.min()} to {labels.max()}, but there are {classes} classes, counted from 0"
        )
    return np.asarray(labels)[...]  # an array of its own, so that a program has this check in it


class_numbers = constant(_class_numbers_raw, name="class_numbers")


def softmax_cross_entropy(logits: Any, labels: Any, axis: int = -1) -> Any:
    """The cross entropy `-sum(labels * log(softmax(logits)))` of each example: `(..., C), labels -> (...)`.

    `labels` are class indices, integers of shape (...), or probabilities of shape (..., C). `axis` says which
    dimension of the logits, and of probabilities, is C. Gradient for the logits: `softmax(logits) - labels`.
    Raises ShapeError when the shapes do not fit, and IndexError for a class that does not exist.
    """
    shape = np.shape(logits)
    if not shape:
        raise ShapeError("softmax_cross_entropy: logits need a dimension of classes, got a 0-d array")
    if axis not in (-1, len(shape) - 1):
        logits = moveaxis(logits, axis, -1)
        shape = np.shape(logits)
    logits = logits if isinstance(logits, Tensor) else np.asarray(logits)
    labels = labels if isinstance(labels, Tensor) else np.asarray(labels)
    if labels.dtype.kind in "iu" and labels.shape == shape[:-1]:
        labels = class_numbers(labels, name="softmax_cross_entropy", classes=shape[-1])
        return _indexed(logits, labels=plain_key(labels))
    if axis not in (-1, len(shape) - 1) and labels.ndim == len(shape):
        labels = moveaxis(labels, axis, -1)
    if labels.shape == shape:
        return probable_op(logits, labels)
    raise ShapeError(
        f"softmax_cross_entropy: for logits of shape {shape}, labels are integers of shape {shape[:-1]} or "
        f"probabilities of shape {shape}; got {labels.dtype} {labels.shape}"
    )


def _binary_raw(logits: Any, labels: Any) -> Any:
    logits = floating(logits)
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


_binary = primitive(
    _binary_raw,
    lambda g, logits, labels: g * (sigmoid(logits) - labels),
    lambda g, logits: -g * logits,
    name="sigmoid_cross_entropy",
    broadcasts=True,
)


def sigmoid_cross_entropy(logits: Any, labels: Any) -> Any:
    """The cross entropy of each logit with the probability `labels` of its class, elementwise.

    `-labels log(p) - (1 - labels) log(1 - p)` with `p = sigmoid(logits)`; the gradient for the logits is `p - labels`.
    """
    return _binary(logits, labels)


def _huber_raw(x: Any, y: Any, *, delta: float) -> Any:
    distance = np.abs(x - y)
    # With `inside` at most delta this is both formulas at once, and never squares a large number.
    inside = np.minimum(distance, delta)
    return inside * (distance - inside / 2)


_huber = primitive(
    _huber_raw,
    lambda g, x, y, delta: g * clip(x - y, -delta, delta),
    lambda g, x, y, delta: -g * clip(x - y, -delta, delta),
    name="huber",
    broadcasts=True,
)


def huber(x: Any, y: Any, delta: float = 1.0) -> Any:
    """Half the squared difference up to `delta`, and from there on a straight line of slope `delta`, elementwise.

    `delta * (|x - y| - delta / 2)` is the line. Raises ValueError for a `delta` that is not positive. Source: Huber,
    Robust estimation of a location parameter, Annals of Mathematical Statistics 35, 1964.
    """
    if not delta > 0:
        raise ValueError(f"huber: expected a positive delta, got {delta}")
    return _huber(x, y, delta=delta)
