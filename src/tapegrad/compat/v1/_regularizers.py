"""Regularizers: functions of a variable that give a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ops import elementwise, reduction
from ._graph import get_default_graph
from ._math import add_n
from ._nodes import convert, node
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor


def _scaled(name: str, kind: str, scale: float, norm: Callable[[Any], Any]) -> Callable[[Any], Tensor | None]:
    if isinstance(scale, int) or scale < 0:
        raise ValueError(f"scale must be a float of at least 0, got {scale!r}")

    def regularizer(weights: Any) -> Tensor | None:
        if scale == 0:
            return None
        return node(kind, lambda w: scale * norm(w), [convert(weights)], name)  # type: ignore[no-any-return]

    return regularizer


def l1_regularizer(scale: float, scope: str | None = None) -> Callable[[Any], Tensor | None]:
    """`scale` times the sum of absolute values."""
    return _scaled(scope or "l1_regularizer", "L1Regularizer", scale, lambda w: reduction.sum(elementwise.abs(w)))


def l2_regularizer(scale: float, scope: str | None = None) -> Callable[[Any], Tensor | None]:
    """`scale` times half the sum of squares."""
    return _scaled(
        scope or "l2_regularizer", "L2Regularizer", scale, lambda w: 0.5 * reduction.sum(elementwise.square(w))
    )


def l1_l2_regularizer(
    scale_l1: float = 1.0, scale_l2: float = 1.0, scope: str | None = None
) -> Callable[[Any], Tensor | None]:
    """Both regularizers' losses, added."""
    return sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope or "l1_l2_regularizer")  # type: ignore[return-value]


def sum_regularizer(regularizer_list: Any, scope: str | None = None) -> Callable[[Any], Tensor | None] | None:
    """The losses of several regularizers, added; None of them are left out."""
    functions = [function for function in regularizer_list if function is not None]
    if not functions:
        return None

    def regularizer(weights: Any) -> Tensor | None:
        losses = [loss for function in functions if (loss := function(weights)) is not None]
        return add_n(losses, scope or "sum_regularizer") if losses else None

    return regularizer


def apply_regularization(regularizer: Any, weights_list: Any = None) -> Tensor:
    """The sum of the losses of all variables in `weights_list`, or in the collection of weights, itself a loss."""
    graph = get_default_graph()
    chosen = weights_list or graph.get_collection(GraphKeys.WEIGHTS)
    if not chosen:
        raise ValueError("No weights to regularize.")
    with graph.name_scope("get_regularization_penalty"):
        losses = [loss for weights in chosen if (loss := regularizer(weights)) is not None]
        total = add_n(losses, "total_regularization") if losses else convert(0.0)
    graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
    return total
