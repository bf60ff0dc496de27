"""Elements and rows chosen by conditions, by numbers, and by the lengths of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise, indexing
from ...ops import shape as shaping
from ._arguments import axes_of, beside, chosen, plain
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._math import equal
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor

__all__ = ["boolean_mask", "dynamic_partition", "dynamic_stitch", "reverse_sequence", "where", "where_v2"]


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """`x` where `condition` is true and `y` elsewhere; or, of the condition alone, the places where it is true."""
    condition = convert(condition)
    if x is None and y is None:

        def places(condition: Any) -> Any:
            return np.argwhere(plain(condition)).astype(np.int64)

        count = kind_of(condition).sizes
        kind = Kind((None, None if count is None else len(count)), np.dtype(np.int64))
        return node("Where", places, [condition], name, python=True, sample=lambda _: kind)  # type: ignore[no-any-return]
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    return node("Select", _selected, [condition, *operands(x, y)], name)  # type: ignore[no-any-return]


def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """The same, with all three of shapes that are broadcast."""
    if x is None or y is None:
        return where(condition, x, y, name)
    return node("SelectV2", elementwise.where, [convert(condition), *operands(x, y)], name)  # type: ignore[no-any-return]


def _selected(condition: Any, x: Any, y: Any) -> Any:
    if condition.ndim == 1 and x.ndim > 1:  # it chooses rows
        condition = shaping.reshape(condition, (-1, *[1] * (x.ndim - 1)))
    return elementwise.where(condition, x, y)


def boolean_mask(tensor: Any, mask: Any, name: str | None = "boolean_mask", axis: Any = None) -> Tensor:
    """The elements, or rows, of `tensor` where `mask` is true."""
    tensor, mask = convert(tensor), convert(mask)
    first = axes_of(axis) or 0

    def choose(value: Any, places: Any) -> Any:
        key = [places[:, n] for n in range(np.shape(places)[1])]
        return indexing.getitem(beside(value, places), (*[slice(None)] * first, *key))

    def sample(value: Any, places: Any) -> Any:
        sizes = kind_of(tensor).sizes
        masked = kind_of(mask).sizes
        if sizes is None or masked is None:
            return Kind(None, kind_of(tensor).dtype)
        return Kind((*sizes[:first], None, *sizes[first + len(masked) :]), kind_of(tensor).dtype)

    with get_default_graph().name_scope(name or "boolean_mask"):
        return node("GatherV2", choose, [tensor, where(mask)], sample=sample)  # type: ignore[no-any-return]


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: Any = None,
    batch_axis: Any = None,
    name: str | None = None,
    seq_dim: Any = None,
    batch_dim: Any = None,
) -> Tensor:
    """The first elements of each sequence in reverse order, as many as `seq_lengths` says, the others as they are."""
    along = axes_of(chosen("reverse_sequence", seq_axis=seq_axis, seq_dim=seq_dim))
    batch = axes_of(chosen("reverse_sequence", batch_axis=batch_axis, batch_dim=batch_dim)) or 0

    def turn(x: Any, lengths: Any) -> Any:
        sizes = [1] * x.ndim
        sizes[along] = -1
        places = np.arange(x.shape[along]).reshape(sizes)
        sizes[along], sizes[batch] = 1, -1
        lengths = shaping.reshape(shaping.astype(lengths, np.int64), sizes)
        return indexing.take_along_axis(
            beside(x, lengths),
            elementwise.where(elementwise.less(places, lengths), lengths - 1 - places, places),
            along,
        )

    return node("ReverseSequence", turn, [input, seq_lengths], name)  # type: ignore[no-any-return]


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """The rows of `data` that have each number from 0, as `num_partitions` tensors."""
    data, numbers = convert(data), convert(partitions)
    with get_default_graph().name_scope(name or "DynamicPartition"):
        return [boolean_mask(data, equal(numbers, number)) for number in range(num_partitions)]


def dynamic_stitch(indices: Sequence[Any], data: Sequence[Any], name: str | None = None) -> Tensor:
    """Rows put at the places that `indices` say, the last one of those with the same place."""

    def stitch(*values: Any) -> Any:
        places, parts = values[: len(indices)], values[len(indices) :]
        flat = np.concatenate([plain(p).ravel() for p in places])
        rest = parts[0].shape[np.ndim(places[0]) :]
        joined = shaping.concat([shaping.reshape(part, (-1, *rest)) for part in parts], 0)
        return indexing.index_update(np.zeros((int(flat.max(initial=-1)) + 1, *rest), joined.dtype), flat, joined)

    return node("DynamicStitch", stitch, [*indices, *operands(*data)], name)  # type: ignore[no-any-return]
