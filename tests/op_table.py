"""One row for every public op: what NumPy says that it does, samples to try it on, and inputs that it must refuse.

`test_ops.py` drives every check of every row, and `mutate_rules.py` breaks every rule and asks whether they notice.
To cover a new op, add a row.

    row("tanh", np.tanh, unary())
    ^ ours      ^ the reference, which is also NumPy's spelling of it and must take Tensors, unless numpy=False

In a sample, float64 arrays are differentiated, also inside a list. Numbers and parameters stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import naive_convolution as naive
import naive_pooling
import numpy as np

import tapegrad as tg
from tapegrad.errors import DTypeError, ShapeError
from tapegrad.ops._matrices import large_product
from tapegrad.testing import check_gradients


@dataclass(frozen=True)
class Sample:
    """A call: `function(*arguments, **parameters)`."""

    arguments: tuple[Any, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    smooth: bool = True  # whether finite differences can tell the gradient here

    def __str__(self) -> str:
        named = [f"{name}={_short(value)}" for name, value in self.parameters.items()]
        return ",".join([*map(_short, self.arguments), *named]) + ("" if self.smooth else "!")


@dataclass(frozen=True)
class Bad:
    """A call that must raise `error`, with a message (or a note) that has `fragment` in it."""

    error: type[Exception]
    fragment: str
    arguments: tuple[Any, ...]
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One op."""

    name: str
    reference: Callable[..., Any]
    samples: tuple[Sample, ...]
    bad: tuple[Bad, ...] = ()
    call: Callable[..., Any] | None = None  # ours, where it is not `tapegrad.<name>`
    numpy: bool = True  # whether the reference takes Tensors
    exact: bool = True  # whether values are the reference's bit for bit; else they are right to a few roundings
    differentiable: bool = True
    fixed: tuple[int, ...] = ()  # arguments that are not differentiated, although they are floating-point
    method: str = ""  # NumPy's method that does the same, and ours

    @property
    def ours(self) -> Callable[..., Any]:
        return self.call or getattr(tg, self.name)

    def __str__(self) -> str:
        return self.name


def _short(value: Any) -> str:
    """A value in a test's name."""
    if isinstance(value, np.ndarray):
        return ("" if value.dtype == np.float64 else value.dtype.char) + "x".join(map(str, value.shape)) + "a"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_short, value)) + "]"
    if isinstance(value, slice):
        return f"{value.start}:{value.stop}:{value.step}"
    return str(getattr(value, "__name__", value))


# --------------------------------------------------------------------------------------------------
# Differentiating a sample


def leaves(value: Any) -> list[Any]:
    """The arrays and numbers in a value that may be a list or a tuple of them."""
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def is_tried(row: Row, value: Any) -> bool:
    """Whether a value is an array that becomes a Tensor: what can be differentiated, if the op can at all."""
    return is_array(value) and (value.dtype.kind == "f" or not row.differentiable)


def arrays_of(row: Row, sample: Sample) -> list[np.ndarray]:
    """The arrays of a sample that become Tensors."""
    return [a for i, arg in enumerate(sample.arguments) if i not in row.fixed for a in leaves(arg) if is_tried(row, a)]


def with_arrays(row: Row, sample: Sample, new: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of a sample with others in the places of `arrays_of`."""
    following = iter(new)

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(item) for item in value]
        return next(following) if is_tried(row, value) else value

    return tuple(a if i in row.fixed else replaced(a) for i, a in enumerate(sample.arguments))


def check_sample(row: Row, sample: Sample, order: int = 2) -> None:
    """Compare the gradients of a sample with finite differences."""
    check_gradients(
        lambda *arrays: row.ours(*with_arrays(row, sample, arrays), **sample.parameters),
        *arrays_of(row, sample),
        order=order,
    )


# --------------------------------------------------------------------------------------------------
# Values to try

GOLDEN = (math.sqrt(5) - 1) / 2


def grid(*shape: int, low: float = -2.0, high: float = 2.0, salt: float = 0.0) -> np.ndarray:
    """Values spread over the interval, none twice: multiples of the golden ratio, less their whole part."""
    count = math.prod(shape)
    return (low + (high - low) * ((np.arange(1, count + 1) * GOLDEN + salt) % 1)).reshape(shape)


def whole(*shape: int, low: int = -3, high: int = 4) -> np.ndarray:
    """Integers from `low` to `high`, without the latter."""
    return np.floor(grid(*shape, low=low, high=high)).astype(np.int64)


# Where functions change their behaviour, overflow, or lose digits.
SPECIAL = "0 -0 0.5 -0.5 1 -1 2.5 -3.5 1e-5 1e-310 5e-324 36.7 -36.7 710 -746 1e16 1e300 -1e300 inf -inf nan"
SPECIAL = np.array(SPECIAL.split(), np.float64)
PAIRS = SPECIAL[:, None], SPECIAL


def sample(*arguments: Any, smooth: bool = True, **parameters: Any) -> Sample:
    return Sample(arguments, parameters, smooth)


def bad(error: type[Exception], fragment: str, *arguments: Any, **parameters: Any) -> Bad:
    return Bad(error, fragment, arguments, parameters)


def unary(low: float = -2.0, high: float = 2.0) -> list[Sample]:
    """Samples for an elementwise function of one argument between `low` and `high`."""
    return [
        sample(grid(2, 3, low=low, high=high)),
        sample(grid(low=low, high=high)),
        sample(np.zeros((2, 0, 3))),
        sample(SPECIAL, smooth=False),
        sample(SPECIAL[None], smooth=False),
    ]


def binary(
    low: float = -2.0, high: float = 2.0, low_y: float | None = None, high_y: float | None = None
) -> list[Sample]:
    """Samples for an elementwise function of two arguments that broadcast, or are numbers."""

    def x(*shape: int) -> np.ndarray:
        return grid(*shape, low=low, high=high)

    def y(*shape: int) -> np.ndarray:
        return grid(*shape, low=low if low_y is None else low_y, high=high if high_y is None else high_y, salt=0.29)

    return [
        sample(x(2, 3), y(2, 3)),
        sample(x(2, 3), y(3)),
        sample(x(3), y(2, 3)),
        sample(x(2, 1), y(1, 3)),
        sample(x(2, 1, 2), y(3, 1)),
        sample(x(), y(2)),
        sample(x(2), y()),
        sample(x(), y()),
        sample(x(1, 1), y(2)),
        sample(x(2), float(y())),
        sample(float(x()), y(2)),
        sample(np.zeros((0,)), y(1)),
        sample(np.zeros((2, 0)), y(2, 1)),
        sample(np.zeros((3, 0)), np.zeros((1, 0))),
        sample(*PAIRS, smooth=False),
    ]


def reductions(**parameters: Any) -> list[Sample]:
    """Samples for a reduction: every kind of axis, and nothing to reduce."""
    x = grid(2, 3)
    return [
        sample(x, **parameters),
        sample(x, axis=0, **parameters),
        sample(x, axis=-1, **parameters),
        sample(x, axis=1, keepdims=True, **parameters),
        sample(x, keepdims=True, **parameters),
        sample(grid(2, 3, 2), axis=(0, 2), **parameters),
        sample(grid(2, 3, 2), axis=(-1, 1), keepdims=True, **parameters),
        sample(grid(2, 1, 3), axis=1, **parameters),
        sample(grid(5), axis=0, **parameters),
        sample(grid(), **parameters),
        sample(grid(), axis=(), **parameters),
        sample(x, axis=(), **parameters),
        sample(np.zeros((2, 0)), axis=0, **parameters),
    ]


NOTHING = [sample(np.zeros((2, 0))), sample(np.zeros((2, 0)), axis=1), sample(np.zeros((0, 3)), axis=0, keepdims=True)]
SPREAD = [*reductions(), sample(grid(2, 3), correction=1), sample(grid(2, 3), axis=1, correction=0.5)]
NO_AXIS = bad(np.exceptions.AxisError, "out of bounds", grid(2, 3), axis=2)
NO_BROADCAST = bad(ShapeError, "shapes (2, 3) and (2,) do not broadcast together", grid(2, 3), grid(2))


def row(name: str, reference: Callable[..., Any], samples: Sequence[Sample], *bad: Bad, **options: Any) -> Row:
    return Row(name, reference, tuple(samples), bad, **options)


def keeping(samples: Sequence[Sample], *, smooth: bool) -> list[Sample]:
    return [replace(s, smooth=smooth) for s in samples]


# --------------------------------------------------------------------------------------------------
# References for the functions that NumPy does not have, in NumPy's longest format


def precisely(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, computed in long double and rounded to the dtype of its first argument (float64 for integers)."""

    def reference(*arguments: Any, **parameters: Any) -> Any:
        found = np.asarray(arguments[0]).dtype
        dtype = found if found.kind == "f" else np.float64
        long = [np.asarray(a, np.longdouble) if np.asarray(a).dtype.kind == "f" else a for a in arguments]
        with np.errstate(all="ignore"):
            return np.asarray(function(*long, **parameters)).astype(dtype)[()]

    return reference


def _log_of_sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = np.asarray(x, np.longdouble)
    top = np.max(x, axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    out = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    return out if keepdims else out.reshape(np.sum(x, axis).shape)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _log_of_sum(x, axis, keepdims)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    return x - _log_of_sum(x, axis, True)


def _softmax(x: Any, axis: Any = -1) -> Any:
    return np.exp(_log_softmax(x, axis))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x, np.longdouble)))


