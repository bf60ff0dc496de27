"""What all optimizers share: the parameters, the arrays kept for each, and saving both numbers and arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Tensor, wrap
from ..errors import DTypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

ARRAYS = np.ndarray | np.generic
State = dict[str, Any]  # what an optimizer keeps for one parameter, by name: arrays, and a count of steps


class Optimizer(ABC):
    """The base of the optimizers: `step()` moves each parameter by the gradient that `backward` left in `.grad`.

    A subclass names its numbers in `settings`, which are attributes and may be changed between steps
    (`optimizer.lr = 0.01`), and says in `update` how one parameter moves. A parameter that is given twice
    is moved once, by the sum of its gradients. One without a gradient stays, and its state with it.
    """

    settings: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        given = list(parameters)
        for place, parameter in enumerate(given):
            if not isinstance(parameter, Tensor):
                raise TypeError(
                    f"{type(self).__name__}: expected Tensors, got {type(parameter).__name__} at place {place}; "
                    "pass model.parameters()"
                )
            if not (parameter.requires_grad and parameter.is_leaf):
                raise TypeError(
                    f"{type(self).__name__}: the Tensor at place {place} is not a parameter, which is made by "
                    "tapegrad.tensor(..., requires_grad=True) and not computed"
                )
        self.parameters = list({id(parameter): parameter for parameter in given}.values())
        if not self.parameters:
            raise ValueError(f"{type(self).__name__}: expected at least one parameter, got none")
        self.state: list[State] = [{} for _ in self.parameters]

    @abstractmethod
    def update(self, parameter: NDArray[Any], gradient: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """How one parameter moves: its new value and its new state, which is empty before the first step."""

    def step(self) -> None:
        """Move every parameter that has a gradient. The old arrays are left as they are."""
        for place, parameter in enumerate(self.parameters):
            gradient = parameter._grad
            if gradient is not None:
                array, self.state[place] = self.update(parameter._array, gradient._array, self.state[place])
                parameter.assign_(wrap(array))

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next `backward` starts from none."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The settings, and a copy of what is kept for each parameter, in order."""
        return {
            "settings": {name: getattr(self, name) for name in self.settings},
            "state": [_copied(state) for state in self.state],
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, for the same parameters in the same order.

        Raises ValueError for the settings of another optimizer or another number of parameters, ShapeError or
        DTypeError for arrays that do not fit; the optimizer is then unchanged.
        """
        name = type(self).__name__
        settings, states = saved["settings"], saved["state"]
        if set(settings) != set(self.settings):
            raise ValueError(
                f"{name}.load_state_dict: expected the settings {', '.join(self.settings)}, got {', '.join(settings)}"
            )
        if len(states) != len(self.parameters):
            raise ValueError(
                f"{name}.load_state_dict: expected states of {len(self.parameters)} parameters, got {len(states)}"
            )
        for place, (state, parameter) in enumerate(zip(states, self.parameters, strict=True)):
            for key, array in state.items():
                if not isinstance(array, ARRAYS):
                    continue
                where = f"{name}.load_state_dict: {key} of parameter {place}"
                if array.shape != parameter.shape:
                    raise ShapeError(f"{where}: expected shape {parameter.shape}, got {array.shape}")
                if array.dtype != parameter.dtype:
                    raise DTypeError(f"{where}: expected {parameter.dtype}, got {array.dtype}")
        for key, value in settings.items():
            setattr(self, key, value)
        self.state = [_copied(state) for state in states]

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name)}" for name in self.settings)
        count = sum(parameter._array.size for parameter in self.parameters)
        return f"{type(self).__name__}({len(self.parameters)} parameters of {count:,} numbers, {numbers})"


def _copied(state: State) -> State:
    return {key: np.array(value) if isinstance(value, ARRAYS) else value for key, value in state.items()}
