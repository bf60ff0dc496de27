"""Optimizers that move each number of a parameter by itself, and so can move some of its rows."""

from __future__ import annotations

import functools
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._rows import Rows
from .._tape import mode, wrap
from .optimizer import Group, Optimizer, Setting, State

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Elementwise(Optimizer):
    """The base of the optimizers whose update of a number depends on its own gradient and state alone.

    A subclass says in `update` how one parameter moves. The gradient of an
    embedding's table has few rows that are not zero. Where a gradient of zero moves nothing, nothing but these rows is
    computed. Elsewhere the whole table moves, as it does by a gradient that is an array, unless there is `lazy_rows`:
    then rows that were not seen rest, and their state rests too.
    """

    lazy_rows = Setting()

    @abstractmethod
    def update(
        self, parameter: NDArray[Any], gradient: NDArray[Any], state: State, settings: Group
    ) -> tuple[NDArray[Any], State]:
        """How one parameter moves: its new value and its new state."""

    def rests(self, settings: Group) -> bool:
        """Whether a gradient of zero leaves the parameter and its state as they are."""
        return False

    def step(self) -> None:
        if mode.tracer is not None:
            mode.tracer.moves(self)
            if any(group["lazy_rows"] for group in self.param_groups):
                mode.tracer.refuses(
                    f"{type(self).__name__}.step with lazy_rows",
                    "gradients have all rows there; switch lazy_rows off, or step outside of the compiled function",
                )
        place = 0
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter._grad
                if gradient is not None:
                    move = functools.partial(self._move, place, group)
                    new = wrap(move(parameter._array, gradient if isinstance(gradient, Rows) else gradient._array))
                    if mode.tracer is not None:
                        mode.tracer.moved(move, parameter, gradient, new)
                    parameter.assign_(new)
                place += 1

    def _move(self, place: int, group: Group, array: NDArray[Any], gradient: NDArray[Any] | Rows) -> NDArray[Any]:
        """The new value of the parameter at `place`, with its state moved along."""
        state = self.state[place] or self.start(array, group)
        if not isinstance(gradient, Rows):
            array, state = self.update(array, gradient, state, group)
        elif group["lazy_rows"] or self.rests(group):
            array, state = self._of_rows(array, gradient, state, group)
        else:
            array, state = self.update(array, gradient.dense(), state, group)
        self.state[place] = state
        return array

    def _of_rows(self, parameter: NDArray[Any], gradient: Rows, state: State, settings: Group) -> tuple[Any, State]:
        """How the rows of a gradient move; the others are copied."""
        rows = gradient.indices
        seen = {key: value[rows] if isinstance(value, np.ndarray) else value for key, value in state.items()}
        moved, new = self.update(parameter[rows], gradient.values, seen, settings)
        if state.keys() < new.keys():  # a setting that was changed asks for more than was kept
            state = self.start(parameter, settings) | state
        for key, value in new.items():
            if isinstance(value, np.ndarray):
                new[key] = _with_rows(state[key], rows, value)
        return _with_rows(parameter, rows, moved), new


def _with_rows(array: NDArray[Any], rows: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    array = np.array(array)
    array[rows] = values
    return array
