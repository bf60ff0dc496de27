"""The activations as modules, for Sequential; the functions are `tg.relu`, `tg.sigmoid`, `tg.tanh`, `tg.softmax`."""

from __future__ import annotations

from typing import Any

from ..ops.activation import relu, sigmoid, softmax
from ..ops.elementwise import tanh
from .module import Module


class ReLU(Module):
    """`max(x, 0)`, element by element."""

    def forward(self, x: Any) -> Any:
        return relu(x)


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
