"""Shapes, joins, slices and choices of elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...ops import elementwise
from ...ops import shape as shaping
from ...primitive import primitive
from . import _dtypes as dtypes
from ._arguments import axes_of, chosen, fixed, plain, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import constant, convert, holds_tensors, node, operands
from ._shapes import TensorShape, sizes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor

__all__ = [
    "broadcast_dynamic_shape",
    "broadcast_static_shape",
    "broadcast_to",
    "expand_dims",
    "eye",
    "fill",
    "identity",
    "identity_n",
    "lin_space",
    "linspace",
    "matrix_transpose",
    "meshgrid",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "rank",
    "reshape",
    "reverse",
    "sequence_mask",
    "shape_n",
    "squeeze",
    "stop_gradient",
    "tile",
    "transpose",
    "zeros",
    "zeros_like",
]

# --------------------------------------------------------------------------------------------------
# The value itself


def _passed_raw(x: Any) -> Any:
    return x


_passed = primitive(_passed_raw, lambda g: g, name="identity")


def identity(input: Any, name: str | None = None) -> Tensor:
    """The value of `input`: a tensor of its own, which can wait for control inputs and be differentiated for."""
    return node("Identity", _passed, [input], name)  # type: ignore[no-any-return]


def identity_n(input: Sequence[Any], name: str | None = None) -> list[Tensor]:
    """The values of several tensors."""
    with get_default_graph().name_scope(name or "IdentityN"):
        return [identity(value) for value in input]


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The value of `input`, through which no gradient flows."""
    return node("StopGradient", stopped, [input], name)  # type: ignore[no-any-return]


def stopped(x: Any) -> Any:
    """A run's value, through which no gradient flows."""
    return x.detach() if isinstance(x, Value) else x


