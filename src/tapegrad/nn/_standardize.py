"""The ops under the normalisation layers: numbers less their mean and over the root of their variance; and a scale.

`x` is (N, S, C) with its C channels in equal groups. The numbers of one example and one group, all S places of
C / groups channels, share a mean and a variance. Let P put the mean of a group in place of each of its numbers, and

    u = r (x - P x)    with    r = 1 / sqrt(P (x - P x)^2 + eps)

The derivative of u by x is `J g = r (g - P g - u P(g u))`. It is its own transpose, so it is the gradient too; and its
own derivative by x, `_gradient_by_x`, is made of u and J again. So the two ops are closed, and every order exists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.elementwise import sqrt
from ..ops.product import einsum
from ..ops.reduction import mean
from ..ops.reduction import sum as summed
from ..ops.shape import broadcast_to, reshape
from ..primitive import constant, primitive


def _shared(averages: Any, groups: int) -> Any:
    """(N, C) -> (N, 1, C): the mean of each group of channels, for each of its channels."""
    count, channels = np.shape(averages)
    each = (count, groups, channels // groups)
    if groups < channels:
        averages = broadcast_to(mean(reshape(averages, each), 2, keepdims=True), each)
    return reshape(averages, (count, 1, channels))


def _average(x: Any, groups: int) -> Any:
    """P x, with one place instead of the S that are equal."""
    return _shared(mean(x, 1), groups)


def _average_of_product(x: Any, y: Any, groups: int) -> Any:
    """P(x y), without the array of products."""
    return _shared(einsum("nsc,nsc->nc", x, y) / np.shape(x)[1], groups)


# Arrays of the size of x are changed in place where they can be: making one takes longer than computing what is in it.


def _standardize_raw(x: Any, centre: Any, scale: Any, *, groups: int, eps: float) -> Any:
    u = x - centre
    u *= scale
    return u


def _gradient_raw(y: Any, x: Any, centre: Any, scale: Any, *, groups: int, eps: float) -> Any:
    result = _standardize_raw(x, centre, scale, groups=groups, eps=eps)
    result *= _average_of_product(y, result, groups)
    np.subtract(y, result, out=result)
    result -= _average(y, groups)
    result *= scale
    return result


def _gradient_by_x(g: Any, y: Any, x: Any, centre: Any, scale: Any, groups: int, eps: float) -> Any:
    """The gradient, by x, of the sum of `g * J y`."""
    u = _standardize(x, centre, scale, groups=groups, eps=eps)
    r = 1 / sqrt(_average((x - _average(x, groups)) ** 2, groups) + eps)  # `scale`, recorded where that is asked for
    along_g, along_y = _average_of_product(g, u, groups), _average_of_product(y, u, groups)
    rest = _average_of_product(g, y, groups) - _average(g, groups) * _average(y, groups) - along_g * along_y
    of_g, of_y = (_gradient(z, x, centre, scale, groups=groups, eps=eps) for z in (g, y))
    return -r * (u * (r * rest) + of_g * along_y + of_y * along_g)


# `centre` and `scale` are P x and r, which depend on x: the rules for x count that in.
_standardize = primitive(
    _standardize_raw,
    lambda g, x, centre, scale, groups, eps: _gradient(g, x, centre, scale, groups=groups, eps=eps),
    None,
    None,
    name="standardize",
)
_gradient = primitive(
    _gradient_raw,
    lambda g, x, centre, scale, groups, eps: _gradient(g, x, centre, scale, groups=groups, eps=eps),
    _gradient_by_x,
    None,
    None,
    name="standardize_gradient",
)
_centre = constant(lambda x, *, groups: _average(x, groups), name="mean_of_groups")


def _variance_raw(x: Any, centre: Any, *, groups: int) -> Any:
    centred = x - centre
    return _average_of_product(centred, centred, groups)


_variance = constant(_variance_raw, name="variance_of_groups")


def standardize(x: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    """`x` (N, S, C), standardised group by group; and the means and variances (N, 1, C), which are not recorded."""
    centre = _centre(x, groups=groups)
    variance = _variance(x, centre, groups=groups)
    return _standardize(x, centre, 1 / sqrt(variance + eps), groups=groups, eps=eps), centre, variance


def _scale_raw(x: Any, weight: Any, bias: Any) -> Any:
    y = x * weight
    y += bias
    return y


scale = primitive(
    _scale_raw,
    lambda g, weight: g * weight,
    lambda g, x: einsum("nc,nc->c", g, x),
    lambda g: summed(g, 0),
    name="scale_and_shift",
)
