"""Sparse tensors changed: some of their elements, other orders, sums, shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise, indexing
from ...ops import shape as shaping
from ._arguments import axes_of, plain
from ._choices import boolean_mask
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import convert, node
from ._sparse import SparseTensor, SparseTensorValue, _sparse, sparse_reorder, sparse_tensor_to_dense

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = ["sparse_add", "sparse_concat", "sparse_reshape", "sparse_retain", "sparse_softmax", "sparse_transpose"]


def sparse_retain(sp_input: Any, to_retain: Any) -> SparseTensor:
    """The elements where `to_retain` is true."""
    sparse, mask = _sparse(sp_input), convert(to_retain)
    return SparseTensor(boolean_mask(sparse.indices, mask), boolean_mask(sparse.values, mask), sparse.dense_shape)


def sparse_transpose(sp_input: Any, perm: Any = None, name: str | None = None) -> SparseTensor:
    """The dimensions in the order `perm`; in reverse order without it."""
    sparse, order = _sparse(sp_input), axes_of(perm)

    def turned(x: Any) -> Any:
        return x[..., list(order) if order is not None else slice(None, None, -1)]

    with get_default_graph().name_scope(name or "SparseTranspose"):
        indices, shape = (node("turned", turned, [x]) for x in (sparse.indices, sparse.dense_shape))
        return sparse_reorder(SparseTensor(indices, sparse.values, shape))


def sparse_reshape(sp_input: Any, shape: Any, name: str | None = None) -> SparseTensor:
    """The same elements in another shape, of which one size may be -1."""
    sparse = _sparse(sp_input)

    def move(indices: Any, before: Any, after: Any) -> Any:
        old, new = plain(before).tolist(), plain(after).astype(np.int64)
        if (new == -1).any():
            new = np.where(new == -1, np.prod(old) // -np.prod(new), new)
        flat = np.ravel_multi_index(tuple(plain(indices).T), old)
        return np.stack(np.unravel_index(flat, tuple(new.tolist())), 1).astype(np.int64), new

    wanted = convert(shape)
    ndim = (wanted.shape.sizes or (None,))[0]
    count = sparse.indices.shape[0].value
    known = Kind((count, ndim), np.dtype(np.int64)), Kind((ndim,), np.dtype(np.int64))
    inputs = [sparse.indices, sparse.dense_shape, wanted]
    indices, whole = node("SparseReshape", move, inputs, name, outputs=2, python=True, sample=lambda *_: known)
    return SparseTensor(indices, sparse.values, whole)


def sparse_add(a: Any, b: Any, threshold: Any = None, thresh: Any = None) -> Any:
    """The sum of two sparse tensors, a sparse one; or of a sparse one and a tensor, a tensor."""
    if not (isinstance(a, SparseTensorValue) and isinstance(b, SparseTensorValue)):
        from ._math import add

        dense = [
            sparse_tensor_to_dense(x, validate_indices=False) if isinstance(x, SparseTensorValue) else x for x in (a, b)
        ]
        return add(*dense)
    first, second = _sparse(a), _sparse(b)

    def places(one: Any, other: Any) -> Any:
        return np.unique(np.concatenate([plain(one), plain(other)]), axis=0, return_inverse=True)

    known = Kind((None, first.indices.shape[1].value), np.dtype(np.int64)), Kind((None,), np.dtype(np.int64))
    with get_default_graph().name_scope("SparseAdd"):
        indices, owner = node(
            "places", places, [first.indices, second.indices], outputs=2, python=True, sample=lambda *_: known
        )

        def total(indices: Any, owner: Any, x: Any, y: Any) -> Any:
            return indexing.index_add(np.zeros(len(indices), x.dtype), (owner,), shaping.concat([x, y], 0))

        values = node("values", total, [indices, owner, first.values, second.values], sample=lambda *v: v[2])
    return SparseTensor(indices, values, first.dense_shape)


def sparse_concat(axis: int, sp_inputs: Any, name: str | None = None) -> SparseTensor:
    """Sparse tensors joined along a dimension."""
    parts = [_sparse(x) for x in sp_inputs]
    number = len(parts)

    def join(*values: Any) -> Any:
        indices, shapes = [plain(v).copy() for v in values[:number]], [plain(v) for v in values[number:]]
        start = 0
        for places, shape in zip(indices, shapes, strict=True):
            places[:, axis] += start
            start += int(shape[axis])
        whole = shapes[0].copy()
        whole[axis] = start
        return np.concatenate(indices), whole

    from ._slicing import concat

    with get_default_graph().name_scope(name or "SparseConcat"):
        ndim = parts[0].indices.shape[1].value
        counts = [x.indices.shape[0].value for x in parts]
        count = None if None in counts else sum(counts)
        known = Kind((count, ndim), np.dtype(np.int64)), Kind((ndim,), np.dtype(np.int64))
        inputs = [x.indices for x in parts] + [x.dense_shape for x in parts]
        indices, whole = node("places", join, inputs, outputs=2, python=True, sample=lambda *_: known)
        return sparse_reorder(SparseTensor(indices, concat([x.values for x in parts], 0), whole))


def sparse_softmax(sp_input: Any, name: str | None = None) -> SparseTensor:
    """For the elements of each row, their softmax; what is not there counts for nothing."""
    sparse = _sparse(sp_input)

    def share(indices: Any, values: Any) -> Any:
        _, owner = np.unique(plain(indices)[:, :-1], axis=0, return_inverse=True)
        rows = int(owner.max(initial=-1)) + 1
        largest = np.full(rows, -np.inf, values.dtype)
        np.maximum.at(largest, owner, plain(values))
        powers = elementwise.exp(values - largest[owner])
        return powers / indexing.index_add(np.zeros(rows, values.dtype), (owner,), powers)[owner]

    inputs = [sparse.indices, sparse.values]
    kind = kind_of(sparse.values)
    values: Tensor = node("SparseSoftmax", share, inputs, name, sample=lambda *_: Kind(kind.sizes, kind.dtype))
    return SparseTensor(sparse.indices, values, sparse.dense_shape)
