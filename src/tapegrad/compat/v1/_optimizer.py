"""The optimizer: an operation that moves variables along their gradients, by one of tapegrad's update rules.

A slot is a variable that an optimizer keeps for each of the variables that it moves, such as the velocity of
`W`, `W/Momentum`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..._tape import Tensor as Value
from ..._tape import mode, recording, wrap
from ...optim import rules
from ._gradients import gradients
from ._graph import get_default_graph
from ._infer import Kind
from ._nodes import convert, node
from ._operation import Operation, Tensor
from ._slices import IndexedSlices, moved_rows
from ._values import array_in
from ._variables import GraphKeys, Variable, assign, assign_add, group, trainable_variables, variable_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._run import Run

    Rule = Callable[..., Any]

__all__ = ["Optimizer"]


class Slot(NamedTuple):
    """What is kept for each variable: its key, the last part of its variable's name, and its first value."""

    key: str
    name: str
    start: float = 0.0


class Optimizer:
    """Moves variables so that a loss falls.

    A subclass gives `rule(parameter, gradient, *slots, *numbers)`, what slots it has, and the numbers, which are
    tensors of a variable's dtype: a learning rate may change from run to run.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    _rests = True  # rows of a table that were not looked up stay as they are, and what is kept for them, too

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[tuple[Variable, str], Variable] = {}
        self._others: list[Variable] = []  # variables that are not of one variable only

    # What a subclass says

    def _wanted_slots(self) -> Sequence[Slot]:
        return ()

    def _numbers(self, dtype: Any) -> Sequence[Tensor]:
        """The numbers that the rule is given, as tensors."""
        raise TypeError(f"{type(self).__name__} has no update rule: define _numbers and _rule")

    def _rule(self) -> Rule:
        raise TypeError(f"{type(self).__name__} has no update rule: define _numbers and _rule")

    def _before(self, variables: Sequence[Variable]) -> None:
        """Make what is kept beside the slots."""

    def _after(self) -> list[Any]:
        """What is to be done when all variables have moved."""
        return []

    # What scripts call

    def get_name(self) -> str:
        """The name that it was made with."""
        return self._name

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """An operation that moves the variables of `var_list`, by default all trainable ones, to lower `loss`.

        It adds 1 to `global_step`, if there is one. Raises ValueError where `loss` depends on none of them.
        """
        pairs = self.compute_gradients(loss, var_list, gate_gradients, grad_loss=grad_loss)
        if all(gradient is None for gradient, _ in pairs):
            names = [str(variable.name) for _, variable in pairs]
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not support gradients, "
                f"between variables {names} and loss {convert(loss)}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Variable]]:
        """A list of pairs: the gradient for each variable, or None, and the variable."""
        if callable(loss):
            loss = loss()
        if var_list is None:
            var_list = trainable_variables()
        variables = [variable_of(v) for v in (var_list if isinstance(var_list, list | tuple) else [var_list])]
        if not variables:
            raise ValueError("No variables to optimize.")
        found = gradients(loss, variables, None if grad_loss is None else [grad_loss])
        return list(zip(found, variables, strict=True))

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Operation:
        """An operation that moves variables along gradients, given as `compute_gradients` gives them."""
        pairs = [(gradient, variable_of(variable)) for gradient, variable in grads_and_vars]
        if not pairs:
            raise ValueError("No variables provided.")
        pairs = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        graph = get_default_graph()
        self._before([variable for _, variable in pairs])
        wanted = self._wanted_slots()
        for _, variable in pairs:
            for slot in wanted:
                self._make_slot(variable, slot)
        with graph.name_scope(name or self._name) as scope:
            numbers = {dtype: self._numbers(dtype) for dtype in dict.fromkeys(v.dtype for _, v in pairs)}
            moves = [self._move(gradient, variable, numbers[variable.dtype]) for gradient, variable in pairs]
            with graph.control_dependencies(moves):
                after = self._after()
            done = [*moves, *after]
            if global_step is None:
                train = group(*done, name=scope)
            else:
                with graph.control_dependencies([group(*done, name="update")]):
                    train = assign_add(variable_of(global_step), 1, name=scope).op
        if train not in graph.get_collection_ref(GraphKeys.TRAIN_OP):
            graph.add_to_collection(GraphKeys.TRAIN_OP, train)
        return train

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """The variable that is kept for `var` under a name of `get_slot_names`, or None."""
        return self._slots.get((variable_of(var), name))

    def get_slot_names(self) -> list[str]:
        """The names of the slots that there are."""
        return sorted({name for _, name in self._slots})

    def variables(self) -> list[Variable]:
        """All variables that the optimizer keeps."""
        return sorted([*self._others, *self._slots.values()], key=lambda variable: variable.name)

    # The parts

    def _make_slot(self, variable: Variable, slot: Slot) -> None:
        if (variable, slot.key) in self._slots:
            return
        sizes = variable.shape.sizes
        if sizes is None or None in sizes:
            raise ValueError(
                f"{self._name}: the shape of {variable.name} (defined at {variable.op.line}) is {variable.shape}, and "
                "it must be known for what is kept beside it"
            )
        start = np.full([int(size) for size in sizes if size is not None], slot.start, variable.dtype.dtype)
        name = f"{prefix_of_variables()}{variable.op.name}/{slot.name}"
        with get_default_graph().name_scope(None):
            self._slots[variable, slot.key] = Variable(start, trainable=False, name=name)

    def _move(self, gradient: Any, variable: Variable, numbers: Sequence[Tensor]) -> Tensor:
        """The operation that moves one variable, and then puts it back to where its constraint lets it be."""
        slots = [self._slots[variable, slot.key] for slot in self._wanted_slots()]
        kind = Kind(variable.shape.sizes, variable.dtype.dtype)
        label = "Apply" + type(self).__name__.removesuffix("Optimizer")
        function: Rule = _moved
        inputs = [variable, gradient, *slots, *numbers]
        if self._rests and isinstance(gradient, IndexedSlices) and gradient.op.frame is None:
            label, function = "Sparse" + label, moved_rows
            inputs = [gradient.values, gradient.indices, *numbers]
        moved: Tensor = node(
            label, function, inputs, f"update_{variable.op.name}/{label}", in_run=True,
            sample=lambda *_, **__: kind, target=variable, slots=slots, rule=self._rule(),
        )  # fmt: skip
        if variable.constraint is None:
            return moved
        with get_default_graph().control_dependencies([moved]):
            return assign(variable, variable.constraint(variable.read_value()))


def _moved(
    run: Run, parameter: Any, gradient: Any, *others: Any, target: Variable, slots: Sequence[Variable], rule: Rule
) -> Any:
    """Give a variable and its slots their next values."""
    count = 2 + len(slots)
    values = [parameter, gradient, *others]

    def apply(*arrays: Any) -> Any:
        new = rules._apply(rule, arrays[:count], arrays[count:])
        return new if slots else (new,)

    with recording(False):
        tracer = mode.tracer
        if tracer is not None and math.prod(parameter.shape) < rules._SMALL:
            # The steps of the rule become a part of the program, which joins them with others of small arrays.
            new = rule(*values)
            new = new if slots else (new,)
        else:  # one pass over memory, in a program too
            new = [wrap(np.asarray(array)) for array in apply(*map(array_in, values))]
            if tracer is not None:
                places = [place for place, value in enumerate(values) if isinstance(value, Value)]
                fixed = [None if isinstance(value, Value) else np.asarray(value) for value in values]

                def again(*changing: Any) -> Any:
                    every = list(fixed)
                    for place, array in zip(places, changing, strict=True):
                        every[place] = array
                    return apply(*every)

                tracer.ran("update", again, [values[place] for place in places], new)
    moved, *kept = new
    for slot, value in zip(slots, kept, strict=True):
        run.session.assign(slot, value)
    run.session.assign(target, moved)
    return moved


def prefix_of_variables() -> str:
    """What the current variable scope puts before the names of variables."""
    from ._scopes import get_variable_scope

    scope = get_variable_scope().name
    return f"{scope}/" if scope else ""


def number(value: Any, name: str, dtype: Any) -> Tensor:
    """A setting of an optimizer, as a tensor of the dtype of what it moves."""
    if callable(value) and not isinstance(value, Variable):
        value = value()
    if not isinstance(value, Tensor | Variable):
        return convert(value, dtype, name=name)
    tensor = convert(value)
    if tensor.dtype == dtype:
        return tensor
    return node("Cast", lambda x: x.astype(dtype.dtype), [tensor], name)  # type: ignore[no-any-return]


def rest(of: Tensor) -> Any:
    """What is left of 1, in the dtype of the variables, as TensorFlow computes it."""
    return node("Sub", lambda x: 1 - x, [of], "rest")


def check_accumulator(value: float) -> None:
    """Raise ValueError for a sum of squares that would start at a number which is not above 0."""
    if value <= 0:
        raise ValueError(f"initial_accumulator_value must be positive: {value}")
