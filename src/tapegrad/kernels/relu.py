"""relu and its gradient for large arrays: one pass over memory each, by several threads, with NumPy's bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads
from .arrays import flat_to_read
from .jit import compiled
from .jobs import taken
from .memory import get, put

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

_JOB = 1 << 14  # elements


def relu(x: Array) -> Array:
    """`max(x, 0)` of float32 or float64."""
    out = np.empty(x.shape, x.dtype)
    threads.run(forward, -(-x.size // _JOB), flat_to_read(x), x.dtype.type(0), out.reshape(-1))
    return out


def relu_gradient(g: Array, out: Array) -> Array:
    """`g * (out > 0)`, for two arrays of one shape and dtype."""
    result = np.empty(g.shape, g.dtype)
    zero, one = g.dtype.type(0), g.dtype.type(1)
    threads.run(backward, -(-g.size // _JOB), flat_to_read(g), flat_to_read(out), zero, one, result.reshape(-1))
    return result


@compiled
def forward(state, jobs, x, zero, out):
    """`out = x` where that is above `zero`, or no number, and `zero` elsewhere."""
    for job in taken(state, jobs):
        for i in range(job * _JOB, min((job + 1) * _JOB, len(x))):
            value = get(x, i)
            put(out, i, zero if value <= zero else value)  # noqa: FURB136  # max would lose a NaN


@compiled
def backward(state, jobs, g, y, zero, one, out):
    """`out = g` where `y` is above `zero`, and `g * 0` elsewhere, which is -0 or no number for some."""
    for job in taken(state, jobs):
        for i in range(job * _JOB, min((job + 1) * _JOB, len(g))):
            put(out, i, get(g, i) * (one if get(y, i) > zero else zero))
