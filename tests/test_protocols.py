"""NumPy is the language: functions written for arrays record unchanged, and no gradient is lost silently."""

from __future__ import annotations

import array as array_module
import functools
import math
import operator
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import Tensor
from tapegrad._pytree import flatten
from tapegrad.errors import LostGradientError
from tapegrad.testing import check_gradients, strategies

# --------------------------------------------------------------------------------------------------
# Functions written for arrays, by someone who never heard of tapegrad


def softmax(x):
    exps = np.exp(x - x.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def cross_entropy(x):
    shifted = x - np.max(x, axis=1)[:, None]
    log_probabilities = shifted - np.log(np.exp(shifted).sum(1))[:, None]
    return -np.mean(log_probabilities[np.arange(len(x)), np.arange(len(x)) % x.shape[1]])


def normalised(x, scale, shift):
    mean = np.mean(x, axis=0)
    variance = ((x - mean) ** 2).mean(0)
    x = (x - mean) / np.sqrt(variance + 1e-5)
    return x * scale + shift


def polynomial(x):
    y = 0
    for coefficient in (3, -1.5, 0.25, 2):
        y = y * x + coefficient
    return y


def distances(x, y):
    difference = x[:, np.newaxis, :] - y[np.newaxis, :, :]
    return np.sqrt(np.sum(difference * difference, -1) + 0.5)


def convolution(x, kernel):
    rows, columns = x.shape[0] - 1, x.shape[1] - 1
    y = 0.0
    for i in range(2):
        for j in range(2):
            y += x[i : i + rows, j : j + columns] * kernel[i, j]
    return np.maximum(y, 0.1 * y)


def recurrent(x, w, u):
    h = np.zeros(w.shape[1])
    total = 0.0
    states = []
    for step in x:
        h = np.tanh(step @ w + h @ u)
        total += (h**2).sum()
        states.append(h)
    return total, np.stack(states)


def in_place(x, w):
    y = 2 * x
    z = y
    y += w
    z -= 1
    y *= z
    y /= 3
    return y, z


def scalars_with_two_names(x):
    s = np.sum(x)
    total = s
    total += 1
    total *= s
    first = x[0, 0]
    other = first
    other -= total
    return s * total, first * other


def norms(x):
    # NumPy adds up in another order where no axis is named.
    whole = np.linalg.norm(x), np.linalg.norm(x, "fro"), np.linalg.norm(x[0], 2), np.linalg.norm(x.ravel())
    return whole, np.linalg.norm(x, axis=1), np.linalg.norm(x, "fro", (1, 0)), np.linalg.norm(x, 3, axis=0)


def einsums(x, w):
    return np.einsum("ij,kj->ik", x, w), np.einsum("ij,ij->", x, w), np.einsum("ij->ji", x)


def branches(x):
    y = np.where(x > 0, x * x, np.sin(x))
    return y, x[x > -1].sum(), x * (x > 0), np.clip(x, -1, 1.5), np.sign(x) * abs(x)


def joined(x, y):
    z = np.concatenate([x, y, np.ones_like(x)], axis=0)
    upper, lower = np.split(z[:4], 2)
    return [np.vstack([upper, lower]), np.hstack((x, y)), np.stack([x, y], -1), np.column_stack([x, y])]


def moved(x):
    return {
        "flat": x.ravel() ** 2,
        "turned": np.swapaxes(x[None], 0, 2).T @ x.T,
        "rolled": np.roll(np.flip(x, 0), 1, axis=1) * np.tile(x[0], (2, 1)),
        "padded": np.pad(x, ((1, 0), (0, 2)))[::-1, ::2],
        "repeated": np.repeat(x, 2, axis=0).reshape(2, -1).squeeze(),
        "sorted": x[:, np.argsort(x[0])],
        "picked": np.take_along_axis(x, np.argsort(x, 1), 1) + np.take(x, [2, 0, 0], axis=1),
    }


def mixed(x, y):
    z = x.astype(np.float64) * np.float32(0.1) + y
    return np.mean(z), (z + 1).astype(np.float32), np.float32(2) ** x, 2**y, x / 3, y - np.array(0.5), True * x


def builtins(x):
    row = x[0]
    return sum(row), max(row), min(row), sorted(row)[1], abs(row[0]), divmod(row[1], 2)[1], pow(row[2], 2)


def logistic(x, w):
    p = 1 / (1 + np.exp(-(x @ w.T)))
    return -(np.log(p) * 0.75 + np.log1p(-p) * 0.25).sum() / p.size


def spread(x):
    return x.std(axis=0, ddof=1), np.var(x), x.mean() * x.prod(axis=1), x.max() - x.min()


def integrated(x):
    """Leapfrog steps of a pendulum."""
    angle, speed = x[0], x[1]
    for _ in range(3):
        speed = speed - 0.05 * np.sin(angle)
        angle = angle + 0.1 * speed
        speed = speed - 0.05 * np.sin(angle)
    return angle, speed, 0.5 * speed**2 - np.cos(angle)


def rotated(x):
    c, s = np.cos(x[0, 0]), np.sin(x[0, 0])
    return tg.stack([tg.stack([c, -s]), tg.stack([s, c])]) @ x  # np.array([[c, -s], [s, c]]) raises, and says this


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    f.__name__: (f, shapes)
    for f, shapes in [
        (softmax, ((2, 3),)),
        (cross_entropy, ((3, 2),)),
        (normalised, ((4, 3), (3,), (3,))),
        (polynomial, ((2, 3),)),
        (distances, ((2, 3), (4, 3))),
        (convolution, ((3, 4), (2, 2))),
        (recurrent, ((3, 2), (2, 4), (4, 4))),
        (in_place, ((2, 3), (2, 3))),
        (scalars_with_two_names, ((2, 3),)),
        (norms, ((5, 7),)),
        (einsums, ((2, 3), (2, 3))),
        (branches, ((2, 3),)),
        (joined, ((2, 3), (2, 3))),
        (moved, ((2, 3),)),
        (mixed, ((2, 3), (2, 3))),
        (builtins, ((2, 3),)),
        (logistic, ((4, 3), (2, 3))),
        (spread, ((4, 3),)),
        (integrated, ((2, 3),)),
        (rotated, ((2, 3),)),
    ]
}
functions = pytest.mark.parametrize(("function", "shapes"), FUNCTIONS.values(), ids=FUNCTIONS)


