"""Losses of models, weighted and reduced, and their collection: `tf.losses`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...ops import elementwise, loss, reduction
from ...ops.activation import relu
from ._graph import get_default_graph
from ._infer import kind_of
from ._math import add_n
from ._missing import not_covered
from ._nodes import convert, node
from ._shapes import compatible
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Tensor

__all__ = [
    "Reduction", "absolute_difference", "add_loss", "compute_weighted_loss", "cosine_distance", "get_losses",
    "get_regularization_loss", "get_regularization_losses", "get_total_loss", "hinge_loss", "huber_loss", "log_loss",
    "mean_squared_error", "sigmoid_cross_entropy", "softmax_cross_entropy", "sparse_softmax_cross_entropy",
]  # fmt: skip


class Reduction:
    """What one number is made of many losses by."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_OVER_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All of them."""
        return cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise ValueError for anything else."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}; expected one of {', '.join(cls.all())}")


def _reduced(losses: Any, weights: Any, how: str) -> Any:
    """Losses times weights, made one number."""
    if losses.dtype.kind != "f":
        losses = losses.astype(np.float32)
    weights = weights.astype(losses.dtype)
    weighted = losses * weights if np.ndim(weights) == 0 else losses * _like(weights, losses)
    if how == Reduction.NONE:
        return weighted
    total = reduction.sum(weighted)
    if how == Reduction.SUM:
        return total
    if how == Reduction.SUM_OVER_BATCH_SIZE:
        return total / losses.size
    every = weights + 0 * losses if np.ndim(weights) == 0 else _like(weights, losses) + 0 * losses
    count = reduction.sum(every if how == Reduction.MEAN else (every != 0).astype(losses.dtype))
    return elementwise.where(count == 0, 0 * total, total / elementwise.where(count == 0, 1 + 0 * count, count))


def _like(weights: Any, losses: Any) -> Any:
    """Weights (N,) beside losses (N, 1), or the other way round, are of the losses' shape."""
    if np.ndim(weights) == np.ndim(losses) + 1 and weights.shape[-1] == 1:
        return weights[..., 0]
    if np.ndim(weights) == np.ndim(losses) - 1:
        return weights[..., None]
    return weights


def _loss(
    kind: str,
    function: Callable[..., Any],
    inputs: Sequence[Any],
    weights: Any,
    scope: str | None,
    collection: Any,
    how: str,
) -> Tensor:
    """The loss of `function(*inputs)`, weighted, reduced and noted in a collection."""
    Reduction.validate(how)
    if weights is None:
        raise ValueError("weights cannot be None; 1.0 weights everything alike")
    weight = float(weights) if isinstance(weights, int | float) else None
    plain = weight == 1 and how in (Reduction.SUM_BY_NONZERO_WEIGHTS, Reduction.SUM_OVER_BATCH_SIZE, Reduction.MEAN)

    def call(weights: Any, *values: Any) -> Any:
        losses = function(*values)
        if plain and losses.size:
            return reduction.mean(losses if losses.dtype.kind == "f" else losses.astype(np.float32))
        return _reduced(losses, weights, how)

    with get_default_graph().name_scope(scope or kind):
        given = convert(weights, None if weight is None else np.float32, name="weights")
        out: Tensor = node("Mean" if plain else "Loss", call, [given, *inputs], "value")
    add_loss(out, collection)
    return out


def _alike(first: Any, second: Any, names: str) -> tuple[Tensor, Tensor]:
    """Two tensors whose shapes may be equal; raises ValueError if not."""
    one, other = convert(first), convert(second)
    a, b = kind_of(one).sizes, kind_of(other).sizes
    if not compatible(a, b):
        raise ValueError(f"Shapes {one.shape} and {other.shape} are incompatible: {names} must have one shape")
    return one, other


def _between(
    kind: str,
    function: Callable[..., Any],
    labels: Any,
    predictions: Any,
    weights: Any,
    scope: str | None,
    collection: Any,
    how: str,
    names: str = "labels and predictions",
) -> Tensor:
    """The loss of `function(labels, predictions)`, in float32, as TensorFlow 1 computes these losses of any dtype."""

    def call(*values: Any) -> Any:
        return function(*[value if value.dtype == np.float32 else value.astype(np.float32) for value in values])

    return _loss(kind, call, _alike(labels, predictions, names), weights, scope, collection, how)


_LOSSES, _MEAN = GraphKeys.LOSSES, Reduction.SUM_BY_NONZERO_WEIGHTS


