"""Moments, normalization and norms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise, product, reduction
from ...ops import shape as shaping
from ._arguments import axes_of, chosen, fixed
from ._array import stopped
from ._graph import get_default_graph
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = [
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "fused_batch_norm",
    "l2_loss",
    "l2_normalize",
    "local_response_normalization",
    "lrn",
    "moments",
    "weighted_moments",
    "zero_fraction",
]


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over dimensions."""
    kept, places = bool(chosen("moments", keep_dims=keep_dims, keepdims=keepdims)), axes_of(axes)
    with get_default_graph().name_scope(name or "moments"):
        x = convert(x)
        return (
            node("mean" if kept else "Squeeze", reduction.mean, [x], axis=places, keepdims=kept),
            node("variance" if kept else "Squeeze", _variance, [x], axis=places, keepdims=kept),
        )


def _variance(x: Any, *, axis: Any, keepdims: bool) -> Any:
    return reduction.var(x, axis, 0, keepdims)


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over dimensions, where each element counts by its weight."""
    kept, places = bool(chosen("weighted_moments", keep_dims=keep_dims, keepdims=keepdims)), axes_of(axes)

    def measure(x: Any, weights: Any) -> Any:
        weights = shaping.broadcast_to(weights, x.shape)
        total = reduction.sum(weights, places, True)
        mean = reduction.sum(x * weights, places, True) / total
        variance = reduction.sum(weights * elementwise.square(x - mean), places, True) / total
        return [m if kept else shaping.squeeze(m, places) for m in (mean, variance)]

    mean, variance = node("weighted_moments", measure, operands(x, frequency_weights), name, outputs=2)
    return mean, variance


def _normalized(x: Any, mean: Any, variance: Any, *learned: Any, epsilon: float, parts: tuple[bool, bool]) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`; `parts` says which of offset and scale there are."""
    given = iter(learned)
    offset, scale = (next(given) if there else None for there in parts)
    factor = 1 / elementwise.sqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor if offset is None else offset - mean * factor
    return x * factor + shift


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Tensor:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, where `offset` and `scale` may be None."""
    learned = [value for value in (offset, scale) if value is not None]
    parts, epsilon = (offset is not None, scale is not None), float(fixed(variance_epsilon, "variance_epsilon"))
    with get_default_graph().name_scope(name or "batchnorm"):
        return node("add_1", _normalized, operands(x, mean, variance, *learned), epsilon=epsilon, parts=parts)  # type: ignore[no-any-return]


def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: bool | None = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Tensor:
    """As `batch_normalization`; `gamma` counts only with `scale_after_normalization`."""
    function = "batch_norm_with_global_normalization"
    t, m = chosen(function, t=t, input=input), chosen(function, m=m, mean=mean)
    v = chosen(function, v=v, variance=variance)
    return batch_normalization(t, m, v, beta, gamma if scale_after_normalization else None, variance_epsilon, name)


def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Images standardised channel by channel, and the means and variances.

    Training takes these from the batch, and gives the variance over N - 1; otherwise they are `mean` and `variance`.
    """
    first = str(data_format).startswith("NC")
    if not is_training and (mean is None or variance is None):
        raise ValueError("Both 'mean' and 'variance' must be given, if is_training is False")

    def standardize(x: Any, scale: Any, offset: Any, *given: Any) -> Any:
        x = shaping.moveaxis(x, 1, -1) if first else x
        axes = tuple(np.arange(x.ndim - 1).tolist())
        centre, spread = given or (reduction.mean(x, axes), reduction.var(x, axes))
        y = _normalized(x, centre, spread, offset, scale, epsilon=epsilon, parts=(True, True))
        y = shaping.moveaxis(y, -1, 1) if first else y
        if given:
            return y, *given
        count = np.prod(x.shape[:-1])
        # As in TensorFlow, no gradient flows through these two.
        return y, stopped(centre), stopped(spread * np.asarray(count / max(count - 1, 1), x.dtype))

    given = [] if is_training else [mean, variance]
    y, centre, spread = node("FusedBatchNormV3", standardize, operands(x, scale, offset, *given), name, outputs=3)
    return y, centre, spread


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """`x` divided by its norm along a dimension, or by the norm of all of it; by `sqrt(epsilon)` if that is more."""
    places = axes_of(chosen("l2_normalize", axis=axis, dim=dim))

    def scale(x: Any) -> Any:
        total = reduction.sum(elementwise.square(x), places, True)
        return x / elementwise.sqrt(elementwise.maximum(total, np.asarray(epsilon, x.dtype)))

    return node("l2_normalize", scale, [x], name)  # type: ignore[no-any-return]


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of all squares."""
    return node("L2Loss", lambda x: reduction.sum(x * x) / 2, [t], name)  # type: ignore[no-any-return]


def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5, name: str | None = None
) -> Tensor:
    """Each channel divided by `(bias + alpha * sum of squares) ** beta` over the channels next to it.

    Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, NeurIPS 2012.
    """

    def respond(x: Any) -> Any:
        places = np.arange(x.shape[-1])
        near = (np.abs(places[:, None] - places) <= depth_radius).astype(x.dtype)
        return x * (bias + alpha * product.matmul(x * x, near)) ** -beta

    return node("LRN", respond, [input], name)  # type: ignore[no-any-return]


lrn = local_response_normalization


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of elements that are 0."""

    def share(x: Any) -> Any:
        return reduction.mean(shaping.astype(elementwise.equal(x, 0), np.float32))

    return node("zero_fraction", share, [value], name)  # type: ignore[no-any-return]
