"""Embeddings, and the largest elements of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...ops import elementwise, indexing, reduction
from ...ops import shape as shaping
from ...primitive import constant as without_gradient
from . import _dtypes as dtypes
from ._arguments import beside, plain, sizes_argument, sizes_in
from ._clipping import clip_by_norm
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import convert, node, operands
from ._slicing import rows, sample_of_rows

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = [
    "TopK",
    "embedding_lookup",
    "embedding_lookup_sparse",
    "in_top_k",
    "top_k",
]


# --------------------------------------------------------------------------------------------------
# Embeddings


def whole_table(params: Any, partition_strategy: str) -> Tensor:
    """A table of one tensor, or of several among which the rows are shared out."""
    if not isinstance(params, list | tuple):
        return convert(params)
    if len(params) == 1:
        return convert(params[0])

    def join(*parts: Any) -> Any:
        whole = shaping.concat(parts, 0)
        if partition_strategy == "div":  # part 0 has the first rows, part 1 the next ones
            return whole
        places = np.concatenate([np.arange(len(part)) * len(parts) + turn for turn, part in enumerate(parts)])
        return indexing.take(whole, np.argsort(places), 0)  # part 0 has the rows 0, n, 2n; part 1 has 1, n + 1

    return node("whole_table", join, operands(*params))  # type: ignore[no-any-return]


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Tensor:
    """The rows of a table at `ids`: `(V, D), (...) -> (..., D)`; with `max_norm`, each at most of that norm."""
    with get_default_graph().name_scope(name or "embedding_lookup"):
        table, places = whole_table(params, partition_strategy), convert(ids)
        found = node("Identity", rows, [table, places], sample=sample_of_rows)
        if max_norm is None:
            return found  # type: ignore[no-any-return]
        count, ndim = places.shape.ndims, found.shape.ndims
        if count is None or ndim is None:
            raise ValueError("embedding_lookup: with max_norm, the numbers of dimensions must be known")
        return clip_by_norm(found, max_norm, list(np.arange(count, ndim)))


def embedding_lookup_sparse(
    params: Any,
    sp_ids: Any,
    sp_weights: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    combiner: str | None = None,
    max_norm: float | None = None,
) -> Tensor:
    """For each row of a sparse matrix of ids, their rows of a table combined: by "mean" (default), "sum" or "sqrtn".

    `sp_weights` is a sparse matrix of the same places, or None for weights of 1.
    """
    kind = combiner or "mean"
    if kind not in ("mean", "sum", "sqrtn"):
        raise ValueError("combiner must be one of 'mean', 'sqrtn' or 'sum'")
    with get_default_graph().name_scope(name or "embedding_lookup_sparse"):
        table = whole_table(params, partition_strategy)
        found = embedding_lookup(table, sp_ids.values, max_norm=max_norm)

        def combine(found: Any, places: Any, *weights: Any) -> Any:
            owner = plain(places)[:, 0]
            count = int(owner.max(initial=-1)) + 1
            share = weights[0] if weights else np.ones(len(owner), found.dtype)
            total = indexing.index_add(
                np.zeros((count, *found.shape[1:]), found.dtype), owner, found * shaping.expand_dims(share, -1)
            )
            if kind == "sum":
                return total
            size = indexing.index_add(
                np.zeros(count, found.dtype), owner, share if kind == "mean" else elementwise.square(share)
            )
            size = elementwise.where(elementwise.equal(size, 0), 1, size)  # of a row without ids
            return total / shaping.expand_dims(size if kind == "mean" else elementwise.sqrt(size), -1)

        def sample(*_: Any) -> Any:  # the ids may be of unknown rank: the table tells
            sizes = kind_of(table).sizes
            return Kind(None if sizes is None else (None, *sizes[1:]), table.dtype.dtype)

        weights = [] if sp_weights is None else [sp_weights.values]
        return node(kind, combine, [found, sp_ids.indices, *weights], sample=sample)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# The largest


class TopK(NamedTuple):
    """The largest elements, and their places."""

    values: Tensor
    indices: Tensor


_largest = without_gradient(
    lambda x, *, k: np.argsort(-x if x.dtype.kind == "f" else ~x, -1, "stable")[..., :k], name="largest"
)


def top_k(input: Any = None, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopK:
    """The `k` largest elements of each row, the largest first, and their places."""
    given, count = sizes_argument(k)

    def find(x: Any, *given: Any) -> Any:
        (number,) = sizes_in(given, count)
        if number > x.shape[-1]:
            raise ValueError(f"input must have last dimension >= k = {number} but is {x.shape[-1]}")
        places = _largest(x, k=number)
        return indexing.take_along_axis(x, places, -1), shaping.astype(places, np.int32)

    return TopK(*node("TopKV2", find, [input, *given], name, outputs=2))


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether the score of each row's target is among its `k` highest: `(N, C), (N,) -> (N,)`."""

    def among(scores: Any, targets: Any, k: Any) -> Any:
        own = indexing.take_along_axis(beside(scores, targets), shaping.expand_dims(targets, -1), -1)
        higher = reduction.sum(shaping.astype(elementwise.greater(scores, own), np.int64), -1)
        return elementwise.logical_and(elementwise.less(higher, k), elementwise.isfinite(own[..., 0]))

    return node("InTopKV2", among, [convert(predictions, dtypes.float32), targets, k], name)  # type: ignore[no-any-return]
