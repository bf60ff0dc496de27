"""Batches: the examples of a data set in random order, a few at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from ..errors import ShapeError
from .bags import Bags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Batches:
    """What `batches` makes: each `for` over it is one epoch, and its `len` is the batches of an epoch.

    `order()` draws the order of an epoch and `batch(place, order)` gives one of its batches, for whoever stops in the
    middle of an epoch and goes on later. `generator` is what the orders are drawn from, if there was a seed.
    """

    def __init__(self, x: Any, y: Any, size: int, shuffle: bool = True, seed: int | None = None) -> None:
        self.x, self.y, self.rows = examples("batches", x, y)
        if size < 1:
            raise ValueError(f"batches: expected batches of at least 1 row, got size={size}")
        self.size = size
        self.shuffle = shuffle
        self.generator = None if seed is None else random.Generator(seed)

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        order = self.order()
        for place in range(len(self)):
            yield self.batch(place, order)

    def order(self) -> NDArray[np.int64] | None:
        """The rows in the order of a new epoch; None for the order in which they are."""
        if not self.shuffle:
            return None
        if self.generator is None:
            return random.permutation(self.rows)
        with self.generator:
            return random.permutation(self.rows)

    def batch(self, place: int, order: NDArray[np.int64] | None) -> tuple[Any, Any]:
        """The x and y of the batch at `place` of an epoch that takes the rows in `order`."""
        # A slice of the arrays themselves where that will do: it copies nothing.
        span = slice(place * self.size, (place + 1) * self.size)
        rows = span if order is None else order[span]
        return _taken(self.x, rows), _taken(self.y, rows)

    def rows_of(self, place: int) -> int:
        """How many rows the batch at `place` of an epoch has."""
        return min(self.size, self.rows - place * self.size)


def batches(x: Any, y: Any, size: int, shuffle: bool = True, seed: int | None = None) -> Batches:
    """Give `x` and `y` in batches of `size` rows, the last of an epoch with what is left over.

        data = batches(images, labels, 64)
        for epoch in range(5):
            for x, y in data:

    x and y are arrays, one example a row, or `Bags`, which come as the pair (ids, offsets); a tuple of these, such as
    padded sequences and their lengths, comes as a tuple. `shuffle` draws a new order for each epoch, from the current
    generator of `tapegrad.random`, or from one of its own when there is a `seed`. Raises ShapeError when not all have
    equally many rows, and ValueError for a size below 1.
    """
    return Batches(x, y, size, shuffle, seed)


def examples(name: str, x: Any, y: Any) -> tuple[Any, Any, int]:
    """`x` and `y` as arrays, Bags or tuples of these, and how many rows each has; `name` is who asks."""
    x, y = _columns(x), _columns(y)
    counts = {len(part) if np.ndim(part.offsets if isinstance(part, Bags) else part) else -1 for part in _flat((x, y))}
    if len(counts) != 1 or -1 in counts:
        raise ShapeError(f"{name}: expected a label for each row of x, got x {_shape(x)} and y {_shape(y)}")
    return x, y, counts.pop()


def take(part: Any, rows: Any) -> Any:
    """Some rows of what `examples` gave, of the same kind."""
    return tuple(take(column, rows) for column in part) if isinstance(part, tuple) else part[rows]


def _taken(part: Any, rows: Any) -> Any:
    """Some rows, as a model takes them."""
    if isinstance(part, tuple):
        return tuple(_taken(column, rows) for column in part)
    if isinstance(part, Bags):
        bags = part[rows]
        return bags.ids, bags.offsets
    # Quicker by a fifth for rows in any order, but it would copy all of an array that does not lie in rows.
    if not isinstance(rows, slice) and part.flags.c_contiguous:
        return part.take(rows, axis=0)
    return part[rows]


def _columns(part: Any) -> Any:
    if isinstance(part, tuple):
        return tuple(map(_columns, part))
    return part if isinstance(part, Bags) else np.asarray(part)


def _flat(part: Any) -> list[Any]:
    return [column for item in part for column in _flat(item)] if isinstance(part, tuple) else [part]


def _shape(part: Any) -> str:
    if isinstance(part, tuple):
        return f"({', '.join(map(_shape, part))})"
    return repr(part) if isinstance(part, Bags) else str(part.shape)
