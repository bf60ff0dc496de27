"""Ops that rearrange, join and copy elements. Names are the Array API's; NumPy's own spellings record too."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..primitive import primitive, variadic
from ._numpy import speaks_for

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "array_split",
    "astype",
    "broadcast_arrays",
    "broadcast_to",
    "concat",
    "copy",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "pad",
    "permute_dims",
    "ravel",
    "reshape",
    "roll",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "unstack",
]


def normalized(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of places counted from the front; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    for a in axes:
        if not -ndim <= a < ndim:
            raise np.exceptions.AxisError(a, ndim)
    return tuple(a % ndim for a in axes)


# Shape

reshape_op = primitive(
    lambda x, *, shape: np.reshape(x, shape),
    lambda g, shape: reshape(g, shape),
    name="reshape",
)


@speaks_for(np.reshape, a="x", newshape="shape")  # the name that it had in NumPy 2.0
def reshape(x: Any, shape: int | Sequence[int]) -> Any:
    """`x` with the same elements in another shape; one dimension may be -1."""
    return reshape_op(x, shape=shape)


@speaks_for(np.ravel, a="x")
def ravel(x: Any) -> Any:
    """`x` as one dimension."""
    return reshape_op(x, shape=-1)


permute_dims_op = primitive(
    lambda x, *, axes: np.transpose(x, axes),
    lambda g, axes: permute_dims(g, None if axes is None else tuple(np.argsort(normalized(axes, g.ndim)).tolist())),
    name="permute_dims",
)


@speaks_for(np.transpose, a="x")
def permute_dims(x: Any, axes: Sequence[int] | None = None) -> Any:
    """`x` with its dimensions in the order `axes`; in reverse order for None."""
    return permute_dims_op(x, axes=axes)


swapaxes_op = primitive(
    lambda x, *, axis1, axis2: np.swapaxes(x, axis1, axis2),
    lambda g, axis1, axis2: swapaxes(g, axis1, axis2),
    name="swapaxes",
)


@speaks_for(np.swapaxes, a="x")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """`x` with two dimensions exchanged."""
    return swapaxes_op(x, axis1=axis1, axis2=axis2)


@speaks_for(np.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """`(..., M, N) -> (..., N, M)`."""
    if np.ndim(x) < 2:
        raise ShapeError(f"matrix_transpose: expected at least two dimensions, got shape {np.shape(x)}")
    return swapaxes_op(x, axis1=-1, axis2=-2)


_moveaxis = primitive(
    lambda x, *, source, destination: np.moveaxis(x, source, destination),
    lambda g, source, destination: moveaxis(g, destination, source),
    name="moveaxis",
)


@speaks_for(np.moveaxis, a="x")
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """`x` with the dimensions at `source` moved to `destination`, the others in order."""
    return _moveaxis(x, source=source, destination=destination)


_squeeze = primitive(
    lambda x, *, axis: np.squeeze(x, axis),
    lambda g, shape: reshape(g, shape),
    name="squeeze",
)


@speaks_for(np.squeeze, a="x")
def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """`x` without the dimensions of size 1 at `axis`, or without any for None."""
    return _squeeze(x, axis=axis)


_expand_dims = primitive(
    lambda x, *, axis: np.expand_dims(x, axis),
    lambda g, shape: reshape(g, shape),
    name="expand_dims",
)


@speaks_for(np.expand_dims, a="x")
def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Any:
    """`x` with dimensions of size 1 inserted, which stand at `axis` of the result."""
    return _expand_dims(x, axis=axis)


# Repetition


def _broadcast_to_raw(x: Any, *, shape: tuple[int, ...]) -> Any:
    try:
        if np.ndim(x) > len(shape) or math.prod(shape) > 4096:
            return np.broadcast_to(x, shape)
        # Filling a small array takes less than half the time that NumPy needs to make the view.
        out = np.empty(shape, x.dtype if isinstance(x, np.ndarray | np.generic) else np.asarray(x).dtype)
        out[...] = x
    except ValueError as error:
        raise ShapeError(
            f"broadcast_to: shape {np.shape(x)} cannot be stretched to {shape}; aligned at the right, "
            "each of its dimensions must be the new one or 1"
        ) from error
    return out


broadcast_to_op = primitive(_broadcast_to_raw, lambda g: g, name="broadcast_to", broadcasts=True)


@speaks_for(np.broadcast_to, array="x")
def broadcast_to(x: Any, shape: int | Sequence[int]) -> Any:
    """`x` repeated, without copying, to `shape`: aligned at the right, dimensions of size 1 are stretched."""
    return broadcast_to_op(x, shape=(shape,) if isinstance(shape, int) else tuple(shape))


@speaks_for(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """All arrays broadcast to the one shape that they share."""
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple(broadcast_to(a, shape) for a in arrays)


def _tile_rule(g: Any, shape: tuple[int, ...], repetitions: tuple[int, ...]) -> Any:
    ndim = max(len(shape), len(repetitions))
    sizes = (1,) * (ndim - len(shape)) + shape
    times = (1,) * (ndim - len(repetitions)) + repetitions
    interleaved = tuple(n for pair in zip(times, sizes, strict=True) for n in pair)
    return reshape(reshape(g, interleaved).sum(axis=tuple(range(0, 2 * ndim, 2))), shape)


_tile = primitive(lambda x, *, repetitions: np.tile(x, repetitions), _tile_rule, name="tile")


@speaks_for(np.tile, A="x", reps="repetitions")
def tile(x: Any, repetitions: int | Sequence[int]) -> Any:
    """`x` laid side by side, `repetitions` times along each dimension."""
    times = (repetitions,) if isinstance(repetitions, int | np.integer) else tuple(repetitions)
    return _tile(x, repetitions=tuple(int(n) for n in times))


# Order

_flip = primitive(lambda x, *, axis: np.flip(x, axis), lambda g, axis: flip(g, axis), name="flip")


@speaks_for(np.flip, m="x")
def flip(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """`x` in reverse order along `axis`, or along all dimensions for None."""
    return _flip(x, axis=axis)


def _negated(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift


_roll = primitive(
    lambda x, *, shift, axis: np.roll(x, shift, axis),
    lambda g, shift, axis: roll(g, _negated(shift), axis),
    name="roll",
)


@speaks_for(np.roll, a="x")
def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """`x` with its elements moved along `axis` by `shift` places, those that fall off coming in at the front."""
    return _roll(x, shift=shift, axis=axis)


# Joining and splitting


def _concat_rule(g: Any, index: int, axis: int, bounds: Sequence[int]) -> Any:
    return g[(slice(None),) * axis + (slice(bounds[index], bounds[index + 1]),)]


concat_op = variadic(
    lambda *arrays, axis, bounds: np.concatenate(arrays, axis),
    _concat_rule,
    name="concat",
)


@speaks_for(np.concatenate)
def concat(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an existing dimension; each is flattened first when `axis` is None."""
    arrays = tuple(arrays)
    if not arrays:
        raise ShapeError("concat: expected at least one array, got none")
    if axis is None:
        return concat([ravel(a) for a in arrays], 0)
    shapes = [np.shape(a) for a in arrays]
    (place,) = normalized(axis, len(shapes[0]))
    others = {(len(s), *s[:place], *s[place + 1 :]) for s in shapes}
    if len(others) > 1:
        raise ShapeError(f"concat: shapes {', '.join(map(str, shapes))} must be equal except along axis {axis}")
    bounds = [0]
    for shape in shapes:
        bounds.append(bounds[-1] + shape[place])
    return concat_op(*arrays, axis=place, bounds=bounds)


