"""Figures of merit over many batches, kept in local variables: `tf.metrics`.

Each function gives two tensors: the figure so far, and an update, which takes a batch in and is the figure after it.
`tf.local_variables_initializer()` starts anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...ops import elementwise, reduction
from ._graph import get_default_graph
from ._infer import kind_of
from ._missing import NotCoveredError, not_covered
from ._nodes import convert, node
from ._variables import GraphKeys, Variable, assign_add

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Tensor

    Pair = tuple[Tensor, Tensor]

__all__ = [
    "accuracy", "auc", "false_negatives", "false_positives", "mean", "mean_absolute_error", "mean_squared_error",
    "precision", "recall", "root_mean_squared_error", "true_negatives", "true_positives",
]  # fmt: skip


def _streaming(
    name: str | None,
    kind: str,
    parts: Sequence[str],
    measure: Callable[..., Any],
    inputs: Sequence[Any],
    figure: Callable[..., Any],
    collections: tuple[Any, Any],
    sizes: tuple[int, ...] = (),
) -> Pair:
    """`figure` of sums of what `measure(*inputs)` gives, an array for each of `parts`."""
    graph = get_default_graph()
    with graph.name_scope(name or kind):
        kept = [
            Variable(
                np.zeros(sizes, np.float32), trainable=False, name=part,
                collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
            )
            for part in parts
        ]  # fmt: skip
        measured = node("Measure", measure, list(inputs), "measured", outputs=len(parts))
        added = [assign_add(variable, found) for variable, found in zip(kept, measured, strict=True)]
        value: Tensor = node("Figure", figure, kept, "value")
        update: Tensor = node("Figure", figure, added, "update_op")
    for tensor, collection in zip((value, update), collections, strict=True):
        if collection:
            graph.add_to_collections([collection] if isinstance(collection, str) else list(collection), tensor)
    return value, update


def _quotient(total: Any, count: Any) -> Any:
    """`total / count`, or 0 where there is nothing yet."""
    return elementwise.where(count > 0, total / elementwise.where(count > 0, count, 1 + 0 * count), 0 * total)


def _numbers(x: Any) -> Any:
    return x.astype(np.float32)


def _weighted(values: Any, weights: Sequence[Any]) -> tuple[Any, Any]:
    """The sum of values, each times its weight, and of the weights."""
    values = _numbers(values)
    if not weights:
        return reduction.sum(values), np.float32(values.size)
    weight = _numbers(weights[0])
    if np.ndim(weight) == np.ndim(values) - 1 and np.ndim(weight):
        weight = weight[..., None]
    elif np.ndim(weight) == np.ndim(values) + 1:
        weight = weight[..., 0]
    spread = weight + 0 * values
    return reduction.sum(values * weight), reduction.sum(spread)


def _given(weights: Any) -> list[Any]:
    return [] if weights is None else [convert(weights)]


def _flat(labels: Any, predictions: Any) -> tuple[Any, Any]:
    """Labels and predictions without a last dimension of 1 that only one of them has."""
    if np.ndim(labels) == np.ndim(predictions) + 1 and labels.shape[-1] == 1:
        return labels[..., 0], predictions
    if np.ndim(predictions) == np.ndim(labels) + 1 and predictions.shape[-1] == 1:
        return labels, predictions[..., 0]
    return labels, predictions


def mean(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of all values, weighted."""
    collections = metrics_collections, updates_collections
    inputs = [convert(values), *_given(weights)]
    return _streaming(name, "mean", ["total", "count"], lambda x, *w: _weighted(x, w), inputs, _quotient, collections)


def _of_two(
    kind: str,
    error: Callable[[Any, Any], Any],
    labels: Any,
    predictions: Any,
    weights: Any,
    collections: tuple[Any, Any],
    name: str | None,
    figure: Callable[..., Any] = _quotient,
) -> Pair:
    """The mean of `error(labels, predictions)`, weighted."""

    def measure(labels: Any, predictions: Any, *weights: Any) -> Any:
        labels, predictions = _flat(labels, predictions)
        return _weighted(error(labels, predictions), weights)

    one, other = convert(labels), convert(predictions)
    a, b = kind_of(one).sizes, kind_of(other).sizes
    if a is not None and b is not None and abs(len(a) - len(b)) > 1:
        raise ValueError(f"{kind}: shapes {one.shape} of labels and {other.shape} of predictions are incompatible")
    return _streaming(name, kind, ["total", "count"], measure, [one, other, *_given(weights)], figure, collections)


