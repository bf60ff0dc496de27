"""Losses and dropout as functions, under PyTorch's names. The last dimension of logits is the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops.loss import softmax_cross_entropy
from .dropout import dropout

__all__ = ["cross_entropy", "dropout", "mse_loss"]


def cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Any:
    """The cross entropy of the softmax of `logits` (..., classes) with `labels`, averaged over the examples.

    `labels` are class indices (...) or probabilities (..., classes). `reduction` is "mean", "sum" or "none", which
    gives a loss for each example. Raises ShapeError or DTypeError for labels that are neither.
    """
    return _reduced("cross_entropy", softmax_cross_entropy(logits, labels), reduction)


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error of `prediction`, averaged over all its numbers; "sum" or "none" instead of "mean" as above.

    Raises ShapeError when the shapes differ: (N,) and (N, 1) would broadcast to (N, N), which is never meant.
    """
    if np.shape(prediction) != np.shape(target):
        raise ShapeError(
            f"mse_loss: expected a target of the prediction's shape {np.shape(prediction)}, got {np.shape(target)}; "
            "reshape one of them"
        )
    return _reduced("mse_loss", (prediction - target) ** 2, reduction)


def _reduced(name: str, losses: Any, reduction: str) -> Any:
    match reduction:
        case "mean":
            return losses.mean()
        case "sum":
            return losses.sum()
        case "none":
            return losses
    raise ValueError(f'{name}: expected reduction "mean", "sum" or "none", got {reduction!r}')
