"""L-BFGS: the last steps tell how the slope changes, and so how far to go in each direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._rows import Rows
from .._tape import mode, wrap
from ..errors import DTypeError, ShapeError
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, Setting, State, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from .._tape import Tensor
    from .optimizer import Group

    Vector = NDArray[Any]


class LBFGS(Optimizer):
    """Quasi-Newton steps for the whole of the data, each along a line until the strong Wolfe conditions hold.

    `step(closure)` makes up to `max_iter` of them. `closure` forgets the gradients, computes the loss, calls
    `backward` and gives the loss; it is called several times a step, and always has to compute the same function.
    `history_size` steps are remembered. It ends early where no number of the gradient is larger than `tolerance_grad`,
    or where neither the parameters nor the loss change by more than `tolerance_change`. `lr` is the part of a
    quasi-Newton step to try first. Source: Nocedal and Wright, Numerical optimization, second edition, algorithms 7.4
    and 7.5; names are PyTorch's.
    """

    lr, max_iter, tolerance_grad, tolerance_change = Setting(), Setting(), Setting(), Setting()
    history_size = Setting()

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Group],
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 10,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            max_iter=max_iter,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
        )
        if len(self.param_groups) > 1:
            raise ValueError(
                f"LBFGS: expected one group, since all parameters step together, got {len(self.param_groups)}"
            )
        self._steps: list[Vector] = []  # the last steps, oldest first, and how each changed the gradient
        self._changes: list[Vector] = []

    def check(self, settings: Group) -> None:
        super().check(settings)
        if not settings["lr"] > 0:
            raise ValueError(f"LBFGS: expected a positive lr, got {settings['lr']}")

    def step(self, closure: Callable[[], Any]) -> float:
        """Move the parameters down; gives the loss that `closure` had before."""
        if mode.tracer is not None:
            mode.tracer.refuses("LBFGS.step", "how often it calls the closure depends on losses; compile the closure")
        x = self._flat([p._array for p in self.parameters])
        before = loss = number(closure())
        gradient = self._gradient()
        for _ in range(self.max_iter):
            if not np.isfinite(loss) or np.abs(gradient).max(initial=0) <= self.tolerance_grad:
                break
            direction = self._direction(gradient)
            slope = float(gradient @ direction)
            if not slope < 0:  # what is remembered does not fit here
                self._steps, self._changes = [], []
                direction, slope = -gradient, -float(gradient @ gradient)
            scale = 1.0 if self._steps else min(1.0, 1 / float(np.abs(gradient).sum()))
            gradients: dict[float, Vector] = {}

            def evaluate(at: float, x: Vector = x, direction: Vector = direction, seen: Any = gradients) -> Point:
                self._assign(x + at * direction)
                value = number(closure())
                seen[at] = self._gradient()
                return Point(at, value, float(seen[at] @ direction))

            found = strong_wolfe(evaluate, Point(0.0, loss, slope), scale * self.lr)
            step = found.at * direction
            self._assign(x + step)
            if not found.at:  # nothing on the line is lower
                break
            self._remember(step, gradients[found.at] - gradient)
            x, change = x + step, abs(found.value - loss)
            loss, gradient = found.value, gradients[found.at]
            if max(np.abs(step).max(), change) <= self.tolerance_change:
                break
        return before

    def _direction(self, gradient: Vector) -> Vector:
        """Minus the gradient, times what the last steps tell of the inverse of the Hessian."""
        direction = -gradient
        weights = []
        for step, change in zip(reversed(self._steps), reversed(self._changes), strict=True):
            weights.append(float(step @ direction) / float(step @ change))
            direction = direction - weights[-1] * change
        if self._steps:
            step, change = self._steps[-1], self._changes[-1]
            direction = direction * (float(step @ change) / float(change @ change))
        for step, change, weight in zip(self._steps, self._changes, reversed(weights), strict=True):
            direction = direction + (weight - float(change @ direction) / float(step @ change)) * step
        return direction

    def _remember(self, step: Vector, change: Vector) -> None:
        """Keep a step, unless the curvature along it is too small to divide by."""
        if float(step @ change) > 1e-10 * float(change @ change) and self.history_size:
            self._steps = [*self._steps, step][-self.history_size :]
            self._changes = [*self._changes, change][-self.history_size :]

    def _flat(self, arrays: list[Any]) -> Vector:
        return np.concatenate([np.asarray(array).reshape(-1) for array in arrays])

    def _gradient(self) -> Vector:
        arrays = []
        for parameter in self.parameters:
            gradient = parameter._grad
            if gradient is None:
                arrays.append(np.zeros(parameter.shape, parameter.dtype))
            else:
                arrays.append(gradient.dense() if isinstance(gradient, Rows) else gradient._array)
        return self._flat(arrays)

    def _parts(self, vector: Vector) -> list[Vector]:
        """The parts of the last axis that belong to each parameter, in its shape."""
        parameters = self.parameters
        ends = np.cumsum([p._array.size for p in parameters])[:-1]
        parts = np.split(vector, ends, axis=-1)
        return [part.reshape(*vector.shape[:-1], *p.shape) for part, p in zip(parts, parameters, strict=True)]

    def _assign(self, vector: Vector) -> None:
        for parameter, part in zip(self.parameters, self._parts(vector), strict=True):
            parameter.assign_(wrap(part))

    # Saving: each parameter's part of what is remembered

    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        nothing = np.zeros((0, *parameter.shape), parameter.dtype)
        return {"steps": nothing, "changes": nothing}

    def state_dict(self) -> dict[str, Any]:
        if self._steps:
            parts = [self._parts(np.stack(vectors)) for vectors in (self._steps, self._changes)]
            self.state = [{"steps": steps, "changes": changes} for steps, changes in zip(*parts, strict=True)]
        return super().state_dict()

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        super().load_state_dict(saved)
        remembered = [[self._flat([state[name][i] for state in self.state]) for i in range(self._kept())]
                      for name in ("steps", "changes")]  # fmt: skip
        self._steps, self._changes = remembered

    def _kept(self) -> int:
        return len(self.state[0]["steps"]) if self.state[0] else 0

    def fits(self, what: str, state: State, parameter: NDArray[Any], settings: Group) -> None:
        for name, like in self.start(parameter, settings).items():
            array = np.asarray(state.get(name))
            if array.shape[1:] != like.shape[1:] or array.ndim == 0 or len(array) > settings["history_size"]:
                raise ShapeError(
                    f"{what % name}: expected at most {settings['history_size']} of shape {like.shape[1:]}, "
                    f"got {array.shape}"
                )
            if array.dtype != like.dtype:
                raise DTypeError(f"{what % name}: expected {like.dtype}, got {array.dtype}")
