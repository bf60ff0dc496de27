"""The inside of a loop or a choice: operations of a frame, which one operation outside runs, perhaps many times.

That operation has as inputs what the loop begins with, then all that the inside uses from outside; so a plan finds
what must be computed before, and a gradient finds its way through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...ops.shape import stack
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import convert, node
from ._operation import Frame, Operation, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._run import Run
    from ._shapes import Sizes


def argument(kind: Kind) -> Tensor:
    """A tensor inside of a frame that has another value each time round."""
    return node("Argument", _missing, (), "Argument", sample=lambda: kind)  # type: ignore[no-any-return]


def _missing() -> Any:
    raise ValueError(
        "this tensor is inside of a loop or a choice, and has no value outside of it; fetch what comes out"
    )


def like(tensor: Tensor, sizes: Any = ...) -> Kind:
    """The kind of an argument that begins as `tensor`, or has other sizes."""
    kind = kind_of(tensor)
    return Kind(tensor.shape.sizes if sizes is ... else sizes, kind.dtype)


class Body:
    """What was built in a frame: it makes results of arguments, and of what it captured from outside."""

    def __init__(self, frame: Frame, arguments: Sequence[Tensor], results: Sequence[Tensor]) -> None:
        self.arguments = list(arguments)
        self.results = list(results)
        self.captured: list[Tensor] = []
        self.waits: list[Operation] = []  # operations outside that must have run
        needed: set[Operation] = set()
        seen = set(self.arguments)
        tensors, waiting = list(self.results), list[Operation]()
        while tensors or waiting:
            if tensors:
                tensor = tensors.pop()
                if tensor in seen:
                    continue
                seen.add(tensor)
                if not tensor.op.frame_is_within(frame):
                    self.captured.append(tensor)
                    continue
                waiting.append(tensor.op)
            else:
                op = waiting.pop()
                if op in needed:
                    continue
                if not op.frame_is_within(frame):
                    self.waits.append(op)
                    continue
                needed.add(op)
                tensors += op.inputs
                waiting += op.control_inputs
        self.captured.sort(key=lambda tensor: (tensor.op.serial, tensor.index))
        self.operations = sorted(needed, key=lambda op: op.serial)
        self.python = any(op.python for op in self.operations)
        # What is assigned inside is read anew each time; everything else has one value all along.
        acts = any(op.in_run and "bodies" not in op.params for op in self.operations)
        self._bound = [not (acts and "variable" in tensor.op.params) for tensor in self.captured]

    def given(self, values: Sequence[Any]) -> dict[Tensor, Any]:
        """What was captured, with the values that the operation outside was given for it."""
        pairs = zip(self.captured, values, self._bound, strict=True)
        return {tensor: value for tensor, value, bound in pairs if bound}

    def __call__(self, run: Run, values: Sequence[Any], given: dict[Tensor, Any]) -> list[Any]:
        """The results for some values of the arguments."""
        return run.inner(self.operations, self.results, given | dict(zip(self.arguments, values, strict=True)))


def built(make: Callable[..., Sequence[Any]], kinds: Sequence[Kind] = ()) -> Body:
    """The body that `make`, called with tensors of some kinds, builds; it gives the list of results."""
    with get_default_graph().open_frame() as frame:
        arguments = [argument(kind) for kind in kinds]
        results = [convert(result) for result in make(*arguments)]
    return Body(frame, arguments, results)


def enclosing(
    kind: str,
    function: Callable[..., Any],
    bodies: Sequence[Body],
    inputs: Sequence[Tensor],
    kinds: Callable[[], list[Kind]],
    count: int,
    name: str | None = None,
    alone: bool = False,
    **params: Any,
) -> list[Tensor]:
    """The operation that runs `bodies`: `function(run, inputs, given, ...)`, with `given[i]` for the i-th body.

    When it must be `alone`, no program has it.
    """
    first = len(inputs)
    captured = [tensor for body in bodies for tensor in body.captured]

    def run_it(run: Run, *values: Any, bodies: Sequence[Body], **params: Any) -> Any:
        given, place = [], first
        for body in bodies:
            end = place + len(body.captured)
            given.append(body.given(values[place:end]))
            place = end
        return function(run, values[:first], given, **params)

    graph = get_default_graph()
    with graph.control_dependencies([op for body in bodies for op in body.waits]):
        return node(  # type: ignore[no-any-return]
            kind, run_it, [*inputs, *captured], name, outputs=count, in_run=True, bodies=bodies,
            python=alone or any(body.python for body in bodies), sample=lambda *_, **__: kinds(), **params,
        )  # fmt: skip


def over_rows(
    kind: str,
    xs: Sequence[Tensor],
    state: Sequence[Tensor],
    step: Callable[[list[Tensor], list[Tensor]], tuple[Sequence[Any], Sequence[Any]]],
    *,
    reverse: bool = False,
    name: str | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """`ys, state = step(rows of xs, state)` for each row; gives all `ys`, stacked, and the last state.

    `xs` (L, ...) have one length; `reverse` begins with the last row.
    """
    count = len(state)
    sizes = [x.shape.sizes for x in xs]
    rows = [like(x, None if size is None else size[1:]) for x, size in zip(xs, sizes, strict=True)]
    outputs = 0

    def make(*arguments: Tensor) -> list[Any]:
        nonlocal outputs
        ys, new = step(list(arguments[: len(xs)]), list(arguments[len(xs) :]))
        outputs = len(ys)
        return [*ys, *new]

    body = built(make, [*rows, *map(like, state)])
    length = next((size[0] for size in sizes if size and size[0] is not None), None)

    def kinds() -> list[Kind]:
        inside = [kind_of(result) for result in body.results]
        stacked = [Kind(_with_length(length, y), y.dtype) for y in inside[:outputs]]
        return stacked + [
            Kind(_agreed(like(x).sizes, y.sizes), y.dtype) for x, y in zip(state, inside[outputs:], strict=True)
        ]

    def loop(run: Run, values: Sequence[Any], given: Sequence[dict[Tensor, Any]]) -> list[Any]:
        xs, now = values[: len(rows)], list(values[len(rows) :])
        length = np.shape(xs[0])[0]
        columns: list[list[Any]] = [[] for _ in range(outputs)]
        for place in range(length - 1, -1, -1) if reverse else range(length):
            made = body(run, [*[x[place] for x in xs], *now], given[0])
            now = made[outputs:]
            for column, value in zip(columns, made, strict=False):
                column.append(value)
        stacked = [
            _stacked(column[::-1] if reverse else column, y) for column, y in zip(columns, body.results, strict=False)
        ]
        return [*stacked, *now]

    results = enclosing(kind, loop, [body], [*xs, *state], kinds, outputs + count, name)
    return results[:outputs], results[outputs:]


def _with_length(length: int | None, kind: Kind) -> Sizes:
    return None if kind.sizes is None else (length, *kind.sizes)


def _stacked(values: list[Any], example: Tensor) -> Any:
    if not values:
        kind = kind_of(example)
        return np.zeros((0, *[size or 0 for size in kind.sizes or ()]), kind.dtype)
    return stack(values) if any(isinstance(value, Value) for value in values) else np.stack(values)


def _agreed(one: Sizes, other: Sizes) -> Sizes:
    """The sizes that both have."""
    if one is None or other is None or len(one) != len(other):
        return None
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))