def assert_same(ours: Any, theirs: Any) -> None:
    """Bit for bit, with the same types: of containers, of arrays and scalars, of Python numbers, and dtypes."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            assert_same(mine, other)
        return
    if isinstance(theirs, np.ndarray | np.generic):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


@functions
@settings(max_examples=settings().max_examples // 2)  # as many as there are functions
@given(data=st.data())
def test_values_are_numpys_bit_for_bit(function, shapes, data):
    args = [data.draw(strategies.arrays(shape, strategies.dtypes())) for shape in shapes]
    before = [a.copy() for a in args]
    with np.errstate(all="ignore"):
        expected = function(*args)
        assert_same(tg.vjp(function, *args)[0], expected)
        with tg.no_grad():
            assert_same(function(*args), expected)
    assert_same(args, before)


@functions
def test_gradients_of_functions_for_arrays(function, shapes):
    rng = np.random.default_rng(3)

    def without_float32(*args):
        return [y for y in flatten(function(*args))[0] if y.dtype == np.float64]

    check_gradients(without_float32, *[rng.uniform(-2, 2, shape) for shape in shapes])


@given(x=strategies.arrays((3, 2), strategies.dtypes()))
def test_value_and_grad_gives_the_value_of_the_function(x):
    value, gradient = tg.value_and_grad(cross_entropy)(x)
    assert_same(value, cross_entropy(x))
    assert type(gradient) is np.ndarray
    assert gradient.dtype == x.dtype
    assert gradient.shape == x.shape


numbers = strategies.elements(0.25, 3.0)


def of_numbers(x):
    return [
        polynomial(x),
        np.exp(x),
        x**2,
        2**x,
        x // 2 + x % 2,
        -x,
        abs(-x),
        x * np.ones(3, np.float32),
        np.float32(2) * x,
        x > 1,
        x * (x == 1.0),
        np.maximum(x, 1),
        max(x, 1.0),
        divmod(x, 0.75)[1],
        np.sum(x * np.arange(3)),
        np.power(np.array([1.0, 2.0], np.float32), x),
        x if x >= 1 else 1 / x,
        f"{x:.3f} {x}",
    ]


@given(x=numbers)
@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.array, lambda x: np.array(x, np.float32)])
def test_numbers_of_every_kind_are_what_they_are_in_numpy(x, kind):
    """A Python number takes the dtype of the array that it meets; NumPy's own do not."""
    x = kind(x)
    value = tg.vjp(of_numbers, x)[0]
    expected = of_numbers(x)
    assert_same(value[:-1], expected[:-1])
    assert value[-1] == expected[-1]
    gradient = tg.grad(lambda x: np.sum(np.sin(x) * np.arange(3)))(x)
    assert type(gradient) is type(x)
    np.testing.assert_allclose(gradient, 3 * np.cos(x), rtol=1e-6)


