"""exp, log, tanh and the logistic function of a float32, made of arithmetic alone, so that loops over them vectorise.

The libraries' functions are calls, which keep a loop from using vector instructions. These reduce the argument to a
short interval, where a polynomial does, with the coefficients of Moshier's Cephes library. They are within three units
in the last place, and treat infinities, NaN, zeros and subnormal numbers as NumPy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .values import BITS, NUMBER, Value

_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.44269504088896341, 0.693359375, -2.12194440e-4
# What is added to 1.5 * 2**23 is rounded to a whole number, and stands in the last bits: here with the bias of a
# float32's exponent, or twice that. The other bits of such a sum end in zeros, which a shift to the exponent drops.
_WHOLE, _WHOLE_TWO_BIASES = 12582912.0 + 127, 12582912.0 + 254
_EXP = (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.0, 1.0,
)  # fmt: skip
_LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_TANH = -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1


def exp(x: Value) -> Value:
    """e to the power of x."""
    x = x.contracted()
    t = (x > 89.0).choose(89.0, x)  # beyond which it is infinite; NaN stays
    t = (t < -104.0).choose(-104.0, t)  # beyond which it is zero
    rounded, y = _reduced(t, _WHOLE_TWO_BIASES)
    # 2**n in two factors: one alone would overflow where the result does not, and lose subnormal results.
    both = _bits(rounded)
    half = x.builder.lshr(both, x.constant(BITS(1)))
    return y * _power_of_two(x, half) * _power_of_two(x, x.builder.sub(both, half))


def tanh(x: Value) -> Value:
    """The hyperbolic tangent."""
    x = x.contracted()
    size = abs(x)
    z = x * x
    near = _polynomial(z, _TANH) * z * size + size
    # 1 - 2 / (exp(2 * size) + 1), with an exp that needs no care for what is very large or small: tanh is 1 soon.
    t = size + size
    rounded, y = _reduced((t > 18.5).choose(18.5, t), _WHOLE)
    far = 1.0 - 2.0 / (y * _power_of_two(x, _bits(rounded)) + 1.0)
    return _signed((size < 0.625).choose(near, far), x)


def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    x = x.contracted()
    positive = x > 0.0
    e = exp(positive.choose(-x, x))
    s = 1.0 / (1.0 + e)
    return positive.choose(s, e * s)


def log(x: Value) -> Value:
    """The natural logarithm."""
    x = x.contracted()
    small = x < 2.0**-126  # such numbers have fewer digits
    v = small.choose(x * 2.0**23, x)
    exponent = _exponent(v) - small.choose(23.0, 0.0)
    m = _fraction(v)
    low = m < 0.707106781186547524
    n = low.choose(exponent - 1.0, exponent)
    r = low.choose(m + m, m) - 1.0
    z = r * r
    y = _polynomial(r, _LOG) * r * z + n * _LN2_LOW - 0.5 * z
    y = r + y + n * _LN2_HIGH
    y = (x < np.inf).choose(y, x)  # and NaN
    y = (x < 0.0).choose(np.nan, y)
    return (abs(x) <= 0.0).choose(-np.inf, y)


def _reduced(t: Value, whole: float) -> tuple[Value, Value]:
    """exp(t) as 2**n * y: `n + whole`, one of the numbers that round when they are added, and y."""
    rounded = t * _LOG2_E + whole
    n = rounded - whole
    return rounded, _polynomial(t - n * _LN2_HIGH - n * _LN2_LOW, _EXP)


def _polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    result: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result  # type: ignore[no-any-return]


# Bits of numbers, as values of LLVM


def _bits(x: Value) -> Any:
    return x.builder.bitcast(x.value, x.as_kind(BITS))


def _number(like: Value, bits: Any) -> Value:
    return like.new(like.builder.bitcast(bits, like.as_kind(NUMBER)))


def _power_of_two(like: Value, n: Any) -> Value:
    """2**(n - 127), of the last eight bits of `n`; the ninth, which would be the sign, is zero."""
    return _number(like, like.builder.shl(n, like.constant(BITS(23))))


def _signed(size: Value, x: Value) -> Value:
    """A number that is not negative, with the sign of `x`."""
    b = x.builder
    return _number(x, b.or_(_bits(size), b.and_(_bits(x), x.constant(BITS(0x80000000)))))


def _exponent(x: Value) -> Value:
    """Where the binary point of a positive number is: n for 2**(n - 1) <= x < 2**n."""
    b = x.builder
    whole = b.sub(b.lshr(_bits(x), x.constant(BITS(23))), x.constant(BITS(126)))
    return x.new(b.sitofp(whole, x.as_kind(NUMBER)))


def _fraction(x: Value) -> Value:
    """A positive number, brought to between a half and one by a power of two."""
    b = x.builder
    return _number(x, b.or_(b.and_(_bits(x), x.constant(BITS(0x007FFFFF))), x.constant(BITS(0x3F000000))))
