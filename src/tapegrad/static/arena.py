"""Where the arrays of a run of the machine lie: in its operands and results, and in one arena for all others.

A place of the arena is used again when its numbers are not needed any longer. The memory is the thread's own
(`kernels/workspace.py`): it is allocated once, for the runs of all programs.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from ..kernels.instructions import BUFFER
from .runs import F4

_STEP = 16  # numbers of a cache line, at which every place begins


class Place:
    """Where an array is: the row of the table of addresses, and an array of the same layout that has no numbers."""

    def __init__(self, slot: int, start: int, view: Any) -> None:
        self.slot = slot
        self.start = start
        self.view = view


class Arena:
    """The places that are free, and the length of all, in numbers."""

    def __init__(self) -> None:
        self.length = 0
        self._free: dict[int, list[int]] = {}  # by their length: where they start

    def take(self, shape: tuple[int, ...]) -> Place:
        """A place for an array; of the free ones the first, so that what is repeated takes the same ones."""
        view = np.empty(shape, F4)
        length = _rounded(view.size)
        if self._free.get(length):
            return Place(BUFFER, heapq.heappop(self._free[length]), view)
        self.length += length
        return Place(BUFFER, self.length - length, view)

    def give_back(self, place: Place) -> None:
        """Let a place be used again, if it is one of the arena."""
        if place.slot == BUFFER:
            heapq.heappush(self._free.setdefault(_rounded(place.view.size), []), place.start)


def _rounded(size: int) -> int:
    return -(-size // _STEP) * _STEP
