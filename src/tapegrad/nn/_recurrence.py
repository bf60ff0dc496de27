"""The op under the RNN layer: all steps of `h_t = f(z_t + h_(t-1) W)` as one entry of the tape.

Step by step it would be four entries a step, and the weight's gradient a sum of as many products; here it is one
product. An op has one rule an argument, and the three gradients come out of one walk back through the steps; so the
three arguments, which all have H columns, come as the rows of one: the state to start from (N, H), what the steps
get from their inputs (L * N, H), and the weight (H, H).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Tensor, wrap
from ..ops.elementwise import greater, where
from ..ops.shape import concat, reshape, swapaxes
from ..primitive import primitive

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _order(steps: int, backwards: bool) -> range:
    return range(steps - 1, -1, -1) if backwards else range(steps)


def _states_raw(rows: Any, *, steps: int, count: int, real: Any, backwards: bool, nonlinearity: str) -> Any:
    size = rows.shape[1]
    state, inputs, weight = rows[:count], rows[count:-size], rows[-size:]
    states = np.empty_like(inputs)
    for step in _order(steps, backwards):
        place = slice(step * count, (step + 1) * count)
        new = states[place]
        np.matmul(state, weight, out=new)
        new += inputs[place]
        if nonlinearity == "tanh":
            np.tanh(new, out=new)
        else:
            np.maximum(new, 0, out=new)
        if real is not None:
            np.copyto(new, state, where=~real[step])
        state = new
    return states


def _states_rule(
    g: Any, rows: Any, out: Any, steps: int, count: int, real: Any, backwards: bool, nonlinearity: str
) -> Any:
    if real is not None and isinstance(g, Tensor):
        real = wrap(real)
    size = rows.shape[1]
    transposed = swapaxes(rows[-size:], 0, 1)
    slopes = 1 - out * out if nonlinearity == "tanh" else greater(out, 0)
    deltas: list[Any] = [None] * steps  # the gradients for z, step by step
    carried: Any = None  # the gradient that a state gets from the steps after it
    for step in reversed(_order(steps, backwards)):
        place = slice(step * count, (step + 1) * count)
        total = g[place] if carried is None else g[place] + carried
        deltas[step] = total * slopes[place]
        if real is not None:
            deltas[step] = where(real[step], deltas[step], 0)
        carried = deltas[step] @ transposed
        if real is not None:
            carried = where(real[step], carried, total)
    every = concat(deltas)
    before = concat([out[count:], rows[:count]] if backwards else [rows[:count], out[:-count]])
    return concat([carried, every, swapaxes(before, 0, 1) @ every])


_states = primitive(_states_raw, _states_rule, name="recurrence")


def recurrence(
    start: Any, inputs: Any, weight: Any, real: NDArray[np.bool_] | None, backwards: bool, nonlinearity: str
) -> Any:
    """The states (L, N, H) after each step: `start` (N, H), `inputs` (L, N, H), `weight` (H, H).

    `nonlinearity` is "tanh" or "relu". `backwards` begins with the last step. Where `real` (L, N, 1) is False, a state
    stays as it is.
    """
    steps, count, size = shape = np.shape(inputs)
    rows = concat([start, reshape(inputs, (steps * count, size)), weight])
    states = _states(rows, steps=steps, count=count, real=real, backwards=backwards, nonlinearity=nonlinearity)
    return reshape(states, shape)