def _softplus(x: Any) -> Any:
    return np.logaddexp(np.asarray(x, np.longdouble), 0)


def _softmax_cross_entropy(logits: Any, labels: Any, axis: int = -1) -> Any:
    logs = np.moveaxis(np.asarray(_log_softmax(logits, axis)), axis, -1)
    if labels.ndim < logits.ndim:
        return -np.take_along_axis(logs, labels[..., None], -1)[..., 0]
    return -np.sum(logs * np.moveaxis(labels, axis, -1), -1)


def _sigmoid_cross_entropy(logits: Any, labels: Any) -> Any:
    return labels * _softplus(-logits) + (1 - labels) * _softplus(logits)


def _huber(x: Any, y: Any, delta: float = 1.0) -> Any:
    distance = np.abs(x - y)
    return np.where(distance <= delta, distance * distance / 2, delta * (distance - np.longdouble(delta) / 2))


def _leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    return np.where(x > 0, x, negative_slope * x)


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(x))


def _gelu(x: Any) -> Any:
    below = [math.erfc(-v / math.sqrt(2)) / 2 for v in np.asarray(x, np.float64).ravel().tolist()]
    return x * np.reshape(below, np.shape(x))


def _silu(x: Any) -> Any:
    return x * _sigmoid(x)


def _index_update(x: Any, key: Any, value: Any) -> Any:
    out = np.array(x)
    out[key] = value
    return out


def _index_add(x: Any, key: Any, value: Any) -> Any:
    out = np.array(x)
    places = np.arange(out.size).reshape(out.shape)[key]
    for place, v in zip(np.ravel(places), np.broadcast_to(value, np.shape(places)).flat, strict=True):
        out.reshape(-1)[place : place + 1] += v
    return out


def _var(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    return np.var(x, axis, ddof=correction, keepdims=keepdims)


def _std(x: Any, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    return np.std(x, axis, ddof=correction, keepdims=keepdims)


def _unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    moved = np.moveaxis(x, axis, 0)
    return tuple(moved[i] for i in range(moved.shape[0]))


# --------------------------------------------------------------------------------------------------
# The rows

x23, x3, x32 = grid(2, 3), grid(3, salt=0.1), grid(3, 2, salt=0.2)
x234 = grid(2, 3, 4)
positive = grid(2, 3, low=0.3, high=3.0)
probabilities = np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])
picks = np.array([[0, 2, 2], [-1, 1, 0]])

ARITHMETIC = [
    row("add", np.add, binary(), NO_BROADCAST),
    row("subtract", np.subtract, binary(), NO_BROADCAST),
    row("multiply", np.multiply, binary(), NO_BROADCAST),
    row("divide", np.divide, binary(low_y=0.5), NO_BROADCAST),
    row("negative", np.negative, unary()),
    row("positive", np.positive, unary()),
    row("reciprocal", np.reciprocal, unary(0.4)),
    row("square", np.square, unary()),
    row("sqrt", np.sqrt, unary(0.4)),
    row("cbrt", np.cbrt, unary(0.4)),
    row("remainder", np.remainder, binary(low_y=0.7), NO_BROADCAST),
    row("fmod", np.fmod, binary(low_y=0.7), NO_BROADCAST),
    row(
        "pow",
        np.power,
        [
            *binary(0.3, 2.0, -2.0, 3.0),
            *[sample(x23, n) for n in (0, 1, 2, 3, -1, 2.0, 3.0)],
            *[sample(positive, n) for n in (0.5, -0.5, 1.5)],
            sample(x23, np.array([0, 1, 2])),
            sample(np.array([[2], [3]]), x3),
            sample(2, x23),
        ],
        NO_BROADCAST,
    ),
]  # fmt: skip

EXPONENTIAL = [
    row("exp", np.exp, unary()),
    row("exp2", np.exp2, unary()),
    row("expm1", np.expm1, unary()),
    row("log", np.log, unary(0.3)),
    row("log2", np.log2, unary(0.3)),
    row("log10", np.log10, unary(0.3)),
    row("log1p", np.log1p, unary(-0.6)),
    row("logaddexp", np.logaddexp, binary(), NO_BROADCAST),
    row("logaddexp2", np.logaddexp2, binary(), NO_BROADCAST),
]

TRIGONOMETRIC = [
    row("sin", np.sin, unary()),
    row("cos", np.cos, unary()),
    row("tan", np.tan, unary(-1.2, 1.2)),
    row("asin", np.arcsin, unary(-0.8, 0.8)),
    row("acos", np.arccos, unary(-0.8, 0.8)),
    row("atan", np.arctan, unary()),
    row("atan2", np.arctan2, binary(0.3, 2.0, -2.0, 2.0), NO_BROADCAST),
    row("sinh", np.sinh, unary()),
    row("cosh", np.cosh, unary()),
    row("tanh", np.tanh, unary()),
    row("asinh", np.arcsinh, unary()),
    row("acosh", np.arccosh, unary(1.4, 3.0)),
    row("atanh", np.arctanh, unary(-0.8, 0.8)),
    row("deg2rad", np.deg2rad, unary()),
    row("rad2deg", np.rad2deg, unary()),
    row("hypot", np.hypot, binary(), NO_BROADCAST),
]

BOUNDS = [
    row("abs", np.absolute, unary()),
    row("copysign", np.copysign, [s for s in binary() if is_array(s.arguments[0])], NO_BROADCAST, fixed=(1,)),
    row("maximum", np.maximum, binary(), NO_BROADCAST),
    row("minimum", np.minimum, binary(), NO_BROADCAST),
    row("fmax", np.fmax, binary(), NO_BROADCAST),
    row("fmin", np.fmin, binary(), NO_BROADCAST),
    row(
        "where",
        np.where,
        [
            sample(x23 > 0, x23, grid(2, 3, salt=0.4)),
            sample(np.array([True, False, True]), x23, x3),
            sample(np.array([[True], [False]]), x3, grid(2, 3, salt=0.4)),
            sample(x23 > 0, x23, 0.0),
            sample(x23 > 0, 1.0, grid()),
            sample(np.array(True), grid(), grid(salt=0.4)),
            sample(np.array(False), x23, x3),
            sample(np.array([1, 0, 2]), x3, x23),
            sample(np.zeros(0, bool), np.zeros(0), grid()),
        ],
        bad(ShapeError, "do not broadcast together", np.array([True, False]), x23, x3),
    ),
    row(
        "clip",
        np.clip,
        [
            sample(x23, -0.7, 0.9),
            sample(x23, -0.7, None),
            sample(x23, None, 0.9),
            sample(x23, grid(3, low=-1, high=0), grid(2, 1, low=0.1, high=1)),
            sample(x3, grid(2, 3, low=-1, high=0), 1.0),
            sample(x23, grid(3, low=0.5, high=1.5), grid(2, 1, low=-1.5, high=-0.5)),  # crossed: the upper bound wins
            sample(x23, grid(3, low=-1, high=0), None),
            sample(x23, None, grid(3, low=0, high=1)),
            sample(grid(), -0.5, 0.5),
            sample(np.zeros((0, 2)), -0.5, 0.5),
            sample(SPECIAL, -0.5, 2.5, smooth=False),
        ],
        bad(ShapeError, "do not broadcast together", x23, grid(2), 1.0),
        method="clip",
    ),
    row(
        "nan_to_num",
        np.nan_to_num,
        [
            sample(x23),
            sample(grid()),
            sample(np.zeros((0, 2))),
            sample(SPECIAL, smooth=False),
            sample(SPECIAL, nan=7.0, posinf=1.0, neginf=-1.0, smooth=False),
        ],
    ),
]

