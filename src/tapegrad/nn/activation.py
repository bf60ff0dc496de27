"""The activations as modules, for Sequential, and as functions, where `tapegrad` itself does not have them.

`tg.relu`, `tg.sigmoid`, `tg.softplus`, `tg.tanh`, `tg.softmax` and `tg.log_softmax` are functions of `tapegrad`;
`leaky_relu`, `elu`, `gelu` and `silu` are in `nn.functional`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels.choice import serves
from ..ops.activation import floating, log_softmax, relu, sigmoid, softmax, softplus
from ..ops.elementwise import clip, exp, greater, multiply, tanh, where
from ..primitive import primitive
from .module import Module

# The functions


def _leaky_relu_raw(x: Any, *, slope: float) -> Any:
    x = floating(x)
    return np.where(x > 0, x, slope * x)[()]


_leaky_relu = primitive(_leaky_relu_raw, lambda g, x, slope: where(greater(x, 0), g, slope * g), name="leaky_relu")


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """`x` where it is positive and `negative_slope * x` elsewhere; the gradient at 0 is `negative_slope`."""
    return _leaky_relu(x, slope=negative_slope)


def _elu_raw(x: Any, *, alpha: float) -> Any:
    x = floating(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))[()]


# The exponential is taken of negative numbers only: where it is not wanted, it could overflow.
_elu = primitive(
    _elu_raw,
    lambda g, x, alpha: where(greater(x, 0), g, alpha * g * exp(where(greater(x, 0), 0, x))),
    name="elu",
)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where it is positive and `alpha * (exp(x) - 1)` elsewhere; the gradient at 0 is `alpha`.

    Source: Clevert et al., Fast and accurate deep network learning by exponential linear units, ICLR 2016.
    """
    return _elu(x, alpha=alpha)


def _silu_raw(x: Any) -> Any:
    x = floating(x)
    return x * sigmoid(x)


def _silu_rule(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s + x * s * (1 - s))


_silu = primitive(_silu_raw, _silu_rule, name="silu")


def silu(x: Any) -> Any:
    """`x * sigmoid(x)`. Source: Elfwing et al., Sigmoid-weighted linear units, Neural Networks 107, 2018."""
    return _silu(x)


def _normal_distribution_raw(x: Any) -> Any:
    x = floating(x)
    if serves(x.dtype):
        from ..kernels.normal import normal_distribution

        return normal_distribution(x)
    # NumPy has no error function, and Python's is one number at a time.
    return np.asarray([math.erfc(-v * math.sqrt(0.5)) / 2 for v in x.ravel().tolist()], x.dtype).reshape(x.shape)


def _normal_distribution_rule(g: Any, x: Any) -> Any:
    near = clip(x, -40, 40)  # the density is 0 beyond, where the square could overflow
    return g * (exp(near * near * -0.5) / math.sqrt(2 * math.pi))


_normal_distribution = primitive(
    _normal_distribution_raw,
    _normal_distribution_rule,
    name="normal_distribution",
)


def gelu(x: Any) -> Any:
    """`x` times the probability that a normal number is below `x`, by the error function and not an approximation.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
    """
    return multiply(x, _normal_distribution(x))


# The modules


class ReLU(Module):
    """`max(x, 0)`, element by element."""

    def forward(self, x: Any) -> Any:
        return relu(x)


class LeakyReLU(Module):
    """`x` where it is positive and `negative_slope * x` elsewhere, element by element."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """`x` where it is positive and `alpha * (exp(x) - 1)` elsewhere, element by element."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class GELU(Module):
    """`x` times the probability that a normal number is below `x`, element by element."""

    def forward(self, x: Any) -> Any:
        return gelu(x)


class SiLU(Module):
    """`x * sigmoid(x)`, element by element."""

    def forward(self, x: Any) -> Any:
        return silu(x)


class Softplus(Module):
    """`log(1 + exp(x))`, element by element."""

    def forward(self, x: Any) -> Any:
        return softplus(x)


class Sigmoid(Module):
    """`1 / (1 + exp(-x))`, element by element."""

    def forward(self, x: Any) -> Any:
        return sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent, element by element."""

    def forward(self, x: Any) -> Any:
        return tanh(x)


class Softmax(Module):
    """`exp(x) / sum(exp(x))` along `dim`: what is positive and sums to one."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of the softmax along `dim`, without taking the logarithm of a rounded 0."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return log_softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
