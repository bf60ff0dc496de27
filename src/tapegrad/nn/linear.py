"""Linear: a fully connected layer, also called Affine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..ops._matrices import large_product, suits
from ..ops.shape import reshape
from . import init
from .module import Module

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .._tape import Tensor


class Linear(Module):
    """`x @ weight + bias`: (..., in_features) -> (..., out_features).

    `weight` is (in_features, out_features), the layout of the formula, which is the transpose of PyTorch's, and
    `bias` is (out_features,), or None when `bias` is False. Both start uniform within 1 / sqrt(in_features) of
    zero, as PyTorch's do. Raises ShapeError for an x of another width.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: DTypeLike | None = None) -> None:
        self.in_features = in_features
        self.out_features = out_features
        bound = 1 / max(1, in_features) ** 0.5
        self.weight = init.uniform((in_features, out_features), -bound, bound, dtype)
        self.weight.requires_grad = True
        self.bias: Tensor | None = None
        if bias:
            self.bias = init.uniform((out_features,), -bound, bound, dtype)
            self.bias.requires_grad = True

    def forward(self, x: Any) -> Any:
        if np.shape(x)[-1:] != (self.in_features,):
            raise ShapeError(
                f"Linear: expected x with {self.in_features} features in its last dimension, got shape {np.shape(x)}"
            )
        return affine(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        bias = "" if self.bias is not None else ", bias=False"
        return f"in_features={self.in_features}, out_features={self.out_features}{bias}"


def affine(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x @ weight + bias`: (..., K), (K, N), (N,) -> (..., N), as one product of all rows of `x`.

    Large products of float32 are computed by tapegrad's own kernel where that is quicker than NumPy's library, so the
    last bits may differ from those of `x @ weight`.
    """
    shape = np.shape(x)
    if len(shape) > 2:
        x = reshape(x, (math.prod(shape[:-1]), shape[-1]))
    rows, depth = np.shape(x) if np.ndim(x) == 2 else (0, 0)
    large = suits(rows, depth, np.shape(weight)[1], getattr(x, "dtype", None), weight.dtype)
    y = large_product(x, weight) if large else x @ weight
    if bias is not None:
        y = y + bias
    return reshape(y, (*shape[:-1], np.shape(weight)[1])) if len(shape) > 2 else y


Affine = Linear  # its name in texts that write layers by hand: the same formula, with the weight the same way round
