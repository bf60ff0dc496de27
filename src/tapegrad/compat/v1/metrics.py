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


def _metric(
    kind: str,
    doc: str,
    parts: Sequence[str],
    measure: Callable[..., Any],
    figure: Callable[..., Any],
    check: Callable[[str, Tensor, Tensor], None] | None = None,
) -> Callable[..., Pair]:
    """The function `tf.metrics.<kind>`: `figure` of sums of what `measure(labels, predictions, *weights)` gives."""

    def metric(
        labels: Any,
        predictions: Any,
        weights: Any = None,
        metrics_collections: Any = None,
        updates_collections: Any = None,
        name: str | None = None,
    ) -> Pair:
        one, other = convert(labels), convert(predictions)
        if check is not None:
            check(kind, one, other)
        collections = metrics_collections, updates_collections
        return _streaming(name, kind, parts, measure, [one, other, *_given(weights)], figure, collections)

    metric.__name__ = metric.__qualname__ = kind
    metric.__doc__ = doc
    return metric


# --------------------------------------------------------------------------------------------------
# Means of how far predictions are from their labels


def _mean_of(
    kind: str, doc: str, error: Callable[[Any, Any], Any], figure: Callable[..., Any] = _quotient
) -> Callable[..., Pair]:
    """A metric: the mean of `error(labels, predictions)`, weighted."""

    def measure(labels: Any, predictions: Any, *weights: Any) -> Any:
        labels, predictions = _flat(labels, predictions)
        return _weighted(error(labels, predictions), weights)

    return _metric(kind, doc, ["total", "count"], measure, figure, _check_ranks)


def _check_ranks(kind: str, labels: Tensor, predictions: Tensor) -> None:
    a, b = kind_of(labels).sizes, kind_of(predictions).sizes
    if a is not None and b is not None and abs(len(a) - len(b)) > 1:
        raise ValueError(
            f"{kind}: shapes {labels.shape} of labels and {predictions.shape} of predictions are incompatible"
        )


def _hit(labels: Any, predictions: Any) -> Any:
    return elementwise.equal(predictions.astype(labels.dtype), labels)


def _square(labels: Any, predictions: Any) -> Any:
    return elementwise.square(_numbers(predictions) - _numbers(labels))


def _size(labels: Any, predictions: Any) -> Any:
    return elementwise.abs(_numbers(predictions) - _numbers(labels))


def _root(total: Any, count: Any) -> Any:
    return elementwise.sqrt(_quotient(total, count))


accuracy = _mean_of("accuracy", "The part of predictions that equal their labels.", _hit)
mean_squared_error = _mean_of("mean_squared_error", "The mean of the squared differences.", _square)
root_mean_squared_error = _mean_of(
    "root_mean_squared_error", "The root of the mean of the squared differences.", _square, _root
)
mean_absolute_error = _mean_of("mean_absolute_error", "The mean of the sizes of the differences.", _size)


# --------------------------------------------------------------------------------------------------
# Yes and no


def _of_counts(
    kind: str, doc: str, wanted: Sequence[tuple[str, bool, bool]], figure: Callable[..., Any]
) -> Callable[..., Pair]:
    """A metric: a figure of how often label and prediction are as `wanted`: (name, label, prediction)."""

    def measure(labels: Any, predictions: Any, *weights: Any) -> Any:
        labels, predictions = (_plain(x).astype(bool) for x in _flat(labels, predictions))
        return [
            _weighted((labels == label) & (predictions == prediction), weights)[0] for _, label, prediction in wanted
        ]

    return _metric(kind, doc, [part for part, *_ in wanted], measure, figure)


def _plain(x: Any) -> Any:
    """The array of a value, or the value itself in a program, which knows no array."""
    return x if isinstance(x, Value) else np.asarray(x)


def _count_of(kind: str, label: bool, prediction: bool) -> Callable[..., Pair]:
    doc = f"How many are {kind.replace('_', ' ')}: label {label}, prediction {prediction}."
    return _of_counts(kind, doc, [("count", label, prediction)], lambda x: x + 0)


def _part_of(kind: str, doc: str, misses: tuple[str, bool, bool]) -> Callable[..., Pair]:
    return _of_counts(
        kind, doc, [("true_positives/count", True, True), misses], lambda hits, misses: _quotient(hits, hits + misses)
    )


true_positives = _count_of("true_positives", True, True)
false_positives = _count_of("false_positives", False, True)
true_negatives = _count_of("true_negatives", False, False)
false_negatives = _count_of("false_negatives", True, False)
precision = _part_of(
    "precision", "The part of what is predicted as yes that is yes.", ("false_positives/count", False, True)
)
recall = _part_of("recall", "The part of what is yes that is predicted as yes.", ("false_negatives/count", True, False))


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
