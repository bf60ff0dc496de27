"""Cross entropies of sequences of classes, each step of each example with a weight."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ...ops.loss import softmax_cross_entropy
from ...ops.reduction import sum as summed
from ...ops.shape import reshape
from ._graph import get_default_graph
from ._nodes import convert, node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor

_TINY = 1e-12  # where all weights are zeros


def _cross_entropy(function: Any, logits: Any, targets: Any) -> Any:
    """The losses (N,) of logits (N, classes) for targets (N,), by the caller's function if there is one."""
    if function is None:
        return node("SparseSoftmaxCrossEntropyWithLogits", _losses, [logits, targets])
    try:
        names = set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = set()
    if {"labels", "logits"} <= names:
        return function(labels=targets, logits=logits)
    return function(logits, targets)  # as it was called before TensorFlow 1.0


def _losses(logits: Any, targets: Any) -> Any:
    return softmax_cross_entropy(logits, reshape(targets, (-1,)))


def sequence_loss_by_example(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    softmax_loss_function: Any = None,
    name: str | None = None,
) -> Tensor:
    """The weighted cross entropy of each example (N,): lists with (N, classes), (N,) and (N,) for each step."""
    if not len(logits) == len(targets) == len(weights):
        raise ValueError(
            f"Lengths of logits, weights, and targets must be the same {len(logits)}, {len(weights)}, {len(targets)}."
        )
    with get_default_graph().name_scope(name or "sequence_loss_by_example"):
        losses = [_cross_entropy(softmax_loss_function, x, y) for x, y in zip(logits, targets, strict=True)]
        count = len(losses)

        def weighted(*values: Any) -> Any:
            given = values[count:]
            total = sum(loss * weight for loss, weight in zip(values[:count], given, strict=True))
            return total / (sum(given) + _TINY) if average_across_timesteps else total

        return node("WeightedLosses", weighted, [*losses, *weights])  # type: ignore[no-any-return]


def sequence_loss(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Any = None,
    name: str | None = None,
) -> Tensor:
    """The weighted cross entropy of all examples: lists with (N, classes), (N,) and (N,) for each step."""
    with get_default_graph().name_scope(name or "sequence_loss"):
        losses = sequence_loss_by_example(logits, targets, weights, average_across_timesteps, softmax_loss_function)
        return node(  # type: ignore[no-any-return]
            "Mean", lambda x: summed(x) / x.shape[0] if average_across_batch else summed(x), [losses]
        )


def padded_sequence_loss(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Any = None,
    name: str | None = None,
) -> Tensor:
    """The weighted cross entropy of logits (N, L, classes) for targets (N, L), with weights (N, L).

    Averaged over both, it is one number; over one of them, (L,) or (N,); over none, (N, L).
    """
    x, y, w = convert(logits), convert(targets), convert(weights)
    for what, tensor, ndim in (("Logits", x, 3), ("Targets", y, 2), ("Weights", w, 2)):
        if tensor.shape.ndims not in (None, ndim):
            raise ValueError(f"{what} must be a {ndim}-dimensional tensor, got shape {tensor.shape}")
    with get_default_graph().name_scope(name or "sequence_loss"):
        flat = node("Reshape", lambda x: reshape(x, (-1, x.shape[-1])), [x])
        classes = node("Reshape", lambda y: reshape(y, (-1,)), [y])
        losses = _cross_entropy(softmax_loss_function, flat, classes)

        def averaged(losses: Any, w: Any) -> Any:
            total = reshape(losses, w.shape) * w
            if average_across_timesteps and average_across_batch:
                return summed(total) / (summed(w) + _TINY)
            axes = (1,) if average_across_timesteps else (0,) if average_across_batch else ()
            return summed(total, axis=axes) / (summed(w, axis=axes) + _TINY) if axes else total

        return node("SequenceLoss", averaged, [losses, w])  # type: ignore[no-any-return]
