"""What a model sees of named features, told by columns: `tf.feature_column`.

A column is numbers, or a category. Categories are numbered; a category of -1 is none. Hashed categories are spread
over their buckets by another hash than TensorFlow's.
"""

from __future__ import annotations

import abc
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops.shape import concat, reshape
from . import _dtypes as dtypes
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._initializers import truncated_normal_initializer, zeros_initializer
from ._missing import NotCoveredError, not_covered
from ._nodes import convert, node
from ._scopes import get_variable, variable_scope
from ._slicing import rows
from ._string_ops import bucket_of
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Tensor

__all__ = [
    "bucketized_column", "categorical_column_with_hash_bucket", "categorical_column_with_identity",
    "categorical_column_with_vocabulary_file", "categorical_column_with_vocabulary_list", "crossed_column",
    "embedding_column", "indicator_column", "input_layer", "linear_model", "make_parse_example_spec",
    "numeric_column",
]  # fmt: skip


class Column(abc.ABC):
    """A column, by its name."""

    name: str

    @abc.abstractmethod
    def keys(self) -> list[str]:
        """The features that it is made of."""

    @abc.abstractmethod
    def parse_spec(self) -> dict[str, Any]:
        """How its features are parsed from examples."""


class DenseColumn(Column):
    """A column of `width` numbers an example."""

    width: int

    @abc.abstractmethod
    def dense(self, features: Any) -> Tensor:
        """The numbers, (N, width)."""


class CategoricalColumn(Column):
    """A column of categories, numbered from 0 below `buckets`, one or more an example."""

    buckets: int

    @abc.abstractmethod
    def ids(self, features: Any) -> Tensor:
        """The numbers of the categories, int64 (N, how many); -1 is none."""


def _feature(features: Any, key: str) -> Tensor:
    if key not in features:
        raise ValueError(f"Feature {key} is not in features dictionary, which has {', '.join(map(str, features))}")
    return convert(features[key])


def _as_rows(value: Any) -> Any:
    """(N,) as (N, 1), and more dimensions as two."""
    return reshape(value, (value.shape[0], -1)) if value.ndim != 1 else reshape(value, (-1, 1))


class _Numeric(DenseColumn):
    def __init__(self, key: str, shape: tuple[int, ...], default: Any, dtype: Any, normalizer: Any) -> None:
        self.name = self.key = key
        self.shape, self.default, self.dtype, self.normalizer = shape, default, dtype, normalizer
        self.width = int(np.prod(shape))

    def keys(self) -> list[str]:
        return [self.key]

    def parse_spec(self) -> dict[str, Any]:
        from ._records_parsing import FixedLenFeature

        return {self.key: FixedLenFeature(self.shape, self.dtype, self.default)}

    def dense(self, features: Any) -> Tensor:
        value = node("ToFloat", lambda x: _as_rows(x.astype(np.float32)), [_feature(features, self.key)])
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

    def keys(self) -> list[str]:
        return self.source.keys()

    def parse_spec(self) -> dict[str, Any]:
        return self.source.parse_spec()

    def ids(self, features: Any) -> Tensor:
        def places(x: Any) -> Any:
            found = np.searchsorted(self.boundaries, _plain(x), side="right")
            return found + self.each * np.arange(found.shape[1])

        sizes = (None, self.source.width)
        return _python("Bucketize", places, self.source.dense(features), Kind(sizes, np.dtype(np.int64)))

    def dense(self, features: Any) -> Tensor:
        return _indicated(self.ids(features), self.buckets)


def bucketized_column(source_column: Any, boundaries: Any) -> Any:
    """Which of the intervals between `boundaries` a number is in: a category, or as many numbers of 0 and 1."""
    if not isinstance(source_column, _Numeric) or len(source_column.shape) > 1:
        raise ValueError(f"source_column must be one-dimensional and of numeric_column(), got {source_column!r}")
    if not boundaries or any(a >= b for a, b in itertools.pairwise(boundaries)):
        raise ValueError(f"boundaries must be a sorted list, got {boundaries!r}")
    return _Bucketized(source_column, tuple(boundaries))


