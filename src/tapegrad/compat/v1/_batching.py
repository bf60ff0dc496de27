"""Batches: the arrays of several elements as one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _nest as nests
from . import errors
from ._infer import Kind
from ._operation import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator


def groups(elements: Iterator[list[Any]], count: int, drop_remainder: Any) -> Iterator[list[list[Any]]]:
    """`count` elements at a time; the last ones may be less, if they are not dropped."""
    if count < 1:
        raise errors.InvalidArgumentError(None, None, f"batch_size must be greater than zero, got {count}")
    while group := list(itertools.islice(elements, count)):
        if len(group) == count or not drop_remainder:
            yield group


def batched(structure: Any, size: Any, drop_remainder: Any) -> Any:
    """The structure of batches of elements."""
    first = int(size) if drop_remainder and not isinstance(size, Tensor) else None
    return nests.map_leaves(
        lambda kind: Kind(None if kind.sizes is None else (first, *kind.sizes), kind.dtype), structure
    )


def stacked(arrays: Any) -> Any:
    """Arrays of one shape as the rows of one."""
    try:
        return np.stack(arrays)
    except ValueError:
        shapes = sorted({array.shape for array in arrays})
        raise errors.InvalidArgumentError(
            None, None, f"Cannot batch tensors with different shapes: {shapes}; padded_batch makes them alike"
        ) from None


def padded(arrays: Any, shape: Any, fill: Any, kind: Kind) -> Any:
    """Arrays as the rows of one, with `fill` where they are smaller than `shape`, in which None is the largest."""
    if not arrays[0].ndim:
        return stacked(arrays)
    largest = np.max([array.shape for array in arrays], axis=0).astype(int)
    wanted = [found if asked is None else asked for found, asked in zip(largest, shape, strict=True)]
    if any(found > most for found, most in zip(largest, wanted, strict=True)):
        raise errors.DataLossError(
            None, None, f"padded_batch: an element of shape {tuple(largest)} does not fit into {tuple(wanted)}"
        )
    out = np.full([len(arrays), *wanted], fill, kind.dtype)
    for row, array in zip(out, arrays, strict=True):
        row[tuple(map(slice, array.shape))] = array
    return out
