"""Sequences in files of records: messages with features of the whole and lists of features, and how they are parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from . import errors
from ._examples import Example, Feature, Features, _field, _fields, _Message
from ._infer import Kind
from ._nodes import convert, node
from ._records_parsing import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    VarLenFeature,
    _sparse,
    _values,
    parse_single_example,
)
from ._shapes import sizes_of
from ._sparse import SparseTensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FeatureList", "FeatureLists", "SequenceExample", "parse_single_sequence_example"]


class FeatureList(_Message):
    """The features of one kind of each step of a sequence."""

    def __init__(self, feature: Iterable[Feature] = ()) -> None:
        self.feature = list(feature)

    def SerializeToString(self) -> bytes:
        return b"".join(_field(1, feature.SerializeToString()) for feature in self.feature)

    def _read(self, content: bytes) -> None:
        self.feature += [Feature.FromString(part) for number, _, part in _fields(content) if number == 1]


class FeatureLists(_Message):
    """Lists of features by name."""

    def __init__(self, feature_list: Mapping[str, FeatureList] | None = None) -> None:
        self.feature_list = dict(feature_list or {})

    def SerializeToString(self) -> bytes:
        return b"".join(
            _field(1, _field(1, name.encode()) + _field(2, found.SerializeToString()))
            for name, found in sorted(self.feature_list.items())
        )

    def _read(self, content: bytes) -> None:
        for number, _, entry in _fields(content):
            if number == 1:
                parts = {place: part for place, _, part in _fields(entry)}
                self.feature_list[parts.get(1, b"").decode()] = FeatureList.FromString(parts.get(2, b""))


class SequenceExample(_Message):
    """A sequence: features of the whole, and lists of those of its steps."""

    def __init__(self, context: Features | None = None, feature_lists: FeatureLists | None = None) -> None:
        self.context = context or Features()
        self.feature_lists = feature_lists or FeatureLists()

    def SerializeToString(self) -> bytes:
        return _field(1, self.context.SerializeToString()) + _field(2, self.feature_lists.SerializeToString())

    def _read(self, content: bytes) -> None:
        for number, _, part in _fields(content):
            if number in (1, 2):
                (self.context if number == 1 else self.feature_lists)._read(part)


def parse_single_sequence_example(
    serialized: Any,
    context_features: Any = None,
    sequence_features: Any = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The features of the whole, and those of the steps, (L, ...), of one serialized sequence."""
    if not context_features and not sequence_features:
        raise ValueError("Missing features.")
    text = convert(serialized)
    name = name or "ParseSingleSequenceExample"
    # In the bytes, the features of the whole are where an Example has its own.
    context = parse_single_example(text, context_features, name) if context_features else {}
    sequences = dict(sequence_features or {})
    kinds: list[Kind] = []
    for key, feature in sequences.items():
        dtype = dtypes.as_dtype(feature.dtype).dtype
        if isinstance(feature, FixedLenSequenceFeature):
            kinds.append(Kind((None, *(sizes_of(feature.shape) or ())), dtype))
        elif isinstance(feature, VarLenFeature):
            kinds += [Kind((None, 2), np.dtype(np.int64)), Kind((None,), dtype), Kind((2,), np.dtype(np.int64))]
        else:
            raise TypeError(f"the sequence feature {key} is to be a FixedLenSequenceFeature or a VarLenFeature")

    def read(value: Any) -> list[Any]:
        message = SequenceExample.FromString(np.asarray(getattr(value, "_array", value), object).item())
        out: list[Any] = []
        for key, feature in sequences.items():
            found = message.feature_lists.feature_list.get(key)
            if isinstance(feature, VarLenFeature):
                rows = [_values(_alone(key, step), key, feature) for step in (found.feature if found else ())]
                out += _sparse(rows or [np.empty(0, dtypes.as_dtype(feature.dtype).dtype)], single=False)
                continue
            if found is None and not feature.allow_missing:
                raise errors.InvalidArgumentError(None, None, f"Name: {key}, Feature list {key!r} is required")
            each = FixedLenFeature(feature.shape, feature.dtype)
            rows = [_values(_alone(key, step), key, each) for step in (found.feature if found else ())]
            shape = [int(size) for size in sizes_of(feature.shape) or () if size is not None]
            out.append(np.stack(rows) if rows else np.empty([0, *shape], dtypes.as_dtype(feature.dtype).dtype))
        return out

    if not kinds:
        return context, {}
    outputs = iter(node(name, read, [text], outputs=len(kinds), python=True, sample=lambda *_: kinds))
    parts = {
        key: SparseTensor(next(outputs), next(outputs), next(outputs))
        if isinstance(feature, VarLenFeature)
        else next(outputs)
        for key, feature in sequences.items()
    }
    return context, parts


def _alone(key: str, feature: Feature) -> Example:
    """An example of nothing but one feature."""
    return Example(Features({key: feature}))