class _Lookup(CategoricalColumn):
    """Categories that Python finds: `find(value)` is a number."""

    def __init__(self, key: str, buckets: int, find: Callable[[Any], int], dtype: Any) -> None:
        self.name = self.key = key
        self.buckets, self.find, self.dtype = buckets, find, dtype

    def keys(self) -> list[str]:
        return [self.key]

    def parse_spec(self) -> dict[str, Any]:
        from ._records_parsing import VarLenFeature

        return {self.key: VarLenFeature(self.dtype)}

    def ids(self, features: Any) -> Tensor:
        def places(x: Any) -> Any:
            values = np.asarray(_plain(x))
            flat = [self.find(value) for value in values.ravel().tolist()]
            return np.array(flat, np.int64).reshape(len(values), -1)

        value = _feature(features, self.key)
        known = kind_of(value).sizes
        count = None if known is None or None in known[1:] else int(np.prod([size or 0 for size in known[1:]]))
        return _python("Lookup", places, value, Kind((None, count), np.dtype(np.int64)))


def categorical_column_with_hash_bucket(key: str, hash_bucket_size: int, dtype: Any = dtypes.string) -> Any:
    """Categories by a hash of their names, or numbers."""
    if hash_bucket_size is None or hash_bucket_size < 1:
        raise ValueError(f"hash_bucket_size must be at least 1, got {hash_bucket_size}")

    def find(value: Any) -> int:
        text = _text(value)
        return bucket_of(text, hash_bucket_size) if text else -1

    return _Lookup(key, hash_bucket_size, find, dtypes.as_dtype(dtype))


def categorical_column_with_vocabulary_list(
    key: str, vocabulary_list: Any, dtype: Any = None, default_value: int = -1, num_oov_buckets: int = 0
) -> Any:
    """Categories by their place in a list; others by `default_value`, or by a hash in buckets of their own."""
    words = [_text(word) for word in vocabulary_list]
    places = {word: place for place, word in enumerate(words)}
    if not words:
        raise ValueError(f"vocabulary_list {vocabulary_list} must be non-empty, column_name: {key}")
    if len(places) < len(words):
        raise ValueError(f"Duplicate keys in vocabulary_list {vocabulary_list}, column_name: {key}")
    if num_oov_buckets and default_value != -1:
        raise ValueError("Can't specify both num_oov_buckets and default_value")

    def find(value: Any) -> int:
        text = _text(value)
        if text in places or not num_oov_buckets:
            return places.get(text, default_value)
        return len(words) + bucket_of(text, num_oov_buckets)

    kind = dtypes.as_dtype(np.array(vocabulary_list).dtype if dtype is None else dtype)
    return _Lookup(key, len(words) + num_oov_buckets, find, kind)


def categorical_column_with_vocabulary_file(
    key: str,
    vocabulary_file: Any,
    vocabulary_size: int | None = None,
    num_oov_buckets: int = 0,
    default_value: int | None = None,
    dtype: Any = dtypes.string,
) -> Any:
    """Categories by their line in a file."""
    with open(vocabulary_file, "rb") as file:
        words = file.read().splitlines()[:vocabulary_size]
    return categorical_column_with_vocabulary_list(
        key, words, dtype, -1 if default_value is None else default_value, num_oov_buckets
    )


def categorical_column_with_identity(key: str, num_buckets: int, default_value: int | None = None) -> Any:
    """Whole numbers that are categories already; one beyond is `default_value`, or an error of the run."""
    if num_buckets < 1:
        raise ValueError(f"num_buckets {num_buckets} < 1, column_name {key}")

    def find(value: Any) -> int:
        if value == -1 or 0 <= value < num_buckets:
            return int(value)
        if default_value is None:
            raise ValueError(f"the feature {key} is {value}, and its categories are 0 to {num_buckets - 1}")
        return default_value

    return _Lookup(key, num_buckets, find, dtypes.int64)


