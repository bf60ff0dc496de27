"""Stochastic gradient descent: plain, with momentum, or with Nesterov's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import rules
from .elementwise import Elementwise
from .optimizer import Group, Setting, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .._tape import Tensor


class SGD(Elementwise):
    """Gradient descent with the learning rate `lr`, which moves along a velocity when there is `momentum`.

    `nesterov` looks ahead along it; `weight_decay` adds the gradient of half its times the squared weights. Names and
    trajectory are PyTorch's. `lazy_rows` is told of in `Elementwise`. Raises ValueError for a negative number, and for
    nesterov without momentum.
    """

    lr, momentum, nesterov, weight_decay = Setting(), Setting(), Setting(), Setting()

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, lazy_rows=lazy_rows
        )

    def check(self, settings: Group) -> None:
        super().check(settings)
        if settings["nesterov"] and not settings["momentum"]:
            raise ValueError(
                f"{type(self).__name__}: nesterov=True looks ahead along the momentum, and there is none; "
                "pass momentum=0.9"
            )

    def rests(self, settings: Group) -> bool:
        return not settings["momentum"] and not settings["weight_decay"]

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {"velocity": np.zeros_like(parameter)} if settings["momentum"] else {}

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        rate, beta, decay = settings["lr"], settings["momentum"], settings["weight_decay"]
        if not beta:
            return rules.descend(parameter, gradient, rate, decay), {}
        nesterov = settings["nesterov"]
        parameter, velocity = rules.momentum(parameter, gradient, state["velocity"], rate, beta, nesterov, decay)
        return parameter, {"velocity": velocity}


class Momentum(SGD):
    """Gradient descent along a velocity: `m = momentum m + g; w -= lr m`, as in TensorFlow."""

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(parameters, lr, momentum, weight_decay=weight_decay, lazy_rows=lazy_rows)


class Nesterov(SGD):
    """Momentum whose gradient is that of the looked-ahead weights, which are the ones stored."""

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(parameters, lr, momentum, True, weight_decay, lazy_rows)
