"""Schedules: learning rates that change with the steps. Call `schedule.step()` after `optimizer.step()`.

All but the one that waits for a plateau tell the rate of a step from its number and from the rate that the group had
when the schedule was made, so that nothing adds up and a resumed schedule goes on with the same numbers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from .._tape import mode as thread
from .optimizer import number

if TYPE_CHECKING:
    from .optimizer import Optimizer


def _not_traced(schedule: Any) -> None:
    if thread.tracer is not None:
        thread.tracer.refuses(
            f"{type(schedule).__name__}.step",
            "a replay reads the learning rates that there are, and only Python moves them; call it after the function",
        )


class Schedule(ABC):
    """The base of the schedules: a subclass tells in `rate` what the learning rate of a step is.

    In the first `warmup` steps the rate climbs to it in equal parts: step `k`, from 0, has `(k + 1) / (warmup + 1)` of
    it. Raises ValueError for numbers that make no sense.
    """

    def __init__(self, optimizer: Optimizer, warmup: int = 0) -> None:
        if warmup < 0:
            raise ValueError(f"{type(self).__name__}: expected a warmup of 0 or more steps, got {warmup}")
        self.optimizer = optimizer
        self.warmup = warmup
        self.count = 0
        self.base_lrs = [float(group["lr"]) for group in optimizer.param_groups]
        self._set()

    @abstractmethod
    def rate(self, base: float, step: int) -> float:
        """The learning rate of a step, counted from 0, of a group that started with `base`."""

    def step(self) -> None:
        """Go on to the next step's learning rates."""
        _not_traced(self)
        self.count += 1
        self._set()

    def _set(self) -> None:
        climbed = min(1.0, (self.count + 1) / (self.warmup + 1))
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base, self.count) * climbed

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is."""
        return {"count": self.count, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; raises ValueError for that of another number of groups."""
        if len(saved["base_lrs"]) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: expected learning rates of {len(self.base_lrs)} groups, "
                f"got {len(saved['base_lrs'])}"
            )
        self.count = int(saved["count"])
        self.base_lrs = [float(rate) for rate in saved["base_lrs"]]
        self._set()


class ConstantLR(Schedule):
    """The rate stays as it is, after the `warmup`."""

    def rate(self, base: float, step: int) -> float:
        return base


class StepLR(Schedule):
    """The rate is multiplied by `gamma` every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, warmup: int = 0) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: expected a step_size of at least 1, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, warmup)

    def rate(self, base: float, step: int) -> float:
        return base * self.gamma ** (step // self.step_size)


class ExponentialLR(Schedule):
    """The rate is multiplied by `gamma` every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, warmup: int = 0) -> None:
        self.gamma = gamma
        super().__init__(optimizer, warmup)

    def rate(self, base: float, step: int) -> float:
        return base * self.gamma**step


class CosineAnnealingLR(Schedule):
    """The rate falls to `eta_min` in `steps` steps, along half a wave of a cosine, and stays there.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017, without restarts.
    """

    def __init__(self, optimizer: Optimizer, steps: int, eta_min: float = 0.0, warmup: int = 0) -> None:
        if steps < 1:
            raise ValueError(f"CosineAnnealingLR: expected at least 1 step, got {steps}")
        self.steps = steps
        self.eta_min = eta_min
        super().__init__(optimizer, warmup)

    def rate(self, base: float, step: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * min(step / self.steps, 1))) / 2


class ReduceLROnPlateau:
    """The rates are multiplied by `factor` when what is watched has not improved for more than `patience` steps.

    To improve is to be below the best value so far by more than `threshold` times it; with `mode="max"`, above it. No
    rate falls below `min_lr`. NaN is no improvement. Raises ValueError for numbers that make no sense.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: expected mode 'min' or 'max', got {mode!r}")
        if not 0 < factor < 1:
            raise ValueError(f"ReduceLROnPlateau: expected a factor between 0 and 1, got {factor}")
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.min_lr = min_lr
        self.best: float | None = None
        self.waited = 0

    def step(self, value: Any) -> None:
        """Note what is watched, such as the loss on held-back data, and lower the rates if it was time."""
        _not_traced(self)
        value = number(value)
        if self._improves(value):
            self.best = value
            self.waited = 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.waited = 0
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.factor, min(self.min_lr, group["lr"]))

    def _improves(self, value: float) -> bool:
        if self.best is None:
            return not math.isnan(value)
        margin = self.threshold * abs(self.best)
        return value < self.best - margin if self.mode == "min" else value > self.best + margin

    def state_dict(self) -> dict[str, Any]:
        """The best value so far, and how long ago that was; the rates are the optimizer's to save."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.best = None if saved["best"] is None else float(saved["best"])
        self.waited = int(saved["waited"])
