"""Splitting a data set into what is trained on and what is tested on."""

from __future__ import annotations

from typing import Any

from .. import random
from .batches import examples, take
from .datasets import Dataset


def split(x: Any, y: Any, test: float = 0.2, seed: int | None = None) -> tuple[Dataset, Dataset]:
    """Split at random into a training and a test set, the second with the fraction `test` of the rows, rounded.

        train, test = split(*datasets.digits(), seed=0)

    x and y are what `batches` takes. The order is drawn from the current generator of `tapegrad.random`, or from
    `seed`. Raises ShapeError when x and y do not have equally many rows, and ValueError when one of the two sets
    would be empty.
    """
    x, y, rows = examples("split", x, y)
    count = round(test * rows)
    if not 0 < count < rows:
        raise ValueError(f"split: expected a fraction that leaves rows on both sides, got {test} of {rows} rows")
    if seed is None:
        order = random.permutation(rows)
    else:
        with random.Generator(seed):
            order = random.permutation(rows)
    held, rest = order[:count], order[count:]
    return Dataset(take(x, rest), take(y, rest)), Dataset(take(x, held), take(y, held))
