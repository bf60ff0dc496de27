"""Stochastic gradient descent, plain, with momentum, or with Nesterov's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import rules
from .optimizer import Optimizer, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .._tape import Tensor


class SGD(Optimizer):
    """Gradient descent with the learning rate `lr`, which moves along a velocity when there is `momentum`.

    `nesterov` looks ahead along it; `weight_decay` adds the gradient of half its times the squared weights.
    Names and trajectory are PyTorch's. Raises ValueError for a negative number, and for nesterov without momentum.
    """

    settings = ("lr", "momentum", "nesterov", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters)
        if min(lr, momentum, weight_decay) < 0:
            raise ValueError(f"SGD: expected no negative number, got {lr=}, {momentum=}, {weight_decay=}")
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov=True looks ahead along the momentum, and there is none; pass momentum=0.9")
        self.lr = float(lr)
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.weight_decay = float(weight_decay)

    def update(self, parameter: NDArray[Any], gradient: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        gradient = rules.decayed(parameter, gradient, self.weight_decay)
        if not self.momentum:
            return rules.descend(parameter, gradient, float(self.lr)), state
        velocity = state.get("velocity")
        if velocity is None:
            velocity = np.zeros_like(parameter)
        parameter, velocity = rules.momentum(
            parameter, gradient, velocity, float(self.lr), self.momentum, self.nesterov
        )
        return parameter, {"velocity": velocity}