@given(x=numbers)
def test_python_numbers_stay_python_numbers(x):
    value, gradient = tg.value_and_grad(polynomial)(x)
    assert_same(value, polynomial(x))
    assert type(gradient) is float
    assert gradient == pytest.approx(9 * x**2 - 3 * x + 0.25)
    # ... inside of another transform, too, where the inner gradient meets an array of float32
    f = lambda x: np.sum(np.ones(3, np.float32) * tg.grad(polynomial)(x))  # noqa: E731
    value, gradient = tg.value_and_grad(f)(x)
    assert_same(value, f(x))
    assert gradient == pytest.approx(3 * (18 * x - 3), rel=1e-6)


def test_python_errors_of_python_numbers_stay():
    with pytest.raises(ZeroDivisionError):
        tg.grad(lambda x: 1 / (x - 1.0))(1.0)
    with pytest.raises(OverflowError):
        tg.grad(lambda x: x**1e6)(10.0)


def test_numpys_functions_take_tensors_among_arrays():
    a = np.array([1.0, 2.0])
    t = tg.tensor(np.array([3.0, 4.0]), requires_grad=True)
    for y, expected in [
        (np.concatenate([a, t, [5.0]]), [1, 2, 3, 4, 5]),
        (np.stack([a, t]), [[1, 2], [3, 4]]),
        (np.where([True, False], t, 0), [3, 0]),
        (a @ t, 11),
        (a - t, [-2, -2]),
        (np.add(a, t), [4, 6]),
        (np.add.reduce(t), 7),
        (np.multiply.reduce(t, axis=0, keepdims=True), [12]),
        (np.maximum.reduce(t), 4),
        (np.minimum.reduce(t), 3),
        (np.multiply.outer(a, t), [[3, 4], [6, 8]]),
        (np.multiply.outer([1.0, 2.0], t), [[3, 4], [6, 8]]),
        (np.subtract.outer(t, a), [[2, 1], [3, 2]]),
        (np.power.outer(2.0, t), [8, 16]),
        (np.clip(t, a_min=3.5, a_max=None), [3.5, 4]),
        (np.max(t, 0, None, True), [4]),
        (np.sum(t, None, None, None, True), [7]),
        (np.round(t, decimals=0), [3, 4]),
        (np.var(t, ddof=1), 0.5),
        (np.reshape(t, (2, 1)), [[3], [4]]),
        (np.full_like(t, 9.0), [9, 9]),
        (np.einsum("i,i->", t, a, out=None), 11),
    ]:
        np.testing.assert_array_equal(y.numpy() if isinstance(y, Tensor) else y, expected)
    with pytest.raises(ValueError, match="axis"):
        np.add.reduce(tg.ones((2, 2)), axis=5)


