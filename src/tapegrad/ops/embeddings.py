"""Rows of a table by number, one for each number or added up in bags, with gradients that keep only the rows seen.

The gradient for the table is `Rows` where the backward pass ends at it. Taking rows and putting a gradient back to
them are linear, and each other's transposes, so every order exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._rows import Rows
from .._tape import Tensor
from ..errors import DTypeError, ShapeError
from ..primitive import primitive
from .indexing import plain_key

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["embedding", "embedding_bag"]

_SMALL = 1 << 13  # numbers to add up: NumPy is done with fewer before numba would be imported


def _kernels(dtype: np.dtype[Any], numbers: int) -> ModuleType:
    """The compiled kernels, or plain NumPy for few numbers, without numba, or for a dtype that has none."""
    if dtype in (np.float32, np.float64) and numbers >= _SMALL:
        import numba

        if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            from ..kernels import embedding

            return embedding
    from ..kernels import plain_embedding

    return plain_embedding


# The ops. Bags are `ids` with their `starts`, one more than there are bags; `shares` divide what comes of a bag.


def _embedding_raw(table: Any, *, ids: Any) -> Any:
    return table.take(ids, 0)


def _embedding_bag_raw(table: Any, *, ids: Any, starts: Any, shares: Any) -> Any:
    total = _kernels(table.dtype, len(ids) * table.shape[1]).sums(table, ids, starts)
    return total if shares is None else total / _numbers(shares, table)


def _numbers(shares: Any, like: Any) -> Any:
    """Counts as what divides `like` and leaves it its dtype."""
    return shares.astype(like.dtype) if like.dtype.kind == "f" else shares


def _rows(g: Any, ids: Any, starts: Any, shares: Any, onto: tuple[int, ...]) -> Rows:
    """Each row of `g` added to the rows of its bag, of which nothing but those seen is made."""
    if shares is not None:
        g = g / _numbers(shares, g)
    seen = np.zeros(onto[0], bool)
    seen[ids] = True
    indices = np.flatnonzero(seen)
    places = np.empty(onto[0], np.int64)
    places[indices] = np.arange(len(indices))
    values = _kernels(g.dtype, len(ids) * g.shape[1]).scattered(g, places[ids], starts, len(indices))
    return Rows(indices, values, onto)


def _ones(g: Any, ids: Any) -> tuple[Any, Any, Any, None]:
    """What `_rows` takes for an embedding: each number is a bag of its own."""
    return g.reshape(ids.size, g.shape[-1]), ids.reshape(-1), np.arange(ids.size + 1), None


_embedding = primitive(
    _embedding_raw,
    lambda g, shape, ids: (
        _to_rows(g, ids=ids, onto=shape) if isinstance(g, Tensor) else _rows(*_ones(g, ids), onto=shape)
    ),
    name="embedding",
)
_to_rows = primitive(
    lambda x, *, ids, onto: _rows(*_ones(x, ids), onto=onto).dense(),
    lambda g, ids: _embedding(g, ids=ids),
    name="embedding_gradient",
)
_embedding_bag = primitive(
    _embedding_bag_raw,
    lambda g, shape, ids, starts, shares: (
        _to_bags(g, ids=ids, starts=starts, shares=shares, onto=shape)
        if isinstance(g, Tensor)
        else _rows(g, ids, starts, shares, onto=shape)
    ),
    name="embedding_bag",
)
_to_bags = primitive(
    lambda x, *, ids, starts, shares, onto: _rows(x, ids, starts, shares, onto).dense(),
    lambda g, ids, starts, shares: _embedding_bag(g, ids=ids, starts=starts, shares=shares),
    name="embedding_bag_gradient",
)


def _checked(name: str, table: Any, ids: Any) -> tuple[Any, Any]:
    """The table, and the numbers of rows that it has."""
    table = table if isinstance(table, Tensor) else np.asarray(table)
    if table.ndim != 2:
        raise ShapeError(f"{name}: expected a table (rows, columns), got {table.shape}")
    ids = np.asarray(plain_key(ids))
    if ids.size == 0:
        return table, ids.astype(np.int64)
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"{name}: ids must be integers, got {ids.dtype}")
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= len(table):
        raise IndexError(
            f"{name}: expected ids from 0 to {len(table) - 1}, the rows of the table, got {low if low < 0 else high}"
        )
    return table, ids.astype(np.int64, copy=False)


def embedding(table: Any, ids: Any) -> Any:
    """The rows of `table` at `ids`: `(V, D), (...) -> (..., D)`.

    The gradient for the table, where that is a parameter, keeps only the rows seen. Raises IndexError for an id that
    is no row, negative ones included; ShapeError for what is no table; DTypeError for ids that are no integers.
    """
    table, ids = _checked("embedding", table, ids)
    return _embedding(table, ids=ids)


def embedding_bag(table: Any, ids: Any, offsets: Any = None, mode: str = "sum") -> Any:
    """The sum, or the mean, of the rows of `table` in each bag: `(V, D), (N,), (B,) -> (B, D)`.

    Bag `i` are `ids[offsets[i] : offsets[i + 1]]`, and the last one goes to the end. Without `offsets`, `ids` are
    (B, N), a bag a row. An empty bag gives zeros. No matrix of a row for each id is made, forward or backward.
    Raises what `embedding` does; ShapeError for bags that are not one after the other; ValueError for another `mode`.
    """
    table, ids = _checked("embedding_bag", table, ids)
    if mode not in ("sum", "mean"):
        raise ValueError(f"embedding_bag: expected mode 'sum' or 'mean', got {mode!r}")
    if offsets is None:
        if ids.ndim != 2:
            raise ShapeError(f"embedding_bag: without offsets, expected ids (bags, ids of each), got {ids.shape}")
        starts = np.arange(len(ids) + 1) * ids.shape[1]
        ids = ids.reshape(-1)
    else:
        starts = _starts(np.asarray(plain_key(offsets)), ids)
    shares = np.maximum(np.diff(starts), 1)[:, None] if mode == "mean" else None
    return _embedding_bag(table, ids=ids, starts=starts, shares=shares)


def _starts(offsets: Any, ids: Any) -> Any:
    """Where the bags begin, and where the last one ends."""
    if ids.ndim != 1 or offsets.ndim != 1:
        raise ShapeError(
            f"embedding_bag: with offsets, expected ids (N,) and offsets (B,), got {ids.shape} and {offsets.shape}"
        )
    if offsets.size and offsets.dtype.kind not in "iu":
        raise DTypeError(f"embedding_bag: offsets must be integers, got {offsets.dtype}")
    starts = np.append(offsets, len(ids)).astype(np.int64)
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise ShapeError(
            f"embedding_bag: expected offsets that begin with 0 and grow to at most {len(ids)}, the number of ids, "
            f"got {offsets}"
        )
    return starts
