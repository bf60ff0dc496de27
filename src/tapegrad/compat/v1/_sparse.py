"""Sparse tensors: the places of the elements that are not 0, and these elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...ops import indexing
from ...ops import shape as shaping
from . import _dtypes as dtypes
from ._arguments import beside, plain, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import Kind, constant_value, kind_of
from ._nodes import convert, node
from ._placeholders import placeholder
from ._shapes import TensorShape, sizes_of

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = [
    "SparseTensor",
    "SparseTensorValue",
    "convert_to_tensor_or_sparse_tensor",
    "sparse_placeholder",
    "sparse_reduce_sum",
    "sparse_reorder",
    "sparse_tensor_dense_matmul",
    "sparse_tensor_to_dense",
    "sparse_to_dense",
]


class SparseTensorValue(NamedTuple):
    """The arrays of a sparse tensor: places (N, ndim), elements (N,) and the shape of the whole."""

    indices: Any
    values: Any
    dense_shape: Any


class SparseTensor(SparseTensorValue):
    """A sparse tensor in a graph: a run gives and takes its three tensors as a SparseTensorValue."""

    __slots__ = ()

    def __new__(cls, indices: Any, values: Any, dense_shape: Any = None, shape: Any = None) -> SparseTensor:
        sizes = shape if dense_shape is None else dense_shape
        with get_default_graph().name_scope("SparseTensor"):
            return super().__new__(
                cls,
                convert(indices, dtypes.int64, "indices"),
                convert(values, name="values"),
                convert(sizes, dtypes.int64, "dense_shape"),
            )

    @classmethod
    def _make(cls, iterable: Any) -> Any:  # type: ignore[override]
        return SparseTensorValue(*iterable)  # what a session makes of the values of the parts

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """A sparse tensor of arrays."""
        return cls(*sparse_tensor_value)

    @property
    def dtype(self) -> dtypes.DType:
        """The kind of its elements."""
        return self.values.dtype  # type: ignore[no-any-return]

    @property
    def shape(self) -> TensorShape:
        """The shape of the whole, as far as it is known."""
        known = constant_value(self.dense_shape)
        if known is not None:
            return TensorShape(known.tolist())
        return TensorShape([None] * (self.indices.shape[1].value or 0) or None)

    def get_shape(self) -> TensorShape:
        """The shape of the whole, as far as it is known."""
        return self.shape

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Its value, from the default session or from `session`."""
        from ._default_session import session_or_default

        return session_or_default(session, "eval").run(self, feed_dict)


def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A sparse tensor that must be fed, as a SparseTensorValue or as a tuple of three arrays."""
    sizes = sizes_of(shape)
    ndim = None if sizes is None else len(sizes)
    label = f"{name}/" if name else ""
    whole = (
        placeholder(dtypes.int64, [ndim], f"{label}shape")
        if sizes is None or None in sizes
        else convert(list(sizes), dtypes.int64)
    )
    return SparseTensor(
        placeholder(dtypes.int64, [None, ndim], f"{label}indices"), placeholder(dtype, [None], f"{label}values"), whole
    )


def _sparse(value: Any) -> SparseTensor:
    if isinstance(value, SparseTensor):
        return value
    if isinstance(value, SparseTensorValue):
        return SparseTensor(*value)
    raise TypeError(f"expected a tf.SparseTensor, got {value!r}")


def convert_to_tensor_or_sparse_tensor(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A tensor of anything that can be one; a sparse tensor stays one."""
    return _sparse(value) if isinstance(value, SparseTensorValue) else convert(value, dtype, name)


