"""Reductions over one dimension, several, or all. `axis` and `keepdims` mean what they mean in NumPy.

Where several elements share the maximum, so do they share its gradient; `norm'(0) = 0` and `std'(0) = 0`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Tensor
from ..primitive import constant, primitive
from ._numpy import speaks_for
from .elementwise import abs as _abs
from .elementwise import equal, exp, lifted, sign, where
from .shape import astype, broadcast_to, concat, normalized, permute_dims, reshape, stack

if TYPE_CHECKING:
    Axis = int | tuple[int, ...] | None

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]


def kept(g: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    """A reduction's result (or its gradient) with the reduced dimensions of `shape` back as 1."""
    axes = normalized(axis, len(shape))
    return reshape(g, tuple([1 if i in axes else n for i, n in enumerate(shape)]))


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    return math.prod([shape[i] for i in normalized(axis, len(shape))])


# Sums

_reduce: Any = np.add.reduce


def _sum_rule(g: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    return broadcast_to(kept(g, shape, axis), shape)


# What np.sum calls, without its detours.
sum_op = primitive(lambda x, *, axis, keepdims: _reduce(x, axis, None, None, keepdims), _sum_rule, name="sum")


@speaks_for(np.sum, a="x")
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum of the elements."""
    return sum_op(x, axis=axis, keepdims=keepdims)


mean_op = primitive(
    lambda x, *, axis, keepdims: np.mean(x, axis, keepdims=keepdims),
    lambda g, shape, axis: broadcast_to(kept(g / _count(shape, axis), shape, axis), shape),
    name="mean",
)


@speaks_for(np.mean, a="x")
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The arithmetic mean of the elements."""
    return mean_op(x, axis=axis, keepdims=keepdims)


def _products_of_others(x: Any) -> Any:
    """`(..., N) -> (..., N)`: for each element the product of all the others, right at zeros too.

    The products of neighbours form a tree, halved at each level: O(N) multiplications, all of them recorded.
    """
    n = x.shape[-1]
    if n == 1:
        return broadcast_to(np.ones((), x.dtype), x.shape)
    if n % 2:
        x = concat([x, np.ones((*x.shape[:-1], 1), x.dtype)], -1)
    even, odd = x[..., 0::2], x[..., 1::2]
    outside = _products_of_others(even * odd)
    both = stack([outside * odd, outside * even], -1)
    return reshape(both, x.shape)[..., :n]


def _prod_rule(g: Any, x: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    if not math.prod(shape):
        return np.zeros(shape, g.dtype)
    axes = normalized(axis, len(shape))
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    order = rest + axes
    lined = reshape(permute_dims(x, order), (*(shape[i] for i in rest), -1))
    others = reshape(_products_of_others(lined), tuple([shape[i] for i in order]))
    return kept(g, shape, axis) * permute_dims(others, tuple(np.argsort(order).tolist()))


_prod = primitive(lambda x, *, axis, keepdims: np.prod(x, axis, keepdims=keepdims), _prod_rule, name="prod")


@speaks_for(np.prod, a="x")
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product of the elements. Its gradient is right at zeros too."""
    return _prod(x, axis=axis, keepdims=keepdims)


# Spread


def _var_rule(g: Any, x: Any, shape: tuple[int, ...], axis: Axis, correction: float) -> Any:
    scale = 2 / max(_count(shape, axis) - correction, 0) if _count(shape, axis) > correction else math.nan
    return kept(g, shape, axis) * (scale * (x - mean(x, axis, keepdims=True)))


def _std_rule(g: Any, x: Any, out: Any, shape: tuple[int, ...], axis: Axis, correction: float) -> Any:
    return _var_rule(g * 0.5 / where(equal(out, 0), 1, out), x, shape, axis, correction)


_var = primitive(
    lambda x, *, axis, correction, keepdims: np.var(x, axis, ddof=correction, keepdims=keepdims),
    _var_rule,
    name="var",
)
_std = primitive(
    lambda x, *, axis, correction, keepdims: np.std(x, axis, ddof=correction, keepdims=keepdims),
    _std_rule,
    name="std",
)


@speaks_for(np.var, a="x", ddof="correction")
def var(x: Any, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Any:
    """The variance: the mean squared distance from the mean, over N - `correction`."""
    return _var(x, axis=axis, correction=correction, keepdims=keepdims)


@speaks_for(np.std, a="x", ddof="correction")
def std(x: Any, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Any:
    """The standard deviation, the square root of `var`."""
    return _std(x, axis=axis, correction=correction, keepdims=keepdims)


# Extremes


def _extreme_rule(g: Any, x: Any, out: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    reached = equal(x, kept(out, shape, axis))
    ties = sum(reached, axis, keepdims=True)
    return where(reached, kept(g, shape, axis) / ties.astype(g.dtype), 0)


_max = primitive(lambda x, *, axis, keepdims: np.max(x, axis, keepdims=keepdims), _extreme_rule, name="max")
_min = primitive(lambda x, *, axis, keepdims: np.min(x, axis, keepdims=keepdims), _extreme_rule, name="min")


@speaks_for(np.max, np.amax, a="x")
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element."""
    return _max(x, axis=axis, keepdims=keepdims)


@speaks_for(np.min, np.amin, a="x")
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element."""
    return _min(x, axis=axis, keepdims=keepdims)


def _logsumexp_raw(x: Any, *, axis: Axis, keepdims: bool) -> Any:
    x = np.asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    largest = np.max(x, axis, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):  # the log of an empty sum is -inf
        out = np.log(np.sum(np.exp(x - largest), axis, keepdims=True)) + largest
    return out if keepdims else out.reshape(np.sum(x, axis).shape)[()]


def _logsumexp_rule(g: Any, x: Any, out: Any, shape: tuple[int, ...], axis: Axis) -> Any:
    return kept(g, shape, axis) * exp(x - kept(lifted(out), shape, axis))


_logsumexp = primitive(_logsumexp_raw, _logsumexp_rule, name="logsumexp")


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))`, without overflow: the largest element is taken out first."""
    return _logsumexp(x, axis=axis, keepdims=keepdims)


# Norms


def _norm_rule(g: Any, x: Any, out: Any, shape: tuple[int, ...], axis: Axis, ord: Any) -> Any:
    g, out = kept(g, shape, axis), kept(out, shape, axis)
    if ord == 1:
        return g * sign(x)
    divisor = where(equal(out, 0), 1, out)
    if ord == 2:
        return g * (x / divisor)
    return g * (sign(x) * (_abs(x) / divisor) ** (ord - 1))


_norm = primitive(
    lambda x, *, ord, axis, keepdims: np.linalg.norm(x, None if ord == 2 else ord, axis, keepdims),
    _norm_rule,
    name="norm",
)


@speaks_for(np.linalg.norm)
def norm(x: Any, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The norm of a vector, or of a matrix where `axis` names two dimensions.

    `ord` is None or 2 (the root of the summed squares), 1, another positive number p, inf or -inf for vectors;
    None, "fro", 1, -1, inf or -inf for matrices. Raises ValueError for other orders.
    """
    ndim = np.ndim(x)
    if not isinstance(x, Tensor):
        x = np.asarray(x)
    if x.dtype.kind != "f":
        x = astype(x, np.float64)
    if ord is None:
        return _norm(x, ord=2, axis=axis, keepdims=keepdims)
    axes = normalized(axis, ndim)
    if len(axes) == 1 and not isinstance(ord, str):
        if math.isinf(ord):
            return (max if ord > 0 else min)(_abs(x), axes[0], keepdims)
        if ord > 0:
            return _norm(x, ord=ord, axis=axis, keepdims=keepdims)
    if len(axes) == 2:
        if ord == "fro":
            return _norm(x, ord=2, axis=axis, keepdims=keepdims)
        if ord in (1, -1, math.inf, -math.inf):
            inner, outer = axes if math.isfinite(ord) else axes[::-1]
            out = (max if ord > 0 else min)(sum(_abs(x), inner), outer - (outer > inner))
            return kept(out, np.shape(x), axes) if keepdims else out
    raise ValueError(
        f"norm: ord={ord!r} over {len(axes)} dimensions has no gradient rule here; vectors take None, a positive "
        "number, inf or -inf, and matrices None, 'fro', 1, -1, inf or -inf"
    )


# Without a gradient

_any = constant(lambda x, *, axis, keepdims: np.any(x, axis, keepdims=keepdims), name="any")
_all = constant(lambda x, *, axis, keepdims: np.all(x, axis, keepdims=keepdims), name="all")
_argmax = constant(lambda x, *, axis, keepdims: np.argmax(x, axis, keepdims=keepdims), name="argmax")
_argmin = constant(lambda x, *, axis, keepdims: np.argmin(x, axis, keepdims=keepdims), name="argmin")
_count_nonzero = constant(
    lambda x, *, axis, keepdims: np.count_nonzero(x, axis, keepdims=keepdims), name="count_nonzero"
)


@speaks_for(np.any, a="x")
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any element is true. It has no gradient."""
    return _any(x, axis=axis, keepdims=keepdims)


@speaks_for(np.all, a="x")
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all elements are true. It has no gradient."""
    return _all(x, axis=axis, keepdims=keepdims)


@speaks_for(np.argmax, a="x")
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the first largest element, counted in the flattened array for None. It has no gradient."""
    return _argmax(x, axis=axis, keepdims=keepdims)


@speaks_for(np.argmin, a="x")
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the first smallest element, counted in the flattened array for None. It has no gradient."""
    return _argmin(x, axis=axis, keepdims=keepdims)


@speaks_for(np.count_nonzero, a="x")
def count_nonzero(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """How many elements are not zero. It has no gradient."""
    return _count_nonzero(x, axis=axis, keepdims=keepdims)
