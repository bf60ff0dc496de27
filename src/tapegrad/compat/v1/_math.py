"""Arithmetic and reductions: TensorFlow's names for tapegrad's elementwise ops, products and sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import activation, elementwise, product, shape
from ...primitive import primitive
from . import _dtypes as dtypes
from ._arguments import fixed
from ._nodes import convert, node, operands
from ._operators import binary, divided, true_divided

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "abs",
    "accumulate_n",
    "acos",
    "acosh",
    "add",
    "add_n",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cast",
    "ceil",
    "ceiling",
    "check_numerics",
    "cos",
    "cosh",
    "cross",
    "div",
    "div_no_nan",
    "divide",
    "einsum",
    "equal",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "floor_div",
    "floordiv",
    "floormod",
    "greater",
    "greater_equal",
    "is_finite",
    "is_inf",
    "is_nan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_sigmoid",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "matmul",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "realdiv",
    "reciprocal",
    "rint",
    "round",
    "rsqrt",
    "scalar_mul",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "squared_difference",
    "subtract",
    "tan",
    "tanh",
    "tensordot",
    "to_bfloat16",
    "to_double",
    "to_float",
    "to_int32",
    "to_int64",
    "truediv",
    "truncatediv",
    "truncatemod",
]


# --------------------------------------------------------------------------------------------------
# Elementwise, of one tensor


def unary(kind: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    """A function of one tensor, element by element."""

    def call(x: Any, name: str | None = None) -> Tensor:
        return node(kind, function, [x], name)  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = kind.lower()
    return call


abs = unary("Abs", elementwise.abs)
acos = unary("Acos", elementwise.acos)
acosh = unary("Acosh", elementwise.acosh)
asin = unary("Asin", elementwise.asin)
asinh = unary("Asinh", elementwise.asinh)
atan = unary("Atan", elementwise.atan)
atanh = unary("Atanh", elementwise.atanh)
ceil = unary("Ceil", elementwise.ceil)
ceiling = ceil
cos = unary("Cos", elementwise.cos)
cosh = unary("Cosh", elementwise.cosh)
exp = unary("Exp", elementwise.exp)
expm1 = unary("Expm1", elementwise.expm1)
floor = unary("Floor", elementwise.floor)
is_finite = unary("IsFinite", elementwise.isfinite)
is_inf = unary("IsInf", elementwise.isinf)
is_nan = unary("IsNan", elementwise.isnan)
log = unary("Log", elementwise.log)
log1p = unary("Log1p", elementwise.log1p)
log_sigmoid = unary("LogSigmoid", lambda x: -activation.softplus(-x))
logical_not = unary("LogicalNot", elementwise.logical_not)
negative = unary("Neg", elementwise.negative)
reciprocal = unary("Reciprocal", elementwise.reciprocal)
rint = unary("Rint", elementwise.rint)
round = unary("Round", elementwise.rint)  # halves go to the even neighbour
rsqrt = unary("Rsqrt", lambda x: 1 / elementwise.sqrt(x))
sigmoid = unary("Sigmoid", activation.sigmoid)
sign = unary("Sign", elementwise.sign)
sin = unary("Sin", elementwise.sin)
sinh = unary("Sinh", elementwise.sinh)
sqrt = unary("Sqrt", elementwise.sqrt)
square = unary("Square", elementwise.square)
tan = unary("Tan", elementwise.tan)
tanh = unary("Tanh", elementwise.tanh)


def _of_floats(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of Python's numbers for arrays; the result has the argument's dtype."""
    each = np.vectorize(function, otypes=[np.float64])
    return lambda x: each(x).astype(x.dtype)


_SLOPE = 2 / math.sqrt(math.pi)  # of erf at 0
_erf = primitive(_of_floats(math.erf), lambda g, x: g * (_SLOPE * elementwise.exp(-x * x)), name="erf")
erf = unary("Erf", _erf)
erfc = unary("Erfc", lambda x: 1 - _erf(x))