def sparse_to_dense(
    sparse_indices: Any,
    output_shape: Any,
    sparse_values: Any,
    default_value: Any = 0,
    validate_indices: bool = True,
    name: str | None = None,
) -> Tensor:
    """A tensor with elements at some places, and `default_value` at all others.

    `sparse_indices` is one place, a vector of places, or (N, ndim); `sparse_values` one element, or N of them.
    """
    given, sizes = sizes_argument(output_shape)
    values = convert(sparse_values)
    default = convert(default_value, values.dtype)

    def fill(indices: Any, values: Any, default: Any, *given: Any) -> Any:
        shape = sizes_in(given, sizes)
        places = plain(indices).reshape(-1, len(shape)).astype(np.int64)
        bad = ((places < 0) | (places >= np.array(shape))).any(1)
        if bad.any():
            place = places[bad][0].tolist()
            raise ValueError(f"sparse_to_dense: the place {place} is out of bounds for the shape {list(shape)}")
        if validate_indices and len(np.unique(places, axis=0)) < len(places):
            raise ValueError("sparse_to_dense: the same place is given twice")
        whole = shaping.broadcast_to(default, shape)
        return indexing.index_update(whole, tuple(places.T), shaping.broadcast_to(values, (len(places),)))

    def sample(indices: Any, values: Any, default: Any, *given: Any) -> Any:
        return np.broadcast_to(np.zeros((), values.dtype), sizes_in(given, sizes))

    return node("SparseToDense", fill, [sparse_indices, values, default, *given], name, sample=sample)  # type: ignore[no-any-return]


def sparse_tensor_to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: str | None = None
) -> Tensor:
    """The tensor that a sparse one stands for."""
    sparse = _sparse(sp_input)
    default = (b"" if sparse.dtype == dtypes.string else 0) if default_value is None else default_value
    shape = constant_value(sparse.dense_shape)
    whole = sparse.dense_shape if shape is None else shape
    return sparse_to_dense(sparse.indices, whole, sparse.values, default, validate_indices, name)


def sparse_tensor_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Tensor:
    """The product of a sparse matrix and a matrix."""
    sparse = _sparse(sp_a)

    def multiply(indices: Any, values: Any, shape: Any, b: Any) -> Any:
        rows, columns = (indices[:, 1], indices[:, 0]) if adjoint_a else (indices[:, 0], indices[:, 1])
        b = shaping.matrix_transpose(b) if adjoint_b else b
        count = int(plain(shape)[1 if adjoint_a else 0])
        parts = shaping.expand_dims(values, -1) * indexing.take(beside(b, columns), columns, 0)
        return indexing.index_add(np.zeros((count, b.shape[1]), b.dtype), (rows,), parts)

    def sample(indices: Any, values: Any, shape: Any, b: Any) -> Any:
        known = constant_value(sparse.dense_shape)
        count = None if known is None else int(known[1 if adjoint_a else 0])
        width = b.shape[0 if adjoint_b else 1]
        return Kind((None, width), b.dtype) if count is None else np.broadcast_to(np.zeros((), b.dtype), (count, width))

    inputs = [sparse.indices, sparse.values, sparse.dense_shape, convert(b, sparse.dtype)]
    return node("SparseTensorDenseMatMul", multiply, inputs, name, sample=sample)  # type: ignore[no-any-return]


def sparse_reduce_sum(
    sp_input: Any, axis: Any = None, keepdims: bool | None = None, reduction_axes: Any = None, keep_dims: Any = None
) -> Tensor:
    """The sum of the elements of a sparse tensor over dimensions."""
    from ._reductions import reduce_sum

    whole = sparse_tensor_to_dense(sp_input, validate_indices=False)
    return reduce_sum(whole, axis if axis is not None else reduction_axes, bool(keepdims or keep_dims))


def sparse_reorder(sp_input: Any, name: str | None = None) -> SparseTensor:
    """The same sparse tensor with its places in order, row by row."""
    sparse = _sparse(sp_input)

    def order(indices: Any) -> Any:
        return np.lexsort(plain(indices).T[::-1])

    sizes = kind_of(sparse.indices).sizes or (None,)
    count = Kind(sizes[:1], np.dtype(np.int64))
    with get_default_graph().name_scope(name or "SparseReorder"):
        places = node("order", order, [sparse.indices], python=True, sample=lambda _: count)
        indices, values = (
            node("GatherV2", lambda x, places: indexing.take(x, places, 0), [x, places])
            for x in (sparse.indices, sparse.values)
        )
    return SparseTensor(indices, values, sparse.dense_shape)
