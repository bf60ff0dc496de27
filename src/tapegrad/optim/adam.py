"""Adam: each number of a parameter moves at a rate of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import rules
from .optimizer import Optimizer, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .._tape import Tensor


class Adam(Optimizer):
    """Steps of about `lr` in every number, whatever the size of its gradient.

    `betas` weigh the past in the gradient's running mean and running square; `eps` keeps small squares from
    blowing up; `weight_decay` adds the gradient of half its times the squared weights. Names and trajectory are
    PyTorch's. Raises ValueError for a negative number, or betas not below 1.
    """

    settings = ("lr", "betas", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters)
        if min(lr, eps, weight_decay) < 0:
            raise ValueError(f"Adam: expected no negative number, got {lr=}, {eps=}, {weight_decay=}")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam: expected betas of at least 0 and below 1, got {betas}")
        self.lr = float(lr)
        self.betas = (float(betas[0]), float(betas[1]))
        self.eps = float(eps)
        self.weight_decay = float(weight_decay)

    def update(self, parameter: NDArray[Any], gradient: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        gradient = rules.decayed(parameter, gradient, self.weight_decay)
        state = state or {"mean": np.zeros_like(parameter), "square": np.zeros_like(parameter), "step": 0}
        step = state["step"] + 1
        parameter, mean, square = rules.adam(
            parameter, gradient, state["mean"], state["square"], step, float(self.lr), self.betas, self.eps
        )
        return parameter, {"mean": mean, "square": square, "step": step}
