"""Optimizers that shrink weights towards 0 by their size (l1) and square (l2), and their update rules of one number.

Sources: Duchi and Singer, Efficient online and batch learning using forward backward splitting, JMLR 2009; McMahan et
al., Ad click prediction: a view from the trenches, KDD 2013, algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._missing import NotCoveredError
from ._optimizer import Optimizer, Slot, check_accumulator, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor
    from ._optimizer import Rule

__all__ = ["FtrlOptimizer", "ProximalAdagradOptimizer", "ProximalGradientDescentOptimizer"]


def _descend(parameter: Any, gradient: Any, rate: Any, l1: Any, l2: Any) -> Any:
    """A step down the gradient, then towards 0."""
    moved = parameter - rate * gradient
    return np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0) / (1 + rate * l2)


def _adagrad(parameter: Any, gradient: Any, total: Any, rate: Any, l1: Any, l2: Any) -> Any:
    """A step of Adagrad, then towards 0; `total` is the sum of the squares of the gradients."""
    total = total + gradient * gradient
    own = rate / np.sqrt(total)
    moved = parameter - own * gradient
    return np.sign(moved) * np.maximum(np.abs(moved) - own * l1, 0) / (1 + own * l2), total


def _ftrl(parameter: Any, gradient: Any, total: Any, linear: Any, rate: Any, l1: Any, l2: Any, shrinkage: Any) -> Any:
    """Follow the regularized leader, near the optimum of all linearised losses so far, whose sum is `linear`."""
    before, total = total, total + gradient * gradient
    root = np.sqrt(total)
    linear = linear + gradient + 2 * shrinkage * parameter - (root - np.sqrt(before)) / rate * parameter
    beyond = np.maximum(np.abs(linear) - l1, 0)
    return -np.sign(linear) * beyond / (root / rate + 2 * l2), total, linear


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader: steps of Adagrad's size, and weights that `l1` keeps at 0."""

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:
        for argument, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0:
                raise ValueError(f"{argument} {value} needs to be positive or zero")
        if learning_rate_power != -0.5:
            raise NotCoveredError(
                f"FtrlOptimizer: learning_rate_power {learning_rate_power} is not covered; -0.5, the default, is"
            )
        super().__init__(use_locking, name)
        self._learning_rate, self._start = learning_rate, initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._shrinkage = l2_shrinkage_regularization_strength
        self._names = accum_name or name, linear_name or name

    def _wanted_slots(self) -> Sequence[Slot]:
        return [Slot("accum", self._names[0], self._start), Slot("linear", self._names[1])]

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        return [
            number(self._learning_rate, "learning_rate", dtype), number(self._l1, "l1", dtype),
            number(self._l2, "l2", dtype), number(self._shrinkage, "l2_shrinkage", dtype),
        ]  # fmt: skip

    def _rule(self) -> Rule:
        return _ftrl


class _Proximal(Optimizer):
    """What the two below have in common: the numbers of their rules."""

    def __init__(self, learning_rate: Any, l1: Any, l2: Any, use_locking: bool, name: str) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._l1, self._l2 = learning_rate, l1, l2

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        rate = number(self._learning_rate, "learning_rate", dtype)
        return [rate, number(self._l1, "l1_regularization", dtype), number(self._l2, "l2_regularization", dtype)]


class ProximalGradientDescentOptimizer(_Proximal):
    """Gradient descent that shrinks weights towards 0 after each step, by `l1` and by `l2`."""

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(learning_rate, l1_regularization_strength, l2_regularization_strength, use_locking, name)

    def _rule(self) -> Rule:
        return _descend


class ProximalAdagradOptimizer(_Proximal):
    """Adagrad that shrinks weights towards 0 after each step, by `l1` and by `l2`."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        check_accumulator(initial_accumulator_value)
        super().__init__(learning_rate, l1_regularization_strength, l2_regularization_strength, use_locking, name)
        self._start = initial_accumulator_value

    def _wanted_slots(self) -> Sequence[Slot]:
        return [Slot("accumulator", self._name, self._start)]

    def _rule(self) -> Rule:
        return _adagrad
