"""What a table of instructions repeats becomes a loop: an unrolled recurrent network is rolled up again.

The turns of a loop have the same instructions, but for the arrays of their operands and results and where in these they
start, which may move by the same distance from each turn to the next. Nothing comes in another order, so no bit
changes.
"""

from __future__ import annotations

import bisect
import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..kernels.instructions import CODE, FIELDS, LENGTH, LOOP, TURNING, TURNS

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEWEST = 3  # turns; with fewer, that all of them move alike says nothing
_WORTH = 64  # rows that a loop spares at least: each turn costs a look at where it ends, and so few are cached as well
_TOLD = 3  # loops that are told one by one
_LIKELY = 8  # distances that are tried for each length of what is repeated
_MULTIPLES = 4  # of them, since places may be used in turn


class Loop(NamedTuple):
    """Rows that are repeated: the first of them, how many a turn has, and how many turns there are."""

    first: int
    length: int
    turns: int

    @property
    def end(self) -> int:
        return self.first + self.length * self.turns

    @property
    def spared(self) -> int:
        """How many rows shorter the table becomes."""
        return self.length * self.turns - (2 * self.length + 1)

    @property
    def is_worth_while(self) -> bool:
        return self.turns >= _FEWEST and self.spared >= _WORTH


def rolled(code: Any) -> Any:
    """The table of instructions with loops in the place of what it repeats, where that makes it shorter."""
    parts, done = [], 0
    for loop in loops(code):
        first, length = loop.first, loop.length
        turn, again = code[first : first + length], np.zeros((1, FIELDS), np.int64)
        again[0, [CODE, LENGTH, TURNS]] = LOOP, length, loop.turns
        parts += [code[done:first], turn, again, code[first + length : first + 2 * length] - turn]
        done = loop.end
    return np.concatenate([*parts, code[done:]])


def told(code: Any) -> str:
    """How many steps a table makes, and how it is rolled up, as text."""
    ends = code[code[:, CODE] == LOOP]
    repeated = ends[:, LENGTH] * ends[:, TURNS]
    steps = f"{len(code) + int((repeated - 2 * ends[:, LENGTH] - 1).sum())} steps"
    if len(ends) > _TOLD:
        return f"{steps}, {repeated.sum()} of them in {len(ends)} loops"
    return ", ".join([steps, *(f"{length} of them {turns} times" for length, turns in ends[:, [LENGTH, TURNS]])])


def loops(code: Any) -> list[Loop]:
    """What is worth a loop, in order; none lies in another."""
    same, moving = _numbered(np.delete(code, TURNING, 1)), code[:, TURNING]
    waiting = [(-loop.spared, loop) for length in _lengths(same) for loop in _repeated(same, moving, length)]
    heapq.heapify(waiting)
    found: list[Loop] = []
    while waiting:  # the one that spares most comes first, and of the others what it leaves
        _, loop = heapq.heappop(waiting)
        left = [*_left(loop, found)]
        if left == [loop]:
            bisect.insort(found, loop)
        else:
            for part in left:
                heapq.heappush(waiting, (-part.spared, part))
    return found


def _left(loop: Loop, found: list[Loop]) -> Iterator[Loop]:
    """What others leave of a loop and is worth while still."""
    first, place = loop.first, max(bisect.bisect(found, loop) - 1, 0)
    while first < loop.end:
        while place < len(found) and found[place].end <= first:
            place += 1
        stop, end = (loop.end, loop.end) if place == len(found) else (found[place].first, found[place].end)
        part = Loop(first, loop.length, (min(stop, loop.end) - first) // loop.length)
        if part.is_worth_while:
            yield part
        first = max(end, first)


def _repeated(same: Any, moving: Any, length: int) -> Iterator[Loop]:
    """The loops of a length: rows that are the same that many rows on, and have moved as far as the next time."""
    if len(same) < _FEWEST * length:
        return
    again = same[length:] == same[:-length]
    even = again[length:] & again[:-length]
    places = np.flatnonzero(even)
    here, there, yonder = (moving[places + length * turn] for turn in range(3))
    even[places] = ((yonder - there) == (there - here)).all(1)
    bounds = np.flatnonzero(np.diff(even, prepend=False, append=False))
    for first, end in bounds.reshape(-1, 2).tolist():
        loop = Loop(first, length, (end - first) // length + 2)
        if loop.is_worth_while:
            yield loop


def _lengths(same: Any) -> list[int]:
    """How long a turn may be: how far what follows one another is from where it does so again."""
    found: set[int] = set()
    rows, count = same, 1
    while len(rows):
        order = np.argsort(rows, kind="stable")
        distances = np.diff(order)[rows[order[1:]] == rows[order[:-1]]]
        often = np.bincount(distances)
        likely = np.argsort(-often, kind="stable")[:_LIKELY]
        found |= {int(distance) for distance in likely if often[distance]}
        if not len(distances):
            break
        # Twice as many rows are the same where both halves are.
        rows = _numbered(np.stack([rows[:-count], rows[count:]], 1))
        count *= 2
    return sorted({length * times for length in found for times in range(1, _MULTIPLES + 1)})


def _numbered(rows: Any) -> Any:
    """A number for each row, the same one where rows are equal."""
    numbers = np.zeros(len(rows), np.int64)
    for column in rows.T:
        values, places = np.unique(column, return_inverse=True)
        if len(values) > 1:
            numbers = np.unique(numbers * len(values) + places, return_inverse=True)[1]
    return numbers
