"""Comparing what the rules give with what finite differences give.

A function's derivatives at a point are one matrix, its Jacobian. Finite differences give products of the Jacobian
with directions, the columns; the backward pass gives products of cotangents with it, the rows. Multiplied once more,
by the cotangents and by the directions, both must give the same small matrix, and where they do not, its row and
column say where. Unit vectors on both sides make it the Jacobian itself.

Cotangents are random, never ones: a rule for softmax that returns zeros is right for a cotangent of ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._pytree import flatten
from .._tape import Tensor, no_grad, wrap
from ..errors import DTypeError, KinkError
from ..transforms import vjp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Arrays = list[np.ndarray[Any, Any]]
    Function = Callable[..., list[Any]]  # of arrays, giving a list of arrays

SMALL = 64  # up to so many elements, every one is checked by itself; beyond, a few random combinations
COMBINATIONS = 8


class _Direction(NamedTuple):
    """A way to change the arguments, or to weigh the results: one array each; and its name in messages."""

    arrays: Arrays
    name: str


def check_gradients(
    function: Callable[..., Any],
    *arguments: Any,
    order: int = 2,
    step: float = 1e-4,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    seed: int = 0,
) -> None:
    """Compare the gradients of `function` at `arguments` with central finite differences, in float64.

        >>> check_gradients(np.tanh, np.array([0.5, -1.0, 2.0]))
        >>> check_gradients(np.matmul, np.ones((2, 3)), np.ones((3, 4)))

    `arguments` are numbers, arrays, Tensors, or containers of these; what is floating-point in them is converted to
    float64 and differentiated, everything else is passed on as it is. To keep an argument fixed, close over it:

        >>> check_gradients(lambda x: np.clip(x, -1.0, 1.0), np.array([0.5, 3.0]))

    The result is a float64 array, or a container of them. Cotangents are random, drawn from `seed`. When arguments
    and result have at most 64 elements each, the full Jacobian is compared; otherwise a few random directions are.
    `order=2` compares the derivatives of the gradient in the same way, by the arguments and by the cotangent, and so
    on for higher ones. `step` is the distance of the differences, which suits arguments of magnitudes around 1. The
    error allowed is `atol + rtol * |expected|`, besides what rounding does to the differences themselves.

    Raises AssertionError where they disagree, naming the argument and the element, KinkError where the function has
    no derivative at `arguments` or bends too sharply for `step`, DTypeError for a result that is not float64,
    ValueError for results that are not finite, and what the rules themselves raise.
    """
    leaves, names = [], []
    for i, argument in enumerate(arguments):
        found = flatten(argument)[0]
        leaves += found
        names += [f"argument {i}" + (f", leaf {k}" if len(found) > 1 else "") for k in range(len(found))]
    rebuild = flatten(tuple(arguments))[1]
    values = [leaf._array if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    places = [i for i, value in enumerate(values) if np.asarray(value).dtype.kind == "f"]
    if not places:
        raise DTypeError("check_gradients: expected at least one floating-point argument, got none")

    def of_arrays(*arrays: Any) -> list[Any]:
        every = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            every[place] = array
        return flatten(function(*rebuild(every)))[0]

    arrays = [np.array(values[place], np.float64) for place in places]
    rng = np.random.default_rng(seed)
    compare = _Comparison(step, rtol, atol, rng)
    of, chosen = of_arrays, [names[place] for place in places]
    for degree in range(1, order + 1):
        cotangents = compare(f"order {degree}", of, arrays, chosen)
        of = _gradient_function(of, len(arrays))
        arrays = arrays + cotangents
        chosen = [*chosen, *(f"the cotangent of result {i} in order {degree}" for i in range(len(cotangents)))]


def _gradient_function(of: Function, count: int) -> Function:
    """The gradients of `of` as a function of its `count` arguments and of the cotangents of its results."""

    def gradients(*arrays: Any) -> list[Any]:
        return list(vjp(of, *arrays[:count])[1](list(arrays[count:])))

    return gradients


class _Comparison:
    """How the comparison is done: what the caller of `check_gradients` chose."""

    def __init__(self, step: float, rtol: float, atol: float, rng: np.random.Generator) -> None:
        self.step = step
        self.rtol = rtol
        self.atol = atol
        self.rng = rng

    def __call__(self, order: str, of: Function, arrays: Arrays, names: Sequence[str]) -> Arrays:
        """Compare `of` at `arrays`. Gives the random cotangents that were used."""
        for array in arrays:
            array.flags.writeable = False  # whatever writes into its arguments raises
        results, pullback = vjp(of, *arrays)
        here = _evaluate(of, arrays)
        _check_results(order, results, here)
        directions = self._directions(arrays, names)
        random = [np.asarray(self.rng.standard_normal(np.shape(y))) for y in results]
        units = self._directions(results, [f"result {i}" for i in range(len(results))])
        cotangents = [_Direction(random, "a random cotangent"), *(units if _count(results) <= SMALL else [])]

        rows = _matrix([_flat(pullback(list(g.arrays))) for g in cotangents], _count(arrays))
        got = rows @ _matrix([_flat(v.arrays) for v in directions], _count(arrays)).T
        weights = _matrix([_flat(g.arrays) for g in cotangents], _count(results))
        columns = [self._difference(order, of, arrays, here, v) for v in directions]
        expected = weights @ _matrix([derivative for derivative, _ in columns], _count(results)).T
        rounding = np.abs(weights) @ _matrix([noise for _, noise in columns], _count(results)).T
        allowed = self.atol + self.rtol * np.abs(expected) + rounding
        wrong = ~(np.abs(got - expected) <= allowed)  # not >, so that NaN is wrong
        if wrong.any():
            _disagree(order, wrong, expected, got, cotangents, directions)
        return random

    def _directions(self, arrays: Sequence[Any], names: Sequence[str]) -> list[_Direction]:
        """Unit vectors for few elements, random combinations for many."""
        zeros = [np.zeros(np.shape(array)) for array in arrays]
        if _count(arrays) > SMALL:
            draws = [[np.asarray(self.rng.standard_normal(zero.shape)) for zero in zeros] for _ in range(COMBINATIONS)]
            return [_Direction(draw, "a random direction of all arguments") for draw in draws]
        directions = []
        for i, zero in enumerate(zeros):
            for place in np.ndindex(zero.shape):
                unit = zero.copy()
                unit[place] = 1
                name = f"element {list(place)} of {names[i]}" if place else names[i]
                directions.append(_Direction([*zeros[:i], unit, *zeros[i + 1 :]], name))
        return directions

    def _difference(self, order: str, of: Function, arrays: Arrays, here: Any, along: _Direction) -> tuple[Any, Any]:
        """The derivative of the results, which are `here`, along a direction; and how far rounding may have moved it.

        Two central differences, at `step` and at half of it, are extrapolated to a step of 0, which leaves an error
        of the fourth order. Where the function is smooth they agree, and the slopes to both sides differ half as much
        at half the step; at a kink or a jump they do not.
        """
        h = self.step

        def moved(distance: float) -> Any:
            return _evaluate(of, [x + distance * v for x, v in zip(arrays, along.arrays, strict=True)])

        above, below, half_above, half_below = moved(h), moved(-h), moved(h / 2), moved(-h / 2)
        if not all(np.isfinite(y).all() for y in (above, below, half_above, half_below)):
            raise ValueError(
                f"check_gradients, {order}: the function must be finite where it is differentiated, and is not within "
                f"{h:.1e} of this value of {along.name}"
            )
        central, half_central = (above - below) / (2 * h), (half_above - half_below) / h
        bend = np.abs(above - 2 * here + below) / h
        half_bend = np.abs(half_above - 2 * here + half_below) / (h / 2)
        magnitude = max(float(np.max(np.abs(x * v), initial=0.0)) for x, v in zip(arrays, along.arrays, strict=True))
        noise = 16 * np.finfo(np.float64).eps * (np.abs(here) / h + np.abs(half_central) * magnitude / h)
        allowed = self.atol + 1e2 * self.rtol * np.abs(half_central) + noise
        kink = (np.abs(central - half_central) > allowed) | ((half_bend > allowed) & (half_bend > 0.7 * bend))
        if kink.any():
            at = int(np.argmax(kink))
            slopes = [(here - below) / h, (above - here) / h, (here - half_below) / h * 2, (half_above - here) / h * 2]
            a, b, c, d = (f"{slope[at]:.6g}" for slope in slopes)
            raise KinkError(
                f"check_gradients, {order}: no derivative by {along.name}: the slopes are {a} and {b} within {h:.1e} "
                f"below and above it, and {c} and {d} within half of that. Choose a point away from the kink, or a "
                "smaller step if the function is only steep"
            )
        return half_central + (half_central - central) / 3, noise


def _check_results(order: str, results: Sequence[Any], again: Any) -> None:
    for y in results:
        if getattr(y, "dtype", None) != np.float64:
            raise DTypeError(
                f"check_gradients, {order}: finite differences need a float64 result, and the function gave "
                f"{getattr(y, 'dtype', type(y).__name__)} for float64 arguments"
            )
    first = _flat(results)
    if not np.isfinite(first).all():
        raise ValueError(f"check_gradients, {order}: the result must be finite, got {first}")
    if not np.allclose(first, again, rtol=1e-9, atol=1e-12):  # a recorded sum may be added up in another order
        raise AssertionError(
            f"check_gradients, {order}: the function gave {first}, and for the same arguments {again}; it must not "
            "draw random numbers, change its arguments, or depend on whether it is recorded"
        )


def _evaluate(of: Function, arrays: Arrays) -> Any:
    with no_grad(), np.errstate(all="ignore"):  # whether the results are finite is asked of the results
        return _flat([y._array if isinstance(y, Tensor) else y for y in of(*map(wrap, arrays))])


def _flat(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.zeros(0)


def _matrix(rows: Sequence[Any], columns: int) -> Any:
    return np.array(rows).reshape(len(rows), columns)


def _count(arrays: Sequence[Any]) -> int:
    return sum(int(np.size(a)) for a in arrays)


def _disagree(
    order: str, wrong: Any, expected: Any, got: Any, cotangents: Sequence[_Direction], directions: Sequence[_Direction]
) -> None:
    # What is not finite is worst; among the rest, what is furthest off.
    distance = np.where(np.isfinite(got), np.abs(got - expected), np.inf)
    row, column = divmod(int(np.argmax(np.where(wrong, distance, -1.0))), len(directions))
    raise AssertionError(
        f"check_gradients, {order}: the gradient disagrees with finite differences in {np.count_nonzero(wrong)} of "
        f"{wrong.size} places, most for {directions[column].name} ({cotangents[row].name}): expected "
        f"{expected[row, column]:.9g}, got {got[row, column]:.9g}, off by {distance[row, column]:.3g}"
    )
