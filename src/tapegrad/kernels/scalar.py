"""exp, log, tanh and the logistic function of one float32, made of arithmetic alone, so that loops over them vectorise.

The libraries' functions are calls, which keep a loop from using vector instructions. These reduce the argument to a
short interval, where a polynomial does, with the coefficients of Moshier's Cephes library. They are within three units
in the last place, and treat infinities, NaN, zeros and subnormal numbers as NumPy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import contracted

_F = np.float32


@intrinsic
def _number(context: Any, bits: Any) -> Any:
    """The float32 of these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def _whole(context: Any, x: Any) -> Any:
    """A float32 that is a whole number, as an int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fptosi(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def _shifted(context: Any, x: Any, by: Any) -> Any:
    """An int32 shifted to the left, or to the right by a negative number, which is constant."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.shl(*arguments)

    return types.int32(types.int32, types.int32), generate


@intrinsic
def _exponent(context: Any, x: Any) -> Any:
    """Where the binary point of a positive float32 is: n for 2**(n - 1) <= x < 2**n."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        bits = builder.lshr(builder.bitcast(arguments[0], number), ir.Constant(number, 23))
        return builder.sitofp(builder.sub(bits, ir.Constant(number, 126)), ir.FloatType())

    return types.float32(types.float32), generate


@intrinsic
def _fraction(context: Any, x: Any) -> Any:
    """A positive float32, brought to between a half and one by a power of two."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        bits = builder.and_(builder.bitcast(arguments[0], number), ir.Constant(number, 0x007FFFFF))
        return builder.bitcast(builder.or_(bits, ir.Constant(number, 0x3F000000)), ir.FloatType())

    return types.float32(types.float32), generate


_LOG2_E, _LN2_HIGH, _LN2_LOW = _F(1.44269504088896341), _F(0.693359375), _F(-2.12194440e-4)
_ROUND = _F(12582912.0)  # 1.5 * 2**23: what is added to it is rounded to a whole number
_E0, _E1, _E2 = _F(1.9875691500e-4), _F(1.3981999507e-3), _F(8.3334519073e-3)
_E3, _E4, _E5 = _F(4.1665795894e-2), _F(1.6666665459e-1), _F(5.0000001201e-1)
_LARGEST, _SMALLEST = _F(89.0), _F(-104.0)  # beyond which exp is infinite, and zero
_ONE, _TWO, _HALF, _ZERO = _F(1), _F(2), _F(0.5), _F(0)
_BIAS, _FRACTION = np.int32(127), np.int32(23)


@contracted
def exp(x):
    """e to the power of x."""
    t = min(_LARGEST, x)
    t = max(_SMALLEST, t)
    n = (t * _LOG2_E + _ROUND) - _ROUND
    r = t - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
    y = p * (r * r) + r + _ONE
    # 2**n in two factors: one alone would overflow where the result does not, and lose subnormal results.
    half = (n * _HALF + _ROUND) - _ROUND
    y = y * _number(_shifted(_whole(half) + _BIAS, _FRACTION)) * _number(_shifted(_whole(n - half) + _BIAS, _FRACTION))
    return x if x != x else y


_L0, _L1, _L2 = _F(7.0376836292e-2), _F(-1.1514610310e-1), _F(1.1676998740e-1)
_L3, _L4, _L5 = _F(-1.2420140846e-1), _F(1.4249322787e-1), _F(-1.6668057665e-1)
_L6, _L7, _L8 = _F(2.0000714765e-1), _F(-2.4999993993e-1), _F(3.3333331174e-1)
_NORMAL, _UP, _PLACES = _F(2.0**-126), _F(2.0**23), _F(23)  # below the first, numbers have fewer digits
_ROOT, _INFINITY, _NOTHING = _F(0.707106781186547524), _F(np.inf), _F(np.nan)


@contracted
def log(x):
    """The natural logarithm."""
    v = x * _UP if x < _NORMAL else x
    n = _exponent(v) - (_PLACES if x < _NORMAL else _ZERO)
    m = _fraction(v)
    n = n - _ONE if m < _ROOT else n
    r = (m + m if m < _ROOT else m) - _ONE
    z = r * r
    p = ((((_L0 * r + _L1) * r + _L2) * r + _L3) * r + _L4) * r + _L5
    p = ((p * r + _L6) * r + _L7) * r + _L8
    y = p * r * z + n * _LN2_LOW - _HALF * z
    y = r + y + n * _LN2_HIGH
    y = y if x < _INFINITY else x  # and NaN
    y = _NOTHING if x < _ZERO else y
    return -_INFINITY if x == _ZERO else y


_T0, _T1, _T2 = _F(-5.70498872745e-3), _F(2.06390887954e-2), _F(-5.37397155531e-2)
_T3, _T4, _NEAR = _F(1.33314422036e-1), _F(-3.33332819422e-1), _F(0.625)


@contracted
def tanh(x):
    """The hyperbolic tangent."""
    z = x * x
    near = ((((_T0 * z + _T1) * z + _T2) * z + _T3) * z + _T4) * z * x + x
    size = x if x > _ZERO else -x
    far = _ONE - _TWO / (exp(size + size) + _ONE)
    far = far if x > _ZERO else -far
    y = near if size < _NEAR else far
    return x if x != x or x == _ZERO else y  # NaN, and zeros of either sign, are what they were


@contracted
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    e = exp(-x if x > _ZERO else x)
    s = _ONE / (_ONE + e)
    return s if x > _ZERO else e * s
