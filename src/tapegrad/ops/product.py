"""Products of matrices and tensors: sums of products over shared dimensions."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..primitive import primitive, variadic
from ._matrices import large_product, suits
from ._numpy import speaks_for
from .elementwise import multiply
from .shape import normalized, permute_dims, ravel, reshape, swapaxes

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "dot",
    "einsum",
    "inner",
    "matmul",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
]

# matmul: (..., M, K), (..., K, N) -> (..., M, N), where a first argument (K,) is a row and a second a column


def _matmul_x(g: Any, y: Any, shape: tuple[int, ...]) -> Any:
    if y.ndim == 1:
        return g * y if len(shape) == 1 else g[..., None] * y
    if len(shape) == 1:
        return matmul(y, g[..., None])[..., 0]
    if len(shape) == y.ndim == 2 and suits(shape[0], y.shape[1], shape[1], g.dtype, y.dtype):
        return large_product(g, y, transpose_y=True)
    return matmul(g, swapaxes(y, -1, -2))


def _matmul_y(g: Any, x: Any, shape: tuple[int, ...]) -> Any:
    if x.ndim == 1:
        return g * x if len(shape) == 1 else x[:, None] * g[..., None, :]
    if len(shape) == 1:
        return matmul(swapaxes(x, -1, -2), g[..., None])[..., 0]
    if len(shape) == x.ndim == 2 and suits(x.shape[0], *shape, g.dtype, x.dtype):
        return large_product(x, g, transpose_x=True)
    if len(shape) == 2 and x.ndim > 2:
        # One product over all rows of the batch, instead of one a matrix and a sum.
        return matmul(swapaxes(reshape(x, (-1, x.shape[-1])), 0, 1), reshape(g, (-1, g.shape[-1])))
    return matmul(swapaxes(x, -1, -2), g)


matmul = primitive(np.matmul, _matmul_x, _matmul_y)

# vecdot: (..., K), (..., K) -> (...), over the last dimension

vecdot = primitive(np.vecdot, lambda g, y: g[..., None] * y, lambda g, x: g[..., None] * x)

# tensordot: the dimensions `axes` of x and y are summed over; the others stand in order, those of x first


def _free(ndim: int, summed: Sequence[int]) -> list[int]:
    return [i for i in range(ndim) if i not in summed]


def _tensordot_x(g: Any, y: Any, shape: tuple[int, ...], axes: tuple[tuple[int, ...], tuple[int, ...]]) -> Any:
    of_x, of_y = axes
    free_x, free_y = _free(len(shape), of_x), _free(y.ndim, of_y)
    # (free_x, free_y), (free_y, of_y in order) -> (free_x, of_y in order)
    product = tensordot(g, y, (tuple(range(len(free_x), g.ndim)), tuple(free_y)))
    places = free_x + [of_x[i] for i in np.argsort(of_y)]
    return permute_dims(product, tuple(np.argsort(places).tolist()))


def _tensordot_y(g: Any, x: Any, shape: tuple[int, ...], axes: tuple[tuple[int, ...], tuple[int, ...]]) -> Any:
    of_x, of_y = axes
    free_x, free_y = _free(x.ndim, of_x), _free(len(shape), of_y)
    product = tensordot(x, g, (tuple(free_x), tuple(range(len(free_x)))))
    places = [of_y[i] for i in np.argsort(of_x)] + free_y
    return permute_dims(product, tuple(np.argsort(places).tolist()))


_tensordot = primitive(lambda x, y, *, axes: np.tensordot(x, y, axes), _tensordot_x, _tensordot_y, name="tensordot")


@speaks_for(np.tensordot, a="x", b="y")
def tensordot(x: Any, y: Any, axes: int | Sequence[Any] = 2) -> Any:
    """Sums of products over pairs of dimensions: `axes` is a pair of lists, or how many of x's last and y's first."""
    x_shape, y_shape = np.shape(x), np.shape(y)
    if isinstance(axes, int | np.integer):
        of_x, of_y = tuple(range(len(x_shape) - axes, len(x_shape))), tuple(range(axes))
    else:
        of_x, of_y = normalized(axes[0], len(x_shape)), normalized(axes[1], len(y_shape))
    sizes = [x_shape[i] for i in of_x if 0 <= i < len(x_shape)], [y_shape[i] for i in of_y if i < len(y_shape)]
    if len(of_x) != len(of_y) or sizes[0] != sizes[1] or len(sizes[0]) != len(of_x):
        raise ShapeError(
            f"tensordot: dimensions {of_x} of x {x_shape} and {of_y} of y {y_shape} must pair up with equal sizes"
        )
    return _tensordot(x, y, axes=(of_x, of_y))


# dot and inner are NumPy's older products, each a tensordot in its rules; vdot flattens first


def _scaled(x: Any, y: Any) -> Any:
    """`x * y`, where these products, unlike `*`, take a Python number for an array of float64."""
    return multiply(*(np.asarray(a) if isinstance(a, int | float) else a for a in (x, y)))


def _dot_axes(x_ndim: int, y_ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (x_ndim - 1,), (max(y_ndim - 2, 0),)


_dot = primitive(
    lambda x, y: np.dot(x, y),
    lambda g, y, shape: _tensordot_x(g, y, shape, _dot_axes(len(shape), y.ndim)),
    lambda g, x, shape: _tensordot_y(g, x, shape, _dot_axes(x.ndim, len(shape))),
    name="dot",
)


@speaks_for(np.dot, a="x", b="y")
def dot(x: Any, y: Any) -> Any:
    """`(..., K), (..., K, N) -> (..., ..., N)`: over x's last dimension and y's last but one; vectors give a number."""
    x_shape, y_shape = np.shape(x), np.shape(y)
    if not x_shape or not y_shape:
        return _scaled(x, y)
    (i,), (j,) = _dot_axes(len(x_shape), len(y_shape))
    if x_shape[i] != y_shape[j]:
        raise ShapeError(f"dot: dimension {i} of x {x_shape} must equal dimension {j} of y {y_shape}")
    return _dot(x, y)


_inner = primitive(
    lambda x, y: np.inner(x, y),
    lambda g, y, shape: _tensordot_x(g, y, shape, ((len(shape) - 1,), (y.ndim - 1,))),
    lambda g, x, shape: _tensordot_y(g, x, shape, ((x.ndim - 1,), (len(shape) - 1,))),
    name="inner",
)


@speaks_for(np.inner, a="x", b="y")
def inner(x: Any, y: Any) -> Any:
    """`(..., K), (..., K) -> (..., ...)`: the sum of products over both last dimensions."""
    x_shape, y_shape = np.shape(x), np.shape(y)
    if not x_shape or not y_shape:
        return _scaled(x, y)
    if x_shape[-1] != y_shape[-1]:
        raise ShapeError(f"inner: the last dimensions of x {x_shape} and y {y_shape} must be equal")
    return _inner(x, y)


@speaks_for(np.vdot, a="x", b="y")
def vdot(x: Any, y: Any) -> Any:
    """The sum of products of all elements of two arrays with equally many."""
    if np.size(x) != np.size(y):
        raise ShapeError(f"vdot: x {np.shape(x)} and y {np.shape(y)} must have equally many elements")
    return _dot(ravel(x), ravel(y))


@speaks_for(np.outer, a="x", b="y")
def outer(x: Any, y: Any) -> Any:
    """`(M,), (N,) -> (M, N)`: all products of two elements; other shapes are flattened first."""
    return reshape(x, (-1, 1)) * reshape(y, (1, -1))


# einsum


def _einsum_rule(
    g: Any, index: int, arguments: Sequence[Any], shape: tuple[int, ...], terms: Sequence[str], result: str
) -> Any:
    """The gradient for one operand is an einsum of `g` with the other operands, giving that operand's labels."""
    labels = terms[index]
    operands = [g, *(a for i, a in enumerate(arguments) if i != index)]
    names = [result, *(t for i, t in enumerate(terms) if i != index)]
    unused = iter(sorted(set(string.ascii_letters) - set("".join(terms))))
    wanted = ""
    for place, label in enumerate(labels):
        if label in wanted:  # a diagonal: only elements where both labels agree have a gradient
            again = next(unused)
            operands.append(np.eye(shape[place], dtype=g.dtype))
            names.append(label + again)
            wanted += again
        else:
            wanted += label
            if not any(label in name for name in names):  # summed alone: every element has the same gradient
                operands.append(np.ones(shape[place], g.dtype))
                names.append(label)
    return einsum(f"{','.join(names)}->{wanted}", *operands, optimize=True)


