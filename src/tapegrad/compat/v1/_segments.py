"""Reductions of segments: of the rows of data that have the same number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise, reduction, shape
from ...ops.indexing import index_add
from ._arguments import beside, plain
from ._infer import Kind, constant_value
from ._nodes import convert, node

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum", "unsorted_segment_max",
    "unsorted_segment_mean", "unsorted_segment_min", "unsorted_segment_prod", "unsorted_segment_sum",
]  # fmt: skip


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The sum of the rows of `data` that have each number: `(N, ...), (N,) -> (num_segments, ...)`."""

    def total(data: Any, ids: Any, count: Any) -> Any:
        rest = data.shape[np.ndim(ids) :]
        size = int(plain(count))
        places = elementwise.where(elementwise.less(ids, 0), size, ids)  # a negative number leaves its row out
        return index_add(np.zeros((size + 1, *rest), data.dtype), places, beside(data, ids))[:size]

    return node("UnsortedSegmentSum", total, [data, segment_ids, num_segments], name)  # type: ignore[no-any-return]


def _segments(kind: str, finish: Callable[..., Any]) -> Callable[..., Tensor]:
    def reduce(data: Any, ids: Any) -> Any:
        ids = plain(ids)
        count = int(ids[-1]) + 1 if ids.size else 0
        return finish(data, ids, count)

    def call(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
        def sample(data: Any, ids: Any) -> Any:
            return Kind((None, *data.shape[1:]), data.dtype)

        return node(kind, reduce, [data, segment_ids], name, sample=sample)  # type: ignore[no-any-return]

    return call


def _segment_sum(data: Any, ids: Any, count: int) -> Any:
    return index_add(np.zeros((count, *data.shape[1:]), data.dtype), ids, data)


def _segment_mean(data: Any, ids: Any, count: int) -> Any:
    sizes = np.maximum(np.bincount(ids, minlength=count), 1).reshape(-1, *[1] * (data.ndim - 1))
    return shape.astype(_segment_sum(data, ids, count) / sizes.astype(data.dtype), data.dtype)


def _reduced(reduce: Callable[..., Any], empty: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function that reduces the rows of each number; where there are none, all is `empty(dtype)`."""

    def finish(data: Any, ids: Any, count: int) -> Any:
        parts = [data[ids == place] for place in np.arange(count).tolist()]
        none = np.full(data.shape[1:], empty(data.dtype), data.dtype)
        return shape.stack([shape.astype(reduce(part, 0), data.dtype) if len(part) else none for part in parts])

    return finish


def _lowest(dtype: np.dtype[Any]) -> Any:
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


def _unsorted(kind: str, finish: Callable[..., Any]) -> Callable[..., Tensor]:
    def reduce(data: Any, ids: Any, count: Any) -> Any:
        flat = plain(ids).ravel()
        rows = shape.reshape(data, (len(flat), *data.shape[np.ndim(ids) :]))
        known = np.flatnonzero(flat >= 0)  # a negative number leaves its row out
        return finish(rows[known] if len(known) < len(flat) else rows, flat[known], int(plain(count)))

    def call(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
        def sample(data: Any, ids: Any, _: Any) -> Any:
            return Kind((_size_of(count), *data.shape[np.ndim(ids) :]), data.dtype)

        count = convert(num_segments)
        return node(kind, reduce, [data, segment_ids, count], name, sample=sample)  # type: ignore[no-any-return]

    return call


def _size_of(count: Tensor) -> int | None:
    known = constant_value(count)
    return None if known is None else int(known)


segment_sum = _segments("SegmentSum", _segment_sum)
segment_mean = _segments("SegmentMean", _segment_mean)
segment_max = _segments("SegmentMax", _reduced(reduction.max, lambda _: 0))
segment_min = _segments("SegmentMin", _reduced(reduction.min, lambda _: 0))
segment_prod = _segments("SegmentProd", _reduced(reduction.prod, lambda _: 1))
unsorted_segment_max = _unsorted("UnsortedSegmentMax", _reduced(reduction.max, _lowest))
unsorted_segment_min = _unsorted("UnsortedSegmentMin", _reduced(reduction.min, _highest))
unsorted_segment_mean = _unsorted("UnsortedSegmentMean", _segment_mean)
unsorted_segment_prod = _unsorted("UnsortedSegmentProd", _reduced(reduction.prod, lambda _: 1))
