"""Cross entropies of logits.

Before its version 1 TensorFlow took logits first and labels second; since then both must be named. So positional
arguments mean the order of old times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import activation, elementwise
from ...ops import loss as losses
from ...ops import shape as shaping
from ...primitive import primitive
from ._arguments import axes_of, beside, chosen
from ._array import stop_gradient
from ._graph import get_default_graph
from ._math import cast
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = [
    "log_poisson_loss",
    "sigmoid_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "sparse_softmax_cross_entropy_with_logits",
    "weighted_cross_entropy_with_logits",
]


def _of_old_times(function: str, old: tuple[Any, ...], labels: Any, logits: Any) -> tuple[Any, Any]:
    """Labels and logits, where positional arguments are logits and labels."""
    if old:
        from ._old_names import told

        told(f"tf.nn.{function}(logits, labels)", f"tf.nn.{function}(labels=labels, logits=logits)")
        logits, labels = [*old, labels][:2] if len(old) == 1 else old[:2]
    if labels is None or logits is None:
        raise ValueError(f"{function}: both labels and logits must be provided")
    return labels, logits


def softmax_cross_entropy_with_logits(
    *old: Any, labels: Any = None, logits: Any = None, dim: int = -1, name: str | None = None, axis: int | None = None
) -> Tensor:
    """The cross entropy of each example with its probabilities of classes: `(..., C), (..., C) -> (...)`.

    No gradient flows to the labels.
    """
    function = "softmax_cross_entropy_with_logits"
    labels, logits = _of_old_times(function, old, labels, logits)
    place = dim if axis is None else axis
    return _softmax(stop_gradient(labels, "labels_stop_gradient"), logits, place, name or f"{function}_sg")


def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: Any = None, name: str | None = None, dim: Any = None
) -> Tensor:
    """As `softmax_cross_entropy_with_logits`, but a gradient flows to the labels, too."""
    place = axes_of(chosen("softmax_cross_entropy_with_logits_v2", axis=axis, dim=dim))
    return _softmax(labels, logits, -1 if place is None else place, name or "softmax_cross_entropy_with_logits")


def _softmax(labels: Any, logits: Any, axis: int, name: str) -> Tensor:
    with get_default_graph().name_scope(name):
        scores, wanted = convert(logits), convert(labels)
        if wanted.dtype != scores.dtype:
            wanted = cast(wanted, scores.dtype)  # whole numbers are probabilities, too
        if not scores.shape.is_compatible_with(wanted.shape):
            raise ValueError(f"logits and labels must be of one shape: logits {scores.shape}, labels {wanted.shape}")
        return node("Reshape_2", _of_probabilities, [scores, wanted], axis=axis)  # type: ignore[no-any-return]


# Where labels do not add up to 1, TensorFlow's gradient is `softmax(logits) - labels` all the same.
_loss = primitive(
    losses._probable_raw,
    lambda g, logits, labels: (activation.softmax(logits) - labels) * g[..., None],
    lambda g, logits: -g[..., None] * activation.log_softmax(logits),
    name="softmax_cross_entropy",
)


def _of_probabilities(logits: Any, labels: Any, *, axis: int) -> Any:
    if logits.shape != labels.shape:
        raise ValueError(f"logits and labels must be of one shape: logits {logits.shape}, labels {labels.shape}")
    if axis not in (-1, logits.ndim - 1):
        logits, labels = shaping.moveaxis(logits, axis, -1), shaping.moveaxis(labels, axis, -1)
    return _loss(logits, labels)


def sparse_softmax_cross_entropy_with_logits(
    *old: Any, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """The cross entropy of each example with the number of its class: `(..., C), (...) -> (...)`."""
    labels, logits = _of_old_times("sparse_softmax_cross_entropy_with_logits", old, labels, logits)
    with get_default_graph().name_scope(name or "SparseSoftmaxCrossEntropyWithLogits"):
        scores, classes = convert(logits), convert(labels)
        if not classes.dtype.is_integer:
            raise TypeError(
                f"sparse_softmax_cross_entropy_with_logits: labels must be whole numbers, the places of classes, got "
                f"{classes.dtype.name}; for probabilities use softmax_cross_entropy_with_logits"
            )
        have, want = classes.shape.ndims, scores.shape.ndims
        if have is not None and want is not None and have != want - 1:
            raise ValueError(
                f"Rank mismatch: Rank of labels (received {have}) should equal rank of logits minus 1 "
                f"(received {want})."
            )
        return node("SparseSoftmaxCrossEntropyWithLogits", _of_classes, [scores, classes])  # type: ignore[no-any-return]


def _of_classes(logits: Any, classes: Any) -> Any:
    return losses.softmax_cross_entropy(beside(logits, classes), classes)


def sigmoid_cross_entropy_with_logits(
    *old: Any, labels: Any = None, logits: Any = None, name: str | None = None, targets: Any = None
) -> Tensor:
    """The cross entropy of each logit with the probability of its own class, element by element."""
    labels, logits = _of_old_times(
        "sigmoid_cross_entropy_with_logits", old, targets if labels is None else labels, logits
    )
    scores, wanted = operands(logits, labels)
    if not scores.shape.is_compatible_with(wanted.shape):
        raise ValueError(f"logits and labels must have the same shape ({scores.shape} vs {wanted.shape})")
    return node("logistic_loss", losses.sigmoid_cross_entropy, [scores, wanted], name)  # type: ignore[no-any-return]


def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, name: str | None = None, targets: Any = None
) -> Tensor:
    """As `sigmoid_cross_entropy_with_logits`, with what is lost by positive labels multiplied by `pos_weight`."""

    def weigh(logits: Any, labels: Any, weight: Any) -> Any:
        share = 1 + (weight - 1) * labels
        return (1 - labels) * logits + share * activation.softplus(-logits)

    inputs = operands(logits, chosen("weighted_cross_entropy_with_logits", labels=labels, targets=targets), pos_weight)
    return node("logistic_loss", weigh, inputs, name)  # type: ignore[no-any-return]


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Tensor:
    """The log-likelihood loss of counts whose expected logarithms are `log_input`."""

    def measure(log_input: Any, targets: Any) -> Any:
        loss = elementwise.exp(log_input) - log_input * targets
        if not compute_full_loss:
            return loss
        counted = elementwise.logical_and(elementwise.greater_equal(targets, 0), elementwise.less_equal(targets, 1))
        safe = elementwise.where(counted, 1, targets)
        stirling = safe * elementwise.log(safe) - safe + 0.5 * elementwise.log(np.float32(2 * np.pi) * safe)
        return loss + elementwise.where(counted, 0, stirling)

    return node("log_poisson_loss", measure, operands(log_input, targets), name)  # type: ignore[no-any-return]