def accuracy(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The part of predictions that equal their labels."""

    def hits(labels: Any, predictions: Any) -> Any:
        return elementwise.equal(predictions.astype(labels.dtype), labels)

    collections = metrics_collections, updates_collections
    return _of_two("accuracy", hits, labels, predictions, weights, collections, name)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of the squared differences."""
    collections = metrics_collections, updates_collections
    return _of_two("mean_squared_error", _square, labels, predictions, weights, collections, name)


def root_mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The root of the mean of the squared differences."""

    def root(total: Any, count: Any) -> Any:
        return elementwise.sqrt(_quotient(total, count))

    collections = metrics_collections, updates_collections
    return _of_two("root_mean_squared_error", _square, labels, predictions, weights, collections, name, root)


def mean_absolute_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of the sizes of the differences."""

    def size(labels: Any, predictions: Any) -> Any:
        return elementwise.abs(_numbers(predictions) - _numbers(labels))

    collections = metrics_collections, updates_collections
    return _of_two("mean_absolute_error", size, labels, predictions, weights, collections, name)


def _square(labels: Any, predictions: Any) -> Any:
    return elementwise.square(_numbers(predictions) - _numbers(labels))


# --------------------------------------------------------------------------------------------------
# Yes and no


def _counts(
    kind: str,
    wanted: Sequence[tuple[str, bool, bool]],
    figure: Callable[..., Any],
    labels: Any,
    predictions: Any,
    weights: Any,
    collections: tuple[Any, Any],
    name: str | None,
) -> Pair:
    """A figure of how often label and prediction are as `wanted`: (name, label, prediction)."""

    def measure(labels: Any, predictions: Any, *weights: Any) -> Any:
        labels, predictions = (_plain(x).astype(bool) for x in _flat(labels, predictions))
        return [
            _weighted((labels == label) & (predictions == prediction), weights)[0] for _, label, prediction in wanted
        ]

    inputs = [convert(labels), convert(predictions), *_given(weights)]
    return _streaming(name, kind, [part for part, *_ in wanted], measure, inputs, figure, collections)


def _plain(x: Any) -> Any:
    """The array of a value, or the value itself in a program, which knows no array."""
    return x if isinstance(x, Value) else np.asarray(x)


def _count_of(kind: str, label: bool, prediction: bool) -> Callable[..., Pair]:
    def count(
        labels: Any,
        predictions: Any,
        weights: Any = None,
        metrics_collections: Any = None,
        updates_collections: Any = None,
        name: str | None = None,
    ) -> Pair:
        collections = metrics_collections, updates_collections
        wanted = [("count", label, prediction)]
        return _counts(kind, wanted, lambda x: x + 0, labels, predictions, weights, collections, name)

    count.__name__ = count.__qualname__ = kind
    count.__doc__ = f"How many are {kind.replace('_', ' ')}: label {label}, prediction {prediction}."
    return count


true_positives = _count_of("true_positives", True, True)
false_positives = _count_of("false_positives", False, True)
true_negatives = _count_of("true_negatives", False, False)
false_negatives = _count_of("false_negatives", True, False)


def precision(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The part of what is predicted as yes that is yes."""
    wanted = [("true_positives/count", True, True), ("false_positives/count", False, True)]
    collections = metrics_collections, updates_collections
    return _counts("precision", wanted, _part, labels, predictions, weights, collections, name)


def recall(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The part of what is yes that is predicted as yes."""
    wanted = [("true_positives/count", True, True), ("false_negatives/count", True, False)]
    collections = metrics_collections, updates_collections
    return _counts("recall", wanted, _part, labels, predictions, weights, collections, name)


def _part(hits: Any, misses: Any) -> Any:
    return _quotient(hits, hits + misses)


def auc(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    curve: str = "ROC",
    name: str | None = None,
    summation_method: str = "trapezoidal",
    thresholds: Any = None,
) -> Pair:
    """The area under the curve of true against false positives, by trapezoids between thresholds from 0 to 1."""
    if (curve, summation_method) != ("ROC", "trapezoidal"):
        raise NotCoveredError(f"auc: {curve} with {summation_method} is not covered; ROC with trapezoidal is")
    epsilon = 1e-7
    between = thresholds if thresholds is not None else np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
    limits = np.array([-epsilon, *between, 1 + epsilon], np.float32)[:, None]

    def measure(labels: Any, predictions: Any, *weights: Any) -> Any:
        yes, p = labels.reshape(1, -1).astype(bool), predictions.reshape(1, -1)
        w = _numbers(weights[0]).reshape(1, -1) if weights else np.ones((1, 1), np.float32)
        over = p > limits
        return [
            reduction.sum(_numbers(a & b) * w, axis=1)
            for a, b in ((yes, over), (yes, ~over), (~yes, ~over), (~yes, over))
        ]

    def area(tp: Any, fn: Any, tn: Any, fp: Any) -> Any:
        rate = (tp + 1e-6) / (tp + fn + 1e-6)
        false_rate = fp / (fp + tn + 1e-6)
        return reduction.sum((false_rate[:-1] - false_rate[1:]) * (rate[:-1] + rate[1:]) / 2)

    parts = ["true_positives", "false_negatives", "true_negatives", "false_positives"]
    inputs = [convert(labels), convert(predictions), *_given(weights)]
    collections = metrics_collections, updates_collections
    return _streaming(name, "auc", parts, measure, inputs, area, collections, (len(limits),))


__getattr__ = not_covered(__name__)
