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
def _bits(context: Any, x: Any) -> Any:
    """The bits of a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def _power_of_two(context: Any, n: Any) -> Any:
    """The float32 2**(n - 127), of the last eight bits of an int32; the ninth is its sign."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.shl(arguments[0], ir.Constant(ir.IntType(32), 23)), ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def _half(context: Any, n: Any) -> Any:
    """Half of an int32 that is not negative, rounded down."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.lshr(arguments[0], ir.Constant(ir.IntType(32), 1))

    return types.int32(types.int32), generate


@intrinsic
def _signed(context: Any, size: Any, x: Any) -> Any:
    """A float32 that is not negative, with the sign of `x`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        size, x = (builder.bitcast(argument, number) for argument in arguments)
        sign = builder.and_(x, ir.Constant(number, 0x80000000))
        return builder.bitcast(builder.or_(size, sign), ir.FloatType())

    return types.float32(types.float32, types.float32), generate


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
_E0, _E1, _E2 = _F(1.9875691500e-4), _F(1.3981999507e-3), _F(8.3334519073e-3)
_E3, _E4, _E5 = _F(4.1665795894e-2), _F(1.6666665459e-1), _F(5.0000001201e-1)
_LARGEST, _SMALLEST = _F(89.0), _F(-104.0)  # beyond which exp is infinite, and zero
_ONE, _TWO, _HALF, _ZERO = _F(1), _F(2), _F(0.5), _F(0)
# What is added to 1.5 * 2**23 is rounded to a whole number, and stands in the last bits, here with the bias of a
# float32's exponent, or twice that.
_ROUND, _ROUND_TWICE = _F(12582912.0 + 127), _F(12582912.0 + 254)


@contracted
def exp(x):
    """e to the power of x."""
    t = min(x, _LARGEST)  # in this order NaN stays
    t = max(t, _SMALLEST)
    rounded = t * _LOG2_E + _ROUND_TWICE
    n = rounded - _ROUND_TWICE
    r = t - n * _LN2_HIGH - n * _LN2_LOW
    y = ((((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5) * r + _ONE) * r + _ONE
    # 2**n in two factors: one alone would overflow where the result does not, and lose subnormal results.
    both = _bits(rounded)
    half = _half(both)
    return y * _power_of_two(half) * _power_of_two(both - half)


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
_FLAT = _F(18.5)  # twice the number from which on tanh is 1


@contracted
def tanh(x):
    """The hyperbolic tangent."""
    size = abs(x)
    z = x * x
    near = ((((_T0 * z + _T1) * z + _T2) * z + _T3) * z + _T4) * z * size + size
    # 1 - 2 / (exp(2 * size) + 1), with an exp that needs no care for what is very large or small.
    t = size + size
    t = min(t, _FLAT)
    rounded = t * _LOG2_E + _ROUND
    n = rounded - _ROUND
    r = t - n * _LN2_HIGH - n * _LN2_LOW
    e = ((((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5) * r + _ONE) * r + _ONE
    far = _ONE - _TWO / (e * _power_of_two(_bits(rounded)) + _ONE)
    return _signed(near if size < _NEAR else far, x)


@contracted
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    e = exp(-x if x > _ZERO else x)
    s = _ONE / (_ONE + e)
    return s if x > _ZERO else e * s
