"""Lion: steps of one size, of which only the direction is found out."""

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


class Lion(Elementwise):
    """Steps of `lr` in every number, towards the sign of the gradient's running mean.

    `betas` weigh the past in what the sign is taken of, and in the mean that is kept. `weight_decay` shrinks the
    parameter itself, by `lr * weight_decay` a step. The constants are those of its authors. Raises ValueError for a
    negative number, or betas not below 1.
    """

    lr, betas, weight_decay = Setting(), Setting(), Setting()
    below_one = ("betas",)

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 0.0001,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(parameters, lr=lr, betas=betas, weight_decay=weight_decay, lazy_rows=lazy_rows)

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {"mean": np.zeros_like(parameter)}

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        parameter, mean = rules.lion(
            parameter, gradient, state["mean"], settings["lr"], settings["betas"], settings["weight_decay"]
        )
        return parameter, {"mean": mean}