ROUNDING = [
    row(name, getattr(np, name), unary(), differentiable=False)
    for name in ("sign", "floor", "ceil", "trunc", "rint", "signbit", "isfinite", "isinf", "isnan", "logical_not")
] + [
    row("round", np.round, [*unary(), sample(x23, 1), sample(x23, decimals=2)], differentiable=False, method="round"),
    *[
        row(name, getattr(np, name), binary(), NO_BROADCAST, differentiable=False)
        for name in (
            "floor_divide", "heaviside", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
            "logical_and", "logical_or", "logical_xor",
        )
    ],
]  # fmt: skip

INTEGER_PAIRS = [
    sample(whole(2, 3, low=0), whole(3, low=0)),
    sample(whole(2, 3) > 0, whole(3) > 1),
    sample(np.array(3), whole(2, low=0)),
    sample(np.zeros((0, 2), np.int64), whole(2, low=0)),
    sample(whole(2, 3, low=0), 2),
]
NO_BITS = bad(TypeError, "of float64 (2, 3)", x23, 2)
BITS = [
    row("bitwise_and", np.bitwise_and, INTEGER_PAIRS, NO_BITS, differentiable=False),
    row("bitwise_or", np.bitwise_or, INTEGER_PAIRS, NO_BITS, differentiable=False),
    row("bitwise_xor", np.bitwise_xor, INTEGER_PAIRS, NO_BITS, differentiable=False),
    row("bitwise_left_shift", np.left_shift, INTEGER_PAIRS, NO_BITS, differentiable=False),
    row("bitwise_right_shift", np.right_shift, INTEGER_PAIRS, NO_BITS, differentiable=False),
    row(
        "bitwise_invert",
        np.invert,
        [sample(whole(2, 3)), sample(whole(2, 3) > 0), sample(np.array(3)), sample(np.zeros((0,), np.int64))],
        bad(TypeError, "of float64 (2, 3)", x23),
        differentiable=False,
    ),
]

REDUCTIONS = [
    row("sum", np.sum, [*reductions(), *NOTHING], NO_AXIS, method="sum"),
    row("mean", np.mean, reductions(), NO_AXIS, method="mean"),
    row("prod", np.prod, [*reductions(), sample(grid(2, 5), axis=1), *NOTHING], NO_AXIS, method="prod"),
    row("var", _var, SPREAD, NO_AXIS),
    row(
        "std",
        _std,
        # The spread of a single element is 0, where the root has no derivative.
        [replace(s, smooth=np.size(_std(s.arguments[0], **s.parameters)) < s.arguments[0].size) for s in SPREAD],
        NO_AXIS,
    ),
    row(
        "max",
        np.max,
        [*reductions(), sample(np.zeros((0, 3)), axis=1)],
        NO_AXIS,
        bad(ValueError, "zero-size array", np.zeros((0, 3))),
        method="max",
    ),
    row(
        "min",
        np.min,
        [*reductions(), sample(np.zeros((0, 3)), axis=1)],
        NO_AXIS,
        bad(ValueError, "zero-size array", np.zeros((0, 3))),
        method="min",
    ),
    row(
        "logsumexp",
        precisely(_logsumexp),
        [
            *reductions(),
            *keeping(NOTHING, smooth=False),  # -inf
            sample(np.array([[1000.0, 1000.0, 999.0], [-1000.0, -1001.0, -1002.0]]), axis=1),
            sample(np.array([[math.inf, 1.0], [-math.inf, 1.0], [-math.inf, -math.inf]]), axis=1, smooth=False),
        ],
        NO_AXIS,
        numpy=False,
        exact=False,
    ),
    row(
        "norm",
        np.linalg.norm,
        [
            sample(x23),
            sample(x23, axis=0),
            sample(x23, axis=-1, keepdims=True),
            sample(x23, 2, axis=1),
            sample(x23, 1, axis=1),
            sample(x23, 3, axis=0),
            sample(x23, 2.5, axis=0, keepdims=True),
            sample(x23, math.inf, axis=1),
            sample(x23, -math.inf, axis=0),
            sample(x3, math.inf),
            sample(x3, 2),
            sample(grid(2, 3, 2), axis=(0, 2)),
            sample(x23, "fro"),
            sample(grid(2, 3, 2), "fro", axis=(2, 0), keepdims=True),
            sample(x23, 1),
            sample(x23, -1),
            sample(x23, math.inf),
            sample(x23, -math.inf),
            sample(grid(2, 3, 2), 1, axis=(0, 2)),
            sample(grid(2, 3, 2), math.inf, axis=(-1, 0)),
            sample(grid(2, 3, 2, low=-1.7) ** 3, -1, axis=(2, 1), keepdims=True),
            sample(grid(), smooth=False),
            sample(np.zeros((2, 0)), axis=1, smooth=False),
            sample(np.zeros((0, 3)), axis=1),
        ],
        bad(ValueError, "ord='nuc' over 2 dimensions has no gradient rule", x23, "nuc"),
        bad(ValueError, "ord=0 over 1 dimensions has no gradient rule", x3, 0),
        bad(np.exceptions.AxisError, "out of bounds", x23, axis=2),
    ),
    *[
        row(name, getattr(np, name), [*reductions(), *NOTHING], NO_AXIS, differentiable=False, method=method)
        for name, method in (("any", "any"), ("all", "all"), ("count_nonzero", ""))
    ],
    *[
        row(
            name,
            getattr(np, name),
            [s for s in reductions() if not isinstance(s.parameters.get("axis"), tuple)],
            NO_AXIS,
            bad(ValueError, "empty sequence", np.zeros((0, 3))),
            differentiable=False,
            method=name,
        )
        for name in ("argmax", "argmin")
    ],
]

