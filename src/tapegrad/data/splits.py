"""Splitting a data set into what is trained on and what is tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from ..errors import ShapeError
from .datasets import Dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray


def split(x: NDArray[Any], y: NDArray[Any], test: float = 0.2, seed: int | None = None) -> tuple[Dataset, Dataset]:
    """Split at random into a training and a test set, the second with the fraction `test` of the rows, rounded.

        train, test = split(*datasets.digits(), seed=0)

    The order is drawn from the current generator of `tapegrad.random`, or from `seed`. Raises ShapeError when
    x and y do not have equally many rows, and ValueError when one of the two sets would be empty.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ShapeError(f"split: expected a label for each row of x, got x {x.shape} and y {y.shape}")
    count = round(test * len(x))
    if not 0 < count < len(x):
        raise ValueError(f"split: expected a fraction that leaves rows on both sides, got {test} of {len(x)} rows")
    if seed is None:
        order = random.permutation(len(x))
    else:
        with random.Generator(seed):
            order = random.permutation(len(x))
    held, rest = order[:count], order[count:]
    return Dataset(x[rest], y[rest]), Dataset(x[held], y[held])