def _numeric_raw(x: Any, *, message: str) -> Any:
    if not np.isfinite(x).all():
        raise ValueError(f"{message} : Tensor had {'NaN' if np.isnan(x).any() else 'Inf'} values")
    return np.asarray(x)[...]


_numeric = primitive(_numeric_raw, lambda g: g, name="check_numerics")


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """`tensor`; a run raises InvalidArgumentError with `message` where it is NaN or infinite."""
    return node("CheckNumerics", _numeric, [tensor], name, message=message)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Elementwise, of two tensors

# Where the two tie, TensorFlow gives the whole gradient to the first.
larger = primitive(
    np.maximum,
    lambda g, x, y: elementwise.where(elementwise.greater_equal(x, y), g, 0),
    lambda g, x, y: elementwise.where(elementwise.greater_equal(x, y), 0, g),
    name="maximum",
)
smaller = primitive(
    np.minimum,
    lambda g, x, y: elementwise.where(elementwise.less_equal(x, y), g, 0),
    lambda g, x, y: elementwise.where(elementwise.less_equal(x, y), 0, g),
    name="minimum",
)


def _truncated(x: Any, y: Any) -> Any:
    """The quotient of whole numbers, rounded towards 0."""
    return shape.astype(elementwise.trunc(elementwise.divide(x, y)), x.dtype)


def _without_nan(x: Any, y: Any) -> Any:
    zero = elementwise.equal(y, 0)
    return elementwise.where(zero, 0, x / elementwise.where(zero, 1, y))


add = binary("Add", elementwise.add)
atan2 = binary("Atan2", elementwise.atan2)
div = binary("div", divided)
div_no_nan = binary("div_no_nan", _without_nan)
divide = binary("truediv", true_divided)
equal = binary("Equal", elementwise.equal)
floor_div = binary("FloorDiv", elementwise.floor_divide)
floordiv = binary("floordiv", elementwise.floor_divide)
floormod = binary("FloorMod", elementwise.remainder)
greater = binary("Greater", elementwise.greater)
greater_equal = binary("GreaterEqual", elementwise.greater_equal)
less = binary("Less", elementwise.less)
less_equal = binary("LessEqual", elementwise.less_equal)
logical_and = binary("LogicalAnd", elementwise.logical_and)
logical_or = binary("LogicalOr", elementwise.logical_or)
logical_xor = binary("LogicalXor", elementwise.logical_xor)
maximum = binary("Maximum", larger)
minimum = binary("Minimum", smaller)
mod = floormod
multiply = binary("Mul", elementwise.multiply)
not_equal = binary("NotEqual", elementwise.not_equal)
pow = binary("Pow", elementwise.pow)
realdiv = binary("RealDiv", elementwise.divide)
squared_difference = binary("SquaredDifference", lambda x, y: elementwise.square(x - y))
subtract = binary("Sub", elementwise.subtract)
truediv = binary("truediv", true_divided)
truncatediv = binary("TruncateDiv", _truncated)
truncatemod = binary("TruncateMod", elementwise.fmod)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """`x` times one number."""
    value = convert(x)
    return multiply(convert(scalar, value.dtype), value, name)


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of several tensors of one shape."""
    values = operands(*(inputs if isinstance(inputs, list | tuple) else [inputs]))
    if not values:
        raise ValueError("inputs must be an iterable of at least one Tensor of one dtype and shape")
    return values[0] if len(values) == 1 and name is None else node("AddN", total, values, name)  # type: ignore[no-any-return]


def total(*values: Any) -> Any:
    """The sum of values of one shape."""
    found = values[0]
    for value in values[1:]:
        found = elementwise.add(found, value)
    return found


def accumulate_n(
    inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Tensor:  # the names of its arguments
    """The sum of several tensors of one shape."""
    return add_n(inputs, name)


# --------------------------------------------------------------------------------------------------
# Dtypes


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`x` as another dtype; `x` itself if it has it already."""
    value, kind = convert(x), dtypes.as_dtype(dtype)
    return value if value.dtype == kind else node("Cast", shape.astype, [value], name, dtype=kind.dtype)