PRODUCTS = [
    row(
        "matmul",
        np.matmul,
        [
            sample(x23, x32),
            sample(x3, x32),
            sample(x23, x3),
            sample(x3, grid(3, salt=0.3)),
            sample(grid(2, 2, 3), x32),
            sample(x23, grid(2, 3, 2)),
            sample(grid(2, 2, 3), grid(2, 3, 1)),
            sample(grid(2, 1, 1, 3), grid(2, 3, 2)),
            sample(grid(2, 2, 3), x3),
            sample(x3, grid(2, 3, 2)),
            sample(grid(1, 3), grid(3, 1)),
            sample(np.zeros((0, 3)), x32),
            sample(np.zeros((2, 0)), np.zeros((0, 2))),
            sample(x23, np.zeros((3, 0))),
            sample(np.zeros((0, 2, 3)), x32),
        ],
        bad(ShapeError, "matmul: shapes (2, 3) and (2, 3) do not fit together", x23, x23),
        bad(ValueError, "matmul", x23, 2.0),
    ),
    row(
        "vecdot",
        np.vecdot,
        [
            sample(x23, grid(2, 3, salt=0.4)),
            sample(x23, x3),
            sample(x3, grid(2, 3, salt=0.4)),
            sample(x3, grid(3, salt=0.4)),
            sample(np.zeros((2, 0)), np.zeros((2, 0))),
            sample(np.zeros((0, 3)), x3),
        ],
        bad(ShapeError, "vecdot: shapes (2, 3) and (2,) do not fit together", x23, grid(2)),
    ),
    row(
        "dot",
        np.dot,
        [
            sample(x23, x32),
            sample(x3, grid(3, salt=0.4)),
            sample(x23, x3),
            sample(x3, x32),
            sample(grid(2, 2, 3), grid(2, 3, 2, salt=0.4)),
            sample(x23, grid(2, 3, 2)),
            sample(grid(2, 2, 3), x3),
            sample(x23, 2.0),
            sample(grid(), x23),
            sample(grid(), grid(salt=0.4)),
            sample(np.zeros((2, 0)), np.zeros((0, 2))),
        ],
        bad(ShapeError, "dot: dimension 1 of x (2, 3) must equal dimension 0 of y (2, 3)", x23, x23),
        method="dot",
    ),
    row(
        "inner",
        np.inner,
        [
            sample(x23, grid(4, 3)),
            sample(x3, grid(3, salt=0.4)),
            sample(x23, x3),
            sample(x3, x23),
            sample(grid(2, 2, 3), x23),
            sample(grid(), x23),
            sample(x23, 2.0),
            sample(np.zeros((2, 0)), np.zeros((3, 0))),
        ],
        bad(ShapeError, "inner: the last dimensions of x (2, 3) and y (3, 2) must be equal", x23, x32),
    ),
    row(
        "vdot",
        np.vdot,
        [
            sample(x23, grid(2, 3, salt=0.4)),
            sample(x23, x32),
            sample(x3, grid(3, salt=0.4)),
            sample(grid(), grid(salt=0.4)),
            sample(np.zeros(0), np.zeros((2, 0))),
        ],
        bad(ShapeError, "vdot: x (2, 3) and y (3,) must have equally many elements", x23, x3),
    ),
    row(
        "outer",
        np.outer,
        [
            sample(x3, grid(2)),
            sample(x23, x3),
            sample(grid(), x3),
            sample(x3, 2.0),
            sample(grid(), grid(salt=0.4)),
            sample(np.zeros(0), x3),
        ],
    ),
    row(
        "tensordot",
        np.tensordot,
        [
            sample(x23, x32, 1),
            sample(x23, grid(2, 3, salt=0.4)),
            sample(x23, x3, 0),
            sample(x234, grid(4, 3, 2), ([1, 2], [1, 0])),
            sample(x234, grid(4, 3, 2), ([2, 1], [0, 1])),
            sample(x234, grid(3, 2, 4), axes=([-2, 0], [0, -2])),
            sample(x234, grid(2, 5), axes=(0, 0)),
            sample(grid(2, 3, 2), grid(2, 3, 2, salt=0.4), ([0, 1, 2], [2, 1, 0])),
            sample(grid(), grid(salt=0.4), 0),
            sample(np.zeros((2, 0)), np.zeros((0, 3)), 1),
        ],
        bad(ShapeError, "tensordot: dimensions (1,) of x (2, 3) and (0,) of y (2, 3) must pair up", x23, x23, 1),
        bad(ShapeError, "must pair up", x23, x23, ([0, 1], [0])),
        bad(ShapeError, "must pair up", x3, x23, 2),
    ),
    row(
        "einsum",
        np.einsum,
        [
            sample("ij,jk->ik", x23, x32),
            sample("ij,jk", x23, x32),
            sample("ij,kj->ki", x23, grid(4, 3)),
            sample("i,i", x3, grid(3, salt=0.4)),
            sample("i,j->ij", x3, grid(2)),
            sample("ij->ji", x23),
            sample("ij->", x23),
            sample("ij->j", x23),
            sample("ii->i", grid(3, 3)),
            sample("ii", grid(3, 3)),
            sample("iij->j", grid(2, 2, 3)),
            sample("ii,ij->j", grid(3, 3), x32),
            sample("iii->i", grid(2, 2, 2)),
            sample("bij,bjk->bik", grid(2, 2, 3), grid(2, 3, 2)),
            sample("...ij,...jk->...ik", grid(2, 2, 3), x32),
            sample("...i,...i->...", grid(2, 1, 3), grid(4, 3)),
            sample("...ij->...ji", x234),
            sample("i...->...", x23),
            sample("ij,jk,kl->il", x23, x32, grid(2, 2)),
            sample("ij,ij,ij->i", x23, grid(2, 3, salt=0.3), grid(2, 3, salt=0.6)),
            sample("ij,jk,kl->il", x23, x32, grid(2, 2), optimize=True),
            sample("ij,k->k", x23, x3),
            sample("i,->i", x3, grid()),
            sample(",->", grid(), grid(salt=0.4)),
            sample("ij, jk -> ik", x23, x32),
            sample("ij,j->ij", x23, grid(1)),  # a dimension of size 1 is stretched
            sample("ij,jk->ik", np.zeros((2, 0)), np.zeros((0, 2))),
        ],
        bad(ShapeError, "names 2 operands, but 1 were given", "ij,jk->ik", x23),
        bad(ShapeError, "does not have a label for each dimension of an operand of shape (2, 3)", "i,i->", x23, x3),
        bad(ShapeError, "einsum: 'j' in 'ij,jk->ik' is 3 in one place and 2 in another", "ij,jk->ik", x23, x23),
    ),
]