@pytest.mark.parametrize(
    "ask",
    [
        np.shape,
        np.ndim,
        np.size,
        np.argsort,
        np.argmax,
        np.zeros_like,
        np.ones_like,
        lambda t: np.full_like(t, 2.0),
        np.isfinite,
        np.nonzero,
        np.array_str,
        np.array_repr,
        lambda t: np.result_type(t, np.float32),
        lambda t: np.allclose(t, 1.0),
        lambda t: np.isclose(t, 2.0),
        lambda t: np.array_equal(t, t),
        lambda t: np.isin(t, [1.0]),
        lambda t: np.searchsorted(t, 2.0),
        lambda t: np.digitize(t, [1.5]),
        lambda t: np.shares_memory(t, t),
        lambda t: np.floor(t),
        lambda t: t > 1,
        lambda t: np.any(t),
        lambda t: np.count_nonzero(t, axis=0),
    ],
)
def test_questions_without_a_gradient_are_answered(ask):
    a = np.array([1.0, 2.0, 3.0])
    answer = ask(tg.tensor(a, requires_grad=True))
    assert not (isinstance(answer, Tensor) and answer.requires_grad)
    answer, expected = (x.numpy() if isinstance(x, Tensor) else x for x in (answer, ask(a)))
    np.testing.assert_array_equal(answer, expected)


# --------------------------------------------------------------------------------------------------
# What would lose a gradient silently

ARRAY = np.array([[0.25, 0.5], [0.75, 0.125]])


def store(t, key):
    a = np.zeros((2, 2))
    a[key] = t
    return a


def set_field(t):
    a = np.zeros(2, [("weight", float), ("count", int)])
    a["weight"] = t[0]
    return a["weight"]


def into(f):
    """`f(t, a)`, where `f` writes into `a`, and then `a`."""

    def written(t):
        a = np.ones((2, 2))
        f(t, a)
        return a

    return written


CONVERSION = (
    r"would lose the gradient of a recorded tensor\. For the bare value use t\.item\(\), t\.numpy\(\) or t\.det"
)
NO_RULE = r"has no gradient rule here.*pass t\.detach\(\); otherwise use a function of tapegrad's.*tapegrad\.primitive"
WRITES = r"writing into an array \(a \+= t, or out=a\) would lose.*a = a \+ t, or tapegrad\.index_update"

