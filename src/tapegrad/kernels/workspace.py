"""Memory that is kept from one call to the next.

What NumPy frees goes back to the system, and each page that comes anew has to be cleared and mapped: for what a kernel
needs for a moment, that took up to three times as long as its work. A thread keeps at most `_KEPT` bytes of each kind.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import LINE, aligned, at_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from .arrays import Array

_KEPT = 16 << 20
_SHAPES = 64  # of scratch that a thread remembers


class _Kept(threading.local):
    def __init__(self) -> None:
        self.scratch = np.empty(0, np.uint8)
        self.views: dict[Any, list[Array]] = {}  # of the scratch, by what was asked for
        self.lent = np.empty(0, np.uint8)


_kept = _Kept()


def scratch(wanted: Sequence[tuple[int, Any]]) -> list[Array]:
    """Arrays of these sizes and dtypes, for one kernel call of this thread; they begin at cache lines."""
    key = tuple(wanted)
    found = _kept.views.get(key)
    if found is None:
        sizes = [-(-size * np.dtype(dtype).itemsize // LINE) * LINE for size, dtype in wanted]
        if sum(sizes) > _KEPT:
            return [aligned(size, dtype) for size, dtype in wanted]
        if sum(sizes) > _kept.scratch.size or len(_kept.views) >= _SHAPES:
            _kept.views.clear()
        if sum(sizes) > _kept.scratch.size:
            _kept.scratch = aligned(sum(sizes), np.uint8)
        found, start = [], 0
        for (size, dtype), room in zip(wanted, sizes, strict=True):
            found.append(_kept.scratch[start : start + room].view(dtype)[:size])
            start += room
        _kept.views[key] = found
    return found


class Lent:
    """`with Lent(size, dtype) as array:` an array for several kernel calls, which begins at a cache line.

    The thread gets its memory back unless there was an exception: then helpers may still be writing to it.
    """

    def __init__(self, size: int, dtype: Any) -> None:
        room = size * np.dtype(dtype).itemsize
        self.memory, _kept.lent = _kept.lent, np.empty(0, np.uint8)
        if self.memory.size < room:
            self.memory = aligned(room, np.uint8)
        self.array: Array = self.memory[:room].view(dtype)

    def __enter__(self) -> Array:
        return self.array

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        if kind is None and _kept.lent.size < self.memory.size <= _KEPT:
            _kept.lent = self.memory


class Recycled:
    """Large arrays of one shape and dtype, which are given out again when nobody holds them or a part of them."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, count: int) -> None:
        self._shape, self._dtype, self._count = shape, np.dtype(dtype), count
        self._pool: list[Array] = []  # the memory; what is given out are views of it

    def take(self) -> list[Array]:
        """`count` arrays, with anything in them; they begin at cache lines."""
        free: list[Array] = []
        held: list[Array] = []
        while self._pool:
            try:
                one = [self._pool.pop()]  # from here on, no other thread has it
            except IndexError:
                break
            reusable = len(free) < self._count and _references(one) == _ALONE
            (free if reusable else held).append(one[0])
        size = math.prod(self._shape)
        while len(free) < self._count:
            free.append(np.empty(size * self._dtype.itemsize + LINE, np.uint8))
        self._pool += (held + free)[-2 * self._count :]
        pieces = (at_line(memory)[: size * self._dtype.itemsize] for memory in free)
        return [piece.view(self._dtype).reshape(self._shape) for piece in pieces]


def _references(one: list[Array]) -> int:
    """How often the array in a list is referred to, also by its views; what counts besides differs between Pythons."""
    return sys.getrefcount(one[0])


_ALONE = _references([np.empty(0)])