SHAPES = [
    row(
        "reshape",
        np.reshape,
        [
            sample(x23, (3, 2)),
            sample(x23, -1),
            sample(x23, (1, -1, 2)),
            sample(grid(), (1, 1)),
            sample(grid(1, 1), ()),
            sample(np.zeros((2, 0)), (0, 5)),
        ],
        bad(ValueError, "in reshape of float64 (2, 3)", x23, (4, 2)),
        method="reshape",
    ),
    row("ravel", np.ravel, [sample(x23), sample(grid()), sample(x3), sample(np.zeros((2, 0)))], method="ravel"),
    row(
        "permute_dims",
        np.transpose,
        [
            sample(x23),
            sample(x234, (2, 0, 1)),
            sample(x234, (-1, 0, -2)),
            sample(grid(), ()),
            sample(x3),
            sample(np.zeros((2, 0, 3)), (1, 2, 0)),
        ],
        bad(ValueError, "axes don't match", x23, (0, 1, 2)),
        method="transpose",
    ),
    row(
        "swapaxes",
        np.swapaxes,
        [sample(x234, 0, 2), sample(x234, -1, 1), sample(x23, 0, 0), sample(x3, 0, 0), sample(np.zeros((2, 0)), 0, 1)],
        bad(np.exceptions.AxisError, "out of bounds", x23, 0, 2),
        method="swapaxes",
    ),
    row(
        "matrix_transpose",
        np.matrix_transpose,
        [sample(x23), sample(x234), sample(np.zeros((2, 0)))],
        bad(ShapeError, "expected at least two dimensions, got shape (3,)", x3),
    ),
    row(
        "moveaxis",
        np.moveaxis,
        [
            sample(x234, 0, 2),
            sample(x234, 0, -1),
            sample(x234, (0, 1), (-1, 0)),
            sample(x234, [2, 0], [0, 1]),
            sample(x3, 0, 0),
            sample(np.zeros((2, 0)), 0, 1),
        ],
        bad(np.exceptions.AxisError, "out of bounds", x23, 0, 2),
    ),
    row(
        "squeeze",
        np.squeeze,
        [
            sample(grid(1, 3, 1)),
            sample(grid(1, 3, 1), axis=0),
            sample(grid(1, 3, 1), axis=(0, -1)),
            sample(x23),
            sample(grid(1)),
            sample(grid()),
            sample(np.zeros((1, 0))),
        ],
        bad(ValueError, "in squeeze of float64 (2, 3)", x23, axis=0),
        method="squeeze",
    ),
    row(
        "expand_dims",
        np.expand_dims,
        [
            sample(x23, 0),
            sample(x23, -1),
            sample(x23, 1),
            sample(x3, (0, 2)),
            sample(x3, axis=(0, -1)),
            sample(grid(), 0),
            sample(np.zeros((2, 0)), 1),
        ],
        bad(np.exceptions.AxisError, "out of bounds", x23, 4),
    ),
    row(
        "broadcast_to",
        np.broadcast_to,
        [
            sample(x3, (2, 3)),
            sample(grid(2, 1), (2, 3)),
            sample(grid(2, 1, 1), (3, 2, 2, 2)),
            sample(grid(), (2, 2)),
            sample(grid(), 2),
            sample(x23, (2, 3)),
            sample(grid(), ()),
            sample(grid(1), (0,)),
            sample(np.zeros((0, 1)), (0, 3)),
        ],
        bad(ShapeError, "broadcast_to: shape (2, 3) cannot be stretched to (3, 3); aligned at the right", x23, (3, 3)),
        bad(ShapeError, "broadcast_to: shape (2, 3) cannot be stretched to (3,)", x23, 3),
    ),
    row(
        "broadcast_arrays",
        np.broadcast_arrays,
        [
            sample(x3, grid(2, 1)),
            sample(x23),
            sample(grid(), grid(salt=0.4)),
            sample(np.zeros((0, 1)), x3),
        ],
        bad(ValueError, "broadcast", x23, grid(2)),
    ),
    row(
        "tile",
        np.tile,
        [
            sample(x3, 2),
            sample(x23, 2),
            sample(x23, (2, 1)),
            sample(x23, (2, 2)),
            sample(x3, (2, 2)),
            sample(x23, (2, 1, 2)),
            sample(x234, (2, 1)),
            sample(grid(), 3),
            sample(grid(), ()),
            sample(x3, 0),
            sample(np.zeros((0, 2)), 2),
        ],
        bad(ValueError, "negative", x3, -1),
    ),
    row(
        "flip",
        np.flip,
        [
            sample(x23),
            sample(x23, 0),
            sample(x23, -1),
            sample(x234, (0, 2)),
            sample(grid()),
            sample(np.zeros((0, 2)), 0),
        ],
        NO_AXIS,
    ),
    row(
        "roll",
        np.roll,
        [
            sample(x23, 1),
            sample(x23, -2),
            sample(x23, 1, 0),
            sample(x23, 7, axis=-1),
            sample(x23, (1, -1), (0, 1)),
            sample(x234, 1, axis=(0, 2)),
            sample(grid(), 1),
            sample(np.zeros((0, 2)), 1),
        ],
        bad(np.exceptions.AxisError, "out of bounds", x23, 1, axis=2),
    ),
    row(
        "concat",
        np.concatenate,
        [
            sample([x23, grid(1, 3)]),
            sample([x23, grid(2, 2), grid(2, 1)], 1),
            sample([x23, x23], axis=-1),
            sample([x3]),
            sample([x23, x3], axis=None),
            sample([x23, whole(1, 3)]),
            sample([grid(), grid(salt=0.4)], axis=None),
            sample([np.zeros((0, 3)), x23]),
        ],
        bad(ShapeError, "expected at least one array", []),
        bad(ShapeError, "shapes (2, 3), (2, 2) must be equal except along axis 0", [x23, grid(2, 2)]),
        bad(ShapeError, "must be equal except along axis 0", [x23, x3]),
        bad(np.exceptions.AxisError, "axis 0 is out of bounds for array of dimension 0", [grid(), grid()]),
        bad(np.exceptions.AxisError, "out of bounds", [x23, x23], axis=2),
    ),
    row(
        "stack",
        np.stack,
        [
            sample([x23, grid(2, 3, salt=0.4)]),
            sample([x3, grid(3, salt=0.4), x3], 1),
            sample([x3, grid(3, salt=0.4)], axis=-1),
            sample([grid(), grid(salt=0.4)]),
            sample([x3, whole(3)]),
            sample([np.zeros((0, 2)), np.zeros((0, 2))], 1),
        ],
        bad(ShapeError, "expected at least one array", []),
        bad(ShapeError, "all arrays must have one shape, got (2, 3), (3,)", [x23, x3]),
        bad(np.exceptions.AxisError, "out of bounds", [x3, x3], axis=2),
    ),
    row(
        "unstack",
        getattr(np, "unstack", _unstack),
        [sample(x23), sample(x23, axis=1), sample(x234, axis=-2), sample(x3), sample(np.zeros((2, 0)))],
        bad(ShapeError, "expected at least one dimension", grid()),
        bad(np.exceptions.AxisError, "out of bounds", x23, axis=2),
        numpy=hasattr(np, "unstack"),
    ),
    row(
        "split",
        np.split,
        [
            sample(grid(4, 2), 2),
            sample(grid(2, 6), 3, axis=1),
            sample(grid(5), [1, 3]),
            sample(x23, [1], axis=-1),
            sample(grid(5), [2, 2, 7]),
            sample(grid(5), [3, 1]),
            sample(np.zeros((0, 2)), 2),
        ],
        bad(ValueError, "a dimension of 3 does not divide into 2 equal parts; array_split makes", x3, 2),
        bad(np.exceptions.AxisError, "out of bounds", x23, 1, axis=2),
    ),
    row(
        "array_split",
        np.array_split,
        [
            sample(grid(5), 2),
            sample(grid(2, 5), 3, axis=1),
            sample(grid(2), 3),
            sample(grid(5), [-2]),
            sample(np.zeros((0, 2)), 2),
        ],
        bad(ValueError, "expected one section or more, got 0", x3, 0),
    ),
    row(
        "pad",
        np.pad,
        [
            sample(x23, 1),
            sample(x23, (1, 2)),
            sample(x23, ((1, 0), (0, 2))),
            sample(x3, 2, constant_values=0.5),
            sample(grid(2, 4), 2, mode="edge"),
            sample(grid(3, 4), ((2, 1), (3, 0)), mode="reflect"),
            sample(grid(2, 4), 2, mode="symmetric"),
            sample(grid(2, 4), (3, 1), mode="wrap"),
            sample(grid(), 0),
            sample(np.zeros((0, 2)), 1),
        ],
        bad(ValueError, "mode 'constant' or one of 'edge', 'reflect', 'symmetric', 'wrap', got", x3, 1, mode="mean"),
    ),
    row("copy", np.copy, [sample(x23), sample(grid()), sample(np.zeros((2, 0)))]),
    row(
        "astype",
        getattr(np, "astype", lambda x, dtype: np.asarray(x).astype(dtype)),
        [
            sample(x23, np.float64),
            sample(grid(), np.float64),
            sample(np.zeros((2, 0)), np.float64),
            sample(x23, np.float32, smooth=False),
        ],
        numpy=hasattr(np, "astype"),
        method="astype",
    ),
]

# The indices that a test of every kind would miss are drawn by Hypothesis; see test_indexing.py.
KEYS = [
    1,
    -1,
    slice(None, None, -2),
    (slice(None), 1),
    (..., 0),
    (None, slice(1, None), None),
    ([0, 1, 1],),
    (np.array([[0, 1], [1, -1]]), slice(None, 2)),
    (slice(None), np.array([0, 2, 2])),
    (np.array([1, 0]), slice(None), np.array([0, 2])),
    (np.array([[0], [1]]), np.array([2, 2])),
    (0, ..., np.array([1, 1])),
    np.array([True, False]),
    (slice(None), np.array([True, False, True])),
    np.array([[True, False, True], [False, True, False]]),
    np.zeros((0,), np.intp),
    (slice(0, 0),),
    (),
    ...,
    np.array(1),
]

