"""Activations, losses and dropout as functions, under PyTorch's names. The last dimension of logits is the classes.

Losses take `reduction`, which is "mean", over all losses, "sum", or "none", which gives them as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._tape import Tensor
from ..errors import DTypeError, ShapeError
from ..ops.activation import log_softmax, relu, sigmoid, softmax, softplus
from ..ops.elementwise import abs as absolute
from ..ops.elementwise import exp, greater, log, square, tanh, where
from ..ops.indexing import take_along_axis
from ..ops.loss import class_numbers, huber, sigmoid_cross_entropy, softmax_cross_entropy
from .activation import elu, gelu, leaky_relu, silu
from .dropout import dropout
from .linear import affine

__all__ = [
    "affine",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "half_squared_error",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]


def cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Any:
    """The cross entropy of the softmax of `logits` (..., classes) with `labels`, averaged over the examples.

    `labels` are class indices (...) or probabilities (..., classes). `reduction` is "mean", "sum" or "none", which
    gives a loss for each example. Raises ShapeError or DTypeError for labels that are neither.
    """
    return _reduced("cross_entropy", softmax_cross_entropy(logits, labels), reduction)


def nll_loss(log_probabilities: Any, labels: Any, reduction: str = "mean") -> Any:
    """Minus the log-probability of each example's class: `(..., classes), labels (...) -> (...)`, averaged.

    `log_softmax` followed by it is `cross_entropy`. Raises ShapeError for labels of another shape, DTypeError for
    labels that are no integers, and IndexError for a class that does not exist.
    """
    shape = np.shape(log_probabilities)
    labels = labels if isinstance(labels, Tensor) else np.asarray(labels)
    if not shape or labels.shape != shape[:-1]:
        raise ShapeError(
            f"nll_loss: for log-probabilities of shape {shape}, labels are integers of shape {shape[:-1]}, "
            f"got {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"nll_loss: labels are integers, got {labels.dtype}; convert with astype")
    labels = class_numbers(labels, name="nll_loss", classes=shape[-1])
    return _reduced("nll_loss", -take_along_axis(log_probabilities, labels[..., None])[..., 0], reduction)


def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """The cross entropy of each logit with the probability `target` of its class; they have one shape.

    Raises ShapeError when the shapes differ.
    """
    _same_shape("binary_cross_entropy_with_logits", logits, target)
    return _reduced("binary_cross_entropy_with_logits", sigmoid_cross_entropy(logits, target), reduction)


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared error of `prediction`, averaged over all its numbers.

    Raises ShapeError when the shapes differ: (N,) and (N, 1) would broadcast to (N, N), which is never meant.
    """
    _same_shape("mse_loss", prediction, target)
    return _reduced("mse_loss", square(prediction - target), reduction)


def half_squared_error(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Half the squared error, whose gradient is the difference itself, averaged over all numbers.

    Raises ShapeError when the shapes differ.
    """
    _same_shape("half_squared_error", prediction, target)
    return _reduced("half_squared_error", square(prediction - target) * 0.5, reduction)


def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The absolute error of `prediction`, averaged over all its numbers. Raises ShapeError when the shapes differ."""
    _same_shape("l1_loss", prediction, target)
    return _reduced("l1_loss", absolute(prediction - target), reduction)


def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared error up to `delta` and a straight line beyond, so that outliers pull no harder than others.

    Averaged over all numbers. Raises ShapeError when the shapes differ, ValueError for a `delta` that is not positive.
    """
    _same_shape("huber_loss", prediction, target)
    return _reduced("huber_loss", huber(prediction, target, delta), reduction)


def kl_div(log_probabilities: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """The divergence `target * (log(target) - log_probabilities)` of each number, which is 0 where `target` is 0.

    `target` are probabilities, or their logarithms with `log_target`. "mean" averages over all numbers, as PyTorch's
    does; "batchmean" divides the sum by the number of examples, which is the divergence as it is defined. Raises
    ShapeError when the shapes differ.
    """
    _same_shape("kl_div", log_probabilities, target)
    if log_target:
        losses = exp(target) * (target - log_probabilities)
    else:
        positive = greater(target, 0)
        losses = target * (log(where(positive, target, 1)) - log_probabilities)
    if reduction == "batchmean":
        return losses.sum() / (np.shape(losses) or (1,))[0]
    return _reduced("kl_div", losses, reduction, ', "batchmean"')


def _same_shape(name: str, prediction: Any, target: Any) -> None:
    if np.shape(prediction) != np.shape(target):
        raise ShapeError(
            f"{name}: expected a target of the prediction's shape {np.shape(prediction)}, got {np.shape(target)}; "
            "reshape one of them"
        )


def _reduced(name: str, losses: Any, reduction: str, more: str = "") -> Any:
    match reduction:
        case "mean":
            return losses.mean()
        case "sum":
            return losses.sum()
        case "none":
            return losses
    raise ValueError(f'{name}: expected reduction "mean", "sum"{more} or "none", got {reduction!r}')
