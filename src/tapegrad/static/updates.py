"""The optimizers' updates of a program: they come last, and each puts its parameter in place at once.

So all that can fail has run before anything moves; and as in an eager step, there is one old parameter at a time
besides its new one, and not a second model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .apart import not_apart
from .program import Gradient, Variable

if TYPE_CHECKING:
    from .program import Entry, Program


def updates_last(program: Program) -> Program:
    """The program with the updates behind everything, as far as nobody else reads what they give."""
    late = _late(program)
    behind = [entry for entry in program.entries if entry.out in late]
    entries = [entry for entry in program.entries if entry.out not in late] + behind
    return program if tuple(entries) == program.entries else program.changed("updates", entries=tuple(entries))


def all_last(program: Program) -> bool:
    """Whether nothing but updates runs after the first of them."""
    count = len(_late(program))
    return not any(map(_is_update, program.entries[: len(program.entries) - count]))


def at_once(program: Program) -> dict[Variable, list[Any]]:
    """For results of entries, the cells into which they are written as soon as they are there.

    These are gradients, and parameters whose updates come last, where no later entry reads what was there before.
    """
    made = {entry.out: place for place, entry in enumerate(program.entries)}
    read = dict.fromkeys(program.used(), len(made))  # where a variable is read last
    for place, entry in enumerate(program.entries):
        for variable in entry.inputs():
            read[variable] = max(place, read.get(variable, 0))
    old = {id(cell): variable for variable, cell in program.state.items()}
    late, shared = _late(program), not_apart(program)
    found: dict[Variable, list[Any]] = {}
    for cell, new in program.writes:
        if new is None or new not in made or new in shared:
            continue
        before = read.get(old[id(cell)], 0) if id(cell) in old else 0
        if (new in late or isinstance(cell, Gradient)) and before <= made[new]:
            found.setdefault(new, []).append(cell)
    return found


def _late(program: Program) -> set[Variable]:
    """The results of updates that only such updates read."""
    readers: dict[Variable, list[Entry]] = {}
    for entry in program.entries:
        for variable in entry.inputs():
            readers.setdefault(variable, []).append(entry)
    late: set[Variable] = set()
    for entry in reversed(program.entries):
        if _is_update(entry) and all(reader.out in late for reader in readers.get(entry.out, ())):
            late.add(entry.out)
    return late


def _is_update(entry: Entry) -> bool:
    return entry.effect and bool(entry.arguments)  # a draw has none
