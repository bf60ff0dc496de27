"""The tape as a table: what led to a Tensor, and everything that is alive."""

from __future__ import annotations

import gc
import os
from operator import attrgetter
from typing import TYPE_CHECKING

from .._tape import Entry
from . import facts
from .columns import in_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .._tape import Tensor

END = 20  # lines at each end of a tape that is too long to be shown as a whole


def show_tape(y: Tensor) -> None:
    """Print the tape that led to `y`, oldest line first.

    A line is a leaf or an op. It has a number; the op with its parameters; the arguments, each by the number of the
    line that it comes from and its shape; the result's shape, and its dtype where that is not the default one; and
    the bytes of the arrays that it keeps for its gradient rules. What was recorded under `with tapegrad.debug():`
    also says where the user called it. Of a long tape only both ends are printed.
    """
    print(table(facts.led_to("show_tape", y)) or NOTHING)


NOTHING = (
    "nothing was recorded for this tensor: nothing that it was computed from requires a gradient, or it came through "
    "detach(), no_grad() or an op without a gradient"
)


class Tape:
    """Everything on the tape that is alive, in all threads, oldest entry first; looked for each time it is asked."""

    def __iter__(self) -> Iterator[Entry]:
        # An entry that another thread is just writing has not got its last attribute yet.
        alive = [x for x in gc.get_objects() if type(x) is Entry and hasattr(x, "watch")]
        return iter(sorted(alive, key=attrgetter("serial")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return table(list(self)) or "the tape is empty: nothing that was recorded is alive"


tape = Tape()


def table(entries: Sequence[Entry]) -> str:
    """The entries, oldest first and with all that they came from, as text; empty for none."""
    if not entries:
        return ""
    numbers = {entry: number for number, entry in enumerate(entries, 1)}
    long = len(entries) > 2 * END + 1
    shown = [*entries[:END], *entries[-END:]] if long else entries
    rows: list[tuple[str, ...]] = [("#", "op", "arguments", "result", "bytes kept", "called at")]
    rows += [_row(entry, numbers) for entry in shown]
    if not any(line for *_, line in rows[1:]):
        rows = [row[:-1] for row in rows]
    lines = in_columns(rows, "><<<><"[: len(rows[0])])
    if long:
        lines.insert(1 + END, f"... {len(entries) - 2 * END:,} lines more ...")
    return "\n".join([*lines, _summary(entries)])


def _row(entry: Entry, numbers: dict[Entry, int]) -> tuple[str, ...]:
    if entry.op is None:
        kept = ""
    elif entry.saved is None:
        kept = "released"
    else:
        kept = f"{facts.bytes_kept(entry):,}"
    return (
        str(numbers[entry]),
        facts.call(entry),
        facts.arguments(entry, numbers),
        facts.result(entry),
        kept,
        _short(getattr(entry, "line", "")),
    )


def _short(line: str) -> str:
    """A `file:line` from here, where the file is below the working directory."""
    return line.removeprefix(os.getcwd() + os.sep)


def _summary(entries: Sequence[Entry]) -> str:
    leaves = sum(entry.op is None for entry in entries)
    released = sum(entry.saved is None for entry in entries)
    what = f"{_count(len(entries) - leaves, 'op')} from {_count(leaves, 'leaf', 'leaves')}"
    summary = f"{what}; {facts.bytes_kept(*entries):,} bytes kept, with arrays that several share counted once"
    if released:
        summary += (
            f"\nA backward pass released {_count(released, 'op')}, and a second one through them is refused; "
            "backward(retain_graph=True) keeps them"
        )
    return summary


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
