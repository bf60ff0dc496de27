"""Diagonals of matrices, and matrices of diagonals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise
from ...ops import shape as shaping
from ._arguments import plain
from ._nodes import node

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = [
    "diag",
    "diag_part",
    "matrix_band_part",
    "matrix_diag",
    "matrix_diag_part",
    "trace",
]


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A matrix with the elements of a vector on its diagonal."""
    return node("Diag", _on_diagonal, [diagonal], name)  # type: ignore[no-any-return]


def matrix_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Matrices with the last dimension of `diagonal` on their diagonals: `(..., N) -> (..., N, N)`."""
    return node("MatrixDiag", _on_diagonal, [diagonal], name)  # type: ignore[no-any-return]


def _on_diagonal(x: Any) -> Any:
    return elementwise.where(np.eye(x.shape[-1], dtype=bool), shaping.expand_dims(x, -1), np.zeros((), x.dtype))


def _of_diagonal(x: Any) -> Any:
    places = np.arange(min(x.shape[-2:]))
    return x[..., places, places]


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal of a matrix."""
    return node("DiagPart", _of_diagonal, [input], name)  # type: ignore[no-any-return]


def matrix_diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonals of matrices: `(..., M, N) -> (..., min(M, N))`."""
    return node("MatrixDiagPart", _of_diagonal, [input], name)  # type: ignore[no-any-return]


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum of the diagonal of each matrix."""
    return node("Trace", lambda x: _of_diagonal(x).sum(-1), [x], name)  # type: ignore[no-any-return]


def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with zeros further than so many places from the diagonal; a negative number keeps that whole half."""

    def keep(x: Any, lower: Any, upper: Any) -> Any:
        lower, upper = int(plain(lower)), int(plain(upper))
        distance = np.arange(x.shape[-2])[:, None] - np.arange(x.shape[-1])
        near = ((lower < 0) | (distance <= lower)) & ((upper < 0) | (-distance <= upper))
        return elementwise.where(near, x, np.zeros((), x.dtype))

    return node("MatrixBandPart", keep, [input, num_lower, num_upper], name)  # type: ignore[no-any-return]
