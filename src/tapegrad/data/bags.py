"""Bags: lists of ids of any length, one an example, in two arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DTypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray


class Bags:
    """`ids` (all,), the ids of all bags one after the other, and `offsets` (N,), where in `ids` each bag starts.

    These are the two arguments of an embedding bag, in PyTorch's convention: the last bag goes to the end. A bag may
    be empty. `bags[3]` is the ids of one bag, and `bags[rows]`, of a slice or an array of places, is those bags.
    Raises DTypeError for what is not integers, and ShapeError for offsets that do not start at 0, that fall, or that
    go beyond the ids.
    """

    def __init__(self, ids: ArrayLike, offsets: ArrayLike) -> None:
        self.ids, self.offsets = _integers("ids", ids), _integers("offsets", offsets)
        count, starts = len(self.ids), self.offsets
        if len(starts) == 0 and count:
            raise ShapeError(f"Bags: expected offsets that say where the {count:,} ids belong, got none")
        if len(starts) and (starts[0] != 0 or starts[-1] > count or np.any(starts[1:] < starts[:-1])):
            raise ShapeError(
                f"Bags: expected offsets that start at 0, never fall and stay within the {count:,} ids, got {starts}"
            )
        self._ends = np.append(starts[1:], count)[: len(starts)]

    @classmethod
    def of(cls, lists: Iterable[ArrayLike]) -> Bags:
        """The bags of a list of ids each: `Bags.of([[3, 1], [], [4, 1, 5]])`."""
        arrays = [_integers("ids", ids) for ids in lists]
        ends = np.cumsum([0, *map(len, arrays)])
        return cls(np.concatenate([np.empty(0, np.int64), *arrays]), ends[:-1])

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, rows: Any) -> Any:
        starts, ends = self.offsets[rows], self._ends[rows]
        if np.ndim(starts) == 0:
            return self.ids[starts:ends]
        lengths = ends - starts
        offsets = np.cumsum(lengths) - lengths
        # Place p of the result, in a bag that moves from `start` to `offset`, comes from p + start - offset.
        places = np.repeat(starts - offsets, lengths) + np.arange(lengths.sum())
        return _made(self.ids[places], offsets, offsets + lengths)

    def __repr__(self) -> str:
        return f"Bags({len(self):,} bags of {len(self.ids):,} ids)"


def _made(ids: NDArray[np.int64], offsets: NDArray[np.int64], ends: NDArray[np.int64]) -> Bags:
    """Bags of arrays that are known to fit."""
    bags = Bags.__new__(Bags)
    bags.ids, bags.offsets, bags._ends = ids, offsets, ends
    return bags


def _integers(name: str, values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise DTypeError(f"Bags: expected integers for {name}, got {array.dtype}")
    if array.ndim != 1:
        raise ShapeError(f"Bags: expected one row of {name}, got shape {array.shape}")
    return array.astype(np.int64, copy=False)
