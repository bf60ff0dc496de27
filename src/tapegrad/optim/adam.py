"""Adam and its kin: each number of a parameter moves at a rate of its own."""

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


class Adam(Elementwise):
    """Steps of about `lr` in every number, whatever the size of its gradient.

    `betas` weigh the past in the gradient's running mean and running square; `eps` keeps small squares from blowing
    up; `weight_decay` adds the gradient of half its times the squared weights. Names and trajectory are PyTorch's.
    Raises ValueError for a negative number, or betas not below 1.
    """

    lr, betas, eps, weight_decay = Setting(), Setting(), Setting(), Setting()
    below_one = ("betas",)
    decoupled = False  # whether the weight decay shrinks the parameter itself

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, lazy_rows=lazy_rows)

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {"mean": np.zeros_like(parameter), "square": np.zeros_like(parameter), "step": 0}

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        step = state["step"] + 1
        parameter, mean, square = rules.adam(
            parameter,
            gradient,
            state["mean"],
            state["square"],
            step,
            settings["lr"],
            settings["betas"],
            settings["eps"],
            weight_decay=settings["weight_decay"],
            decoupled=self.decoupled,
        )
        return parameter, {"mean": mean, "square": square, "step": step}


class AdamW(Adam):
    """Adam whose `weight_decay` shrinks the parameter itself, by `lr * weight_decay` a step."""

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, lazy_rows)


class Nadam(Elementwise):
    """Adam with Nesterov's look ahead, in which the weight of the past grows with the steps by `momentum_decay`.

    Other settings are Adam's. Names and trajectory are those of PyTorch's NAdam. Raises ValueError for a negative
    number, or betas not below 1.
    """

    lr, betas, eps, weight_decay, momentum_decay = Setting(), Setting(), Setting(), Setting(), Setting()
    below_one = ("betas",)

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 0.004,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            lazy_rows=lazy_rows,
        )

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {"mean": np.zeros_like(parameter), "square": np.zeros_like(parameter), "product": 1.0, "step": 0}

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        step = state["step"] + 1
        parameter, mean, square, product = rules.nadam(
            parameter,
            gradient,
            state["mean"],
            state["square"],
            state["product"],
            step,
            settings["lr"],
            settings["betas"],
            settings["eps"],
            settings["momentum_decay"],
            settings["weight_decay"],
        )
        return parameter, {"mean": mean, "square": square, "product": product, "step": step}


class Adamax(Elementwise):
    """Adam that measures the gradient by the largest of the past ones, which fade by `betas[1]` a step.

    Settings are Adam's. Names and trajectory are PyTorch's. Raises ValueError for a negative number, or betas not
    below 1.
    """

    lr, betas, eps, weight_decay = Setting(), Setting(), Setting(), Setting()
    below_one = ("betas",)

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        lazy_rows: bool = False,
    ) -> None:
        super().__init__(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, lazy_rows=lazy_rows)

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        return {"mean": np.zeros_like(parameter), "largest": np.zeros_like(parameter), "step": 0}

    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        step = state["step"] + 1
        parameter, mean, largest = rules.adamax(
            parameter,
            gradient,
            state["mean"],
            state["largest"],
            step,
            settings["lr"],
            settings["betas"],
            settings["eps"],
            settings["weight_decay"],
        )
        return parameter, {"mean": mean, "largest": largest, "step": step}
