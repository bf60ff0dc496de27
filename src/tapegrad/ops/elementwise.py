"""Elementwise ops. Ufuncs record under NumPy's names; here they have the Array API's where it has one.

Where a derivative is undefined, one choice is made throughout: ties of maximum and minimum are shared,
`abs'(0) = 0`, `hypot'(0, 0) = 0`, and a bound of `clip` belongs to the inside.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..primitive import constant, primitive
from ._numpy import speaks_for

if TYPE_CHECKING:
    import builtins

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "clip",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "divide",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "nan_to_num",
    "negative",
    "not_equal",
    "positive",
    "pow",
    "rad2deg",
    "reciprocal",
    "remainder",
    "rint",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
    "where",
]

# Arithmetic

add = primitive(np.add, lambda g: g, lambda g: g)
subtract = primitive(np.subtract, lambda g: g, lambda g: -g)
multiply = primitive(np.multiply, lambda g, y: g * y, lambda g, x: g * x)
divide = primitive(np.divide, lambda g, y: g / y, lambda g, out, y: -(g * out) / y)
negative = primitive(np.negative, lambda g: -g)
positive = primitive(np.positive, lambda g: g)
reciprocal = primitive(np.reciprocal, lambda g, out: -g * (out * out))
square = primitive(np.square, lambda g, x: g * (2 * x))
sqrt = primitive(np.sqrt, lambda g, out: g * 0.5 / out)
cbrt = primitive(np.cbrt, lambda g, out: g / (3 * (out * out)))
remainder = primitive(np.remainder, lambda g: g, lambda g, x, y: -g * floor_divide(x, y))
fmod = primitive(np.fmod, lambda g: g, lambda g, x, y: -g * trunc(x / y))


def _power_x(g: Any, x: Any, y: Any) -> Any:
    # At y = 0 the slope is 0 everywhere, and 0 * x**-1 would be NaN at x = 0.
    if type(x) is float:
        x = np.float64(x)  # Python's own power raises where NumPy's is infinite
    if isinstance(y, int | float):
        return g * (y * x ** (y - 1)) if y else g * (0 * x)
    return g * (y * x ** where(equal(y, 0), 1, y - 1))


def _power_y(g: Any, out: Any, x: Any) -> Any:
    return g * (out * log(where(equal(x, 0), 1, x)))


pow = primitive(np.power, _power_x, _power_y, name="pow")
# `x ** y` of arrays is not np.power: NumPy turns x**2 into square and x**0.5 into sqrt.
operator_pow = primitive(operator.pow, _power_x, _power_y, broadcasts=True)

# Exponentials and logarithms

exp = primitive(np.exp, lambda g, out: g * out)
exp2 = primitive(np.exp2, lambda g, out: g * (out * math.log(2)))
expm1 = primitive(np.expm1, lambda g, out: g * (out + 1))
log = primitive(np.log, lambda g, x: g / x)
log2 = primitive(np.log2, lambda g, x: g / (x * math.log(2)))
log10 = primitive(np.log10, lambda g, x: g / (x * math.log(10)))
log1p = primitive(np.log1p, lambda g, x: g / (x + 1))


def lifted(x: Any) -> Any:
    """`x` with 0 for -inf, the logarithm of 0: -inf less itself would be NaN."""
    return where(equal(x, -math.inf), 0, x)


# exp(x - out) is the share of x; out = -inf only when both are, and then the difference would be NaN.
logaddexp = primitive(
    np.logaddexp,
    lambda g, out, x: g * exp(x - lifted(out)),
    lambda g, out, y: g * exp(y - lifted(out)),
)
logaddexp2 = primitive(
    np.logaddexp2,
    lambda g, out, x: g * exp2(x - lifted(out)),
    lambda g, out, y: g * exp2(y - lifted(out)),
)

# Trigonometric and hyperbolic functions

sin = primitive(np.sin, lambda g, x: g * cos(x))
cos = primitive(np.cos, lambda g, x: -g * sin(x))
tan = primitive(np.tan, lambda g, out: g * (1 + out * out))
asin = primitive(np.arcsin, lambda g, x: g / sqrt(1 - x * x), name="asin")
acos = primitive(np.arccos, lambda g, x: -g / sqrt(1 - x * x), name="acos")
atan = primitive(np.arctan, lambda g, x: g / (1 + x * x), name="atan")
atan2 = primitive(
    np.arctan2,
    lambda g, x, y: g * y / (x * x + y * y),
    lambda g, x, y: -g * x / (x * x + y * y),
    name="atan2",
)
sinh = primitive(np.sinh, lambda g, x: g * cosh(x))
cosh = primitive(np.cosh, lambda g, x: g * sinh(x))
tanh = primitive(np.tanh, lambda g, out: g * (1 - out * out))
asinh = primitive(np.arcsinh, lambda g, x: g / sqrt(x * x + 1), name="asinh")
acosh = primitive(np.arccosh, lambda g, x: g / sqrt((x - 1) * (x + 1)), name="acosh")
atanh = primitive(np.arctanh, lambda g, x: g / (1 - x * x), name="atanh")
deg2rad = primitive(np.deg2rad, lambda g: g * (math.pi / 180))
rad2deg = primitive(np.rad2deg, lambda g: g * (180 / math.pi))
primitive(np.radians, lambda g: g * (math.pi / 180))
primitive(np.degrees, lambda g: g * (180 / math.pi))


def _nonzero(x: Any) -> Any:
    """`x` with 1 for 0, to divide by where the numerator is 0 as well."""
    return where(equal(x, 0), 1, x)


hypot = primitive(np.hypot, lambda g, out, x: g * x / _nonzero(out), lambda g, out, y: g * y / _nonzero(out))

# Magnitudes, bounds and choices

abs = primitive(np.absolute, lambda g, x: g * sign(x), name="abs")
primitive(np.fabs, lambda g, x: g * sign(x))
copysign = primitive(np.copysign, lambda g, out, x: g * (sign(out) * sign(x)), None)


def _share(x: Any, y: Any, out: Any) -> Any:
    """How much of `out`, the larger or smaller of `x` and `y`, is `x`: 1, 0, or a half where they tie."""
    return where(equal(x, out), where(equal(y, out), 0.5, 1.0), 0.0)


def _choice(function: np.ufunc) -> Any:
    return primitive(
        function,
        lambda g, x, y, out: g * _share(x, y, out),
        lambda g, x, y, out: g * _share(y, x, out),
    )


maximum = _choice(np.maximum)
minimum = _choice(np.minimum)
fmax = _choice(np.fmax)
fmin = _choice(np.fmin)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


_where_op = primitive(
    _where,
    None,
    lambda g, condition: where(condition, g, 0),
    lambda g, condition: where(condition, 0, g),
    name="where",
    broadcasts=True,
)


@speaks_for(np.where)
def where(condition: Any, x: Any, y: Any) -> Any:
    """`x` where `condition` holds, and `y` elsewhere; the three broadcast together."""
    return _where_op(condition, x, y)


def _clip(x: Any, lower: Any, upper: Any) -> Any:
    return np.clip(x, lower, upper)


def _inside(x: Any, lower: Any, upper: Any) -> Any:
    above = True if lower is None else greater_equal(x, lower)
    below = True if upper is None else less_equal(x, upper)
    return logical_and(above, below)


_clip_op = primitive(
    _clip,
    lambda g, x, lower, upper: where(_inside(x, lower, upper), g, 0),
    # NumPy clips to the lower bound first, so that where the bounds cross the upper one wins.
    lambda g, x, lower, upper: where(_inside(maximum(x, lower), None, upper), where(less(x, lower), g, 0), 0),
    lambda g, x, lower, upper: where(greater(x if lower is None else maximum(x, lower), upper), g, 0),
    name="clip",
    broadcasts=True,
)


@speaks_for(np.clip, a="x", a_min="min", a_max="max")
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """`x` with what is below `min` or above `max` set to that bound; None is no bound."""
    return _clip_op(x, min, max)


def _nan_to_num(x: Any, *, nan: Any, posinf: Any, neginf: Any) -> Any:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


_nan_to_num_op = primitive(_nan_to_num, lambda g, x: where(isfinite(x), g, 0), name="nan_to_num")


@speaks_for(np.nan_to_num)
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """`x` with NaN and the infinities replaced by numbers, through which no gradient flows."""
    return _nan_to_num_op(x, nan=nan, posinf=posinf, neginf=neginf)


# Without a gradient: flat almost everywhere, or not real-valued

sign = constant(np.sign)
floor = constant(np.floor)
ceil = constant(np.ceil)
trunc = constant(np.trunc)
rint = constant(np.rint)
floor_divide = constant(np.floor_divide)
heaviside = constant(np.heaviside)
signbit = constant(np.signbit)
isfinite = constant(np.isfinite)
isinf = constant(np.isinf)
isnan = constant(np.isnan)
equal = constant(np.equal)
not_equal = constant(np.not_equal)
less = constant(np.less)
less_equal = constant(np.less_equal)
greater = constant(np.greater)
greater_equal = constant(np.greater_equal)
logical_and = constant(np.logical_and)
logical_or = constant(np.logical_or)
logical_xor = constant(np.logical_xor)
logical_not = constant(np.logical_not)
bitwise_and = constant(np.bitwise_and)
bitwise_or = constant(np.bitwise_or)
bitwise_xor = constant(np.bitwise_xor)
bitwise_invert = constant(np.invert, name="bitwise_invert")
bitwise_left_shift = constant(np.left_shift, name="bitwise_left_shift")
bitwise_right_shift = constant(np.right_shift, name="bitwise_right_shift")
_round = constant(np.round, name="round")


@speaks_for(np.round, np.around, a="x")
def round(x: Any, decimals: builtins.int = 0) -> Any:
    """`x` rounded to `decimals` places, halves to even. It has no gradient."""
    return _round(x, decimals=decimals)