INDEXING = [
    row(
        "take",
        np.take,
        [
            sample(x23, picks),
            sample(x23, 2),
            sample(x23, [1, 0, 1], axis=0),
            sample(x23, picks, axis=1),
            sample(x23, -1, axis=-1),
            sample(x234, np.array([1, 1]), axis=-2),
            sample(grid(), 0),
            sample(x23, np.zeros(0, np.intp), axis=1),
            sample(np.zeros((2, 0)), [1, 0], axis=0),
        ],
        bad(IndexError, "out of bounds", x23, 6),
        bad(IndexError, "out of bounds", x23, [2], axis=0),
        bad(DTypeError, "take: indices must be integers, got float64", x23, [0.5]),
        bad(DTypeError, "index: expected integers or booleans, got a tensor of float64", x23, np.array([0.5])),
        bad(np.exceptions.AxisError, "out of bounds", x23, 0, axis=2),
        method="take",
    ),
    row(
        "take_along_axis",
        np.take_along_axis,
        [
            sample(x23, picks, axis=1),
            sample(x23, np.array([[0, 1, 1], [1, 1, 1], [0, 0, -1]]), axis=0),
            sample(x23, np.array([5, 0, 0]), axis=None),
            sample(x23, np.array([[1]]), axis=-1),
            sample(x234, whole(2, 1, 4, low=0, high=3), axis=1),
            sample(x3, np.array([2, 0]), axis=0),
            sample(grid(), np.array([0, 0]), axis=None),
            sample(np.zeros((0, 3)), np.zeros((0, 1), np.int64), axis=1),
        ],
        bad(IndexError, "out of bounds", x23, np.array([[3]]), axis=1),
        bad(DTypeError, "take_along_axis: indices must be integers, got float64", x23, [[0.5]], axis=1),
    ),
    row(
        "repeat",
        np.repeat,
        [
            sample(x23, 2),
            sample(x23, 3, axis=0),
            sample(x23, np.array([1, 0, 2]), axis=1),
            sample(x23, [2, 1], axis=-2),
            sample(x3, 0),
            sample(grid(), 2),
            sample(np.zeros((0, 2)), 2, axis=1),
        ],
        bad(ValueError, "broadcast", x23, [1, 2], axis=1),
        bad(np.exceptions.AxisError, "out of bounds", x23, 2, axis=2),
        method="repeat",
    ),
    row(
        "index_update",
        _index_update,
        [
            *[sample(x23, key, 0.5) for key in KEYS[:8]],
            sample(x23, 1, x3),
            sample(x23, (slice(None), 1), grid(2)),
            sample(x23, slice(None), grid(2, 1)),
            sample(x3, np.array([0, 2, 0]), grid(3, salt=0.6)),
            sample(x23, (np.array([0, 0]), slice(None, None, -1)), grid(2, 3, salt=0.6)),
            sample(x23, (np.array([1, 1, 0]), np.array([2, 2, 1])), grid(1)),
            sample(x23, np.array([[True, False, True], [False, True, False]]), grid(3, salt=0.6)),
            sample(x23, np.array([False, True]), grid(1, 3, salt=0.6)),
            sample(grid(), (), grid(salt=0.6)),
            sample(grid(), ..., 2.0),
            sample(np.zeros((0, 3)), slice(None), x3),
            sample(x23, np.zeros(0, np.intp), np.zeros((0, 3))),
        ],
        bad(ValueError, "index_update", x23, 0, grid(2)),
        bad(IndexError, "out of bounds", x23, 2, 0.0),
        numpy=False,
    ),
    row(
        "index_add",
        _index_add,
        [
            *[sample(x23, key, 0.5) for key in KEYS[:8]],
            sample(x23, 1, x3),
            sample(x23, (slice(None), 1), grid(2)),
            sample(x23, slice(None), grid(2, 1)),
            sample(x3, np.array([0, 2, 0]), grid(3, salt=0.6)),
            sample(x23, (np.array([0, 0]), slice(None, None, -1)), grid(2, 3, salt=0.6)),
            sample(x23, (np.array([1, 1, 0]), np.array([2, 2, 1])), grid(1)),
            sample(x23, np.array([[True, False, True], [False, True, False]]), grid(3, salt=0.6)),
            sample(grid(), (), grid(salt=0.6)),
            sample(np.zeros((0, 3)), slice(None), x3),
        ],
        bad(ValueError, "index_add", x23, 0, grid(2)),
        bad(IndexError, "out of bounds", x23, 2, 0.0),
        numpy=False,
    ),
]

LARGE = np.array([[1000.0, 998.0, -1000.0], [-1e4, -1e4 - 1, -1e4 - 2]])

ACTIVATIONS = [
    row("relu", lambda x: np.maximum(x, 0), unary(), numpy=False),
    row("sigmoid", precisely(_sigmoid), unary(), numpy=False, exact=False),
    row("softplus", precisely(_softplus), unary(), numpy=False, exact=False),
    *[
        row(
            name,
            precisely(reference),
            [
                sample(x23),
                sample(x23, axis=0),
                sample(x23, axis=None),
                sample(x234, axis=(0, 2)),
                sample(x234, axis=-2),
                sample(LARGE),
                sample(grid(), axis=None),
                sample(np.zeros((0, 3))),
                sample(np.zeros((2, 0))),
                sample(np.array([[0.0, -math.inf, 1.0]]), smooth=False),
            ],
            bad(np.exceptions.AxisError, "out of bounds", x23, axis=2),
            numpy=False,
            exact=False,
        )
        for name, reference in (("softmax", _softmax), ("log_softmax", _log_softmax))
    ],
]

LOSSES = [
    row(
        "softmax_cross_entropy",
        precisely(_softmax_cross_entropy),
        [
            sample(x23, np.array([2, 0])),
            sample(x23, probabilities),
            sample(x23, 2 * probabilities),  # weights that do not add up to 1
            sample(grid(2, 2, 3), np.array([[2, 0], [1, 1]])),
            sample(grid(2, 3, 2), np.array([[2, 0], [1, 1]]), axis=1),
            sample(grid(3, 2), probabilities.T, axis=0),
            sample(x3, np.array(1)),
            sample(x3, probabilities[0]),
            sample(LARGE, np.array([2, 0])),
            sample(LARGE, probabilities),
            sample(np.zeros((0, 3)), np.zeros(0, np.int64)),
            sample(np.zeros((0, 3)), np.zeros((0, 3))),
        ],
        bad(ShapeError, "labels are integers of shape (2,) or probabilities of shape (2, 3); got int64 (3,)",
            x23, np.array([0, 1, 2])),
        bad(ShapeError, "labels are integers of shape (2,) or probabilities of shape (2, 3); got float64 (2,)",
            x23, np.array([0.0, 1.0])),
        bad(ShapeError, "logits need a dimension of classes", grid(), np.array(0)),
        bad(IndexError, "labels run from 0 to 3, but there are 3 classes", x23, np.array([0, 3])),
        bad(IndexError, "labels run from -1 to 2, but there are 3 classes", x23, np.array([-1, 2])),
        numpy=False,
        exact=False,
    ),
    row(
        "sigmoid_cross_entropy",
        precisely(_sigmoid_cross_entropy),
        [
            sample(x23, probabilities),
            sample(x23, probabilities[0]),
            sample(x3, probabilities),
            sample(x23, 1.0),
            sample(np.array([[800.0, -800.0, 50.0]]), np.array([[0.0, 1.0, 0.25]])),
            sample(grid(), probabilities[0]),
            sample(np.zeros((0, 3)), np.zeros((0, 3))),
        ],
        bad(ShapeError, "do not broadcast together", x23, grid(2)),
        numpy=False,
        exact=False,
    ),
    row(
        "huber",
        precisely(_huber),
        [
            sample(x23, positive),
            sample(x23, positive, 0.3),
            sample(x23, x3 * 3, delta=5.0),
            sample(grid(2, 1), 1.0),
            sample(grid(), grid(salt=0.3)),
            sample(x3, grid(2, 3, salt=0.6)),
            sample(np.zeros((0, 3)), x3),
        ],
        bad(ShapeError, "do not broadcast together", x23, grid(2)),
        bad(ValueError, "huber: expected a positive delta, got 0", x23, x23, delta=0),
        bad(ValueError, "huber: expected a positive delta, got nan", x23, x23, delta=math.nan),
        numpy=False,
        exact=False,
    ),
]  # fmt: skip