stack_op = variadic(
    lambda *arrays, axis: np.stack(arrays, axis),
    lambda g, index, axis: g[(slice(None),) * axis + (index,)],
    name="stack",
)


@speaks_for(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new dimension, which stands at `axis` of the result."""
    arrays = tuple(arrays)
    if not arrays:
        raise ShapeError("stack: expected at least one array, got none")
    shapes = [np.shape(a) for a in arrays]
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(f"stack: all arrays must have one shape, got {', '.join(map(str, shapes))}")
    (place,) = normalized(axis, len(shapes[0]) + 1)
    return stack_op(*arrays, axis=place)


@speaks_for(*([np.unstack] if hasattr(np, "unstack") else []))
def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices of `x` along `axis`, each without that dimension."""
    if np.ndim(x) == 0:
        raise ShapeError("unstack: expected at least one dimension, got a 0-d array")
    (place,) = normalized(axis, np.ndim(x))
    return tuple(x[(slice(None),) * place + (i,)] for i in range(np.shape(x)[place]))


@speaks_for(np.array_split, ary="x", indices_or_sections="sections")
def array_split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """`x` cut along `axis` into `sections` parts as equal as can be, or before each index of a list."""
    (place,) = normalized(axis, np.ndim(x))
    size = np.shape(x)[place]
    if isinstance(sections, int | np.integer):
        if sections <= 0:
            raise ShapeError(f"array_split: expected one section or more, got {sections}")
        small, larger = divmod(size, int(sections))
        bounds = [small * i + min(i, larger) for i in range(int(sections) + 1)]
        pairs = list(itertools.pairwise(bounds))
    else:
        cuts = [int(c) for c in sections]
        pairs = list(zip([0, *cuts], [*cuts, size], strict=True))
    return [x[(slice(None),) * place + (slice(start, stop),)] for start, stop in pairs]


@speaks_for(np.split, ary="x", indices_or_sections="sections")
def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """`x` cut along `axis` into `sections` equal parts, or before each index of a list."""
    (place,) = normalized(axis, np.ndim(x))
    if isinstance(sections, int | np.integer) and (sections <= 0 or np.shape(x)[place] % sections):
        raise ShapeError(
            f"split: a dimension of {np.shape(x)[place]} does not divide into {sections} equal parts; "
            "array_split makes unequal ones"
        )
    return array_split(x, sections, axis)


@speaks_for(np.atleast_1d)
def _atleast_1d(*arrays: Any) -> Any:
    raised = tuple(x if np.ndim(x) else reshape(x, 1) for x in arrays)
    return raised if len(raised) != 1 else raised[0]


@speaks_for(np.atleast_2d)
def _atleast_2d(*arrays: Any) -> Any:
    raised = tuple(x if np.ndim(x) >= 2 else reshape(x, (1, -1)) for x in arrays)
    return raised if len(raised) != 1 else raised[0]


@speaks_for(np.vstack, tup="arrays")
def _vstack(arrays: Sequence[Any]) -> Any:
    return concat([_atleast_2d(a) for a in arrays], 0)


@speaks_for(np.hstack, tup="arrays")
def _hstack(arrays: Sequence[Any]) -> Any:
    raised = [_atleast_1d(a) for a in arrays]
    return concat(raised, 0 if np.ndim(raised[0]) == 1 else 1)


@speaks_for(np.column_stack, tup="arrays")
def _column_stack(arrays: Sequence[Any]) -> Any:
    return concat([a if np.ndim(a) >= 2 else reshape(a, (-1, 1)) for a in arrays], 1)


# Padding


def _pad_rule(g: Any, shape: tuple[int, ...], width: Sequence[tuple[int, int]]) -> Any:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(width, shape, strict=True))]