# name: what is done, and what the message says
LOSING: dict[str, tuple[Callable[[Any], Any], str]] = {
    # conversions
    "asarray": (np.asarray, r"np\.asarray\(t\), or storing t in an array, " + CONVERSION),
    "asarray(dtype)": (lambda t: np.asarray(t, np.float32), CONVERSION),
    "array": (np.array, CONVERSION),
    "array of a list": (lambda t: np.array([t, t]), r"tapegrad\.stack to collect tensors in one"),
    "array of numbers": (lambda t: np.array([[t[0, 0], 1.0], [2.0, t[1, 1]]]), r"tapegrad\.stack to collect tensors"),
    "array of rows": (lambda t: np.array(list(t)), CONVERSION),
    "ascontiguousarray": (np.ascontiguousarray, CONVERSION),
    "fromiter": (lambda t: np.fromiter(t[0], float), CONVERSION),
    "masked array": (np.ma.array, CONVERSION),
    "nditer": (lambda t: [float(x) for x in np.nditer(t)], CONVERSION),
    "float64(t)": (lambda t: np.float64(t[0, 0]), CONVERSION),
    "float": (lambda t: float(t[0, 0]), r"float\(t\), or a function of math, " + CONVERSION),
    "int": (lambda t: int(t[0, 0]), r"int\(t\) " + CONVERSION),
    "complex": (lambda t: complex(t[0, 0]), r"complex\(t\) " + CONVERSION),
    "math.exp": (lambda t: math.exp(t[0, 0]), r"np\.exp or tapegrad\.exp instead of math\.exp"),
    "math.fsum": (lambda t: math.fsum(t[0]), "a function of math"),
    "math.floor": (lambda t: math.floor(t[0, 0]), "a function of math"),
    "percent": (lambda t: "%.3f" % t[0, 0], CONVERSION),  # noqa: UP031
    "array.array": (lambda t: array_module.array("d", t[0]), CONVERSION),
    "tensor": (lambda t: tg.tensor(t).numpy(), r"tapegrad\.tensor\(t\) " + CONVERSION),
    # stores into arrays
    "a[0] = number": (lambda t: store(t[0, 0], (0, 1)), r"tapegrad\.index_update instead of a\[i\] = t"),
    "a[0] = row": (lambda t: store(t[0], 1), CONVERSION),
    "a[...] = t": (lambda t: store(t, ...), CONVERSION),
    "a[:] = number": (lambda t: store(t[0, 0], slice(None)), CONVERSION),
    "a[mask] = t": (lambda t: store(t[0, 0], np.eye(2, dtype=bool)), CONVERSION),
    "a[list] = t": (lambda t: store(t, [1, 0]), CONVERSION),
    "a.flat[:] = t": (into(lambda t, a: a.flat.__setitem__(slice(None), t)), CONVERSION),
    "a.fill(t)": (into(lambda t, a: a.fill(t[0, 0])), CONVERSION),
    "a.put(t)": (into(lambda t, a: a.put([0, 1], t[0])), CONVERSION),
    "a[field] = t": (set_field, CONVERSION),
    "full": (lambda t: np.full((2, 2), t), CONVERSION),
    "a += t": (into(lambda t, a: operator.iadd(a, t)), "np.add: " + WRITES),
    "a *= t": (into(lambda t, a: operator.imul(a, t)), "np.multiply: " + WRITES),
    "a **= t": (into(lambda t, a: operator.ipow(a, t)), "np.power: " + WRITES),
    "a @= t": (into(lambda t, a: operator.imatmul(a, t)), "np.matmul: " + WRITES),
    "out": (into(lambda t, a: np.exp(t, out=a)), "np.exp: " + WRITES),
    "out, by position": (into(lambda t, a: np.add(t, 1, a)), "np.add: " + WRITES),
    "reduce out": (into(lambda t, a: np.add.reduce(t, out=a[0])), r"np\.add\.reduce: " + WRITES),
    "add.at": (into(lambda t, a: np.add.at(a, [0, 0], t)), r"np\.add\.at: .*tapegrad\.index_add"),
    "copyto": (into(lambda t, a: np.copyto(a, t)), "np.copyto: " + WRITES),
    "put": (into(lambda t, a: np.put(a, [0, 3], t[0])), "np.put: " + WRITES),
    "place": (into(lambda t, a: np.place(a, ARRAY > 0.3, t[0])), "np.place: " + WRITES),
    "putmask": (into(lambda t, a: np.putmask(a, ARRAY > 0.3, t)), "np.putmask: " + WRITES),
    "fill_diagonal": (into(lambda t, a: np.fill_diagonal(a, t[0])), CONVERSION),
    "put_along_axis": (into(lambda t, a: np.put_along_axis(a, np.eye(2, dtype=int), t, 0)), "np.put_along_axis: "),
    # functions without a rule
    "fft": (np.fft.fft, r"np\.fft\.fft " + NO_RULE),
    "cumsum": (np.cumsum, "np.cumsum " + NO_RULE),
    "sort": (np.sort, "np.sort " + NO_RULE),
    "unique": (np.unique, "np.unique " + NO_RULE),
    "histogram": (lambda t: np.histogram(t)[0], "np.histogram " + NO_RULE),
    "bincount weights": (lambda t: np.bincount([0, 1], weights=t[0]), "np.bincount " + NO_RULE),
    "full_like": (lambda t: np.full_like(t, t[0, 0]), r"np\.full_like has no .* \(tapegrad\.broadcast_to has\)"),
    "full_like value": (lambda t: np.full_like(a=ARRAY, fill_value=t), "np.copyto: " + WRITES),
    "inv": (np.linalg.inv, r"np\.linalg\.inv " + NO_RULE),
    "real": (np.real, "np.real " + NO_RULE),
    "interp": (lambda t: np.interp(t, [0, 1], [2.0, 3.0]), "np.interp " + NO_RULE),
    "interp values": (lambda t: np.interp([0.5], [0, 1], t[0]), "np.interp " + NO_RULE),
    "linspace": (lambda t: np.linspace(t[0, 0], 1, 3), "np.linspace " + NO_RULE),
    "block": (lambda t: np.block([[t, t]]), "np.block " + NO_RULE),
    "apply_along_axis": (lambda t: np.apply_along_axis(np.sum, 0, t), "np.apply_along_axis " + NO_RULE),
    "accumulate": (np.add.accumulate, r"np\.add\.accumulate " + NO_RULE),
    "reduceat": (lambda t: np.add.reduceat(t, [0, 1]), r"np\.add\.reduceat " + NO_RULE),
    "logaddexp.reduce": (lambda t: np.logaddexp.reduce(t), r"np\.logaddexp\.reduce " + NO_RULE),
    "modf": (lambda t: np.modf(t)[0], "np.modf " + NO_RULE),
    "choice": (lambda t: np.random.default_rng(0).choice(t[0]), CONVERSION),
    "normal": (lambda t: np.random.default_rng(0).normal(t), CONVERSION),
    "vectorize": (lambda t: np.vectorize(lambda x: 2 * x)(t), CONVERSION),
    "frompyfunc": (lambda t: np.frompyfunc(lambda x: 2 * x, 1, 1)(t), r"<lambda> \(vectorized\) " + NO_RULE),
    "scipy.special.erf": (scipy.special.erf, "^erf " + NO_RULE),
    "scipy.special.logsumexp": (lambda t: scipy.special.logsumexp(t), CONVERSION),
    "scipy.linalg.inv": (scipy.linalg.inv, CONVERSION),
    "scipy.stats.norm": (scipy.stats.norm.cdf, CONVERSION),
    "assert_allclose": (lambda t: np.testing.assert_allclose(t, ARRAY), CONVERSION),
    # keywords that no rule knows
    "where=": (into(lambda t, a: np.exp(t, where=ARRAY > 0.3, out=a)), WRITES),
    "dtype=": (lambda t: np.exp(t, dtype=np.float32), r"np\.exp takes no dtype= here"),
    "casting=": (lambda t: np.add(t, 1, casting="no"), r"np\.add takes no casting= here"),
}
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {  # with a TypeError, for they are options
    "sum dtype=": (lambda t: np.sum(t, dtype=np.float32), "np.sum: dtype= is not supported.*Cast with astype first"),
    "sum where=": (lambda t: np.sum(t, where=ARRAY > 0.3), "np.sum: where= is not supported.*Use tapegrad.where"),
    "sum initial=": (lambda t: np.sum(t, initial=3.0), "np.sum: initial= is not supported.*takes x, axis, keepdims"),
    "sum out=": (into(lambda t, a: np.sum(t, axis=0, out=a[0])), "np.sum: out= is not supported.*write y = f"),
    "reduce where=": (lambda t: np.add.reduce(t, where=ARRAY > 0.3), "np.sum: where= is not supported"),
    "concatenate out=": (into(lambda t, a: np.concatenate([t[:1], t[1:]], out=a)), "np.concatenate: out= is not"),
    "dot out=": (into(lambda t, a: np.dot(t, t, out=a)), "np.dot: out= is not supported.*write y = f"),
    "einsum dtype=": (lambda t: np.einsum("ij->j", t, dtype=float), "np.einsum: dtype= is not supported.*Cast"),
    "reshape order=": (lambda t: np.reshape(t, 4, order="F"), "np.reshape: order= is not supported"),
}


