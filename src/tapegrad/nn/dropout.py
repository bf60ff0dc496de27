"""Dropout: in training, numbers are left out at random, so that no part of a network can rely on another too much."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError
from ..random import bernoulli
from .module import Module


def dropout(x: Any, p: float = 0.5, training: bool = True) -> Any:
    """Replace each number of `x` by zero with probability `p`, and divide the others by `1 - p`.

    So every number keeps its expectation, and nothing is left to do in use: without `training` it gives `x` itself.
    The mask is drawn from the current generator of `tapegrad.random`. Raises ValueError for a `p` that is no
    probability and DTypeError for integers. Source: Srivastava et al., Dropout: a simple way to prevent neural
    networks from overfitting, JMLR 2014, section 10.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: a probability lies between 0 and 1, got p={p}")
    if not training or p == 0:
        return x
    dtype = np.result_type(x) if not hasattr(x, "dtype") else x.dtype
    if dtype.kind != "f":
        raise DTypeError(f"dropout: expected floating-point numbers, got {dtype}; convert with astype")
    keep = 1 - p
    mask = bernoulli(np.shape(x), keep, dtype)
    return x * (mask / keep if keep else mask)


class Dropout(Module):
    """Leaves out each number with probability `p` in training, and none in use; see `dropout`."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: a probability lies between 0 and 1, got p={p}")
        self.p = p

    def forward(self, x: Any) -> Any:
        return dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"
