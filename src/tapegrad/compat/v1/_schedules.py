"""Learning rates that change with the step: tensors of a rate and a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops.elementwise import where
from ._graph import get_default_graph
from ._nodes import convert, node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Tensor

__all__ = [
    "cosine_decay", "cosine_decay_restarts", "exponential_decay", "inverse_time_decay", "linear_cosine_decay",
    "natural_exp_decay", "piecewise_constant", "piecewise_constant_decay", "polynomial_decay",
]  # fmt: skip


def _schedule(
    kind: str, rule: Callable[..., Any], rate: Any, step: Any, others: Sequence[Any], name: str | None
) -> Tensor:
    """`rule(rate, step, *others)`, all of the rate's dtype."""
    if step is None:
        raise ValueError(f"global_step is required for {kind}.")
    with get_default_graph().name_scope(name or kind) as scope:
        first = convert(rate, name="learning_rate")
        dtype = first.dtype

        def call(*values: Any) -> Any:
            return rule(*[value.astype(dtype.dtype) for value in values])

        rest = [convert(step), *[convert(other) for other in others]]
        return node(kind, call, [first, *rest], scope)  # type: ignore[no-any-return]


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False, name: Any = None
) -> Tensor:
    """`learning_rate * decay_rate ** (global_step / decay_steps)`; a staircase rounds the exponent down."""

    def rule(rate: Any, step: Any, steps: Any, factor: Any) -> Any:
        return rate * np.power(factor, _periods(step, steps, staircase))

    return _schedule("ExponentialDecay", rule, learning_rate, global_step, [decay_steps, decay_rate], name)


def natural_exp_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False, name: Any = None
) -> Tensor:
    """`learning_rate * exp(-decay_rate * global_step / decay_steps)`; a staircase rounds the quotient down."""

    def rule(rate: Any, step: Any, steps: Any, factor: Any) -> Any:
        return rate * np.exp(-factor * _periods(step, steps, staircase))

    return _schedule("ExponentialDecay", rule, learning_rate, global_step, [decay_steps, decay_rate], name)


def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False, name: Any = None
) -> Tensor:
    """`learning_rate / (1 + decay_rate * global_step / decay_steps)`; a staircase rounds the quotient down."""

    def rule(rate: Any, step: Any, steps: Any, factor: Any) -> Any:
        return rate / (1 + factor * _periods(step, steps, staircase))

    return _schedule("InverseTimeDecay", rule, learning_rate, global_step, [decay_steps, decay_rate], name)


def _periods(step: Any, steps: Any, staircase: bool) -> Any:
    return np.floor(step / steps) if staircase else step / steps


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: Any = None,
) -> Tensor:
    """From `learning_rate` to `end_learning_rate` in `decay_steps`, by a power; a cycle begins again, ever longer."""

    def rule(rate: Any, step: Any, steps: Any, end: Any, power: Any) -> Any:
        if cycle:
            steps = steps * np.maximum(np.ceil(step / steps), 1)
        return (rate - end) * np.power(1 - np.minimum(step, steps) / steps, power) + end

    others = [decay_steps, end_learning_rate, power]
    return _schedule("PolynomialDecay", rule, learning_rate, global_step, others, name)


def cosine_decay(learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0, name: Any = None) -> Tensor:
    """Half a cosine from `learning_rate` down to the part `alpha` of it, in `decay_steps`."""

    def rule(rate: Any, step: Any, steps: Any, alpha: Any) -> Any:
        return rate * ((1 - alpha) * _half_cosine(np.minimum(step, steps) / steps) + alpha)

    return _schedule("CosineDecay", rule, learning_rate, global_step, [decay_steps, alpha], name)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
    name: Any = None,
) -> Tensor:
    """Cosines one after the other, each `t_mul` times as long as the one before, and `m_mul` times as high."""

    def rule(rate: Any, step: Any, steps: Any) -> Any:
        done = step / steps
        if t_mul == 1.0:
            restart = np.floor(done)
            done = done - restart
        else:
            restart = np.floor(np.log(1 - done * (1 - t_mul)) / math.log(t_mul))
            done = (done - (1 - np.power(t_mul, restart)) / (1 - t_mul)) / np.power(t_mul, restart)
        return rate * ((1 - alpha) * np.power(m_mul, restart) * _half_cosine(done) + alpha)

    return _schedule("SGDRDecay", rule, learning_rate, global_step, [first_decay_steps], name)


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: Any = None,
) -> Tensor:
    """A straight line down times `num_periods` of a cosine, with `alpha` beside the line and `beta` beside both."""

    def rule(rate: Any, step: Any, steps: Any, periods: Any, alpha: Any, beta: Any) -> Any:
        done = np.minimum(step, steps) / steps
        return rate * ((alpha + 1 - done) * _half_cosine(2 * periods * done) + beta)

    others = [decay_steps, num_periods, alpha, beta]
    return _schedule("LinearCosineDecay", rule, learning_rate, global_step, others, name)


def _half_cosine(done: Any) -> Any:
    return 0.5 * (1 + np.cos(math.pi * done))


def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Tensor:
    """`values[0]` while x is at most `boundaries[0]`, then `values[1]`, and so on; there is one value more."""
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")

    def rule(x: Any, *both: Any) -> Any:
        limits, (first, *others) = both[: len(boundaries)], both[len(boundaries) :]
        for limit, value in zip(limits, others, strict=True):
            first = where(x > limit, value, first)
        return first

    with get_default_graph().name_scope(name or "PiecewiseConstant") as scope:
        step = convert(x)
        limits = [convert(limit, step.dtype) for limit in boundaries]
        return node("PiecewiseConstant", rule, [step, *limits, *[convert(v) for v in values]], scope)  # type: ignore[no-any-return]


piecewise_constant_decay = piecewise_constant
