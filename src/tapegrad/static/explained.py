"""A program explained: what each pass did, and at each entry which memory its result takes and what was fused into it.

Nothing is executed but the passes, and nothing is compiled.
"""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, Any

from .blocks import Blocks
from .fusion import planned
from .machine import Steps
from .memory import Memory, is_part
from .passes import tidy
from .program import Variable, called, one_line
from .updates import updates_last

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .program import Entry, Program, Stage

_WIDE = 110  # characters of a line of steps


def explain(program: Program) -> str:
    """What `Program.explain` gives."""
    title = "" if program.stages else ", of which tg.compile would make this"
    program = program if program.stages else updates_last(planned(tidy(program, every_bit=False)))
    first = program.stages[0]
    lines = [f"{first.name}: {_count(first)}{title}"]
    inside: dict[Variable, list[Entry]] = {}
    for before, after in itertools.pairwise(program.stages):
        change = _Change(before, after)
        inside |= {entry.out: change.steps(entry) for entry in change.came if not is_part(entry)}
        lines += change.lines(program)
    return "\n".join([*lines, "", *_listing(program, inside)])


def _count(stage: Stage) -> str:
    return "1 entry" if len(stage.entries) == 1 else f"{len(stage.entries)} entries"


class _Change:
    """What a pass did: the entries that went, those that came, and what is read in the place of others."""

    def __init__(self, before: Stage, after: Stage) -> None:
        self._after = after
        old, new = ({entry.out: entry for entry in stage.entries} for stage in (before, after))
        kept = {out for out in old.keys() & new.keys() if _alike(old[out], new[out])}
        self.gone = [entry for entry in before.entries if entry.out not in kept]
        self.came = [entry for entry in after.entries if entry.out not in kept]
        read = [*zip(before.ends, after.ends, strict=True)]
        for out in kept:
            read += zip(old[out].inputs(), new[out].inputs(), strict=True)
        self._instead = {one: other for one, other in read if one != other}

    def steps(self, entry: Entry) -> list[Entry]:
        """The entries that one that came does the work of."""
        gone = {each.out: each for each in self.gone}
        waiting = [entry.out, *(each.out for each in self.came if is_part(each) and each.arguments[0] == entry.out)]
        given, found = set(entry.inputs()), set()
        while waiting:
            variable = waiting.pop()
            if variable in gone and variable not in given and variable not in found:
                found.add(variable)
                waiting += gone[variable].inputs()
        return [each for each in self.gone if each.out in found]

    def lines(self, program: Program) -> Iterator[str]:
        """The change as text; `program` knows the kinds of all variables."""
        if not self.gone and not self.came:
            yield f"{self._after.name}: nothing to do"
            return
        yield f"{self._after.name}: {_count(self._after)} left"
        for entry in self.gone:
            note = ""
            if entry.out in self._after.constants:
                note = "  (a constant now)"
            elif entry.out in self._instead:
                note = f"  ({self._instead[entry.out]} in its place)"
            yield f"  - {_line(program, entry)}{note}"
        for entry in self.came:
            yield f"  + {_line(program, entry)}"


def _alike(one: Entry, other: Entry) -> bool:
    """Whether two entries are the same but for the variables that they read."""
    if one is other:
        return True
    if one.function is not other.function:
        return False
    leaves = itertools.zip_longest(_leaves((one.arguments, one.params)), _leaves((other.arguments, other.params)))
    return all(a is b or (type(a) is Variable and type(b) is Variable) for a, b in leaves)


def _leaves(tree: Any) -> Iterator[Any]:
    """What is in tuples, lists and dicts, with the keys of these."""
    if type(tree) is dict:
        tree = [*tree, *tree.values()]
    if type(tree) in (tuple, list):
        for item in tree:
            yield from _leaves(item)
    else:
        yield tree


def _listing(program: Program, inside: dict[Variable, list[Entry]]) -> Iterator[str]:
    """The program, with the bytes at each entry."""
    memory = Memory(program)
    made = sum(memory.made.values())
    yield f"results take {made:,} bytes, of which at most {memory.most:,} are alive at one time"
    before, after = program.ends()
    yield from before
    for place, entry in enumerate(program.entries):
        yield f"{_line(program, entry)}  [{_bytes(memory, place, entry)}]"
        steps = [one_line(f"{step.name} {program.kinds[step.out].shape}") for step in inside.get(entry.out, ())]
        if len(steps) > 1 or entry.out in memory.lists:
            yield from textwrap.wrap(", ".join(steps), _WIDE, initial_indent=" " * 6, subsequent_indent=" " * 6)
    yield from after


def _line(program: Program, entry: Entry) -> str:
    """An entry as text; of the machine's it says how long they are, where the kind of a list is no more than bytes."""
    if isinstance(entry.function, Steps | Blocks):
        return one_line(f"{entry.out} = {called(entry)}  {entry.function}  {entry.line}")
    return program.line(entry)


def _bytes(memory: Memory, place: int, entry: Entry) -> str:
    """What becomes of memory at an entry."""
    told = f"{memory.made[entry.out]:,} bytes"
    if entry.out in memory.source:
        told = f"in the memory of {memory.source[entry.out]}"
    elif entry.out in memory.over:
        told = f"over {memory.over[entry.out]}"
    told += f", {memory.alive[place]:,} alive"
    dropped = memory.dropped.get(place)
    return f"{told}; drops {', '.join(map(str, dropped))}" if dropped else told