def chain(error: BaseException | None) -> str:
    """The messages of an exception and of what caused it, which NumPy sometimes hides behind one of its own."""
    return "" if error is None else f"{error}\n" + chain(error.__cause__)


@pytest.mark.parametrize(("act", "message"), LOSING.values(), ids=LOSING)
def test_losing_a_gradient_raises_and_names_the_remedy(act, message):
    leaf = tg.tensor(ARRAY, requires_grad=True)
    for t in (leaf, leaf * 1.0):
        with pytest.raises((LostGradientError, ValueError, TypeError)) as caught:
            act(t)
        lost = caught.value if isinstance(caught.value, LostGradientError) else caught.value.__cause__
        assert isinstance(lost, LostGradientError)
        assert re.search(message, str(lost))
    with pytest.raises((LostGradientError, ValueError, TypeError)):
        tg.grad(lambda x: act(x).sum())(ARRAY)


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=REFUSED)
def test_options_without_a_rule_are_refused_by_name(act, message):
    with pytest.raises(TypeError, match=message):
        act(tg.tensor(ARRAY, requires_grad=True))


@pytest.mark.parametrize("act", [act for act, _ in (LOSING | REFUSED).values()], ids=LOSING | REFUSED)
def test_where_no_gradient_is_wanted_everything_converts(act):
    expected = act(ARRAY.copy())
    recorded = tg.tensor(ARRAY, requires_grad=True)
    with tg.no_grad():
        results = [act(recorded)]
    results += [act(tg.tensor(ARRAY)), act((recorded * 1.0).detach())]
    for result in results:
        result = result.numpy() if isinstance(result, Tensor) else result
        np.testing.assert_array_equal(result, expected)
        assert np.asarray(result).dtype == np.asarray(expected).dtype
    assert np.array_equal(recorded.numpy(), ARRAY)