def _einsum_raw(*arrays: Any, terms: Sequence[str], result: str, optimize: Any) -> Any:
    return np.einsum(f"{','.join(terms)}->{result}", *arrays, optimize=optimize)


_einsum = variadic(_einsum_raw, _einsum_rule, name="einsum", broadcasts=True)


@speaks_for(np.einsum)
def einsum(subscripts: str, *operands: Any, optimize: Any = False) -> Any:
    """Sums of products named by labels, as in `einsum("ij,jk->ik", x, y)`: what the result does not name is summed."""
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: expected subscripts as a string like 'ij,jk->ik', got {type(subscripts).__name__}")
    terms, result = _labels(subscripts, [np.shape(x) for x in operands])
    return _einsum(*operands, terms=terms, result=result, optimize=optimize)


def _labels(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with ellipses spelled out and the implied result written."""
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ShapeError(f"einsum: {subscripts!r} names {len(terms)} operands, but {len(shapes)} were given")
    unused = sorted(set(string.ascii_letters) - set(subscripts), reverse=True)
    hidden = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes, strict=True) if "..." in t]
    ellipsis = "".join(unused[: max(hidden, default=0)])
    spelled = []
    for term, shape in zip(terms, shapes, strict=True):
        missing = len(shape) - len(term.replace("...", ""))
        if missing < 0 or (missing and "..." not in term):
            raise ShapeError(
                f"einsum: {term!r} in {subscripts!r} does not have a label for each dimension of an operand "
                f"of shape {shape}"
            )
        spelled.append(term.replace("...", ellipsis[len(ellipsis) - missing :]))
    sizes: dict[str, int] = {}
    for term, shape in zip(spelled, shapes, strict=True):
        for label, size in zip(term, shape, strict=True):
            if size != 1 and sizes.setdefault(label, size) != size:
                raise ShapeError(
                    f"einsum: {label!r} in {subscripts!r} is {sizes[label]} in one place and {size} in another "
                    f"(shapes {', '.join(map(str, shapes))})"
                )
    if arrow:
        return spelled, result.replace("...", ellipsis)
    once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
    return spelled, ellipsis + "".join(once)
