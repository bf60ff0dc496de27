"""Which heights of the register tile to take for how many rows."""

from __future__ import annotations

import numpy as np

from .arrays import flat_to_read
from .jit import inlined
from .tile import HEIGHTS

_HEIGHT_1, _HEIGHT_2, _HEIGHT_3 = HEIGHTS[1:]
_UP_TO = range(1, HEIGHTS[0] + 1)

# By how many rows are left: the lowest tile that has them all, and the highest that has no more, as `fitting` says.
COVERING = flat_to_read(np.array([0, *(min(h for h in HEIGHTS if h >= rest) for rest in _UP_TO)], np.intp))
FITTING = flat_to_read(np.array([0, *(max(h for h in HEIGHTS if h <= rest) for rest in _UP_TO)], np.intp))


def first_height(across: int) -> int:
    """The tile height to start with: that which leaves the fewest rows to smaller tiles."""
    return min((h for h in HEIGHTS if h <= across), key=lambda height: work(across, height))


def work(across: int, height: int | None = None) -> int:
    """How long tiles take for `across` rows, when those of `height` go first."""
    rest, cost = across, 0
    for h in (height or first_height(across), *HEIGHTS[1:]):
        cost, rest = cost + (rest // h) * max(h, 4), rest % h
    return cost


@inlined
def fitting(rest, tallest):
    """The height of the next tile where so many rows are left, none being higher than the `tallest`."""
    height = _HEIGHT_3
    if rest >= tallest:
        height = tallest
    elif rest >= _HEIGHT_1:
        height = _HEIGHT_1
    elif rest >= _HEIGHT_2:
        height = _HEIGHT_2
    return height
