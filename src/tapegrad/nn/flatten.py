"""Flatten: from images to rows of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops.shape import reshape
from .module import Module


class Flatten(Module):
    """Makes one dimension of those from `start_dim` to `end_dim`: (N, H, W, C) -> (N, H * W * C).

    The channels of one pixel stay together, since they are the last dimension; in PyTorch, where they come before
    height and width, they do not. Raises ShapeError for an x that has no such dimensions.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Any) -> Any:
        shape = np.shape(x)
        count = len(shape)
        start, end = (place + count if place < 0 else place for place in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < count:
            raise ShapeError(f"Flatten: an x of shape {shape} has no dimensions {self.start_dim} to {self.end_dim}")
        return reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))

    def extra_repr(self) -> str:
        usual = (self.start_dim, self.end_dim) == (1, -1)
        return "" if usual else f"start_dim={self.start_dim}, end_dim={self.end_dim}"
