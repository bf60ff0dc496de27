"""Running a graph: which operations are needed for what is fetched, in which order, and their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ..._tape import recording
from ...errors import TapegradError, TraceError
from ...transforms import at_own_entry
from . import _last_tape, errors
from ._operation import Operation, Tensor
from ._slices import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._session import BaseSession


class Plan:
    """The operations that fetched elements need, where some tensors are given."""

    def __init__(self, fetched: Iterable[Tensor | Operation], given: Iterable[Tensor]) -> None:
        fixed = self.given = set(given)
        self.fetched = list(fetched)
        waiting = [x.op if isinstance(x, Tensor) else x for x in self.fetched if x not in fixed]
        needed: set[Operation] = set()
        while waiting:
            op = waiting.pop()
            if op not in needed:
                needed.add(op)
                waiting += [x.op for x in (*op.inputs, *op.params.get("xs", ())) if x not in fixed]
                waiting += op.control_inputs
        # An operation is built after what it needs, so this order is the one that Kahn's algorithm would find, and
        # effects happen in the order in which they were written down.
        self.operations = sorted(needed, key=lambda op: op.serial)
        #: those that do something: a variable is read where it is used
        self.acting = [op for op in self.operations if op.type not in ("VariableV2", "NoOp")]
        self.differentiating = _differentiating(self.operations)
        #: the tensors that gradients are wanted of
        self.targets = {x for op in self.differentiating for x in op.params["xs"]}


def _differentiating(operations: Iterable[Operation]) -> list[Operation]:
    """The operations that compute gradients, those inside of loops and choices among them."""
    found = []
    for op in operations:
        if op.type == "Gradients":
            found.append(op)
        for body in op.params.get("bodies", ()):
            found += _differentiating(body.operations)
    return found


class Run:
    """One run: the values of tensors so far."""

    def __init__(
        self, session: BaseSession, plan: Plan, values: dict[Tensor, Any], feeds: Iterable[Tensor] = ()
    ) -> None:
        self.session = session
        self.plan = plan
        self.values = values
        self.fed = set(feeds)
        for tensor in plan.targets:
            if tensor in values:
                values[tensor] = recordable(values[tensor])

    def all(self) -> None:
        """Run every operation of the plan."""
        with recording(bool(self.plan.targets)):
            for op in self.plan.acting:
                self.one(op)

    def one(self, op: Operation) -> None:
        """Run one operation, and note the values of its outputs."""
        try:
            arguments = [self.value(x, op) for x in op.inputs]
            out = op.function(self, *arguments, **op.params) if op.in_run else op.function(*arguments, **op.params)
        except (errors.OpError, TraceError):
            raise
        except Exception as error:
            where = f"[[{op.name} = {op.type}, built at {op.line}]]"
            if isinstance(error, TapegradError | ValueError | IndexError):
                raise errors.InvalidArgumentError(op, op, f"{error}\n\t {where}") from error
            error.add_note(where)
            raise
        if op.one:
            _last_tape.note_line(op, out)
        values, targets = self.values, self.plan.targets
        for tensor, value in zip(op.outputs, (out,) if op.one else out, strict=False):
            if tensor not in self.fed:
                values[tensor] = recordable(value) if tensor in targets else value

    def value(self, tensor: Tensor, user: Operation | None = None) -> Any:
        """The value of a tensor that was run, or was given; that of a variable is the one that it has now."""
        variable = tensor.op.params.get("variable")
        if variable is None or tensor in self.fed:
            return self.values[tensor]
        wanted = tensor in self.plan.targets
        if user is not None and is_lookup(user) and not wanted:
            return self.session.look(variable)
        return self.session.read(variable, wanted)

    def inner(self, operations: Sequence[Operation], results: Sequence[Tensor], values: dict[Tensor, Any]) -> list[Any]:
        """The results of operations inside a loop or a choice, run once on some values of its own tensors."""
        own = Run.__new__(Run)
        own.session, own.plan, own.fed = self.session, self.plan, self.fed | set(values)
        targets = self.plan.targets
        own.values = _Inside(
            self.values, {tensor: recordable(value) if tensor in targets else value for tensor, value in values.items()}
        )
        for op in operations:
            own.one(op)
        return [own.value(tensor) for tensor in results]


class _Inside(dict[Tensor, Any]):
    """Values inside of a loop or a choice, beside those outside."""

    def __init__(self, outer: dict[Tensor, Any], values: dict[Tensor, Any]) -> None:
        super().__init__(values)
        self._outer = outer

    def __missing__(self, tensor: Tensor) -> Any:
        return self._outer[tensor]


def recordable(value: Any) -> Any:
    """A value at an entry of its own, from which gradients can be asked of it."""
    if isinstance(value, Value) and value._entry is not None:
        return value
    array = value if isinstance(value, Value) else np.asarray(value)
    return at_own_entry("gradients", array) if array.dtype.kind == "f" else value
