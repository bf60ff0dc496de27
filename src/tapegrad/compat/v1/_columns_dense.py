"""Columns of numbers: as they are, or made of categories."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops.shape import reshape
from . import _dtypes as dtypes
from ._columns import CategoricalColumn, DenseColumn, feature, on_values
from ._infer import Kind, kind_of
from ._initializers import truncated_normal_initializer
from ._missing import NotCoveredError
from ._nodes import convert, node
from ._records_parsing import FixedLenFeature
from ._scopes import get_variable
from ._slicing import rows
from ._values import array_in

if TYPE_CHECKING:
    from ._operation import Tensor


def _as_rows(value: Any) -> Any:
    """(N,) as (N, 1), and more dimensions as two."""
    return reshape(value, (value.shape[0], -1)) if value.ndim != 1 else reshape(value, (-1, 1))


class _Numeric(DenseColumn):
    def __init__(self, key: str, shape: tuple[int, ...], default: Any, dtype: Any, normalizer: Any) -> None:
        self.name = self.key = key
        self.shape, self.default, self.dtype, self.normalizer = shape, default, dtype, normalizer
        self.width = int(np.prod(shape))

    def parse_spec(self) -> dict[str, Any]:
        return {self.key: FixedLenFeature(self.shape, self.dtype, self.default)}

    def dense(self, features: Any) -> Tensor:
        value = node("ToFloat", lambda x: _as_rows(x.astype(np.float32)), [feature(features, self.key)])
        known = kind_of(value).sizes
        if known is not None and known[-1] not in (None, self.width):
            raise ValueError(f"The feature {self.key} has {known[-1]} numbers an example, its column {self.width}")
        if known is None or known[-1] is None:
            value.set_shape([None, self.width])
        return value if self.normalizer is None else convert(self.normalizer(value))


def numeric_column(
    key: str, shape: Any = (1,), default_value: Any = None, dtype: Any = dtypes.float32, normalizer_fn: Any = None
) -> DenseColumn:
    """Numbers of a shape, as they are, or as `normalizer_fn` makes them."""
    sizes = tuple(int(size) for size in (shape if isinstance(shape, list | tuple) else [shape]))
    if any(size <= 0 for size in sizes):
        raise ValueError(f"shape dimensions must be greater than 0, got {sizes}")
    if normalizer_fn is not None and not callable(normalizer_fn):
        raise TypeError(f"normalizer_fn must be a callable. Given: {normalizer_fn}")
    return _Numeric(key, sizes, default_value, dtypes.as_dtype(dtype), normalizer_fn)


class _Bucketized(DenseColumn, CategoricalColumn):
    def __init__(self, source: _Numeric, boundaries: tuple[float, ...]) -> None:
        self.source, self.boundaries = source, np.array(boundaries, np.float32)
        self.name = f"{source.name}_bucketized"
        self.each = len(boundaries) + 1
        self.width = self.buckets = self.each * source.width

    def parse_spec(self) -> dict[str, Any]:
        return self.source.parse_spec()

    def ids(self, features: Any) -> Tensor:
        def places(x: Any) -> Any:
            found = np.searchsorted(self.boundaries, array_in(x), side="right")
            return found + self.each * np.arange(found.shape[1])

        sizes = (None, self.source.width)
        return on_values("Bucketize", places, self.source.dense(features), Kind(sizes, np.dtype(np.int64)))

    def dense(self, features: Any) -> Tensor:
        return _indicated(self.ids(features), self.buckets)


def bucketized_column(source_column: Any, boundaries: Any) -> Any:
    """Which of the intervals between `boundaries` a number is in: a category, or as many numbers of 0 and 1."""
    if not isinstance(source_column, _Numeric) or len(source_column.shape) > 1:
        raise ValueError(f"source_column must be one-dimensional and of numeric_column(), got {source_column!r}")
    if not boundaries or any(a >= b for a, b in itertools.pairwise(boundaries)):
        raise ValueError(f"boundaries must be a sorted list, got {boundaries!r}")
    return _Bucketized(source_column, tuple(boundaries))


class _OfCategories(DenseColumn):
    def __init__(self, of: CategoricalColumn, kind: str) -> None:
        self.of, self.name = of, f"{of.name}_{kind}"

    def parse_spec(self) -> dict[str, Any]:
        return self.of.parse_spec()


class _Indicator(_OfCategories):
    def __init__(self, of: CategoricalColumn) -> None:
        super().__init__(of, "indicator")
        self.width = of.buckets

    def dense(self, features: Any) -> Tensor:
        return _indicated(self.of.ids(features), self.width)


def indicator_column(categorical_column: Any) -> DenseColumn:
    """How often each category is there: as many numbers as there are categories."""
    return _Indicator(categorical_column)


class _Embedding(_OfCategories):
    def __init__(self, of: CategoricalColumn, width: int, combiner: str, initializer: Any, trainable: bool) -> None:
        super().__init__(of, "embedding")
        self.width, self.combiner, self.initializer, self.trainable = width, combiner, initializer, trainable

    def dense(self, features: Any) -> Tensor:
        table = get_variable(
            "embedding_weights", [self.of.buckets, self.width], dtypes.float32,
            self.initializer or truncated_normal_initializer(0.0, 1 / math.sqrt(self.width)), trainable=self.trainable,
        )  # fmt: skip
        return summed(table, self.of.ids(features), self.combiner)


def embedding_column(
    categorical_column: Any,
    dimension: int,
    combiner: str = "mean",
    initializer: Any = None,
    ckpt_to_load_from: Any = None,
    tensor_name_in_ckpt: Any = None,
    max_norm: Any = None,
    trainable: bool = True,
    use_safe_embedding_lookup: bool = True,
) -> DenseColumn:
    """`dimension` learned numbers for each category; those of several categories are put together by `combiner`."""
    if dimension is None or dimension < 1:
        raise ValueError(f"Invalid dimension {dimension}.")
    if combiner not in ("mean", "sum", "sqrtn"):
        raise ValueError(f"combiner must be mean, sum or sqrtn, got {combiner!r}")
    if ckpt_to_load_from is not None or max_norm is not None:
        raise NotCoveredError("embedding_column: ckpt_to_load_from and max_norm are not covered; initializer is")
    return _Embedding(categorical_column, dimension, combiner, initializer, trainable)


def _indicated(ids: Tensor, width: int) -> Tensor:
    """How often each number is there: (N, how many) -> (N, width)."""

    def count(ids: Any) -> Any:
        return (array_in(ids)[..., None] == np.arange(width)).sum(axis=1).astype(np.float32)

    return on_values("Indicator", count, ids, Kind((None, width), np.dtype(np.float32)))


def summed(table: Any, ids: Tensor, combiner: str) -> Tensor:
    """The rows of a table at each example's numbers, put together: (N, how many) -> (N, width)."""

    def weights(ids: Any) -> Any:
        there = (array_in(ids) >= 0).astype(np.float32)
        total = np.maximum(there.sum(axis=1, keepdims=True), 1)
        return there if combiner == "sum" else there / (total if combiner == "mean" else np.sqrt(total))

    def first(ids: Any) -> Any:
        return np.maximum(array_in(ids), 0)

    def put_together(table: Any, ids: Any, shares: Any) -> Any:
        return (rows(table, ids) * shares[..., None]).sum(axis=1)

    known = kind_of(ids).sizes
    shares = on_values("Shares", weights, ids, Kind(known, np.dtype(np.float32)))
    places = on_values("Maximum", first, ids, Kind(known, np.dtype(np.int64)))
    width = convert(table).shape[1].value
    kind = Kind((None, width), np.dtype(np.float32))
    return node("SparseSum", put_together, [table, places, shares], sample=lambda *_: kind)  # type: ignore[no-any-return]