def test_a_structure_of_a_recorded_number_is_refused():
    with pytest.raises(struct.error):
        struct.pack("d", tg.tensor(1.0, requires_grad=True))


def test_builtins_record():
    t = tg.tensor([3.0, 1.0, 2.0], requires_grad=True)
    for y, gradient in [
        (sum(t), [1, 1, 1]),
        (max(t), [1, 0, 0]),
        (min(t), [0, 1, 0]),
        (sorted(t)[1], [0, 0, 1]),
        (functools.reduce(operator.mul, t), [2, 6, 3]),
        (next(iter(t)), [1, 0, 0]),
        (list(map(abs, t))[2], [0, 0, 1]),
    ]:
        t.grad = None
        y.backward()
        assert t.grad.tolist() == gradient


# --------------------------------------------------------------------------------------------------
# Nobody writes into the array of a Tensor: the tape may keep it

WRITERS: dict[str, Callable[[Any], Any]] = {
    "copyto": lambda t: np.copyto(t, 9.0),
    "copyto by name": lambda t: np.copyto(dst=t, src=9.0),
    "put": lambda t: np.put(t, [0], 9.0),
    "place": lambda t: np.place(t, ARRAY > 0.3, [9.0]),
    "putmask": lambda t: np.putmask(t, ARRAY > 0.3, [9.0]),
    "fill_diagonal": lambda t: np.fill_diagonal(t, 9.0),
    "put_along_axis": lambda t: np.put_along_axis(t, np.eye(2, dtype=int), 9.0, 0),
    "add.at": lambda t: np.add.at(t, 0, 9.0),
    "negative.at": lambda t: np.negative.at(t, 0),
    "out": lambda t: np.add(ARRAY, 9.0, out=t),
    "out, by position": lambda t: np.add(ARRAY, 9.0, t),
    "reduce out": lambda t: np.add.reduce(ARRAY, out=t[0]),
    "sum out": lambda t: np.sum(ARRAY, axis=0, out=t[0]),
    "sum out of itself": lambda t: np.sum(t, axis=0, out=t[0]),
    "cumsum out": lambda t: np.cumsum(ARRAY, axis=0, out=t),
    "asarray": lambda t: np.asarray(t).fill(9.0),
    "numpy": lambda t: t.numpy().fill(9.0),
    "nditer": lambda t: next(np.nditer(t, op_flags=["readwrite"])).fill(9.0),
    "in a frompyfunc": lambda t: np.frompyfunc(lambda x: x, 1, 1)(t, out=t),
    "partition": lambda t: np.asarray(t).partition(1),
    "setflags": lambda t: np.asarray(t).setflags(write=True) if np.asarray(t).base is None else 1 / 0,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_nothing_is_written_into_a_tensor(write):
    plain, recorded = tg.tensor(ARRAY), tg.tensor(ARRAY, requires_grad=True)
    w = tg.tensor(np.ones((2, 2)), requires_grad=True)
    y = (plain * w).sum()
    for t in (plain, recorded, recorded * 1.0):
        with pytest.raises((TypeError, ValueError, LostGradientError, ZeroDivisionError)):
            write(t)
        with tg.no_grad(), pytest.raises((TypeError, ValueError, ZeroDivisionError)):
            write(t)
        assert np.array_equal(t.numpy(), ARRAY)
    y.backward()
    assert np.array_equal(w.grad.numpy(), ARRAY)


@pytest.mark.parametrize(
    "name", ["copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "add.at", "out"]
)
def test_the_error_names_the_functions_that_make_a_new_tensor(name):
    message = r"nothing is written into a Tensor; make a new one with t = tapegrad\.index_update\(t, key, value\), tape"
    with pytest.raises(TypeError, match=message):
        WRITERS[name](tg.tensor(ARRAY))


# --------------------------------------------------------------------------------------------------
# Other kinds of arrays on the other side


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.matmul, operator.pow, np.add, np.arctan2])
def test_arrays_with_another_arithmetic_are_refused(op):
    plain, recorded = tg.tensor(ARRAY), tg.tensor(ARRAY, requires_grad=True)
    for other in (np.matrix(ARRAY), np.ma.array(ARRAY, mask=ARRAY > 0.3)):
        for t in (plain, recorded):
            message = rf"expected a plain array, got numpy\..*{type(other).__name__}, whose arithmetic is another"
            with pytest.raises(TypeError, match=message):
                op(t, other)
        with pytest.raises((TypeError, LostGradientError)):
            op(other, recorded)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_transforms_refuse_them_as_well():
    for other in (np.matrix(ARRAY), np.ma.array(ARRAY, mask=ARRAY > 0.3)):
        with pytest.raises(TypeError, match="grad: expected a plain array"):
            tg.grad(np.sum)(other)