# Values of which sums of some products are far from losing digits.


def image(*shape: int) -> np.ndarray:
    return grid(*shape, low=0.3, high=1.0)


def filters(*shape: int) -> np.ndarray:
    return grid(*shape, low=0.4, high=1.2, salt=0.3)


TWO_D = [
    sample(image(1, 3, 4, 2), filters(2, 3, 2, 2)),
    sample(image(2, 4, 3, 1), filters(2, 2, 1, 3), strides=2),
    sample(image(1, 4, 5, 2), filters(3, 2, 2, 1), strides=(1, 2), padding="VALID"),
    sample(image(1, 3, 3, 2), filters(2, 2, 2, 2), padding=((0, 2), (1, 0))),
    sample(image(1, 5, 4, 1), filters(2, 2, 1, 2), dilation=(2, 1)),
    sample(image(1, 3, 3, 4), filters(2, 2, 2, 2), groups=2),
    sample(image(1, 3, 4, 2), filters(2, 2, 1, 4), groups=2),
    sample(image(1, 4, 3, 3), filters(2, 2, 1, 3), strides=2, groups=3, padding=1),
    sample(image(2, 1, 1, 1), filters(1, 1, 1, 1)),
    sample(np.zeros((0, 3, 4, 2)), filters(2, 2, 2, 3)),
]
TRANSPOSED_2D = [
    sample(image(1, 2, 3, 2), filters(3, 2, 2, 2)),
    sample(image(1, 2, 2, 2), filters(3, 3, 1, 2), strides=2),
    sample(image(1, 2, 2, 1), filters(2, 3, 2, 1), strides=(2, 1), padding="VALID"),
    sample(image(1, 3, 2, 1), filters(3, 2, 1, 1), padding=((1, 0), (0, 1)), dilation=(1, 2)),
    sample(image(1, 2, 2, 4), filters(2, 2, 1, 4), strides=2, groups=2),
    sample(image(1, 2, 2, 1), filters(2, 2, 1, 1), strides=2, output_size=(3, 4)),
    sample(image(1, 1, 1, 1), filters(1, 1, 1, 1)),
    sample(np.zeros((0, 2, 2, 2)), filters(2, 2, 1, 2)),
]
CONVOLUTIONS = [
    row(
        "conv1d",
        naive.convolve,
        [
            sample(image(2, 5, 2), filters(3, 2, 3)),
            sample(image(1, 5, 4), filters(2, 2, 4), strides=2, padding=((2, 0),), groups=2),
            sample(image(1, 6, 1), filters(3, 1, 2), padding="VALID", dilation=2),
            sample(np.zeros((0, 3, 2)), filters(2, 2, 3)),
        ],
        bad(ShapeError, "conv1d: expected x as (N, W, channels)", image(2, 5), filters(3, 2, 3)),
        numpy=False,
        exact=False,
    ),
    row(
        "conv2d",
        naive.convolve,
        TWO_D,
        bad(
            ShapeError,
            "conv2d: filters take 2 input channels but x has 3 (x (1, 4, 4, 3), filters (3, 3, 2, 4))",
            image(1, 4, 4, 3),
            filters(3, 3, 2, 4),
        ),
        numpy=False,
        exact=False,
    ),
    row(
        "conv3d",
        naive.convolve,
        [
            sample(image(1, 2, 3, 3, 2), filters(2, 2, 2, 2, 2)),
            sample(image(1, 3, 3, 2, 2), filters(2, 2, 2, 1, 2), strides=(2, 1, 2), dilation=(1, 2, 1), groups=2),
            sample(np.zeros((0, 2, 3, 3, 1)), filters(2, 2, 2, 1, 2)),
        ],
        bad(ShapeError, "conv3d: expected x as (N, D, H, W, channels)", image(1, 3, 3, 2), filters(2, 2, 2, 1, 2)),
        numpy=False,
        exact=False,
    ),
    row(
        "conv_transpose1d",
        naive.convolve_transpose,
        [
            sample(image(2, 3, 2), filters(3, 3, 2), strides=2),
            sample(image(1, 3, 2), filters(2, 1, 2), padding="VALID", groups=2),
            sample(np.zeros((0, 3, 2)), filters(2, 1, 2)),
        ],
        bad(ShapeError, "conv_transpose1d: expected x as (N, W, channels)", image(2, 5), filters(3, 2, 3)),
        numpy=False,
        exact=False,
    ),
    row(
        "conv_transpose2d",
        naive.convolve_transpose,
        TRANSPOSED_2D,
        bad(
            ShapeError,
            "conv_transpose2d: the last dimension of filters must be x's channels, 3,",
            image(1, 4, 4, 3),
            filters(3, 3, 3, 2),
        ),
        numpy=False,
        exact=False,
    ),
    row(
        "conv_transpose3d",
        naive.convolve_transpose,
        [
            sample(image(1, 2, 1, 2, 1), filters(2, 2, 2, 2, 1), strides=(1, 2, 1)),
            sample(np.zeros((0, 2, 1, 2, 1)), filters(2, 2, 2, 2, 1)),
        ],
        bad(ShapeError, "conv_transpose3d: expected x as (N, D, H, W, channels)", image(1, 3, 3), filters(2, 2, 1, 2)),
        numpy=False,
        exact=False,
    ),
    row(
        "bias_add",
        np.add,
        [sample(x23, x3), sample(x3, grid(3, salt=0.4)), sample(image(2, 2, 1, 3), x3), sample(np.zeros((0, 3)), x3)],
        bad(ShapeError, "bias_add: expected one number a channel, got bias (2,) for x (2, 3)", x23, grid(2)),
        bad(ShapeError, "bias_add: expected one number a channel, got bias () for x (2, 3)", x23, grid()),
        numpy=False,
    ),
]

WINDOWS = [
    sample(image(1, 4, 4, 2), 2),
    sample(image(2, 5, 4, 1), 3, 2, "SAME"),
    sample(image(1, 4, 5, 2), (2, 3), strides=(1, 2)),
    sample(image(1, 3, 3, 2), 2, strides=1, padding=((0, 1), (1, 0))),
    sample(image(1, 5, 2), 3, 1, "SAME"),
    sample(image(1, 3, 2, 3, 1), 2, strides=1),
    sample(image(2, 1, 1, 3), 1),
    sample(np.zeros((0, 4, 4, 2)), 2),
    sample(np.zeros((1, 4, 4, 2)), 2, smooth=False),
    sample(SPECIAL[:20].reshape(1, 4, 5, 1), 2, 1, smooth=False),
]
POOLINGS = [
    row(
        "max_pool",
        naive_pooling.max_pool,
        WINDOWS,
        bad(ShapeError, "max_pool: expected x with one to three spatial dimensions", x23, 2),
        bad(ShapeError, "max_pool: a window spans (5, 5) cells, but the input has (4, 4)", image(1, 4, 4, 2), 5),
        numpy=False,
    ),
    row(
        "avg_pool",
        naive_pooling.avg_pool,
        WINDOWS,
        bad(ShapeError, "avg_pool: some windows lie in the padding alone", image(1, 4, 4, 2), 2, padding=2),
        numpy=False,
    ),
    row(
        "global_max_pool",
        lambda x: naive_pooling.max_pool(x, x.shape[1:-1]).reshape(len(x), x.shape[-1]),
        [sample(image(2, 3, 4, 2)), sample(image(1, 5, 3)), sample(np.zeros((0, 2, 3, 2)))],
        bad(ShapeError, "global_max_pool: expected at least one cell in each image", np.zeros((2, 0, 3, 1))),
        numpy=False,
    ),
    row(
        "global_avg_pool",
        lambda x: naive_pooling.avg_pool(x, x.shape[1:-1]).reshape(len(x), x.shape[-1]),
        [sample(image(2, 3, 4, 2)), sample(image(1, 5, 3)), sample(np.zeros((2, 2, 3, 0)))],
        bad(ShapeError, "global_avg_pool: expected x with one to three spatial dimensions", x23),
        numpy=False,
    ),
]


