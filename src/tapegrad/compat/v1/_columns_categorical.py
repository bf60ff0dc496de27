"""Columns of categories: of a hash, a list, a file, whole numbers, and combinations of others.

Hashed categories are spread over their buckets by another hash than TensorFlow's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from ._columns import CategoricalColumn, feature, on_values
from ._infer import Kind, kind_of
from ._nodes import node
from ._records_parsing import VarLenFeature
from ._string_ops import bucket_of
from ._values import array_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor


class _Lookup(CategoricalColumn):
    """Categories that Python finds: `find(value)` is a number."""

    def __init__(self, key: str, buckets: int, find: Callable[[Any], int], dtype: Any) -> None:
        self.name = self.key = key
        self.buckets, self.find, self.dtype = buckets, find, dtype

    def parse_spec(self) -> dict[str, Any]:
        return {self.key: VarLenFeature(self.dtype)}

    def ids(self, features: Any) -> Tensor:
        def places(x: Any) -> Any:
            values = array_in(x)
            flat = [self.find(value) for value in values.ravel().tolist()]
            return np.array(flat, np.int64).reshape(len(values), -1)

        value = feature(features, self.key)
        known = kind_of(value).sizes
        count = None if known is None or None in known[1:] else int(np.prod([size or 0 for size in known[1:]]))
        return on_values("Lookup", places, value, Kind((None, count), np.dtype(np.int64)))


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

    def parse_spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {}
        for part in self.parts:
            spec |= {part: VarLenFeature(dtypes.string)} if isinstance(part, str) else part.parse_spec()
        return spec

    def ids(self, features: Any) -> Tensor:
        given = [feature(features, part) if isinstance(part, str) else part.ids(features) for part in self.parts]

        def places(*values: Any) -> Any:
            columns = [array_in(value) for value in values]
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


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