def compute_weighted_loss(
    losses: Any, weights: Any = 1.0, scope: Any = None, loss_collection: Any = _LOSSES, reduction: str = _MEAN
) -> Tensor:
    """Losses, each times its weight, made one number: by default, over the number of weights that are not 0."""
    return _loss("weighted_loss", lambda x: x, [losses], weights, scope, loss_collection, reduction)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """The squared differences."""

    def squares(labels: Any, predictions: Any) -> Any:
        return elementwise.square(predictions - labels)

    return _between("mean_squared_error", squares, labels, predictions, weights, scope, loss_collection, reduction)


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """The sizes of the differences."""

    def sizes(labels: Any, predictions: Any) -> Any:
        return elementwise.abs(predictions - labels)

    return _between("absolute_difference", sizes, labels, predictions, weights, scope, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """Half the squared differences, and beyond `delta` straight lines."""

    def lines(labels: Any, predictions: Any) -> Any:
        return loss.huber(predictions, labels, delta)

    return _between("huber_loss", lines, labels, predictions, weights, scope, loss_collection, reduction)


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """The cross entropy of probabilities of yes."""

    def entropy(labels: Any, p: Any) -> Any:
        return -(labels * elementwise.log(p + epsilon)) - (1 - labels) * elementwise.log(1 - p + epsilon)

    return _between("log_loss", entropy, labels, predictions, weights, scope, loss_collection, reduction)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """How far logits are from being 1 on their side of 0; labels are 0 and 1."""

    def hinges(labels: Any, logits: Any) -> Any:
        return relu(1 - (2 * labels - 1) * logits)  # whose gradient at 0 is 0

    return _between(
        "hinge_loss", hinges, labels, logits, weights, scope, loss_collection, reduction, "labels and logits"
    )


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
    dim: int | None = None,
) -> Tensor:
    """1 less the products of unit vectors along `axis`."""
    along = dim if axis is None else axis
    if along is None:
        raise ValueError("You must specify 'axis'.")

    def distances(labels: Any, predictions: Any) -> Any:
        return 1 - _sum(predictions * labels, along)

    return _between("cosine_distance_loss", distances, labels, predictions, weights, scope, loss_collection, reduction)


def _sum(x: Any, axis: int) -> Any:
    from ...ops.reduction import sum

    return sum(x, axis=axis, keepdims=True)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """The cross entropy of the sigmoids of logits; smoothing moves labels towards a half."""

    def entropy(labels: Any, logits: Any) -> Any:
        labels = labels.astype(logits.dtype)
        if label_smoothing:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        return loss.sigmoid_cross_entropy(logits, labels)

    both = _alike(multi_class_labels, logits, "labels and logits")
    return _loss("sigmoid_cross_entropy_loss", entropy, both, weights, scope, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """The cross entropy of the softmax of logits (..., K) for probabilities (..., K); smoothing evens labels out."""

    def entropy(labels: Any, logits: Any) -> Any:
        labels = labels.astype(logits.dtype)
        if label_smoothing:
            labels = labels * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
        return loss.softmax_cross_entropy(logits, labels.detach() if isinstance(labels, Value) else labels)

    both = _alike(onehot_labels, logits, "onehot_labels and logits")
    return _loss("softmax_cross_entropy_loss", entropy, both, weights, scope, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: Any = None,
    loss_collection: Any = _LOSSES,
    reduction: str = _MEAN,
) -> Tensor:
    """The cross entropy of the softmax of logits (..., K) for classes (...), or (..., 1)."""

    def entropy(labels: Any, logits: Any) -> Any:
        if np.ndim(labels) == np.ndim(logits):
            labels = labels[..., 0]
        return loss.softmax_cross_entropy(logits, labels)

    both = [convert(labels), convert(logits)]
    return _loss("sparse_softmax_cross_entropy_loss", entropy, both, weights, scope, loss_collection, reduction)


# --------------------------------------------------------------------------------------------------
# The collection


def add_loss(loss: Any, loss_collection: Any = _LOSSES) -> None:
    """Note a loss in a collection, if there is one."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: Any = _LOSSES) -> list[Any]:
    """The losses of the graph."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The losses of the sizes of weights."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of the losses of the sizes of weights, 0 if there are none."""
    found = get_regularization_losses(scope)
    return add_n(found, name) if found else convert(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses. Raises ValueError if there are none."""
    found = get_losses(scope)
    if add_regularization_losses:
        found += get_regularization_losses(scope)
    if not found:
        raise ValueError("There is no loss in the collection: call one of tf.losses, or tf.losses.add_loss, first")
    return add_n(found, name)


__getattr__ = not_covered(__name__)
