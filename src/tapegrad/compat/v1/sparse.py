"""Sparse tensors: `tf.sparse`."""

from __future__ import annotations

from ._missing import not_covered
from ._sparse import SparseTensor
from ._sparse import sparse_placeholder as placeholder
from ._sparse import sparse_reduce_sum as reduce_sum
from ._sparse import sparse_reorder as reorder
from ._sparse import sparse_tensor_dense_matmul as sparse_dense_matmul
from ._sparse import sparse_tensor_to_dense as to_dense
from ._sparse_parts import sparse_add as add
from ._sparse_parts import sparse_concat as concat
from ._sparse_parts import sparse_reshape as reshape
from ._sparse_parts import sparse_retain as retain
from ._sparse_parts import sparse_softmax as softmax
from ._sparse_parts import sparse_transpose as transpose

__all__ = [
    "SparseTensor",
    "add",
    "concat",
    "placeholder",
    "reduce_sum",
    "reorder",
    "reshape",
    "retain",
    "softmax",
    "sparse_dense_matmul",
    "to_dense",
    "transpose",
]

__getattr__ = not_covered(__name__)
