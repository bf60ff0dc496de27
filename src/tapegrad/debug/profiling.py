"""Time and memory, op by op."""

from __future__ import annotations

import contextlib
import functools
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._tape import Entry, Observer, Tensor, observed
from . import facts
from .columns import in_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..primitive import Op


@contextlib.contextmanager
def profile() -> Iterator[Profile]:
    """Measure the ops and gradient rules that this thread runs in the block, and print a table of them at its end.

        with tg.profile() as p:
            train(model)

    `p` shows the table again. Times are each op's own: what ran inside a gradient rule, as with create_graph and
    checkpoint, is counted where it belongs.
    """
    measured = Profile()
    started = perf_counter()
    try:
        with observed(measured):
            yield measured
    finally:
        measured.seconds = perf_counter() - started
        measured.show()


class Cost(NamedTuple):
    """What the runs of one op, or of its gradient rules, took together."""

    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0  # of new arrays: views and arguments that are handed on are none

    def plus(self, other: Cost) -> Cost:
        """The cost of both."""
        return Cost(self.calls + other.calls, self.seconds + other.seconds, self.bytes + other.bytes)


NOTHING = Cost()


class Profile(Observer):
    """What was measured: the cost of each op by name, forward and backward, and the time that the whole block took."""

    def __init__(self) -> None:
        self.forward: dict[str, Cost] = {}
        self.backward: dict[str, Cost] = {}
        self.seconds = 0.0

    def called(self, op: Op, arguments: Sequence[Any], params: dict[str, Any], out: Tensor, seconds: float) -> None:
        made = _new_bytes(out, [*arguments, *params.values()])
        self.forward[op.name] = self.forward.get(op.name, NOTHING).plus(Cost(1, seconds, made))

    def differentiated(self, entry: Entry, index: int, g: Any, gradient: Any, seconds: float) -> None:
        assert entry.op is not None
        name, made = entry.op.name, _new_bytes(gradient, [g, *(entry.saved or ())])
        self.backward[name] = self.backward.get(name, NOTHING).plus(Cost(1, seconds, made))

    def show(self) -> None:
        """Print the table."""
        print(self)

    def __repr__(self) -> str:
        both = {
            name: (self.forward.get(name, NOTHING), self.backward.get(name, NOTHING))
            for name in self.forward | self.backward
        }
        if not both:
            return "no op ran on a Tensor in this thread"
        totals = [functools.reduce(Cost.plus, costs) for costs in zip(*both.values(), strict=True)]
        total = _seconds(totals)
        rows: list[tuple[str, ...]] = [
            ("", "forward", "", "", "backward", "", "", ""),
            ("op", "calls", "ms", "bytes made", "calls", "ms", "bytes made", "share"),
        ]
        for name, costs in sorted(both.items(), key=lambda item: _seconds(item[1]), reverse=True):
            rows.append(_row(name, costs, total))
        rows.append(_row("total", totals, total))
        lines = in_columns(rows, "<>>>>>>>")
        rule = "-" * max(map(len, lines))
        whole, outside = self.seconds * 1e3, max(self.seconds - total, 0) * 1e3
        end = f"The block took {whole:,.2f} ms, {outside:,.2f} ms of it outside of these ops."
        return "\n".join([*lines[:2], rule, *lines[2:-1], rule, lines[-1], end])


def _seconds(costs: Iterable[Cost]) -> float:
    return sum(cost.seconds for cost in costs)


def _row(name: str, costs: Iterable[Cost], total: float) -> tuple[str, ...]:
    cells = [(f"{cost.calls:,}", f"{cost.seconds * 1e3:,.2f}", f"{cost.bytes:,}") for cost in costs]
    return (name, *chain(*cells), f"{_seconds(costs) / total:.1%}" if total else "")


def _new_bytes(made: Any, given: Iterable[Any]) -> int:
    """The bytes of `made`, unless it shares the memory of something that was given."""
    whole = facts.owner(facts.raw(made))
    if not isinstance(whole, np.ndarray | np.generic) or any(facts.owner(facts.raw(x)) is whole for x in given):
        return 0
    return whole.nbytes
