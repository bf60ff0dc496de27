"""Activations, linear layers and dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...nn import activation as activations
from ...ops import activation, convolution, elementwise
from ...ops import shape as shaping
from ...primitive import primitive
from ._arguments import axes_of, chosen, fixed, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import constant_value
from ._math import log_sigmoid, matmul, sigmoid, tanh
from ._nodes import convert, node, operands
from ._random_ops import draws

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "bias_add",
    "crelu",
    "dropout",
    "elu",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "relu_layer",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "xw_plus_b",
]


# --------------------------------------------------------------------------------------------------
# Activations


def _activation(kind: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def call(features: Any, name: str | None = None) -> Tensor:
        return node(kind, function, [features], name)  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = kind.lower()
    return call


_relu6 = primitive(
    lambda x: np.clip(x, 0, 6),
    lambda g, out: g * elementwise.logical_and(elementwise.greater(out, 0), elementwise.less(out, 6)),
    name="relu6",
)
_SCALE, _ALPHA = 1.0507009873554805, 1.6732632423543772  # with which selu keeps mean 0 and variance 1


def _selu(x: Any) -> Any:
    below = _ALPHA * elementwise.expm1(elementwise.minimum(x, 0))
    return _SCALE * elementwise.where(elementwise.less(x, 0), below, x)


elu = _activation("Elu", activations.elu)
relu = _activation("Relu", activation.relu)
relu6 = _activation("Relu6", _relu6)
selu = _activation("Selu", _selu)
softplus = _activation("Softplus", activation.softplus)
softsign = _activation("Softsign", lambda x: x / (elementwise.abs(x) + 1))
swish = _activation("swish", activations.silu)


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """`features` where they are positive, and `alpha` times them elsewhere."""
    slope = fixed(alpha, "alpha")
    return node("LeakyRelu", activations.leaky_relu, [features], name, negative_slope=slope)  # type: ignore[no-any-return]


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """The positive and the negative parts beside each other: twice as many channels."""

    def both(x: Any) -> Any:
        return activation.relu(shaping.concat([x, -x], axis))

    return node("CRelu", both, [features], name)  # type: ignore[no-any-return]


def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """`exp(x) / sum(exp(x))` along a dimension, the last one by default."""
    place = axes_of(chosen("softmax", axis=axis, dim=dim))
    return node("Softmax", activation.softmax, [logits], name, axis=-1 if place is None else place)  # type: ignore[no-any-return]


def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    place = axes_of(chosen("log_softmax", axis=axis, dim=dim))
    return node("LogSoftmax", activation.log_softmax, [logits], name, axis=-1 if place is None else place)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Linear layers


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """`value` plus one number for each channel: `(..., C), (C,) -> (..., C)`; for "NCHW" C is the second dimension."""
    first = bool(data_format) and str(data_format).startswith("NC")

    def shift(x: Any, bias: Any) -> Any:
        if first:
            return x + shaping.reshape(bias, (-1, *[1] * (x.ndim - 2)))
        return convolution.bias_add(x, bias)

    return node("BiasAdd", shift, operands(value, bias), name)  # type: ignore[no-any-return]


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """`x @ weights + biases`."""
    with get_default_graph().name_scope(name or "xw_plus_b") as scope:
        return bias_add(matmul(x, weights), biases, name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """`relu(x @ weights + biases)`."""
    with get_default_graph().name_scope(name or "relu_layer") as scope:
        return relu(xw_plus_b(x, weights, biases), scope)


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Each element with probability `rate`, or 1 - `keep_prob`, set to 0, and the others divided by `keep_prob`.

    `noise_shape` has a 1 where a whole dimension is kept or dropped together.
    """
    if (keep_prob is None) == (rate is None):
        raise ValueError("dropout: give one of keep_prob, the share that stays, and rate, the share that goes")
    x = convert(x)
    if not x.dtype.is_floating:
        raise ValueError(f"x has to be a floating point tensor since it will be scaled. Got a {x.dtype.name} tensor")
    share = convert(keep_prob if rate is None else rate, x.dtype)
    known = constant_value(share)
    if known is not None:
        kept = float(known) if rate is None else 1 - float(known)
        if not 0 < kept <= 1:
            raise ValueError(f"dropout: the share that stays must be more than 0 and at most 1, got {kept:g}")
        if kept == 1:
            return x
    pattern = noise_shape if isinstance(noise_shape, list | tuple) and None in noise_shape else None
    given: list[Tensor] = []
    sizes: tuple[int, ...] | None = None
    if noise_shape is not None and pattern is None:
        given, sizes = sizes_argument(noise_shape)

    def noise(stream: np.random.Generator, x: Any, share: Any, *given: Any) -> Any:
        shape = np.shape(x) if not given and sizes is None else sizes_in(given, sizes)
        if pattern is not None:
            shape = tuple(n if m is None else m for n, m in zip(np.shape(x), pattern, strict=True))
        return stream.random(shape, np.float64 if x.dtype == np.float64 else np.float32)

    def drop(noise: Any, x: Any, share: Any, *given: Any) -> Any:
        kept = share if rate is None else 1 - share
        return x * (shaping.astype(elementwise.less(noise, kept), x.dtype) / kept)

    with get_default_graph().name_scope(name or "dropout"):
        return draws("mul_1", noise, [x, share, *given], None, seed, lambda x, *_: x, drop)
