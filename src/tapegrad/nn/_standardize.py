"""The ops under the normalisation layers: numbers less their mean and over the root of their variance, and a scale.

Let P put the mean along `axes` in place of each number, and

    u = r (x - P x)    with    r = 1 / sqrt(P (x - P x)^2 + eps)

The derivative of u by x is `J g = r (g - P g - u P(g u))`. It is its own transpose, so it is the gradient too; and its
own derivative by x, `_gradient_by_x`, is made of u and J again. What is learned, `params`, is a scale w and a shift b
for the last dimensions of x. The ops are `u w + b`, the gradient for x of it, `J (y w)`, and the gradient for
`params`, the sums of `g u` and of `g` over the first dimensions. Their rules are made of each other, so every order
exists.

For matrices of float32 and float64 there are kernels, which pass over memory once where NumPy passes many times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.choice import serves
from ..ops.elementwise import sqrt
from ..ops.reduction import mean
from ..ops.reduction import sum as summed
from ..ops.shape import stack
from ..primitive import constant, primitive

if TYPE_CHECKING:
    from types import ModuleType

    Axes = tuple[int, ...]


def _kernels(axes: Axes, *arrays: Any) -> ModuleType | None:
    """The compiled kernels, where there are any for these arrays and numba is not switched off."""
    (x, *others) = arrays
    if x.ndim == 2 and x.size and len(axes) == 1 and serves(x.dtype) and all(a.dtype == x.dtype for a in others):
        from ..kernels import standardize

        return standardize
    return None


def _average(x: Any, axes: Axes) -> Any:
    """P x, with one number instead of those that are equal."""
    return mean(x, axes, keepdims=True)


def _moments_raw(x: Any, *, axes: Axes) -> Any:
    kernels = _kernels(axes, x)
    if kernels is not None:
        return kernels.moments(x, axes[0])
    centre = _average(x, axes)
    return np.stack([centre, _average((x - centre) ** 2, axes)])


def _normalize_raw(x: Any, params: Any, centre: Any, scale: Any, *, axes: Axes, eps: float) -> Any:
    kernels = _kernels(axes, x, params, centre, scale)
    if kernels is not None:
        return kernels.normalize(x, params, centre, scale, axes[0])
    return (x - centre) * scale * params[0] + params[1]


def _gradient_raw(y: Any, x: Any, params: Any, centre: Any, scale: Any, *, axes: Axes, eps: float) -> Any:
    kernels = _kernels(axes, x, y, params, centre, scale)
    if kernels is not None:
        return kernels.gradient(y, x, params, centre, scale, axes[0])
    u, z = (x - centre) * scale, y * params[0]
    return (z - _average(z, axes) - u * _average(z * u, axes)) * scale


def _sums_raw(y: Any, x: Any, centre: Any, scale: Any, *, axes: Axes, eps: float, learned: int) -> Any:
    kernels = _kernels(axes, x, y, centre, scale)
    if kernels is not None and learned == 1:
        return kernels.sums(y, x, centre, scale, axes[0])
    leading = tuple(range(x.ndim - learned))
    return np.stack([np.sum(y * ((x - centre) * scale), leading), np.sum(y, leading)])


def _plain(params: Any) -> Any:
    """A scale of 1 and a shift of 0, instead of `params`."""
    plain = np.zeros(np.shape(params), params.dtype)
    plain[0] = 1
    return plain


def _gradient_by_x(g: Any, y: Any, x: Any, params: Any, centre: Any, scale: Any, axes: Axes, eps: float) -> Any:
    """The gradient, by x, of the sum of `g * J (y w)`."""
    at, z = (x, _plain(params), centre, scale), y * params[0]
    u = _normalize(*at, axes=axes, eps=eps)
    r = 1 / sqrt(_average((x - _average(x, axes)) ** 2, axes) + eps)  # `scale`, recorded where that is asked for
    along_g, along_z = _average(g * u, axes), _average(z * u, axes)
    rest = _average(g * z, axes) - _average(g, axes) * _average(z, axes) - along_g * along_z
    of_g, of_z = (_gradient(each, *at, axes=axes, eps=eps) for each in (g, z))
    return -r * (u * (r * rest) + of_g * along_z + of_z * along_g)


def _gradient_by_params(g: Any, y: Any, x: Any, params: Any, centre: Any, scale: Any, axes: Axes, eps: float) -> Any:
    """The gradient, by `params`, of the sum of `g * J (y w)`: J is its own transpose, and the shift is not in it."""
    product = y * _gradient(g, x, _plain(params), centre, scale, axes=axes, eps=eps)
    total = summed(product, tuple(range(x.ndim - params.ndim + 1)))
    return stack([total, total * 0])


# `centre` and `scale` are P x and r, which depend on x: the rules for x count that in.
_normalize = primitive(
    _normalize_raw,
    lambda g, x, params, centre, scale, axes, eps: _gradient(g, x, params, centre, scale, axes=axes, eps=eps),
    lambda g, x, centre, scale, shape, axes, eps: _sums(
        g, x, centre, scale, axes=axes, eps=eps, learned=len(shape) - 1
    ),
    None,
    None,
    name="standardize",
)
_gradient = primitive(
    _gradient_raw,
    lambda g, x, params, centre, scale, axes, eps: (
        _gradient(g, x, _plain(params), centre, scale, axes=axes, eps=eps) * params[0]
    ),
    _gradient_by_x,
    _gradient_by_params,
    None,
    None,
    name="standardize_gradient",
)
_sums = primitive(
    _sums_raw,
    lambda g, x, centre, scale, axes, eps: _normalize(x, g, centre, scale, axes=axes, eps=eps),
    lambda g, y, x, centre, scale, axes, eps: _gradient(y, x, g, centre, scale, axes=axes, eps=eps),
    None,
    None,
    name="standardize_sums",
)
_moments = constant(_moments_raw, name="moments")


def standardize(x: Any, params: Any, axes: Axes, eps: float) -> tuple[Any, Any, Any]:
    """`x` standardised along `axes`, times `params[0]`, plus `params[1]`, which are for the last dimensions.

    Also gives the means and variances, with a 1 in place of `axes`, which are not recorded.
    """
    centre, variance = _moments(x, axes=axes)
    return _normalize(x, params, centre, 1 / sqrt(variance + eps), axes=axes, eps=eps), centre, variance