def added_up(table, ids, offsets=None, mode="sum"):
    """The rows of each bag added up, one after the other."""
    starts = np.arange(len(ids)) * ids.shape[1] if offsets is None else offsets
    bags = np.split(ids.reshape(-1), starts[1:])[: len(starts)]
    out = np.zeros((len(bags), table.shape[1]), table.dtype)
    for total, bag in zip(out, bags, strict=True):
        for i in bag:
            total += table[i]
    counts = np.array([[max(len(bag), 1)] for bag in bags])
    return out / (counts.astype(table.dtype) if table.dtype.kind == "f" else counts) if mode == "mean" else out


TABLE = grid(5, 3)
BAG, STARTS = np.array([4, 0, 0, 3, 4, 4]), np.array([0, 2, 2, 3])
EMBEDDINGS = [
    row(
        "embedding",
        lambda table, ids: table[ids],
        [
            sample(TABLE, np.array([1, 4, 1, 0])),
            sample(TABLE, np.array([[2, 2, 2], [0, 4, 0]])),
            sample(TABLE, np.array(3)),
            sample(TABLE, np.array([], np.int64)),
            sample(np.zeros((5, 0)), np.array([1, 1])),
        ],
        bad(IndexError, "embedding: expected ids from 0 to 4, the rows of the table, got 5", TABLE, [0, 5]),
        bad(IndexError, "embedding: expected ids from 0 to 4, the rows of the table, got -1", TABLE, [0, -1]),
        bad(ShapeError, "embedding: expected a table (rows, columns), got (3,)", x3, [0]),
        bad(DTypeError, "embedding: ids must be integers, got float64", TABLE, [0.0]),
        numpy=False,
    ),
    row(
        "embedding_bag",
        added_up,
        [
            sample(TABLE, BAG, STARTS),
            sample(TABLE, BAG, STARTS, mode="mean"),
            sample(TABLE, BAG, np.array([0, 6])),
            sample(TABLE, BAG.reshape(2, 3)),
            sample(TABLE, BAG.reshape(3, 2), mode="mean"),
            sample(TABLE, np.array([], np.int64), np.array([0, 0])),
            sample(np.zeros((5, 0)), BAG, STARTS),
            sample(np.zeros((0, 2)), np.zeros((3, 0), np.int64), mode="mean"),
        ],
        bad(IndexError, "embedding_bag: expected ids from 0 to 4, the rows of the table, got 5", TABLE, [[0, 5]]),
        bad(ShapeError, "embedding_bag: without offsets, expected ids (bags, ids of each), got (6,)", TABLE, BAG),
        bad(ShapeError, "expected ids (N,) and offsets (B,), got (2, 3) and (1,)", TABLE, BAG.reshape(2, 3), [0]),
        bad(ShapeError, "offsets that begin with 0 and grow to at most 6, the number of ids", TABLE, BAG, [1, 2]),
        bad(ShapeError, "offsets that begin with 0 and grow to at most 6", TABLE, BAG, [0, 3, 2]),
        bad(ShapeError, "offsets that begin with 0 and grow to at most 6", TABLE, BAG, [0, 7]),
        bad(DTypeError, "embedding_bag: offsets must be integers, got float64", TABLE, BAG, [0.0]),
        bad(ValueError, "embedding_bag: expected mode 'sum' or 'mean', got 'max'", TABLE, BAG, STARTS, mode="max"),
        numpy=False,
    ),
]

ROWS = [
    *ARITHMETIC, *EXPONENTIAL, *TRIGONOMETRIC, *BOUNDS, *ROUNDING, *BITS, *REDUCTIONS, *PRODUCTS, *SHAPES, *INDEXING,
    *ACTIVATIONS, *LOSSES, *CONVOLUTIONS, *POOLINGS, *EMBEDDINGS,
]  # fmt: skip

# What can be spelled, but has no name of its own in `tapegrad`: Python's operators, indexing, more names of NumPy's,
# and what `nn.functional` has beyond `tapegrad`.
OTHERS = [
    *[
        row(name, precisely(reference), samples, call=getattr(tg.nn.functional, name), numpy=False, exact=False)
        for name, reference, samples in (
            ("leaky_relu", _leaky_relu, [*unary(), sample(x23, 0.3), sample(x23, negative_slope=-0.5)]),
            ("elu", _elu, [*unary(), sample(x23, 0.3), sample(x23, alpha=2.0), sample(LARGE)]),
            ("gelu", _gelu, [*unary(), sample(grid(2, 3, low=-8.0, high=8.0))]),
            ("silu", _silu, [*unary(), sample(LARGE)]),
        )
    ],
    row("**", lambda x, y: x**y, next(r for r in ARITHMETIC if r.name == "pow").samples, NO_BROADCAST,
        call=lambda x, y: x**y),
    row("[]", lambda x, key: x[key], [sample(x234, key) for key in KEYS] + [sample(grid(), ()), sample(grid(), ...)],
        bad(IndexError, "out of bounds", x23, 2), bad(IndexError, "too many indices", x23, (0, 0, 0)),
        call=lambda x, key: x[key]),
    row("fabs", np.fabs, unary(), call=np.fabs),
    row("radians", np.radians, unary(), call=np.radians),
    row("degrees", np.degrees, unary(), call=np.degrees),
    row("amax", np.amax, [sample(x23), sample(x23, axis=1), sample(x23, 0, keepdims=True)], call=np.amax),
    row("amin", np.amin, [sample(x23), sample(x23, axis=1), sample(x23, 0, keepdims=True)], call=np.amin),
    row("around", np.around, [sample(x23), sample(x23, decimals=1)], call=np.around, differentiable=False),
    row("vstack", np.vstack, [sample([x23, x3]), sample([x3, x3]), sample([grid(), grid(salt=0.4)])], call=np.vstack),
    row("hstack", np.hstack, [sample([x23, grid(2, 2)]), sample([x3, grid(2)]), sample([grid(), x3])], call=np.hstack),
    row("column_stack", np.column_stack, [sample([x3, x32, x3]), sample([x32, x3])], call=np.column_stack),
    row("atleast_1d", np.atleast_1d, [sample(grid()), sample(x3), sample(grid(), x23)], call=np.atleast_1d),
    row("atleast_2d", np.atleast_2d, [sample(grid()), sample(x3), sample(x23, x3)], call=np.atleast_2d),
    row("max_pool's derivative", lambda x, z: naive_pooling.at_maxima(z, x, 2),
        [sample(image(1, 4, 4, 2), grid(1, 4, 4, 2)), sample(np.zeros((0, 4, 4, 2)), np.zeros((0, 4, 4, 2)))],
        call=lambda x, z: tg.jvp(lambda x: tg.max_pool(x, 2), (x,), (z,))[1]),
]  # fmt: skip

# An op that rules use, for the mutation of every rule alone.
PRODUCT = row(
    "large_product",
    lambda x, y, transpose_x=False, transpose_y=False: (x.T if transpose_x else x) @ (y.T if transpose_y else y),
    [
        sample(grid(2, 3), grid(3, 4, salt=0.3)),
        sample(grid(3, 2), grid(3, 4, salt=0.3), transpose_x=True),
        sample(grid(2, 3), grid(4, 3, salt=0.3), transpose_y=True),
        sample(grid(3, 2), grid(4, 3, salt=0.3), transpose_x=True, transpose_y=True),
    ],
    bad(ShapeError, "the inner sizes of two matrices must be equal, got (2, 3) and (2, 4)", grid(2, 3), grid(2, 4)),
    call=large_product,
    numpy=False,
    exact=False,
)