def test_a_memory_map_is_a_plain_array(tmp_path):
    mapped = np.memmap(tmp_path / "data", float, "w+", shape=(2, 2))
    mapped[:] = ARRAY
    value, gradient = tg.value_and_grad(lambda x: np.sum(x * mapped))(ARRAY)
    assert_same(value, np.sum(ARRAY * ARRAY))
    assert_same(gradient, ARRAY)
    gradient = tg.grad(lambda x: np.sum(x * x))(mapped)
    assert_same(gradient, 2 * ARRAY)


def test_what_has_an_array_is_an_array():
    class Series:
        def __array__(self, dtype=None, copy=None):
            return np.array([1.0, 2.0], dtype)

    t = tg.tensor(np.array([3.0, 4.0]), requires_grad=True)
    y = t * Series() + Series()
    assert type(y._array) is np.ndarray
    y.sum().backward()
    assert t.grad.tolist() == [1.0, 2.0]
    assert tg.grad(lambda x: np.sum(x * x))(Series()).tolist() == [2.0, 4.0]


def test_object_arrays_have_no_gradient():
    objects = np.array([[1, 2], [3, 4]], object)
    t = tg.tensor(ARRAY, requires_grad=True)
    for y in (t * objects, objects * t):
        with pytest.raises(TypeError, match="its gradient is object"):
            y.sum().backward()
    with pytest.raises(TypeError, match="expected floating-point numbers or arrays to differentiate by, got object"):
        tg.grad(np.sum)(objects)
