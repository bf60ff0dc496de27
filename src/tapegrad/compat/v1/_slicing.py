"""Elements taken out and put together: slices, joins, gathers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import indexing
from ...ops import shape as shaping
from ...ops.embeddings import embedding
from ._arguments import axes_of, beside, fixed, plain, sizes_argument, sizes_in
from ._infer import Kind
from ._nodes import convert, holds_tensors, node, operands, pack
from ._operation import Tensor

__all__ = [
    "concat",
    "gather",
    "gather_nd",
    "invert_permutation",
    "parallel_stack",
    "scatter_nd",
    "split",
    "stack",
    "strided_slice",
    "unstack",
]


# --------------------------------------------------------------------------------------------------
# Joining and splitting


def concat(
    values: Any = None, axis: Any = None, name: str = "concat", concat_dim: Any = None
) -> Tensor:  # the last is the name of old times
    """Tensors joined along a dimension: `concat(values, axis)`, or, as it once was, `concat(axis, values)`."""
    axis = axis if concat_dim is None else concat_dim
    if not isinstance(values, list | tuple) and isinstance(axis, list | tuple):
        from ._old_names import told

        told("tf.concat(axis, values)", "tf.concat(values, axis)")
        values, axis = axis, values
    if not isinstance(values, list | tuple):
        return node("Identity", lambda x: x, [values], name)  # type: ignore[no-any-return]
    place = axes_of(axis)
    if place is None:
        raise ValueError("concat: expected an axis, as in tf.concat([x, y], 1)")
    return node("ConcatV2", _joined, operands(*values), name, axis=place)  # type: ignore[no-any-return]


def _joined(*values: Any, axis: int) -> Any:
    return shaping.concat(values, axis)


def stack(values: Any, axis: Any = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    place = axes_of(axis)
    if isinstance(values, Tensor) or not isinstance(values, list | tuple):
        values = list(values) if place else [values]
        if not place:
            return node("Identity", lambda x: x, values, name)  # type: ignore[no-any-return]
    if place == 0:
        return node("Pack", pack, operands(*values), name)  # type: ignore[no-any-return]
    return node("Pack", lambda *values: shaping.stack(values, place), operands(*values), name)  # type: ignore[no-any-return]


def parallel_stack(values: Any, name: str = "parallel_stack") -> Tensor:
    """Tensors of one shape joined along a new first dimension."""
    return stack(values, 0, name)


def unstack(value: Any, num: int | None = None, axis: Any = 0, name: str = "unstack") -> list[Tensor]:
    """The slices of a tensor along a dimension, whose size must be known or given as `num`."""
    tensor, place = convert(value), axes_of(axis)
    if num is None:
        sizes = tensor.shape.sizes
        num = None if sizes is None else sizes[place]
        if num is None:
            raise ValueError(f"Cannot infer argument `num` from shape {tensor.shape}; give it to tf.unstack")
    count = int(num)

    def take_apart(x: Any) -> Any:
        if x.shape[place] != count:
            raise ValueError(f"unstack: expected {count} slices along axis {place}, got a value of shape {x.shape}")
        return shaping.unstack(x, place)

    def sample(x: Any) -> Any:
        rest = [size for n, size in enumerate(x.shape) if n != place % x.ndim]
        return [np.broadcast_to(np.zeros((), x.dtype), rest)] * count

    return node("Unpack", take_apart, [tensor], name, outputs=count, sample=sample)  # type: ignore[no-any-return]


def split(
    value: Any = None,
    num_or_size_splits: Any = None,
    axis: Any = 0,
    num: int | None = None,
    name: str = "split",
    split_dim: Any = None,
    num_split: Any = None,
) -> list[Tensor]:
    """Parts of a tensor along a dimension: equal ones for a number, else of the sizes listed.

    As it once was, `split(split_dim, num_split, value)` is understood, too.
    """
    if isinstance(value, int) and not isinstance(axis, int):
        value, split_dim, axis = axis, value, 0
    if split_dim is not None or num_split is not None:
        from ._old_names import told

        told("tf.split(split_dim, num_split, value)", "tf.split(value, num_or_size_splits, axis)")
        axis = axis if split_dim is None else split_dim
        num_or_size_splits = num_or_size_splits if num_split is None else num_split
    place = axes_of(axis)
    tensor = convert(value)
    if holds_tensors(num_or_size_splits) and not isinstance(num_or_size_splits, list | tuple):
        from ._infer import constant_value

        known = constant_value(convert(num_or_size_splits))
        if known is None and num is not None:
            return node("SplitV", _split_at, [tensor, num_or_size_splits], name, outputs=num, axis=place)  # type: ignore[no-any-return]
    wanted = fixed(num_or_size_splits, "num_or_size_splits")
    count = len(wanted) if isinstance(wanted, list) else int(wanted)
    sections = np.array(wanted) if isinstance(wanted, list) else wanted
    return node(
        "SplitV" if isinstance(wanted, list) else "Split",
        _split,
        [tensor],
        name,
        outputs=count,
        axis=place,
        sections=sections,
    )  # type: ignore[no-any-return]


def _split(x: Any, *, axis: int, sections: Any) -> Any:
    return shaping.split(x, sections, axis) if isinstance(sections, int) else _split_at(x, sections, axis=axis)


def _split_at(x: Any, sizes: Any, *, axis: int) -> Any:
    parts, whole = plain(sizes).astype(int), x.shape[axis]
    if (parts == -1).any():  # the rest
        parts = np.where(parts == -1, whole - parts.sum() - 1, parts)
    if parts.sum() != whole:
        raise ValueError(f"split: parts of {parts.tolist()} do not make up dimension {axis} of a value of {x.shape}")
    return shaping.array_split(x, np.cumsum(parts)[:-1].tolist(), axis)


# --------------------------------------------------------------------------------------------------
# Slices


def slice_of(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The part that begins at `begin` and has the given size in each dimension; -1 means all the rest."""
    starts, first = sizes_argument(begin)
    lengths, counts = sizes_argument(size)

    def cut(x: Any, *given: Any) -> Any:
        return x[tuple([slice(a, None if n == -1 else a + n) for a, n in zip(*bounds(given), strict=True)])]

    def bounds(given: Any) -> Any:
        return sizes_in(given[: len(starts)], first), sizes_in(given[len(starts) :], counts)

    def sample(x: Any, *given: Any) -> Any:
        if counts is not None and -1 not in counts:
            return Kind(counts, x.dtype)
        return cut(x, *given)

    return node("Slice", cut, [input_, *starts, *lengths], name, sample=sample)  # type: ignore[no-any-return]


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """`input_[begin[0]:end[0]:strides[0], ...]`; bits of the masks say which of these numbers do not count."""
    lists = [sizes_argument(part) for part in (begin, end, [1] * 32 if strides is None else strides)]

    def cut(x: Any, *given: Any) -> Any:
        rest, numbers = list(given), []
        for inputs, sizes in lists:
            numbers.append(sizes_in(tuple(rest[: len(inputs)]), sizes))
            rest = rest[len(inputs) :]
        key: list[Any] = []
        for place, (a, b, step) in enumerate(zip(*numbers, strict=False)):
            bit = 1 << place
            if ellipsis_mask & bit:
                key.append(Ellipsis)
            elif new_axis_mask & bit:
                key.append(None)
            elif shrink_axis_mask & bit:
                key.append(a)
            else:
                key.append(slice(None if begin_mask & bit else a, None if end_mask & bit else b, step))
        return x[tuple(key)]

    return node("StridedSlice", cut, [input_, *[x for inputs, _ in lists for x in inputs]], name)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Elements by place


