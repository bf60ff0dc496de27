"""Initialisers: a shape in, a Tensor of starting values out, drawn from the current generator of `tapegrad.random`.

    layer.weight.assign_(init.he_normal(layer.weight.shape))

Xavier's and He's choose the spread by the fans: how many numbers each output is computed from, and each input
goes to. The last dimension of a shape is outputs and the one before it inputs; dimensions before these, a
filter's height and width, multiply both: (784, 300) has fans 784 and 300, (5, 5, 32, 64) has 800 and 1600.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .._dtype import get_default_dtype
from ..errors import ShapeError
from ..random import normal, truncated_normal, uniform
from ..tensor import full as constant
from ..tensor import tensor, zeros

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .._tape import Tensor

__all__ = [
    "constant",
    "he_normal",
    "he_uniform",
    "normal",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def xavier_uniform(shape: tuple[int, ...], gain: float = 1.0, dtype: DTypeLike | None = None) -> Tensor:
    """Uniform with variance `gain**2 * 2 / (fan in + fan out)`. Source: Glorot and Bengio, AISTATS 2010, formula 16."""
    bound = gain * math.sqrt(6 / sum(_fans(shape)))
    return uniform(shape, -bound, bound, dtype)


def xavier_normal(shape: tuple[int, ...], gain: float = 1.0, dtype: DTypeLike | None = None) -> Tensor:
    """Normal with variance `gain**2 * 2 / (fan in + fan out)`. Source: Glorot and Bengio, AISTATS 2010."""
    return normal(shape, 0.0, gain * math.sqrt(2 / sum(_fans(shape))), dtype)


def he_uniform(shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Tensor:
    """Uniform with variance `2 / fan in`, which suits relu. Source: He et al., ICCV 2015, formula 10."""
    bound = math.sqrt(6 / _fans(shape)[0])
    return uniform(shape, -bound, bound, dtype)


def he_normal(shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Tensor:
    """Normal with variance `2 / fan in`, which suits relu. Source: He et al., ICCV 2015, formula 10."""
    return normal(shape, 0.0, math.sqrt(2 / _fans(shape)[0]), dtype)


def orthogonal(shape: tuple[int, ...], gain: float = 1.0, dtype: DTypeLike | None = None) -> Tensor:
    """A random matrix with orthonormal columns, or rows where there are fewer, times `gain`.

    Dimensions before the last are taken together: (5, 5, 32, 64) is a matrix of 800 rows and 64 columns. Raises
    ShapeError for fewer than two dimensions. Source: Saxe et al., Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks, ICLR 2014; the signs, which make every such matrix as likely, are those
    of Mezzadri, How to generate random matrices from the classical compact groups, Notices of the AMS 54, 2007.
    """
    if len(shape) < 2:
        raise ShapeError(f"init: expected a shape (..., inputs, outputs) for an orthogonal matrix, got {shape}")
    rows, columns = math.prod(shape[:-1]), shape[-1]
    drawn = normal((max(rows, columns), min(rows, columns)), dtype=np.float64).numpy()
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diag(r) < 0, -gain, gain)
    return tensor(np.reshape(q if rows >= columns else q.T, shape), get_default_dtype() if dtype is None else dtype)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """From how many numbers each output is computed, and to how many each input goes."""
    if len(shape) < 2 or 0 in shape:
        raise ShapeError(f"init: expected a shape (..., inputs, outputs) without zeros, to know its fans, got {shape}")
    receptive = math.prod(shape[:-2])
    return receptive * shape[-2], receptive * shape[-1]
