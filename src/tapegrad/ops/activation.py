"""Activation functions of neural networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.choice import serves
from ..primitive import primitive
from .elementwise import exp, greater
from .reduction import sum as _sum

__all__ = [
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
]


_LARGE = 1 << 16  # elements from which a kernel on several threads is quicker than NumPy's loops; the bits are the same


def _is_large(x: Any) -> bool:
    return type(x) is np.ndarray and x.size >= _LARGE and serves(x.dtype)


def _relu_raw(x: Any) -> Any:
    if _is_large(x):
        from ..kernels import relu

        return relu.relu(x)
    return np.maximum(x, 0)


def _relu_rule(g: Any, out: Any) -> Any:
    if _is_large(g):
        from ..kernels import relu

        return relu.relu_gradient(g, out)
    return g * greater(out, 0)


relu_op = primitive(_relu_raw, _relu_rule, name="relu")


def relu(x: Any) -> Any:
    """`max(x, 0)`; the gradient at 0 is 0."""
    return relu_op(x)


def floating(x: Any) -> Any:
    """`x` as an array of its own floating-point dtype, or of float64."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _sigmoid_raw(x: Any) -> Any:
    # The exponential of a negative number cannot overflow, and keeps all digits where the result is tiny.
    x = floating(x)
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay) / (1 + decay)


sigmoid_op = primitive(_sigmoid_raw, lambda g, out: g * (out * (1 - out)), name="sigmoid")


def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`, without overflow."""
    return sigmoid_op(x)


def _softplus_raw(x: Any) -> Any:
    x = floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_softplus = primitive(_softplus_raw, lambda g, x: g * sigmoid(x), name="softplus")


def softplus(x: Any) -> Any:
    """`log(1 + exp(x))`, without overflow."""
    return _softplus(x)


def _softmax_raw(x: Any, *, axis: Any) -> Any:
    x = floating(x)
    shares = np.exp(x - np.max(x, axis, keepdims=True, initial=-np.inf))
    return shares / np.sum(shares, axis, keepdims=True)


softmax_op = primitive(
    _softmax_raw,
    lambda g, out, axis: out * (g - _sum(g * out, axis, keepdims=True)),
    name="softmax",
)


def softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """`exp(x) / sum(exp(x))` along `axis`, without overflow. Its Jacobian is `diag(s) - s s^T`."""
    return softmax_op(x, axis=axis)


def _log_softmax_raw(x: Any, *, axis: Any) -> Any:
    x = floating(x)
    shifted = x - np.max(x, axis, keepdims=True, initial=-np.inf)
    if not x.size:
        return shifted  # the logarithm of an empty sum would warn
    return shifted - np.log(np.sum(np.exp(shifted), axis, keepdims=True))


log_softmax_op = primitive(
    _log_softmax_raw,
    lambda g, out, axis: g - exp(out) * _sum(g, axis, keepdims=True),
    name="log_softmax",
)


def log_softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """The logarithm of `softmax`, without taking the logarithm of a rounded 0."""
    return log_softmax_op(x, axis=axis)
