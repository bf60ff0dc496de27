"""Candidate samplers, and the losses that look at some classes instead of all: nce_loss, sampled_softmax_loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...ops import elementwise, reduction
from ...ops import loss as losses
from ...ops import shape as shaping
from ._arguments import fixed
from ._dtypes import int64
from ._embeddings import whole_table
from ._graph import get_default_graph
from ._infer import Kind
from ._math import cast
from ._nodes import convert, node, operands
from ._random_ops import draws
from ._slicing import rows, sample_of_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "fixed_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "nce_loss",
    "sampled_softmax_loss",
    "uniform_candidate_sampler",
]


class Candidates(NamedTuple):
    """Classes that were drawn, and how often each true class, and each of them, is expected among them."""

    sampled_candidates: Tensor
    true_expected_count: Tensor
    sampled_expected_count: Tensor


def _candidates(
    kind: str, label: str | None, draw: Callable[..., Any], chance: Callable[..., Any], true_classes: Any, count: int,
    unique: bool, classes: int, seed: int | None,
) -> Candidates:  # fmt: skip
    """Candidates by `draw(stream, count)`, where class k comes with probability `chance(k)`."""
    if unique and count > classes:
        raise ValueError(f"{kind}: cannot draw {count} different classes out of {classes}")

    def several(stream: np.random.Generator) -> Any:
        """The classes, and at the end how many draws there were."""
        if not unique:
            return np.append(draw(stream, count), count).astype(np.int64)
        drawn = np.empty(0, np.int64)
        while True:
            drawn = np.append(drawn, draw(stream, 2 * count)).astype(np.int64)
            first = np.sort(np.unique(drawn, return_index=True)[1])
            if len(first) >= count:
                return np.append(drawn[first[:count]], first[count - 1] + 1)

    def expected(numbers: Any, drawn: Any) -> Any:
        share = chance(numbers)
        if not unique:
            return shaping.astype(share * count, np.float32)
        tries = shaping.astype(drawn[-1], np.float64)
        return shaping.astype(-elementwise.expm1(tries * elementwise.log1p(-share)), np.float32)

    with get_default_graph().name_scope(label or kind):
        drawn = draws("draws", several, [], None, seed, lambda: Kind((count + 1,), np.dtype(np.int64)))
        sampled = node(kind, lambda drawn: drawn[:-1], [drawn])
        true = node("true_expected_count", expected, [convert(true_classes), drawn])
        others = node("sampled_expected_count", lambda drawn: expected(drawn[:-1], drawn), [drawn])
    return Candidates(sampled, true, others)


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None,
    name: str | None = None,
) -> Candidates:  # fmt: skip
    """Candidates of which class k comes with probability (log(k + 2) - log(k + 1)) / log(range_max + 1).

    That suits words which are numbered from the most frequent one on.
    """
    count, classes = int(fixed(num_sampled, "num_sampled")), int(fixed(range_max, "range_max"))
    span = math.log(classes + 1)

    def draw(stream: np.random.Generator, count: int) -> Any:
        return np.minimum(np.exp(stream.random(count) * span).astype(np.int64) - 1, classes - 1)

    def chance(numbers: Any) -> Any:
        place = shaping.astype(numbers, np.float64)
        return (elementwise.log(place + 2) - elementwise.log(place + 1)) / span

    return _candidates("LogUniformCandidateSampler", name, draw, chance, true_classes, count, unique, classes, seed)


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None,
    name: str | None = None,
) -> Candidates:  # fmt: skip
    """Candidates of which every class is as likely."""
    count, classes = int(fixed(num_sampled, "num_sampled")), int(fixed(range_max, "range_max"))

    def chance(numbers: Any) -> Any:
        return shaping.astype(numbers, np.float64) * 0 + 1 / classes

    def draw(stream: np.random.Generator, count: int) -> Any:
        return stream.integers(0, classes, count)

    return _candidates("UniformCandidateSampler", name, draw, chance, true_classes, count, unique, classes, seed)


def fixed_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, vocab_file: str = "",
    distortion: float = 1.0, num_reserved_ids: int = 0, num_shards: int = 1, shard: int = 0, unigrams: Any = (),
    seed: int | None = None, name: str | None = None,
) -> Candidates:  # fmt: skip
    """Candidates of which each class comes in proportion to its count in `unigrams`, to the power of `distortion`."""
    if vocab_file or num_shards != 1:
        raise ValueError("fixed_unigram_candidate_sampler: vocab_file and shards are not covered; give unigrams")
    counts = np.concatenate([np.zeros(num_reserved_ids), np.asarray(unigrams, np.float64) ** distortion])
    shares = counts / counts.sum()
    ends = np.cumsum(shares)

    def draw(stream: np.random.Generator, count: int) -> Any:
        return np.minimum(np.searchsorted(ends, stream.random(count), "right"), len(ends) - 1)

    return _candidates(
        "FixedUnigramCandidateSampler", name, draw, lambda numbers: rows(shares, numbers), true_classes,
        int(fixed(num_sampled, "num_sampled")), unique, int(fixed(range_max, "range_max")), seed,
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------
# Losses


def _sampled(
    label: str, weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int,
    num_true: int, sampled_values: Any, remove_accidental_hits: bool, partition_strategy: str, seed: int | None,
    measure: Callable[[Any, int], Any],
) -> Tensor:  # fmt: skip
    with get_default_graph().name_scope(label) as scope:
        labels = cast(labels, int64)
        if sampled_values is None:
            sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
        table = whole_table(weights, partition_strategy)
        numbers = whole_table(biases, partition_strategy)

        sampled_values = [convert(value) for value in sampled_values]
        places = node("concat", _one_after_the_other, [labels, sampled_values[0]])

        def loss(
            inputs: Any, features: Any, scores: Any, labels: Any, sampled: Any, true_count: Any, count: Any
        ) -> Any:
            labels = shaping.reshape(labels, (-1, num_true))
            end = labels.size
            own = shaping.reshape(features[:end], (*labels.shape, -1))
            true = reduction.sum(shaping.expand_dims(inputs, 1) * own, -1) + shaping.reshape(scores[:end], labels.shape)
            true = true - elementwise.log(shaping.reshape(true_count, true.shape))
            others = inputs @ shaping.matrix_transpose(features[end:]) + scores[end:]
            if remove_accidental_hits:
                hits = reduction.any(elementwise.equal(shaping.expand_dims(labels, -1), sampled), 1)
                others = others - shaping.astype(hits, inputs.dtype) * np.finfo(np.float32).max
            others = others - elementwise.log(count)
            return measure(shaping.concat([true, others], 1), num_true)

        found = [node("embedding_lookup", rows, [x, places], sample=sample_of_rows) for x in (table, numbers)]
        values = [*operands(inputs, *found), labels, *sampled_values]
        return node(label, loss, values, scope)  # type: ignore[no-any-return]


def _one_after_the_other(labels: Any, sampled: Any) -> Any:
    return shaping.concat([shaping.reshape(labels, (-1,)), shaping.astype(sampled, labels.dtype)], 0)


def _targets(logits: Any, num_true: int) -> Any:
    """For each example its own classes, which share 1, and none of those drawn."""
    row = np.zeros(logits.shape[1], logits.dtype)
    row[:num_true] = 1 / num_true
    return np.broadcast_to(row, logits.shape)


def nce_loss(
    weights: Any, biases: Any, labels: Any = None, inputs: Any = None, num_sampled: Any = None,
    num_classes: Any = None, num_true: int = 1, sampled_values: Any = None, remove_accidental_hits: bool = False,
    partition_strategy: str = "mod", name: str = "nce_loss",
) -> Tensor:  # fmt: skip
    """Noise-contrastive estimation: for each example, telling its classes from those drawn: `(N, D) -> (N,)`.

    `weights` (classes, D) and `biases` (classes,) are the output layer, `labels` (N, num_true).
    """

    def measure(logits: Any, num_true: int) -> Any:
        return reduction.sum(losses.sigmoid_cross_entropy(logits, _targets(logits, num_true)), 1)

    labels, inputs = _in_order("nce_loss", labels, inputs)
    return _sampled(
        name, weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, None, measure,
    )  # fmt: skip


def sampled_softmax_loss(
    weights: Any, biases: Any, labels: Any = None, inputs: Any = None, num_sampled: Any = None,
    num_classes: Any = None, num_true: int = 1, sampled_values: Any = None, remove_accidental_hits: bool = True,
    partition_strategy: str = "mod", name: str = "sampled_softmax_loss", seed: int | None = None,
) -> Tensor:  # fmt: skip
    """The softmax cross entropy of each example over its classes and those drawn: `(N, D) -> (N,)`."""

    def measure(logits: Any, num_true: int) -> Any:
        return losses.softmax_cross_entropy(logits, _targets(logits, num_true))

    labels, inputs = _in_order("sampled_softmax_loss", labels, inputs)
    return _sampled(
        name, weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, seed, measure,
    )  # fmt: skip


def _in_order(function: str, labels: Any, inputs: Any) -> tuple[Any, Any]:
    """Labels, which are whole numbers, and inputs; before TensorFlow 1 they came the other way round."""
    labels, inputs = convert(labels), convert(inputs)
    if labels.dtype.is_floating and inputs.dtype.is_integer:
        from ._old_names import told

        told(f"tf.nn.{function}(weights, biases, inputs, labels)", f"tf.nn.{function}(weights, biases, labels, inputs)")
        return inputs, labels
    return labels, inputs