def rows(params: Any, indices: Any) -> Any:
    """The rows of an array at some places; a place that does not exist is an error, as TensorFlow has it."""
    shape, params = np.shape(params), beside(params, indices)
    if len(shape) == 2:
        return embedding(params, indices)
    flat = embedding(shaping.reshape(params, (shape[0], -1)), indices)
    return shaping.reshape(flat, (*np.shape(indices), *shape[1:]))


def sample_of_rows(params: Any, indices: Any) -> Any:
    """An array of the shape that `rows` gives."""
    if indices is None:  # of unknown rank
        return Kind(None, params.dtype)
    return np.broadcast_to(np.zeros((), params.dtype), (*np.shape(indices), *params.shape[1:]))


def gather(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """The slices of `params` at `indices` along `axis`."""
    place = axes_of(axis)
    if batch_dims:

        def each(params: Any, indices: Any) -> Any:
            if place not in (None, batch_dims):
                raise ValueError(f"gather: with batch_dims={batch_dims}, only that axis is covered, got axis={place}")
            grid = np.indices(np.shape(indices)[:batch_dims], sparse=True)
            grid = tuple(g.reshape(*g.shape, *[1] * (np.ndim(indices) - batch_dims)) for g in grid)
            return indexing.getitem(beside(params, indices), (*grid, indices))

        return node("GatherV2", each, [params, indices], name)  # type: ignore[no-any-return]

    def take(params: Any, indices: Any) -> Any:
        moved = rows(shaping.moveaxis(params, place, 0), indices)
        first = place % params.ndim
        order = [np.ndim(indices) + n for n in range(first)] + list(range(np.ndim(indices)))
        return shaping.permute_dims(moved, [*order, *range(len(order), moved.ndim)])

    def sample(params: Any, indices: Any) -> Any:
        first = (place or 0) % params.ndim
        shape = (*params.shape[:first], *np.shape(indices), *params.shape[first + 1 :])
        return np.broadcast_to(np.zeros((), params.dtype), shape)

    return node("GatherV2", take if place else rows, [params, indices], name, sample=sample)  # type: ignore[no-any-return]


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """The slices of `params` at places that the last dimension of `indices` spells out."""
    if batch_dims:
        raise ValueError("gather_nd: batch_dims is not covered; put tf.range(batch) before the indices with tf.stack")

    def sample(params: Any, indices: Any) -> Any:
        shape = (*np.shape(indices)[:-1], *params.shape[np.shape(indices)[-1] :])
        return np.broadcast_to(np.zeros((), params.dtype), shape)

    return node("GatherNd", _at_places, [params, indices], name, sample=sample)  # type: ignore[no-any-return]


def _key(indices: Any) -> Any:
    return tuple([indices[..., place] for place in range(np.shape(indices)[-1])])


def _at_places(params: Any, indices: Any) -> Any:
    return indexing.getitem(beside(params, indices), _key(indices)) if np.shape(indices)[-1] else params


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Zeros of a shape, with `updates` added at the places that the last dimension of `indices` spells out."""
    given, sizes = sizes_argument(shape)

    def put(indices: Any, updates: Any, *given: Any) -> Any:
        return indexing.index_add(
            np.zeros(sizes_in(given, sizes), updates.dtype), _key(indices), beside(updates, indices)
        )

    return node("ScatterNd", put, [indices, updates, *given], name)  # type: ignore[no-any-return]


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The order that undoes an order."""
    return node("InvertPermutation", lambda x: np.argsort(plain(x)).astype(x.dtype), [x], name)  # type: ignore[no-any-return]
