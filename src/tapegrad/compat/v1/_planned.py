"""What a session runs again and again: a plan, and the program that it becomes once that is worth it.

Operations that act on Python's world stay outside of the program, before it or after it; where they are needed in the
middle, and where a program cannot be made, everything runs op by op.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import random
from ..._tape import Tensor as Value
from ..._tape import recording
from ...errors import TraceError
from ._operation import Operation, Tensor
from ._placeholders import refuse_unfed
from ._run import Plan, Run
from ._slices import is_lookup, moved_rows
from ._values import array_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._session import BaseSession
    from ._variables import Variable

_MOST_SIZES = 8  # programs for different sizes that are fed as numbers
_TIMES = 3  # runs of a plan, the last of which is compiled: a script that fetches something once or twice need not wait


class Planned:
    """One thing that is run again and again: a plan, and its compiled program once that is worth it."""

    def __init__(self, session: BaseSession, fetched: Sequence[Any], feeds: Sequence[Tensor]) -> None:
        self.session = session
        self.feeds = feeds
        self.plan = Plan(fetched, feeds)
        refuse_unfed(self.plan)
        self._times = 0
        self._parts: _Parts | None = None
        named = [op.params.get("variable") or op.params.get("target") for op in self.plan.operations]
        self._variables = [variable for variable in dict.fromkeys(named) if variable is not None]
        #: those whose arrays a compiled program hands to more than lookups: who gets them may keep them
        self._lent = {
            x.op.params["variable"]
            for op in self.plan.operations
            for x in (op.inputs[1:] if is_lookup(op) else (*op.inputs, *op.params.get("xs", ())))
            if "variable" in x.op.params
        } | {op.params["of"] for op in self.plan.operations if "of" in op.params}

    def __call__(self, feeds: dict[Tensor, Any]) -> dict[Any, Any]:
        self._times += 1
        if (
            self._times == _TIMES
            and all(map(self.session.is_initialized, self._variables))
            and not any(x.dtype.is_complex for x in (*self._variables, *self.feeds))  # which no program knows
        ):
            self._parts = _Parts.of(self.plan, self.feeds, self._variables)
        if self._parts is not None:
            for variable in self._lent:
                self.session._own.pop(variable, None)
            return self._parts(self.session, feeds)
        run = Run(self.session, self.plan, dict(feeds), self.feeds)
        run.all()
        return {x: None if isinstance(x, Operation) else given(run.value(x)) for x in self.plan.fetched}


def _after_changes_in_place(operations: Sequence[Operation], fixed: set[Tensor]) -> set[Operation]:
    """What changes rows of variables in place, which no program does, and what needs that, or sees it."""
    changed: set[Tensor] = set()
    found: set[Operation] = set()
    for op in operations:
        if op.function is moved_rows:
            changed.update(variable._tensor for variable in (op.params["target"], *op.params["slots"]))
        elif found.isdisjoint(x.op for x in op.inputs if x not in fixed) and found.isdisjoint(op.control_inputs):
            read = [*op.inputs, *op.params.get("xs", ())]
            read += [op.params[key]._tensor for key in ("target", "of") if key in op.params]
            if changed.isdisjoint(read):
                continue
        found.add(op)
    return found


class _Parts:
    """A plan in three: what Python does first, what is compiled, and what Python does last."""

    def __init__(
        self,
        plan: Plan,
        variables: Sequence[Variable],
        first: list[Operation],
        middle: list[Operation],
        last: list[Operation],
    ) -> None:
        self._plan = plan
        self._variables = variables
        self._first, self._last = first, last
        made = {x for op in middle for x in op.outputs}
        early = {x for op in first for x in op.outputs}
        used = dict.fromkeys(x for op in middle for x in op.inputs)
        self._given = [x for x in used if x in early]
        wanted = dict.fromkeys(x for op in last for x in op.inputs if x in made)
        wanted.update(dict.fromkeys(x for x in plan.fetched if x in made))
        self._wanted = list(wanted)
        self._middle = middle
        self._compiled: Any = None
        self._refused = False
        self._sizes: set[Any] | None = None  # the whole numbers that were fed, where each has a program of its own

    @classmethod
    def of(cls, plan: Plan, feeds: Sequence[Tensor], variables: Sequence[Variable]) -> _Parts | None:
        """The parts of a plan, or None where Python is needed in the middle."""
        operations, fixed = plan.operations, set(feeds)
        users: dict[Operation, list[Operation]] = {op: [] for op in operations}
        for op in operations:
            for x in op.inputs:
                if x not in fixed and x.op in users:
                    users[x.op].append(op)
            for other in op.control_inputs:
                if other.type != "Print":  # what it tells is the same afterwards
                    users[other].append(op)
        last = _after_changes_in_place(operations, fixed)
        if any(op.type == "Gradients" or "bodies" in op.params for op in last):
            return None
        assigned = {op.params["target"]._tensor for op in operations if "target" in op.params}
        for op in reversed(operations):
            if op in last:
                continue
            if op.python and all(user in last for user in users[op]):
                last.add(op)
            elif (
                users[op]
                and last.issuperset(users[op])
                and not op.in_run
                # a variable that changes must be read at its time, and what leads to a change in place is compiled
                and assigned.isdisjoint(op.inputs)
                and (op.type == "Const" or not any(user.function is moved_rows for user in users[op]))
            ):
                last.add(op)  # nothing but what is done last needs it
        first: set[Operation] = set()
        for op in reversed(operations):
            if op not in last and (op.python or any(user in first for user in users[op])):
                first.add(op)
        if any(op.in_run and not op.python and op.type != "Const" for op in first):
            return None
        if plan.targets and any("bodies" in op.params for op in first):
            return None  # a gradient may go through it, which would not be heard of
        middle = [op for op in operations if op not in first and op not in last]
        if not middle:
            return None
        early, late = ([op for op in operations if op in part] for part in (first, last))
        return cls(plan, variables, early, middle, late)

    def __call__(self, session: BaseSession, feeds: dict[Tensor, Any]) -> dict[Any, Any]:
        run = Run(session, self._plan, dict(feeds), feeds)
        with recording(False):
            for op in self._first:
                run.one(op)
        if self._refused or not self._replayed(run, feeds):
            # Op by op, which tells where it is that a value is wrong. What Python did first, such as taking a batch, is
            # not done again.
            with recording(bool(self._plan.targets)):
                for op in self._middle:
                    run.one(op)
            self._refused = True  # nothing is wrong with the values: what these operations do cannot be compiled
        with recording(False):
            for op in self._last:
                run.one(op)
        return {x: None if isinstance(x, Operation) else given(run.value(x)) for x in self._plan.fetched}

    def _replayed(self, run: Run, feeds: dict[Tensor, Any]) -> bool:
        """Put the results of the compiled part among the values of a run; False, and all as before, if it cannot be."""
        arrays: list[Any] = list(feeds.values())
        if self._sizes is not None:
            arrays = [int(array) if _is_number(array) else array for array in arrays]
            self._sizes.add(tuple(number for number in arrays if isinstance(number, int)))
            if len(self._sizes) > _MOST_SIZES:
                return False
        kept = [(v, run.session._values.get(v)) for v in self._variables]
        before = [value._array if isinstance(value, Value) else value for _, value in kept]
        state = random.get_state()
        try:
            self._run_program(run, list(feeds), arrays)
        except Exception as error:
            for (_, value), array in zip(kept, before, strict=True):
                if isinstance(value, Value):
                    value._array = array
            random.set_state(state)
            if isinstance(error, TraceError) and self._sizes is None and any(map(_is_number, arrays)):
                # A number that is fed may be a size, of a batch say, which a program must know.
                self._sizes, self._compiled = set(), None
                return self._replayed(run, feeds)
            return False
        return True

    def _run_program(self, run: Run, fed: list[Tensor], arrays: list[Any]) -> None:
        if self._compiled is None:
            from ...static import compile

            session, plan, middle, wanted, of_first = run.session, self._plan, self._middle, self._wanted, self._given

            def step(arrays: Any, early: Any) -> Any:
                values = dict(zip(fed, arrays, strict=True)) | dict(zip(of_first, early, strict=True))
                values |= {x: np.asarray(v, x.dtype.dtype) for x, v in values.items() if isinstance(v, int)}
                inside = Run(session, plan, values, fed)
                with recording(bool(plan.targets)):
                    for op in middle:
                        inside.one(op)
                return [inside.value(x) for x in wanted]

            self._compiled = compile(step)
        early = [array_in(run.values[x]) for x in self._given]
        run.values.update(zip(self._wanted, self._compiled(arrays, early), strict=True))


def _is_number(array: Any) -> bool:
    """Whether this is one whole number."""
    return array.ndim == 0 and array.dtype.kind in "iu"


def given(value: Any) -> Any:
    """A value as a caller gets it: an array of its own, or NumPy's scalar."""
    if isinstance(value, Value):
        array = np.array(value._array)
        return array[()] if array.ndim == 0 else array
    if isinstance(value, np.ndarray):
        return value[()] if value.ndim == 0 else np.array(value)
    return value
