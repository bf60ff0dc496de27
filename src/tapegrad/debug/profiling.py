"""Time and memory, op by op."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

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


@dataclass(slots=True)
class Cost:
    """What the runs of one op, or of its gradient rules, took together."""

    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0  # of new arrays: views and arguments that are handed on are none

    def add(self, seconds: float, made: int) -> None:
        """Count one run more."""
        self.calls += 1
        self.seconds += seconds
        self.bytes += made


@dataclass(slots=True)
class OpCost:
    """What one op took, forward and in its gradient rules."""

    forward: Cost = field(default_factory=Cost)
    backward: Cost = field(default_factory=Cost)

    @property
    def seconds(self) -> float:
        """The time of both together."""
        return self.forward.seconds + self.backward.seconds


class Profile(Observer):
    """What was measured: `ops` has the costs of each op by name, `seconds` is the time that the whole block took."""

    def __init__(self) -> None:
        self.ops: dict[str, OpCost] = {}
        self.seconds = 0.0

    def called(self, op: Op, arguments: Sequence[Any], params: dict[str, Any], out: Tensor, seconds: float) -> None:
        given = [*arguments, *params.values()]
        self._of(op).forward.add(seconds, _new_bytes(out, given))

    def differentiated(self, entry: Entry, index: int, g: Any, gradient: Any, seconds: float) -> None:
        assert entry.op is not None
        self._of(entry.op).backward.add(seconds, _new_bytes(gradient, [g, *(entry.saved or ())]))

    def _of(self, op: Op) -> OpCost:
        return self.ops.setdefault(op.name, OpCost())

    def show(self) -> None:
        """Print the table."""
        print(self)

    def __repr__(self) -> str:
        if not self.ops:
            return "no op ran on a Tensor in this thread"
        total = sum(cost.seconds for cost in self.ops.values())
        rows: list[Sequence[str]] = [
            ("", "forward", "", "", "backward", "", "", ""),
            ("op", "calls", "ms", "bytes made", "calls", "ms", "bytes made", "share"),
        ]
        for name, cost in sorted(self.ops.items(), key=lambda item: item[1].seconds, reverse=True):
            share = f"{cost.seconds / total:.1%}" if total else ""
            rows.append((name, *_cells(cost.forward), *_cells(cost.backward), share))
        forward = _sum(cost.forward for cost in self.ops.values())
        backward = _sum(cost.backward for cost in self.ops.values())
        rows.append(("total", *_cells(forward), *_cells(backward), "100.0%"))
        lines = in_columns(rows, "<>>>>>>>")
        rule = "-" * max(map(len, lines))
        whole, outside = self.seconds * 1e3, max(self.seconds - total, 0) * 1e3
        end = f"The block took {whole:,.2f} ms, {outside:,.2f} ms of it outside of these ops."
        return "\n".join([*lines[:2], rule, *lines[2:-1], rule, lines[-1], end])


def _cells(cost: Cost) -> tuple[str, str, str]:
    return f"{cost.calls:,}", f"{cost.seconds * 1e3:,.2f}", f"{cost.bytes:,}"


def _sum(costs: Iterable[Cost]) -> Cost:
    total = Cost()
    for cost in costs:
        total = Cost(total.calls + cost.calls, total.seconds + cost.seconds, total.bytes + cost.bytes)
    return total


def _new_bytes(made: Any, given: Iterable[Any]) -> int:
    """The bytes of `made`, unless it shares the memory of something that was given."""
    whole = facts.owner(facts.raw(made))
    if not isinstance(whole, np.ndarray | np.generic) or any(facts.owner(facts.raw(x)) is whole for x in given):
        return 0
    return whole.nbytes
