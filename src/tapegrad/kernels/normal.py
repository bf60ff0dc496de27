"""The distribution function of normal numbers in compiled code: NumPy has no error function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import threads
from .arrays import flat_to_read
from .jit import compiled
from .jobs import taken

Array = np.ndarray[Any, np.dtype[Any]]

_BLOCK = 4096  # elements of one job


def normal_distribution(x: Array) -> Array:
    """The probability that a normal number is below each `x`, in the shape and dtype of `x`."""
    flat = flat_to_read(x)
    y = np.empty(flat.shape, flat.dtype)
    threads.run(_normal_distribution, -(-flat.size // _BLOCK), y, flat)
    return y.reshape(x.shape)


@compiled
def _normal_distribution(state, jobs, y, x):
    for job in taken(state, jobs):
        for i in range(job * _BLOCK, min((job + 1) * _BLOCK, x.size)):
            y[i] = 0.5 * math.erfc(-math.sqrt(0.5) * x[i])
