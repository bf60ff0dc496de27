"""Rows of a table by number, one for each number or added up in bags, with gradients that keep only the rows seen.

The gradient for the table is `Rows` where the backward pass ends at it. Taking rows and putting a gradient back to
them are linear, and each other's transposes, so every order exists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._rows import Rows
from .._tape import Tensor
from ..errors import DTypeError, ShapeError
from ..kernels.choice import for_rows
from ..primitive import constant, primitive
from .indexing import plain_key
from .shape import ravel

__all__ = ["embedding", "embedding_bag"]

# The ops. Bags are `ids` with their `starts`, one more than there are bags; `shares` divide what comes of a bag.


def _embedding_raw(table: Any, *, ids: Any) -> Any:
    return table.take(ids, 0)


def _embedding_bag_raw(table: Any, *, ids: Any, starts: Any, shares: Any) -> Any:
    total = for_rows(table.dtype, len(ids) * table.shape[1]).sums(table, ids, starts)
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
    values = for_rows(g.dtype, len(ids) * g.shape[1]).scattered(g, places[ids], starts, len(indices))
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
    ids = ids if isinstance(ids, Tensor) else np.asarray(ids)
    if ids.size and ids.dtype.kind not in "iu":
        raise DTypeError(f"{name}: ids must be integers, got {ids.dtype}")
    return table, _row_numbers(ids, name=name, rows=len(table))


def _row_numbers_raw(ids: Any, *, name: str, rows: int) -> Any:
    if ids.size:
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= rows:
            raise IndexError(
                f"{name}: expected ids from 0 to {rows - 1}, the rows of the table, got {low if low < 0 else high}"
            )
    return np.asarray(ids).astype(np.int64, copy=False)[...]


# Ops, so that programs check what they are given, too. Each gives an array of its own, or a view of its own.
_row_numbers = constant(_row_numbers_raw, name="row_numbers")


def embedding(table: Any, ids: Any) -> Any:
    """The rows of `table` at `ids`: `(V, D), (...) -> (..., D)`.

    The gradient for the table, where that is a parameter, keeps only the rows seen. Raises IndexError for an id that
    is no row, negative ones included; ShapeError for what is no table; DTypeError for ids that are no integers.
    """
    table, ids = _checked("embedding", table, ids)
    return _embedding(table, ids=plain_key(ids))


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
        ids = ravel(ids)
    else:
        offsets = offsets if isinstance(offsets, Tensor) else np.asarray(offsets)
        if ids.ndim != 1 or offsets.ndim != 1:
            raise ShapeError(
                f"embedding_bag: with offsets, expected ids (N,) and offsets (B,), got {ids.shape} and {offsets.shape}"
            )
        starts = _starts(offsets, ids)
    shares = plain_key(_sizes(starts)) if mode == "mean" else None
    return _embedding_bag(table, ids=plain_key(ids), starts=plain_key(starts), shares=shares)


def _starts_raw(offsets: Any, ids: Any) -> Any:
    if offsets.size and offsets.dtype.kind not in "iu":
        raise DTypeError(f"embedding_bag: offsets must be integers, got {offsets.dtype}")
    starts = np.append(offsets, len(ids)).astype(np.int64)
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise ShapeError(
            f"embedding_bag: expected offsets that begin with 0 and grow to at most {len(ids)}, the number of ids, "
            f"got {offsets}"
        )
    return starts


# Where the bags begin, and where the last one ends; and how many ids they have, an empty one counted as one.
_starts = constant(_starts_raw, name="bag_starts")
_sizes = constant(lambda starts: np.maximum(np.diff(starts), 1)[:, None], name="bag_sizes")
