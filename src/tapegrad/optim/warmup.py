"""Compile the loops of every optimizer now, rather than when each is first needed."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

import numpy as np

from ..tensor import tensor
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, Adamax, Nadam
from .lion import Lion
from .rmsprop import RMSprop
from .rules import _SMALL
from .sgd import SGD, Momentum, Nesterov

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .optimizer import Optimizer

# AdamW's loop is Adam's.
_OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "SGD": SGD,
    "Momentum": Momentum,
    "Nesterov": Nesterov,
    "Adagrad": Adagrad,
    "Adadelta": Adadelta,
    "RMSprop": RMSprop,
    "centred RMSprop": functools.partial(RMSprop, centered=True),
    "Adam": Adam,
    "Nadam": Nadam,
    "Adamax": Adamax,
    "Lion": Lion,
}


def warmup() -> Iterator[tuple[str, str, float]]:
    """Let every optimizer step, so that its loop is compiled or read from the cache: which, the dtype, the seconds."""
    for dtype in (np.float32, np.float64):
        for name, make in _OPTIMIZERS.items():
            parameter = tensor(np.zeros(_SMALL, dtype), requires_grad=True)
            parameter.grad = tensor(np.ones(_SMALL, dtype))
            optimizer = make([parameter], lr=0.1)
            start = time.perf_counter()
            optimizer.step()
            yield f"update, {name}", np.dtype(dtype).name, time.perf_counter() - start
