"""Functions that only TensorFlow's inner modules had, and scripts import from there."""

from __future__ import annotations

from typing import Any

from ._control import cond
from ._graph import get_default_graph
from ._infer import constant_value
from ._initializers import zeros_initializer
from ._nodes import convert
from ._operation import Operation, Tensor
from ._scopes import variable_scope
from ._shapes import TensorShape
from ._variable_scopes import get_variable
from ._variables import Variable, assign, assign_add, assign_sub


def scalar() -> TensorShape:
    """The shape of a single number."""
    return TensorShape([])


def smart_cond(pred: Any, fn1: Any, fn2: Any, name: str | None = None) -> Any:
    """What one of two functions gives: chosen now, where `pred` is known, and by tf.cond where a run will tell."""
    if isinstance(pred, Tensor):
        known = constant_value(pred)
        if known is None:
            return cond(pred, fn1, fn2, name=name)
        pred = bool(known)
    return fn1() if pred else fn2()


def assign_moving_average(
    variable: Variable, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Tensor | Operation:
    """An operation that moves `variable` towards `value`: `variable -= (variable - value) (1 - decay)`.

    With `zero_debias` the average is one of the values alone, as if it had not begun with what the variable began
    with: the sum beside it begins at 0 and is divided by what the weights so far add up to.
    """
    with get_default_graph().name_scope(name or "AssignMovingAvg"):
        keep = convert(decay, variable.dtype)
        if not zero_debias:
            return assign_sub(variable, (variable - value) * (1 - keep))  # type: ignore[operator]
        with variable_scope(variable.op.name):
            sizes = variable.shape.as_list()
            total = get_variable("biased", sizes, variable.dtype, zeros_initializer(), trainable=False)
            steps = get_variable("local_step", [], variable.dtype, zeros_initializer(), trainable=False)
        moved = assign_sub(total, (total - value) * (1 - keep))  # type: ignore[operator]
        count = assign_add(steps, 1.0)
        return assign(variable, moved / (1 - keep**count))  # type: ignore[operator]