def _to(dtype: dtypes.DType, label: str) -> Callable[..., Tensor]:
    def call(x: Any, name: str = label) -> Tensor:
        return cast(x, dtype, name)

    return call


to_bfloat16 = _to(dtypes.float16, "ToBFloat16")  # the nearest dtype that NumPy has
to_double = _to(dtypes.float64, "ToDouble")
to_float = _to(dtypes.float32, "ToFloat")
to_int32 = _to(dtypes.int32, "ToInt32")
to_int64 = _to(dtypes.int64, "ToInt64")


# --------------------------------------------------------------------------------------------------
# Products


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of matrices, or of two stacks of them: `(..., M, K), (..., K, N) -> (..., M, N)`."""
    first, second = transpose_a or adjoint_a, transpose_b or adjoint_b
    inputs = operands(a, b)
    shapes = [x.shape.sizes for x in inputs]
    if None not in shapes and min(map(len, shapes)) >= 2:  # type: ignore[arg-type]
        one, other = shapes[0][-2 if first else -1], shapes[1][-1 if second else -2]  # type: ignore[index]
        if None not in (one, other) and one != other:
            raise ValueError(
                f"Dimensions must be equal, but are {one} and {other} for '{name or 'MatMul'}' (op: 'MatMul') with "
                f"input shapes: {inputs[0].shape}, {inputs[1].shape}."
            )
    return node("MatMul", _matmul, inputs, name, sample=_matmul_sample, first=first, second=second)  # type: ignore[no-any-return]


def _matmul_sample(a: Any, b: Any, *, first: bool, second: bool) -> Any:
    sizes = a.shape[-1 if first else -2], b.shape[-2 if second else -1]
    return np.broadcast_to(np.zeros((), a.dtype), (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *sizes))


def _matmul(a: Any, b: Any, *, first: bool, second: bool) -> Any:
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(
            f"matmul: expected matrices, got shapes {a.shape} and {b.shape}; tf.expand_dims makes a vector one, and "
            "tf.tensordot multiplies vectors"
        )
    a = shape.swapaxes(a, -1, -2) if first else a
    b = shape.swapaxes(b, -1, -2) if second else b
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul: dimensions must be equal, but are {a.shape[-1]} and {b.shape[-2]} for {a.shape} "
                         f"and {b.shape}")  # fmt: skip
    return product.matmul(a, b)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Sums of products over pairs of dimensions: `axes` is a pair of lists, or how many of a's last and b's first."""
    pairs = fixed(axes, "axes")
    if isinstance(pairs, list):
        pairs = tuple(tuple(one) if isinstance(one, list) else (one,) for one in pairs)
    return node("Tensordot", lambda a, b: product.tensordot(a, b, pairs), operands(a, b), name)  # type: ignore[no-any-return]


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    """Sums of products named by labels, as in `einsum("ij,jk->ik", x, y)`."""
    return node("einsum", lambda *arrays: product.einsum(equation, *arrays, optimize=True), operands(*inputs), name)  # type: ignore[no-any-return]


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The vectors that stand upright on both, of vectors of three numbers along the last dimension."""
    a, b = operands(a, b)
    for x in (a, b):
        if x.shape.ndims is not None and x.shape[-1].value not in (None, 3):
            raise ValueError(f"cross: expected 3 numbers along the last dimension, got shape {x.shape}")
    return node("Cross", _cross, [a, b], name)  # type: ignore[no-any-return]


def _cross(a: Any, b: Any) -> Any:
    (a_0, a_1, a_2), (b_0, b_1, b_2) = ([x[..., i] for i in range(3)] for x in (a, b))
    parts = (a_1 * b_2 - a_2 * b_1, a_2 * b_0 - a_0 * b_2, a_0 * b_1 - a_1 * b_0)
    return shape.stack(parts, -1) if any(hasattr(x, "_array") for x in (a, b)) else np.stack(parts, -1)
