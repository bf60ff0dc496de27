"""Gradients that got too large, made smaller between `backward` and `step`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._rows import Rows
from .._tape import Tensor, mode, wrap
from ..ops.elementwise import sqrt
from ..primitive import constant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale the gradients, all by one factor, so that they have a norm of at most `max_norm` together.

    Gives the norm from before: the root of the sum of all their squares. It is NaN or infinite where a gradient is,
    and then nothing is scaled. While a program is traced the norm is a Tensor. Raises ValueError for a limit that is
    not positive.
    """
    _positive("clip_grad_norm", "max_norm", max_norm)
    having = [p for p in _each(parameters) if p._grad is not None]
    if mode.tracer is not None:
        norm: Any = sqrt(sum((_squares_of(_values(p._grad)) for p in having), np.float64(0)))
        factor = _factor(norm, max_norm=max_norm)
        for parameter in having:
            _change(parameter, lambda g: g * factor.astype(g.dtype))
        return norm  # type: ignore[no-any-return]
    norm = math.sqrt(sum(_squares(_values(p._grad)) for p in having))
    if math.isfinite(norm) and norm > max_norm:
        for parameter in having:
            _change(parameter, lambda g: g * (max_norm / norm))
    return norm  # type: ignore[no-any-return]


def clip_grad_value(parameters: Iterable[Tensor], clip_value: float) -> None:
    """Cut every number of the gradients off at `-clip_value` and at `clip_value`.

    Raises ValueError for a limit that is not positive.
    """
    _positive("clip_grad_value", "clip_value", clip_value)
    for parameter in _each(parameters):
        if parameter._grad is not None:
            _change(parameter, lambda g: np.clip(g, -clip_value, clip_value))


def _positive(name: str, what: str, limit: float) -> None:
    if not limit > 0:
        raise ValueError(f"{name}: expected a positive {what}, got {limit}")


def _each(parameters: Iterable[Tensor]) -> list[Tensor]:
    """The parameters, each once."""
    return list({id(parameter): parameter for parameter in parameters}.values())


def _values(gradient: Any) -> Any:
    if isinstance(gradient, Rows):
        return gradient.values
    return gradient if mode.tracer is not None else gradient._array


def _squares(array: NDArray[Any]) -> float:
    """The sum of the squares, in float64, where those of float32 cannot overflow."""
    flat = np.asarray(array, np.float64).reshape(-1)
    return float(np.dot(flat, flat))


def _factor_raw(norm: Any, *, max_norm: float) -> Any:
    return np.float64(max_norm / norm if np.isfinite(norm) and norm > max_norm else 1.0)


# The same as ops, for programs, where nothing can depend on a number in Python.
_squares_of = constant(lambda gradient: np.float64(_squares(gradient)), name="squares")
_factor = constant(_factor_raw, name="clip_factor")


def _change(parameter: Tensor, function: Callable[[Any], Any]) -> None:
    """Give a parameter another gradient, made of the numbers of the one that it has."""
    gradient = parameter._grad
    values = function(_values(gradient))
    if isinstance(values, Tensor):
        parameter.grad = values
        return
    values = np.asarray(values, parameter.dtype)
    parameter._grad = Rows(gradient.indices, values, gradient.shape) if isinstance(gradient, Rows) else wrap(values)
