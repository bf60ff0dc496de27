"""Moving averages of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import recording
from ._graph import get_default_graph
from ._missing import NotCoveredError
from ._nodes import convert, node
from ._operation import Operation, Tensor
from ._optimizer import prefix_of_variables
from ._variables import GraphKeys, Variable, global_variables, group, moving_average_variables, trainable_variables

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage:
    """Averages that weigh the past `decay` at each `apply`: `average = decay * average + (1 - decay) * value`.

    With `num_updates` the weight is at most `(1 + num_updates) / (10 + num_updates)`, so that early averages move
    quickly.
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        if zero_debias:
            raise NotCoveredError("ExponentialMovingAverage: zero_debias=True is not covered; False, the default, is")
        self._decay, self._num_updates, self._name = decay, num_updates, name
        self._averages: dict[Any, Variable] = {}

    @property
    def name(self) -> str:
        """The name that averages have beside those of their variables."""
        return self._name

    def apply(self, var_list: Any = None) -> Operation:
        """An operation that moves the averages of `var_list`, by default of all trainable variables."""
        chosen = trainable_variables() if var_list is None else list(var_list)
        graph = get_default_graph()
        for value in chosen:
            if value not in self._averages:
                self._averages[value] = self._average(value)
                if isinstance(value, Variable):
                    known = graph.get_collection_ref(GraphKeys.MOVING_AVERAGE_VARIABLES)
                    if value not in known:
                        known.append(value)
        with graph.name_scope(self._name) as scope:
            decay = convert(self._decay, name="decay") if not isinstance(self._decay, Tensor) else self._decay
            inputs = [decay] if self._num_updates is None else [decay, convert(self._num_updates)]
            updates = [
                node(
                    "AssignMovingAvg", _move, [self._averages[value], value, *inputs], in_run=True,
                    sample=lambda average, *_, **__: average, target=self._averages[value],
                )
                for value in chosen
            ]  # fmt: skip
            return group(*updates, name=scope)

    def _average(self, value: Any) -> Variable:
        """The variable of an average, which starts as the variable does, and at 0 for another tensor."""
        tensor, graph = convert(value), get_default_graph()
        name = f"{prefix_of_variables()}{tensor.op.name}/{self._name}"
        with graph.name_scope(None), graph.outside():
            if isinstance(value, Variable):
                start: Any = value.initialized_value()
            else:
                start = np.zeros([size or 0 for size in tensor.shape.as_list()], tensor.dtype.dtype)
            return Variable(start, trainable=False, name=name)

    def average(self, var: Any) -> Variable | None:
        """The variable of the average of `var`, or None."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name of the variable of the average."""
        if var in self._averages:
            return self._averages[var].op.name
        return f"{convert(var).op.name}/{self._name}"

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Variable]:
        """For a Saver that gives variables the values of their averages: variables by the names of these."""
        averaged = [*trainable_variables(), *moving_average_variables()]
        averaged = list(dict.fromkeys(averaged if moving_avg_variables is None else moving_avg_variables))
        found = {self.average_name(variable): variable for variable in averaged}
        rest = [v for v in global_variables() if v not in averaged and v.op.name not in found]
        return found | {variable.op.name: variable for variable in rest}


def _move(run: Run, average: Any, value: Any, decay: Any, *updates: Any, target: Variable) -> Any:
    with recording(False):
        dtype = target.dtype.dtype
        decay = decay.astype(dtype)
        if updates:
            count = updates[0].astype(dtype)
            decay = np.minimum(decay, (1 + count) / (10 + count))
        return run.session.assign(target, average - (average - value) * (1 - decay))
