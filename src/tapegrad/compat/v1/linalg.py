"""Linear algebra: `tf.linalg`."""

from __future__ import annotations

from ._array import eye, matrix_transpose
from ._array import matrix_transpose as adjoint
from ._array import matrix_transpose as transpose
from ._diagonals import diag as tensor_diag
from ._diagonals import diag_part as tensor_diag_part
from ._diagonals import matrix_band_part as band_part
from ._diagonals import matrix_diag as diag
from ._diagonals import matrix_diag_part as diag_part
from ._diagonals import trace
from ._linear_algebra import cholesky, qr, svd
from ._linear_algebra import matrix_determinant as det
from ._linear_algebra import matrix_inverse as inv
from ._linear_algebra import matrix_solve as solve
from ._linear_algebra import matrix_solve_ls as lstsq
from ._linear_algebra import self_adjoint_eig as eigh
from ._linear_algebra import self_adjoint_eigvals as eigvalsh
from ._math import einsum, matmul, tensordot
from ._missing import not_covered
from ._normalization import l2_normalize
from ._reductions import norm

__all__ = [
    "adjoint",
    "band_part",
    "cholesky",
    "det",
    "diag",
    "diag_part",
    "eigh",
    "eigvalsh",
    "einsum",
    "eye",
    "inv",
    "l2_normalize",
    "lstsq",
    "matmul",
    "matrix_transpose",
    "norm",
    "qr",
    "solve",
    "svd",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
    "transpose",
]

__getattr__ = not_covered(__name__)
