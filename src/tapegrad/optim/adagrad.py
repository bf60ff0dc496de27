"""Adagrad: a number moves the less, the more its gradients have been in all."""

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


class Adagrad(Elementwise):
    """Steps of the gradient over the root of the sum of all its squares, which starts at `initial_accumulator_value`.

    `eps` is added to the root. Names and trajectory are PyTorch's; TensorFlow's Adagrad starts the sum at 0.1 and has
    an `eps` of 0. Raises ValueError for a negative number.
    """

    lr, weight_decay, initial_accumulator_value, eps = Setting(), Setting(), Setting(), Setting()

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 0.01,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            lazy_rows=lazy_rows,
        )

    def rests(self, settings: Group) -> bool:
        # With neither, a number that never had a gradient moves by 0 / 0, and so does its row.
        return not settings["weight_decay"] and settings["initial_accumulator_value"] + settings["eps"] > 0

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {"total": np.full_like(parameter, settings["initial_accumulator_value"])}

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        parameter, total = rules.adagrad(
            parameter, gradient, state["total"], settings["lr"], settings["eps"], settings["weight_decay"]
        )
        return parameter, {"total": total}