class _Crossed(CategoricalColumn):
    def __init__(self, parts: list[Any], buckets: int) -> None:
        self.parts, self.buckets = parts, buckets
        self.name = "_X_".join(sorted(part if isinstance(part, str) else part.name for part in parts))

    def keys(self) -> list[str]:
        return [key for part in self.parts for key in ([part] if isinstance(part, str) else part.keys())]

    def parse_spec(self) -> dict[str, Any]:
        from ._records_parsing import VarLenFeature

        spec: dict[str, Any] = {}
        for part in self.parts:
            spec |= {part: VarLenFeature(dtypes.string)} if isinstance(part, str) else part.parse_spec()
        return spec

    def ids(self, features: Any) -> Tensor:
        given = [_feature(features, part) if isinstance(part, str) else part.ids(features) for part in self.parts]

        def places(*values: Any) -> Any:
            columns = [np.asarray(_plain(value)) for value in values]
            columns = [column.reshape(len(column), -1) for column in columns]
            out = []
            for row in zip(*columns, strict=True):
                made = [b""]
                for items in row:
                    made = [one + b"_X_" + _text(item) for one in made for item in items.tolist()]
                out.append([bucket_of(text, self.buckets) for text in made])
            return np.array(out, np.int64)

        kind = Kind((None, None), np.dtype(np.int64))
        return node("Cross", places, given, python=True, sample=lambda *_: kind)  # type: ignore[no-any-return]


def crossed_column(keys: Any, hash_bucket_size: int, hash_key: Any = None) -> Any:
    """Combinations of categories, by a hash. `keys` are names of features, and columns of categories."""
    if len(keys) < 2:
        raise ValueError(f"keys must be a list with length > 1, got {keys!r}")
    if any(not isinstance(key, str | CategoricalColumn) for key in keys):
        raise ValueError(f"Unsupported key type: expected names of features and columns of categories, got {keys!r}")
    return _Crossed(list(keys), hash_bucket_size)


class _Indicator(DenseColumn):
    def __init__(self, of: CategoricalColumn) -> None:
        self.of, self.name, self.width = of, f"{of.name}_indicator", of.buckets

    def keys(self) -> list[str]:
        return self.of.keys()

    def parse_spec(self) -> dict[str, Any]:
        return self.of.parse_spec()

    def dense(self, features: Any) -> Tensor:
        return _indicated(self.of.ids(features), self.width)


def indicator_column(categorical_column: Any) -> DenseColumn:
    """How often each category is there: as many numbers as there are categories."""
    return _Indicator(categorical_column)


class _Embedding(DenseColumn):
    def __init__(self, of: CategoricalColumn, width: int, combiner: str, initializer: Any, trainable: bool) -> None:
        self.of, self.width, self.combiner = of, width, combiner
        self.initializer, self.trainable = initializer, trainable
        self.name = f"{of.name}_embedding"

    def keys(self) -> list[str]:
        return self.of.keys()

    def parse_spec(self) -> dict[str, Any]:
        return self.of.parse_spec()

    def dense(self, features: Any) -> Tensor:
        table = get_variable(
            "embedding_weights", [self.of.buckets, self.width], dtypes.float32,
            self.initializer or truncated_normal_initializer(0.0, 1 / math.sqrt(self.width)), trainable=self.trainable,
        )  # fmt: skip
        return _summed(table, self.of.ids(features), self.combiner)


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


# --------------------------------------------------------------------------------------------------
# What models are given


def input_layer(
    features: Any,
    feature_columns: Any,
    weight_collections: Any = None,
    trainable: bool = True,
    cols_to_vars: Any = None,
    cols_to_output_tensors: Any = None,
) -> Tensor:
    """The numbers of all columns side by side, (N, total), in the order of the columns' names."""
    columns = sorted(_listed(feature_columns), key=lambda column: column.name)
    for column in columns:
        if not isinstance(column, DenseColumn):
            raise ValueError(
                f"Items of feature_columns must be dense, and {column.name} is a category: wrap it with "
                "embedding_column or indicator_column"
            )
    with variable_scope(None, "input_layer"):
        parts = []
        for column in columns:
            with variable_scope(None, column.name):
                before = len(get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES))
                parts.append(column.dense(features))
                if cols_to_vars is not None:
                    made = get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES)[before:]
                    cols_to_vars[column] = made
                if cols_to_output_tensors is not None:
                    cols_to_output_tensors[column] = parts[-1]
        return node("ConcatV2", lambda *values: concat(values, axis=1), parts, "concat")  # type: ignore[no-any-return]