_pad = primitive(
    lambda x, *, width, constant_values: np.pad(x, width, constant_values=constant_values) if width else np.copy(x),
    _pad_rule,
    name="pad",
)
_PLACING = ("edge", "reflect", "symmetric", "wrap")


@speaks_for(np.pad, array="x", pad_width="width")
def pad(x: Any, width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """`x` with `width` more elements at the ends of each dimension: one number, one pair, or a pair for each.

    `mode` is "constant" (of `constant_values`), or repeats elements of `x`: "edge", "reflect", "symmetric", "wrap".
    """
    pairs = [(int(a), int(b)) for a, b in np.broadcast_to(width, (np.ndim(x), 2))]
    if mode == "constant":
        return _pad(x, width=pairs, constant_values=constant_values)
    if mode not in _PLACING:
        raise ValueError(f"pad: expected mode 'constant' or one of {', '.join(map(repr, _PLACING))}, got {mode!r}")
    shape = np.shape(x)
    # Padding the elements' places tells which element each padded one repeats.
    places = np.pad(np.arange(math.prod(shape)).reshape(shape), pairs, mode=mode)  # type: ignore[call-overload]
    return ravel(x)[places]


# Copies

_copy = primitive(lambda x: np.array(x, copy=True), lambda g: g, name="copy")
_astype = primitive(lambda x, *, dtype: np.asarray(x).astype(dtype), lambda g: g, name="astype")
_astype_constant = primitive(lambda x, *, dtype: np.asarray(x).astype(dtype), name="astype")


@speaks_for(np.copy, a="x")
def copy(x: Any) -> Any:
    """A copy of `x`, recorded."""
    return _copy(x)


@speaks_for(*([np.astype] if hasattr(np, "astype") else []))
def astype(x: Any, dtype: Any) -> Any:
    """`x` with another dtype; between floating-point dtypes the gradient is cast back, to others there is none."""
    return (_astype if np.dtype(dtype).kind == "f" else _astype_constant)(x, dtype=dtype)
