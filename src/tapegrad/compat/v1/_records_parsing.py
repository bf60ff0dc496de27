"""Tensors of the features of serialized examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _dtypes as dtypes
from . import errors
from ._examples import Example
from ._infer import Kind, kind_of
from ._nodes import convert, node
from ._shapes import sizes_of
from ._sparse import SparseTensor

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = ["FixedLenFeature", "FixedLenSequenceFeature", "VarLenFeature", "parse_example", "parse_single_example"]


class FixedLenFeature(NamedTuple):
    """A feature of one shape; where it is missing it is `default_value`, or an error."""

    shape: Any
    dtype: Any
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """A feature of any number of values, as a SparseTensor."""

    dtype: Any


class FixedLenSequenceFeature(NamedTuple):
    """A feature of any number of rows of one shape."""

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


_LISTS = {"string": "bytes_list", "float32": "float_list", "int64": "int64_list"}


def parse_single_example(
    serialized: Any, features: Any = None, name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of one serialized example."""
    return _parsed(convert(serialized), features, name or "ParseSingleExample", single=True)


def parse_example(
    serialized: Any, features: Any = None, name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of several serialized examples, stacked."""
    return _parsed(convert(serialized), features, name or "ParseExample", single=False)


def _parsed(serialized: Tensor, features: Any, name: str, single: bool) -> dict[str, Any]:
    if not features:
        raise ValueError("Missing: features was empty.")
    lead: tuple[int | None, ...] = () if single else tuple((kind_of(serialized).sizes or (None,))[:1])
    kinds: list[Kind] = []
    for key, feature in features.items():
        dtype = dtypes.as_dtype(feature.dtype)
        if dtype.name not in _LISTS:
            raise TypeError(f"the feature {key} is of {dtype.name}; examples hold float32, int64 and string")
        if isinstance(feature, FixedLenFeature):
            kinds.append(Kind((*lead, *(sizes_of(feature.shape) or ())), dtype.dtype))
        elif isinstance(feature, FixedLenSequenceFeature):
            kinds.append(Kind((*lead, None, *(sizes_of(feature.shape) or ())), dtype.dtype))
        else:
            rank = 1 if single else 2
            kinds += [
                Kind((None, rank), np.dtype(np.int64)), Kind((None,), dtype.dtype), Kind((rank,), np.dtype(np.int64)),
            ]  # fmt: skip

    def read(texts: Any) -> list[Any]:
        flat = np.asarray(getattr(texts, "_array", texts), object).ravel().tolist()
        examples = [Example.FromString(text) for text in flat]
        out: list[Any] = []
        for key, feature in features.items():
            rows = [_values(example, key, feature) for example in examples]
            if isinstance(feature, FixedLenFeature):
                out.append(rows[0] if single else np.stack(rows))
            elif isinstance(feature, FixedLenSequenceFeature):
                out.append(rows[0] if single else _padded(rows))
            else:
                out += _sparse(rows, single)
        return out

    outputs = iter(node(name, read, [serialized], outputs=len(kinds), python=True, sample=lambda *_: kinds))
    found: dict[str, Any] = {}
    for key, feature in features.items():
        if isinstance(feature, VarLenFeature):
            found[key] = SparseTensor(next(outputs), next(outputs), next(outputs))
        else:
            found[key] = next(outputs)
    return found


def _values(example: Example, key: str, feature: Any) -> Any:
    """The values of a feature of an example, as an array."""
    kind = dtypes.as_dtype(feature.dtype)
    known = example.features.feature.get(key)
    values = getattr(known, _LISTS[kind.name]).value if known is not None else []
    if known is not None and not values and known.WhichOneof("kind") is not None:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Key: {key}. Data types don't match. Expected type: {kind.name}, got {known.WhichOneof('kind')}",
        )
    if isinstance(feature, VarLenFeature):
        return _filled(values, kind)
    shape = [int(size) for size in sizes_of(feature.shape) or () if size is not None]
    if isinstance(feature, FixedLenSequenceFeature):
        if known is None and not feature.allow_missing:
            raise errors.InvalidArgumentError(None, None, f"Feature: {key} (data type: {kind.name}) is required")
        return _filled(values, kind).reshape(-1, *shape)
    if not values:
        if feature.default_value is None:
            raise errors.InvalidArgumentError(
                None, None, f"Feature: {key} (data type: {kind.name}) is required but could not be found."
            )
        default = feature.default_value
        values = np.ravel(np.array(default.encode() if isinstance(default, str) else default, kind.dtype)).tolist()
        values = values * int(np.prod(shape)) if len(values) == 1 else values
    if len(values) != int(np.prod(shape)):
        raise errors.InvalidArgumentError(
            None, None, f"Key: {key}. Number of {kind.name} values != expected: {len(values)} for shape {shape}"
        )
    return _filled(values, kind).reshape(shape)


def _filled(values: Any, kind: dtypes.DType) -> Any:
    out = np.empty(len(values), kind.dtype)
    out[:] = values
    return out


def _padded(rows: list[Any]) -> Any:
    longest = max((len(row) for row in rows), default=0)
    fill = b"" if rows and rows[0].dtype.kind == "O" else 0
    out = np.full([len(rows), longest, *rows[0].shape[1:]], fill, rows[0].dtype)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out


def _sparse(rows: list[Any], single: bool) -> list[Any]:
    values = np.concatenate(rows)
    longest = max(map(len, rows), default=0)
    if single:
        return [np.arange(len(values))[:, None], values, np.array([longest])]
    places = [(number, place) for number, row in enumerate(rows) for place in range(len(row))]
    return [np.array(places, np.int64).reshape(-1, 2), values, np.array([len(rows), longest])]