def linear_model(
    features: Any,
    feature_columns: Any,
    units: int = 1,
    sparse_combiner: str = "sum",
    weight_collections: Any = None,
    trainable: bool = True,
    cols_to_vars: Any = None,
) -> Tensor:
    """Sums of all columns' numbers and categories, each times a learned weight, (N, units)."""
    from ...ops.product import matmul

    columns = sorted(_listed(feature_columns), key=lambda column: column.name)
    with variable_scope(None, "linear_model"):
        parts: list[Tensor] = []
        for column in columns:
            with variable_scope(None, column.name):
                count = column.buckets if isinstance(column, CategoricalColumn) else column.width
                weights = get_variable(
                    "weights", [count, units], dtypes.float32, zeros_initializer(), trainable=trainable
                )
                if isinstance(column, CategoricalColumn):
                    parts.append(_summed(weights, column.ids(features), sparse_combiner))
                else:
                    parts.append(node("MatMul", matmul, [column.dense(features), weights]))
        bias = get_variable("bias_weights", [units], dtypes.float32, zeros_initializer(), trainable=trainable)

        def add(first: Any, *others: Any) -> Any:
            for other in others:
                first = first + other
            return first

        return node("AddN", add, [*parts, bias], "weighted_sum")  # type: ignore[no-any-return]


def make_parse_example_spec(feature_columns: Any) -> dict[str, Any]:
    """How the features of columns are parsed from examples, for `tf.parse_example`."""
    spec: dict[str, Any] = {}
    for column in _listed(feature_columns):
        spec |= (column.of if isinstance(column, _Indicator | _Embedding) else column).parse_spec()
    return spec


def _listed(columns: Any) -> Sequence[Any]:
    found = list(columns) if isinstance(columns, list | tuple | set) or hasattr(columns, "__next__") else [columns]
    if not found:
        raise ValueError("feature_columns must not be empty.")
    for column in found:
        if not isinstance(column, Column):
            raise ValueError(f"Items of feature_columns must be columns of tf.feature_column, got {column!r}")
    return found


def _plain(value: Any) -> Any:
    return getattr(value, "_array", value)


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _python(kind: str, function: Callable[[Any], Any], of: Tensor, known: Kind) -> Tensor:
    return node(kind, function, [of], python=True, sample=lambda *_: known)  # type: ignore[no-any-return]


def _indicated(ids: Tensor, width: int) -> Tensor:
    """How often each number is there: (N, how many) -> (N, width)."""

    def count(ids: Any) -> Any:
        return (np.asarray(_plain(ids))[..., None] == np.arange(width)).sum(axis=1).astype(np.float32)

    return _python("Indicator", count, ids, Kind((None, width), np.dtype(np.float32)))


def _summed(table: Any, ids: Tensor, combiner: str) -> Tensor:
    """The rows of a table at each example's numbers, put together: (N, how many) -> (N, width)."""

    def weights(ids: Any) -> Any:
        there = (np.asarray(_plain(ids)) >= 0).astype(np.float32)
        total = np.maximum(there.sum(axis=1, keepdims=True), 1)
        return there if combiner == "sum" else there / (total if combiner == "mean" else np.sqrt(total))

    def first(ids: Any) -> Any:
        return np.maximum(np.asarray(_plain(ids)), 0)

    def put_together(table: Any, ids: Any, shares: Any) -> Any:
        return (rows(table, ids) * shares[..., None]).sum(axis=1)

    known = kind_of(ids).sizes
    shares = _python("Shares", weights, ids, Kind(known, np.dtype(np.float32)))
    places = _python("Maximum", first, ids, Kind(known, np.dtype(np.int64)))
    width = convert(table).shape[1].value
    kind = Kind((None, width), np.dtype(np.float32))
    return node("SparseSum", put_together, [table, places, shares], sample=lambda *_: kind)  # type: ignore[no-any-return]


__getattr__ = not_covered(__name__)
