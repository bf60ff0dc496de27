"""Different elements, and what two lists have apart. What these give has another size in each run: none is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _dtypes as dtypes
from ._arguments import plain
from ._infer import Kind, kind_of
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = ["listdiff", "setdiff1d", "unique", "unique_with_counts"]


class Unique(NamedTuple):
    """The different elements, and for each element the place of its own among them."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """The different elements, for each element the place of its own among them, and how often each occurs."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]  # TensorFlow's name, which tuples have a method of


class ListDiff(NamedTuple):
    """The elements that another list does not have, and their places."""

    out: Tensor
    idx: Tensor


def _unique(x: Any, *, dtype: np.dtype[Any]) -> Any:
    array = plain(x)
    _, first, places, counts = np.unique(array, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)  # as they come, and not by size
    return array[first[order]], np.argsort(order)[places].astype(dtype), counts[order].astype(dtype)


def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> UniqueWithCounts:
    """The different elements of a vector in the order in which they come, their places, and how often each occurs."""
    value, kind = convert(x), dtypes.as_dtype(out_idx).dtype
    known = Kind((None,), kind_of(value).dtype), Kind(kind_of(value).sizes, kind), Kind((None,), kind)
    found = node("Unique", _unique, [value], name, outputs=3, python=True, sample=lambda _, **__: known, dtype=kind)
    return UniqueWithCounts(*found)


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Unique:
    """The different elements of a vector in the order in which they come, and for each element their place."""
    return Unique(*unique_with_counts(x, out_idx, name)[:2])


def setdiff1d(x: Any, y: Any, index_dtype: Any = dtypes.int32, name: str | None = None) -> ListDiff:
    """The elements of `x` that `y` does not have, and their places in `x`."""
    values, kind = operands(x, y), dtypes.as_dtype(index_dtype).dtype

    def missing(x: Any, y: Any) -> Any:
        apart = ~np.isin(plain(x), plain(y))
        return plain(x)[apart], np.flatnonzero(apart).astype(kind)

    known = Kind((None,), kind_of(values[0]).dtype), Kind((None,), kind)
    return ListDiff(*node("ListDiff", missing, values, name, outputs=2, python=True, sample=lambda *_: known))


listdiff = setdiff1d
