"""Adadelta: steps in the unit of the parameter, which need no learning rate to fit."""

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


class Adadelta(Elementwise):
    """Steps of the gradient, scaled by the running size of past steps over the running size of past gradients.

    `rho` weighs the past in both; `eps` is added to the squares. Names and trajectory are PyTorch's; TensorFlow's
    constants are `lr=0.001, rho=0.95, eps=1e-8`. Raises ValueError for a negative number, or rho not below 1.
    """

    lr, rho, eps, weight_decay = Setting(), Setting(), Setting(), Setting()
    below_one = ("rho",)

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(parameters, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, lazy_rows=lazy_rows)

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {"square": np.zeros_like(parameter), "change": np.zeros_like(parameter)}

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        parameter, square, change = rules.adadelta(
            parameter,
            gradient,
            state["square"],
            state["change"],
            settings["lr"],
            settings["rho"],
            settings["eps"],
            settings["weight_decay"],
        )
        return parameter, {"square": square, "change": change}
