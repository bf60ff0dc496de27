"""Elements in order, moved around and repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import indexing
from ...ops import shape as shaping
from ...primitive import constant as without_gradient
from . import _dtypes as dtypes
from ._arguments import axes_of, fixed, plain
from ._infer import Kind, kind_of
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = ["argsort", "repeat", "roll", "searchsorted", "sort", "unravel_index"]

_order = without_gradient(
    lambda x, *, axis, descending: np.argsort(
        (-x if x.dtype.kind == "f" else ~x) if descending else x, axis, kind="stable"
    ),
    name="order",
)
_places = without_gradient(
    lambda rows, values, *, side: np.array(
        [np.searchsorted(row, v, side) for row, v in zip(rows.reshape(-1, rows.shape[-1]),
         values.reshape(-1, values.shape[-1]), strict=True)]
    ).reshape(values.shape),
    name="searchsorted",
)  # fmt: skip


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"expected direction 'ASCENDING' or 'DESCENDING', got {direction!r}")
    return direction == "DESCENDING"


def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Tensor:
    """The places of the elements in their order along a dimension."""
    place, down = axes_of(axis), _descending(direction)
    return node(  # type: ignore[no-any-return]
        "argsort", lambda x: shaping.astype(_order(x, axis=place, descending=down), np.int32), [values], name
    )


def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Tensor:
    """The elements in their order along a dimension."""
    place, down = axes_of(axis), _descending(direction)

    def arrange(x: Any) -> Any:
        return indexing.take_along_axis(x, _order(x, axis=place, descending=down), place)

    return node("sort", arrange, [values], name)  # type: ignore[no-any-return]


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements moved along a dimension, those that fall off coming in at the front."""
    steps, places = fixed(shift, "shift"), axes_of(axis)
    return node("Roll", lambda x: shaping.roll(x, steps, places), [input], name)  # type: ignore[no-any-return]


def repeat(input: Any, repeats: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Each element, or each slice along `axis`, as often as `repeats` says in a row."""
    value, place = convert(input), axes_of(axis)

    def copy(x: Any, times: Any) -> Any:
        return indexing.repeat(x, plain(times), place)

    def sample(x: Any, times: Any) -> Any:
        if np.ndim(times) == 0:
            return np.repeat(x, times, place)
        sizes = kind_of(value).sizes
        shape = None if sizes is None else (None,) if place is None else tuple(
            None if n == place % len(sizes) else size for n, size in enumerate(sizes)
        )  # fmt: skip
        return Kind(shape, kind_of(value).dtype)

    return node("Repeat", copy, [value, repeats], name, sample=sample)  # type: ignore[no-any-return]


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """Where each value would have to stand in its row of ordered numbers: `(..., N), (..., M) -> (..., M)`."""
    kind = dtypes.as_dtype(out_type).dtype

    def find(rows: Any, values: Any) -> Any:
        return shaping.astype(_places(rows, values, side=side), kind)

    return node("searchsorted", find, operands(sorted_sequence, values), name)  # type: ignore[no-any-return]


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """The places in a shape of elements that are counted in the flattened array: `(N,) -> (ndim, N)`."""

    def find(indices: Any, dims: Any) -> Any:
        return np.array(np.unravel_index(plain(indices), tuple(plain(dims).tolist()))).astype(indices.dtype)

    return node("UnravelIndex", find, operands(indices, dims), name)  # type: ignore[no-any-return]