def tuple_of(tensors: Sequence[Any], name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """Tensors that have values only when all of them, and `control_inputs`, are done."""
    from ._variables import group

    values = [None if t is None else convert(t) for t in tensors]
    waited = [t.op for t in values if t is not None] + list(control_inputs or [])
    graph = get_default_graph()
    with graph.name_scope(name or "tuple"), graph.control_dependencies([group(*waited, name="group_deps")]):
        return [None if t is None else identity(t, "control_dependency") for t in values]


# --------------------------------------------------------------------------------------------------
# What shape a tensor has


def shape_of(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The sizes of all dimensions."""
    kind = dtypes.as_dtype(out_type).dtype
    return node("Shape", lambda x: np.array(np.shape(x), kind), [input], name)  # type: ignore[no-any-return]


def shape_n(input: Sequence[Any], out_type: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The sizes of the dimensions of several tensors."""
    return [shape_of(value, name, out_type) for value in input]


def size_of(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """How many elements there are."""
    kind = dtypes.as_dtype(out_type).dtype
    return node("Size", lambda x: np.array(math.prod(np.shape(x)), kind), [input], name)  # type: ignore[no-any-return]


def rank(input: Any, name: str | None = None) -> Tensor:
    """How many dimensions there are."""
    return node("Rank", lambda x: np.array(np.ndim(x), np.int32), [input], name)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# New tensors


def _filled(value: Any, shape: Any, dtype: Any, name: str) -> Tensor:
    kind = dtypes.as_dtype(dtype)
    given, sizes = sizes_argument(shape)
    number = b"" if kind == dtypes.string else value
    if sizes is not None:
        # NumPy makes zeros without touching them, so large ones cost nothing until they are used.
        return constant(np.full(sizes, number, kind.dtype) if number != 0 else np.zeros(sizes, kind.dtype), name=name)
    return node("Fill", lambda shape: np.full(sizes_in((shape,), None), number, kind.dtype), given, name)  # type: ignore[no-any-return]


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Zeros of a shape, which may be a tensor."""
    return _filled(0, shape, dtype, name or "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Ones of a shape, which may be a tensor."""
    return _filled(1, shape, dtype, name or "ones")


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """One value in every place of a shape, which may be a tensor."""
    given, sizes = sizes_argument(dims)

    def repeat(value: Any, *given: Any) -> Any:
        return shaping.broadcast_to(value, sizes_in(given, sizes))

    return node("Fill", repeat, [value, *given], name)  # type: ignore[no-any-return]


def _like(kind: str, number: int, tensor: Any, dtype: Any, name: str | None) -> Tensor:
    value = convert(tensor)
    wanted = (value.dtype if dtype is None else dtypes.as_dtype(dtype)).dtype
    element: Any = b"" if wanted.kind == "O" else number
    return node(kind, lambda x: np.full(np.shape(x), element, wanted), [value], name)  # type: ignore[no-any-return]


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros of the shape, and the dtype, that `tensor` has."""
    return _like("ZerosLike", 0, tensor, dtype, name or "zeros_like")


def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Ones of the shape, and the dtype, that `tensor` has."""
    return _like("OnesLike", 1, tensor, dtype, name or "ones_like")


def eye(
    num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The unit matrix, or as many of it as `batch_shape` says."""
    kind = dtypes.as_dtype(dtype).dtype
    before = [] if batch_shape is None else [int(n) for n in fixed(batch_shape, "batch_shape")]

    def make(rows: Any, columns: Any) -> Any:
        one = np.eye(int(plain(rows)), int(plain(columns)), dtype=kind)
        return np.broadcast_to(one, (*before, *one.shape))

    return node("eye", make, [num_rows, num_rows if num_columns is None else num_columns], name)  # type: ignore[no-any-return]


def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """For each index, `depth` values that are `off_value` except for the one at the index: (...) -> (..., depth)."""
    if dtype is None:
        given = [value for value in (on_value, off_value) if value is not None]
        dtype = convert(given[0]).dtype if given else dtypes.float32
    kind = dtypes.as_dtype(dtype)
    place = -1 if axis is None else axes_of(axis)
    on, off = convert(1 if on_value is None else on_value, kind), convert(0 if off_value is None else off_value, kind)

    def spread(indices: Any, depth: Any, on: Any, off: Any) -> Any:
        ndim = np.ndim(indices) + 1
        sizes = [1] * ndim
        sizes[place] = -1
        classes = np.arange(int(plain(depth))).reshape(sizes)
        chosen = elementwise.equal(shaping.expand_dims(indices, place), classes)
        return elementwise.where(chosen, on, off)

    return node("one_hot", spread, [indices, depth, on, off], name)  # type: ignore[no-any-return]


def range_of(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:  # TensorFlow's own name
    """The numbers from `start` (0 where one number is given) up to `limit`, which is not reached, by `delta`."""
    if limit is None:
        start, limit = 0, start
    values = [convert(value) for value in (start, limit, delta)]
    kinds = [dtypes.as_dtype(dtype)] if dtype is not None else [value.dtype for value in values]
    order = [dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64]
    wanted = max(kinds, key=lambda kind: order.index(kind) if kind in order else -1).dtype

    def count(*numbers: Any) -> Any:
        start, limit, delta = (plain(number).item() for number in numbers)
        steps = max(0, math.ceil((limit - start) / delta))
        return (start + delta * np.arange(steps)).astype(wanted)

    return node("Range", count, values, name)  # type: ignore[no-any-return]


def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """`num` numbers from `start` to `stop`, both included, with equal distances."""
    first, last = operands(start, stop)

    def spread(start: Any, stop: Any, num: Any) -> Any:
        count = int(plain(num))
        places = np.linspace(0, 1, count) if count > 1 else np.zeros(1)
        return start + (stop - start) * places.astype(start.dtype)

    return node("LinSpace", spread, [first, last, num], name)  # type: ignore[no-any-return]


lin_space = linspace


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """The coordinates of a grid, an array for each dimension."""

    def grid(*lines: Any) -> Any:
        places = list(np.arange(len(lines)))
        if indexing == "xy":
            places[:2] = places[1::-1]
        sizes = [np.shape(lines[place])[0] for place in places]
        parts = []
        for place, line in zip(places, [lines[n] for n in range(len(lines))], strict=True):
            along = [1] * len(lines)
            along[place] = -1
            parts.append(shaping.broadcast_to(shaping.reshape(line, tuple(along)), sizes))
        return parts

    return node("meshgrid", grid, args, name, outputs=len(args))  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Other shapes of the same elements


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in another shape, of which one size may be -1."""
    given, sizes = sizes_argument(shape)
    value = convert(tensor)

    def sample(x: Any, *given: Any) -> Any:
        if sizes is not None and (x is None or None in (kind_of(value).sizes or ())):
            return Kind(tuple(None if size == -1 else size for size in sizes), kind_of(value).dtype)
        wanted = sizes_in(given, sizes)
        try:
            return np.reshape(x, wanted)
        except ValueError:  # the sizes that stand for unknown ones need not fit together
            return np.broadcast_to(np.zeros((), x.dtype), [x.size if size == -1 else size for size in wanted])

    def change(x: Any, *given: Any) -> Any:
        return shaping.reshape(x, sizes_in(given, sizes))

    return node("Reshape", change, [value, *given], name, sample=sample)  # type: ignore[no-any-return]


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """The dimensions in the order `perm`; in reverse order without it."""
    order = axes_of(perm)
    return node("Transpose", shaping.permute_dims, [a], name or "transpose", axes=order)  # type: ignore[no-any-return]


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """The last two dimensions exchanged."""
    return node("MatrixTranspose", shaping.matrix_transpose, [a], name)  # type: ignore[no-any-return]


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """One more dimension of size 1, which stands at `axis` of the result."""
    place = axes_of(chosen("expand_dims", axis=axis, dim=dim))
    if place is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return node("ExpandDims", shaping.expand_dims, [input], name, axis=place)  # type: ignore[no-any-return]


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """Without the dimensions of size 1 at `axis`, or without any."""
    places = axes_of(chosen("squeeze", axis=axis, squeeze_dims=squeeze_dims))
    return node("Squeeze", shaping.squeeze, [input], name, axis=places or None if places != 0 else 0)  # type: ignore[no-any-return]


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """`input` laid side by side, `multiples` times along each dimension."""
    given, times = sizes_argument(multiples)

    def repeat(x: Any, *given: Any) -> Any:
        return shaping.tile(x, sizes_in(given, times))

    return node("Tile", repeat, [input, *given], name)  # type: ignore[no-any-return]


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input` repeated to a shape: aligned at the right, dimensions of size 1 are stretched."""
    given, sizes = sizes_argument(shape)

    def repeat(x: Any, *given: Any) -> Any:
        return shaping.broadcast_to(x, sizes_in(given, sizes))

    return node("BroadcastTo", repeat, [input, *given], name)  # type: ignore[no-any-return]


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Tensor:
    """`tensor` with more elements before and after those of each dimension: `paddings` is (ndim, 2)."""
    kind = mode.upper()
    if kind not in ("CONSTANT", "REFLECT", "SYMMETRIC"):
        raise ValueError(f"Unknown padding mode: {mode}; expected CONSTANT, REFLECT or SYMMETRIC")
    known = None if holds_tensors(paddings) else np.asarray(paddings).tolist()

    def widen(x: Any, *given: Any) -> Any:
        return shaping.pad(x, plain(given[0]).tolist() if known is None else known, kind.lower(), constant_values)

    label = {"CONSTANT": "Pad" if constant_values == 0 else "PadV2"}.get(kind, "MirrorPad")
    return node(label, widen, [tensor, *([paddings] if known is None else [])], name)  # type: ignore[no-any-return]


def reverse(tensor: Any, axis: Any = None, name: str | None = None, dims: Any = None) -> Tensor:
    """The elements in reverse order along `axis`; the oldest spelling gives a truth value for each dimension."""
    places = fixed(chosen("reverse", axis=axis, dims=dims), "axis")
    if isinstance(places, list) and places and all(isinstance(place, bool) for place in places):
        places = [place for place, turned in enumerate(places) if turned]
    return node("ReverseV2", shaping.flip, [tensor], name, axis=axes_of(places))  # type: ignore[no-any-return]


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None) -> Tensor:
    """For each length, so many times True and then False: `(...) -> (..., maxlen)`."""
    kind = dtypes.as_dtype(dtype).dtype

    def mask(lengths: Any, *most: Any) -> Any:
        count = int(plain(most[0])) if most else int(plain(lengths).max(initial=0))
        return shaping.astype(elementwise.less(np.arange(count), shaping.expand_dims(lengths, -1)), kind)

    known = None if maxlen is None else convert(maxlen)
    sample = None if known is not None else lambda lengths: Kind((*np.shape(lengths), None), kind)
    return node("SequenceMask", mask, [lengths, *([] if known is None else [known])], name, sample=sample)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Static shapes


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape of what two shapes give when they are broadcast together."""
    one, other = sizes_of(shape_x), sizes_of(shape_y)
    if one is None or other is None:
        return TensorShape(None)
    length = max(len(one), len(other))
    sizes: list[int | None] = []
    for a, b in zip((1,) * (length - len(one)) + one, (1,) * (length - len(other)) + other, strict=True):
        if a is not None and b is not None and a != b and 1 not in (a, b):
            raise ValueError(f"Incompatible shapes for broadcasting: {TensorShape(one)} and {TensorShape(other)}")
        sizes.append(next((size for size in (a, b) if size not in (None, 1)), None if None in (a, b) else 1))
    return TensorShape(sizes)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """As `broadcast_static_shape`, for shapes that are tensors."""

    def both(one: Any, other: Any) -> Any:
        return np.array(np.broadcast_shapes(tuple(plain(one)), tuple(plain(other))), one.dtype)

    return node("BroadcastArgs", both, [shape_x, shape_y])  # type: ignore[no-any-return]
