"""RMSprop: steps of the gradient in units of its running size."""

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


class RMSprop(Elementwise):
    """Steps of the gradient over the root of its running square, in which `alpha` weighs the past.

    `centered` takes the square of the running mean off, so that it is the gradient's variance; with `momentum` the
    steps add up to a velocity. `eps` is added to the root. Names and trajectory are PyTorch's. Raises ValueError for a
    negative number, or alpha not below 1.
    """

    lr, alpha, eps, weight_decay = Setting(), Setting(), Setting(), Setting()
    momentum, centered = Setting(), Setting()
    below_one = ("alpha",)

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            lazy_rows=lazy_rows,
        )

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {name: np.zeros_like(parameter) for name in ("square", *self._more(settings))}

    def _more(self, settings: Group) -> list[str]:
        return [name for name, wanted in (("mean", settings["centered"]), ("velocity", settings["momentum"])) if wanted]

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        kept = state
        if state.keys() < {"square", *self._more(settings)}:  # a setting that was changed asks for more than was kept
            kept = self.start(parameter, settings) | state
        parameter, square, mean, velocity = rules.rmsprop(
            parameter,
            gradient,
            kept["square"],
            kept["mean"] if settings["centered"] else None,
            kept["velocity"] if settings["momentum"] else None,
            settings["lr"],
            settings["alpha"],
            settings["momentum"],
            settings["eps"],
            weight_decay=settings["weight_decay"],
        )
        new = {"square": square, "mean": mean, "velocity": velocity}
        return parameter, {name: array for name, array in new.items() if array is not None}
