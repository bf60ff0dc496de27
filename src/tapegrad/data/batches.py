"""Batches: the examples of a data set in random order, a few at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from ..errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Batches:
    """What `batches` makes: each `for` over it is one epoch, and its `len` is the batches of an epoch."""

    def __init__(self, x: NDArray[Any], y: NDArray[Any], size: int, shuffle: bool, seed: int | None) -> None:
        self.x, self.y = x, y
        self.size = size
        self.shuffle = shuffle
        self._generator = None if seed is None else random.Generator(seed)

    def __len__(self) -> int:
        return -(-len(self.x) // self.size)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        order = self._order() if self.shuffle else None
        for start in range(0, len(self.x), self.size):
            # A slice of the arrays themselves where that will do: it copies nothing.
            span = slice(start, start + self.size)
            rows = span if order is None else order[span]
            yield self.x[rows], self.y[rows]

    def _order(self) -> NDArray[np.int64]:
        if self._generator is None:
            return random.permutation(len(self.x))
        with self._generator:
            return random.permutation(len(self.x))


def batches(x: NDArray[Any], y: NDArray[Any], size: int, shuffle: bool = True, seed: int | None = None) -> Batches:
    """Give `x` and `y` in batches of `size` rows, the last of an epoch with what is left over.

        data = batches(images, labels, 64)
        for epoch in range(5):
            for x, y in data:

    `shuffle` draws a new order for each epoch, from the current generator of `tapegrad.random`, or from one of
    its own when there is a `seed`. Raises ShapeError when x and y do not have equally many rows, and ValueError
    for a size below 1.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ShapeError(f"batches: expected a label for each row of x, got x {x.shape} and y {y.shape}")
    if size < 1:
        raise ValueError(f"batches: expected batches of at least 1 row, got size={size}")
    return Batches(x, y, size, shuffle, seed)
