"""Determinants, inverses and solutions, for matrices and stacks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise, product
from ...ops import shape as shaping
from ...primitive import constant as without_gradient
from ...primitive import primitive
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "cholesky",
    "matrix_determinant",
    "matrix_inverse",
    "matrix_solve",
    "matrix_solve_ls",
    "qr",
    "self_adjoint_eig",
    "self_adjoint_eigvals",
    "svd",
]


def _turned(x: Any) -> Any:
    return shaping.swapaxes(x, -1, -2)


_inverse = primitive(
    np.linalg.inv, lambda g, out: -product.matmul(_turned(out), product.matmul(g, _turned(out))), name="inverse"
)
_determinant = primitive(
    np.linalg.det, lambda g, x, out: (g * out)[..., None, None] * _turned(_inverse(x)), name="determinant"
)
_solution = primitive(
    lambda x, y: np.linalg.solve(x, y),
    lambda g, x, out: -product.matmul(_solution(_turned(x), g), _turned(out)),
    lambda g, x: _solution(_turned(x), g),
    name="solution",
)


def _cholesky_rule(g: Any, out: Any) -> Any:
    """By Murray, Differentiation of the Cholesky decomposition, arXiv 1602.07527."""
    low = elementwise.where(np.tri(out.shape[-1], dtype=bool), product.matmul(_turned(out), g), 0)
    half = low - np.eye(out.shape[-1], dtype=g.dtype) * low / 2
    inverse = _inverse(out)
    whole = product.matmul(_turned(inverse), product.matmul(half, inverse))
    return (whole + _turned(whole)) / 2


_cholesky = primitive(np.linalg.cholesky, _cholesky_rule, name="cholesky")


def matrix_determinant(input: Any, name: str | None = None) -> Tensor:
    """The determinants of matrices: `(..., N, N) -> (...)`."""
    return node("MatrixDeterminant", _determinant, [input], name)  # type: ignore[no-any-return]


def _like_input(x: Any, *_: Any, **__: Any) -> Any:
    return x


def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverses of matrices, or of their transposes with `adjoint`."""

    def invert(x: Any) -> Any:
        return _inverse(_turned(x) if adjoint else x)

    return node("MatrixInverse", invert, [input], name, sample=_like_input)  # type: ignore[no-any-return]


def cholesky(input: Any, name: str | None = None) -> Tensor:
    """The lower triangular matrices whose product with their transposes is `input`."""
    return node("Cholesky", _cholesky, [input], name, sample=_like_input)  # type: ignore[no-any-return]


def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The solutions X of `matrix @ X = rhs`, or of its transpose with `adjoint`."""

    def solve(a: Any, b: Any) -> Any:
        return _solution(_turned(a) if adjoint else a, b)

    return node("MatrixSolve", solve, operands(matrix, rhs), name, sample=lambda a, b: b)  # type: ignore[no-any-return]


def matrix_solve_ls(
    matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True, name: str | None = None
) -> Tensor:
    """The least-squares solutions of `matrix @ X = rhs`, for matrices of full rank."""

    def solve(a: Any, b: Any) -> Any:
        square = product.matmul(_turned(a), a) + l2_regularizer * np.eye(a.shape[-1], dtype=a.dtype)
        return _solution(square, product.matmul(_turned(a), b))

    return node(  # type: ignore[no-any-return]
        "matrix_solve_ls", solve, operands(matrix, rhs), name, sample=lambda a, b: product.matmul(_turned(a), b)
    )


def _parts(kind: str, function: Callable[..., Any], count: int, x: Any, name: str | None) -> list[Tensor]:
    """A decomposition, whose parts have no gradient here."""
    pieces = [without_gradient(lambda x, place=place: function(x)[place], name=kind) for place in range(count)]
    return node(kind, lambda x: [piece(x) for piece in pieces], [convert(x)], name, outputs=count)  # type: ignore[no-any-return]


def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The eigenvalues, the smallest first, and eigenvectors of symmetric matrices. Without a gradient."""
    values, vectors = _parts("SelfAdjointEigV2", np.linalg.eigh, 2, tensor, name)
    return values, vectors


def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """The eigenvalues of symmetric matrices, the smallest first. Without a gradient."""
    return self_adjoint_eig(tensor, name)[0]


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Orthogonal and upper triangular matrices whose products are `input`. Without a gradient."""
    mode = "complete" if full_matrices else "reduced"
    q, r = _parts("Qr", lambda x: np.linalg.qr(x, mode), 2, input, name)  # type: ignore[call-overload]
    return q, r


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """Singular values, and the matrices U and V of `U diag(s) V^T`. Without a gradient."""

    def take_apart(x: Any) -> Any:
        u, s, v = np.linalg.svd(x, full_matrices)
        return s, u, np.swapaxes(v, -1, -2)

    parts = _parts("Svd", take_apart, 3, tensor, name)
    return tuple(parts) if compute_uv else parts[0]
