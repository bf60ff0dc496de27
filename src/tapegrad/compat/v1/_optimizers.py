"""Optimizers by tapegrad's update rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import recording
from ...optim import rules
from ._graph import get_default_graph
from ._nodes import node
from ._optimizer import Optimizer, Slot, check_accumulator, number, rest
from ._variables import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor
    from ._optimizer import Rule
    from ._run import Run

__all__ = [
    "AdadeltaOptimizer", "AdagradOptimizer", "AdamOptimizer", "GradientDescentOptimizer", "MomentumOptimizer",
    "RMSPropOptimizer",
]  # fmt: skip


class GradientDescentOptimizer(Optimizer):
    """Steps down the gradient."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        return [number(self._learning_rate, "learning_rate", dtype)]

    def _rule(self) -> Rule:
        return rules._descend


class MomentumOptimizer(Optimizer):
    """Steps along a velocity, the sum of past gradients, each weighted `momentum` per step of its age."""

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum, self._use_nesterov = learning_rate, momentum, use_nesterov

    def _wanted_slots(self) -> Sequence[Slot]:
        return [Slot("momentum", self._name)]

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        return [number(self._learning_rate, "learning_rate", dtype), number(self._momentum, "momentum", dtype)]

    def _rule(self) -> Rule:
        return rules._nesterov if self._use_nesterov else rules._momentum


class AdagradOptimizer(Optimizer):
    """Steps of the gradient over the root of the sum of all its squares, which starts at a number above 0."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        check_accumulator(initial_accumulator_value)
        super().__init__(use_locking, name)
        self._learning_rate, self._start = learning_rate, initial_accumulator_value

    def _wanted_slots(self) -> Sequence[Slot]:
        return [Slot("accumulator", self._name, self._start)]

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        return [number(self._learning_rate, "learning_rate", dtype), number(0.0, "epsilon", dtype)]

    def _rule(self) -> Rule:
        return rules._adagrad


class AdadeltaOptimizer(Optimizer):
    """Steps as large as the past ones, by Zeiler's method."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._rho, self._epsilon = learning_rate, rho, epsilon

    def _wanted_slots(self) -> Sequence[Slot]:
        return [Slot("accum", self._name), Slot("accum_update", self._name)]

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        rho = number(self._rho, "rho", dtype)
        return [
            number(self._learning_rate, "lr", dtype), rho, rest(rho), number(self._epsilon, "epsilon", dtype),
        ]  # fmt: skip

    def _rule(self) -> Rule:
        return rules._adadelta


class AdamOptimizer(Optimizer):
    """Steps of the gradient's running mean over the root of its running square.

    `epsilon` is added to the root before that is corrected for its start at zero: "epsilon hat" of Kingma and Ba.
    """

    _rests = False  # the running means fade, and move on, without a gradient

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon
        self._powers: tuple[Variable, Variable] | None = None

    def _wanted_slots(self) -> Sequence[Slot]:
        return [Slot("m", self._name), Slot("v", self._name)]

    def _before(self, variables: Sequence[Variable]) -> None:
        if self._powers is None:
            dtype = min(variables, key=lambda variable: variable.name).dtype
            with get_default_graph().outside():  # what a step waits for, initializers do not
                self._powers = (
                    Variable(number(self._beta1, "beta1", dtype), trainable=False, name="beta1_power"),
                    Variable(number(self._beta2, "beta2", dtype), trainable=False, name="beta2_power"),
                )
            self._others += self._powers

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        assert self._powers is not None
        rate = number(self._learning_rate, "learning_rate", dtype)
        beta1, beta2 = (self._beta(place, dtype) for place in (0, 1))
        powers = [number(power, "power", dtype) for power in self._powers]
        corrected = node("Correct", _corrected, [rate, *powers], "rate")
        one, epsilon = number(1.0, "keep", dtype), number(self._epsilon, "epsilon", dtype)
        return [one, corrected, beta1, rest(beta1), beta2, rest(beta2), epsilon]

    def _beta(self, place: int, dtype: Any) -> Tensor:
        return number((self._beta1, self._beta2)[place], f"beta{place + 1}", dtype)

    def _rule(self) -> Rule:
        return rules._adam

    def _after(self) -> list[Any]:
        assert self._powers is not None
        return [
            node(
                "Assign", _multiplied, [power, self._beta(place, power.dtype)], "Assign", in_run=True,
                sample=lambda value, *_, **__: value, target=power,
            )
            for place, power in enumerate(self._powers)
        ]  # fmt: skip


def _corrected(rate: Any, power1: Any, power2: Any) -> Any:
    return rate * np.sqrt(1 - power2) / (1 - power1)


def _multiplied(run: Run, value: Any, factor: Any, *, target: Variable) -> Any:
    with recording(False):
        return run.session.assign(target, value * factor)


class RMSPropOptimizer(Optimizer):
    """Steps of the gradient over the root of its running square, which starts at 1, along a velocity.

    `epsilon` is added inside of the root; `centered` takes the square of the running mean off.
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._decay, self._momentum = learning_rate, decay, momentum
        self._epsilon, self._centered = epsilon, centered

    def _wanted_slots(self) -> Sequence[Slot]:
        mean = [Slot("mg", self._name)] if self._centered else []
        return [Slot("rms", self._name, 1.0), *mean, Slot("momentum", self._name)]

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        decay = number(self._decay, "decay", dtype)
        outside, after = number(0.0, "outside", dtype), number(1.0, "after", dtype)
        inside, rate = number(self._epsilon, "epsilon", dtype), number(self._learning_rate, "learning_rate", dtype)
        momentum = number(self._momentum, "momentum", dtype)
        return [decay, rest(decay), inside, outside, rate, after, momentum]

    def _rule(self) -> Rule:
        return rules._centred_along if self._centered else rules._rmsprop_along
