"""Runs of entries that become one: which may be in one, in which order, and how the machine is called for them."""

from __future__ import annotations

import functools
import math
import operator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..kernels.instructions import CHUNK, FIELDS
from .program import Entry, Kind, Program, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

F4 = np.dtype(np.float32)


def gathered(
    program: Program, name: str, suitable: set[Variable], build: Any, fewest: int,
    patient: frozenset[Variable] = frozenset(),
) -> Program:  # fmt: skip
    """The program with runs of suitable entries as one entry each, whose function is `build(program, run, results)`.

    Entries that are patient do not end a run by reading its results: they come after it.
    """
    while True:
        runs = _Runs(program, name, suitable, build, fewest, patient)
        for entry in program.entries:
            runs.take(entry)
        runs.close()
        if not runs.refused:
            return program.changed(name, entries=tuple(runs.entries), kinds=runs.kinds)
        suitable = suitable - runs.refused


class Unsuitable(Exception):
    """A step that the machine has no instructions for."""

    def __init__(self, out: Variable) -> None:
        self.out = out


class _Runs:
    """Entries in a new order: those of an open run wait until something that cannot be in it asks for its results."""

    def __init__(
        self, program: Program, name: str, suitable: set[Variable], build: Any, fewest: int,
        patient: frozenset[Variable],
    ) -> None:  # fmt: skip
        self.program = program
        self._name = name
        self._build = build
        self._fewest = fewest
        self.entries: list[Entry] = []
        self.kinds = dict(program.kinds)
        self._next = max(variable.number for variable in program.kinds) + 1
        self.refused: set[Variable] = set()
        self._suitable = suitable
        self._patient = patient
        self._open: dict[Variable, Entry] = {}
        self._after: dict[Variable, Entry] = {}  # which come after the open run
        self._readers: dict[Variable, set[Variable]] = {}
        for entry in program.entries:
            for variable in entry.inputs():
                self._readers.setdefault(variable, set()).add(entry.out)
        self._kept = program.used()

    def take(self, entry: Entry) -> None:
        """The next entry of the program."""
        inputs = set(entry.inputs())
        if entry.out in self._suitable:
            late = bool(inputs & self._after.keys())
            if self._open and (late or not self._build.joins(self.program, self._open, entry)):
                self.close()
            self._open[entry.out] = entry
        elif not inputs & (self._open.keys() | self._after.keys()):
            self.entries.append(entry)
        elif entry.out in self._patient:
            self._after[entry.out] = entry
        else:
            self.close()
            self.entries.append(entry)

    def close(self) -> None:
        """Write the open run, and what comes after it."""
        self._write()
        self.entries += self._after.values()
        self._after = {}

    def _write(self) -> None:
        run, self._open = self._open, {}
        if len(run) < self._fewest:
            self.entries += run.values()
            return
        handed_on = [v for v in run if v in self._kept or not self._readers.get(v, set()) <= run.keys()]
        truths = {v for v in handed_on if self.kinds[v].dtype == bool}
        if truths:  # the machine has numbers only
            self.refused |= truths
            return
        # A view of what is there outside is taken there, and needs no memory.
        inside = run.keys() - set(handed_on)
        views = [v for v in handed_on if self._build.is_view(run[v]) and inside.isdisjoint(run[v].inputs())]
        handed_on = [v for v in handed_on if v not in views]
        try:
            steps = self._build(self.program, run.values(), handed_on)
        except Unsuitable as unsuitable:
            self.refused.add(unsuitable.out)
            return
        results = Variable(self._next)
        self._next += 1
        # A list that is as large as what it holds, so that it is dropped when its parts are taken.
        self.kinds[results] = Kind((sum(self.kinds[variable].nbytes for variable in handed_on),), np.dtype(np.uint8))
        first = next(iter(run.values()))
        self.entries.append(Entry(self._name, steps, tuple(steps.inputs), {}, results, first.line))
        for place, variable in enumerate(handed_on):
            line = run[variable].line
            self.entries.append(Entry("part", operator.getitem, (results, place), {}, variable, line))
        self.entries += [run[variable] for variable in views]


class Numbers:
    """The numbers of Python among the operands of a run, each CHUNK times, so that no step has to spread them."""

    def __init__(self) -> None:
        self._places: dict[tuple[float, float], int] = {}

    def place(self, number: float) -> int:
        """Where a number is; -0.0 is another one than 0.0, although it is equal."""
        value = float(number)
        return self._places.setdefault((value, math.copysign(1, value)), len(self._places)) * CHUNK

    def array(self) -> Any:
        """All of them."""
        return np.repeat(np.array([value for value, _ in self._places] or [0.0], F4), CHUNK)


def prepare() -> None:
    """Compile the machine, or load it from the cache, so that what cannot be compiled is known now."""
    execute(np.empty((0, FIELDS), np.int64), np.zeros(1, F4), [], [], 0)


def execute(
    code: Any, numbers: Any, results: Sequence[Any], inputs: Sequence[Any], room: int, block: int = 0, rows: int = 0,
    parallel: bool = False, depth: int = 0,
) -> None:  # fmt: skip
    """Run instructions on arrays; with `block`, that many of the `rows` at a time, by several threads if `parallel`.

    Each thread has a buffer of `room` numbers; products sum over `depth` numbers at most.
    """
    run, function, scratch_of = _machine()
    with Addresses(numbers, results, inputs) as bases:
        run(
            function, -(-rows // block) if block else 1, code, bases, block, rows,
            scratch=((scratch_of(depth), F4), (max(room, 1), F4)), parallel=parallel,
        )  # fmt: skip


class Addresses:
    """`with Addresses(numbers, results, inputs) as bases:` where a run's arrays are, as its instructions count them.

    They stay there until it is done. After an exception helpers may still be writing: then they stay for ever.
    """

    _abandoned: ClassVar[list[Any]] = []

    def __init__(self, numbers: Any, results: Sequence[Any], inputs: Sequence[Any]) -> None:
        self._arrays = [numbers, *results, *map(_in_memory, inputs)]

    def __enter__(self) -> Any:
        return np.array([0, *(array.__array_interface__["data"][0] for array in self._arrays)])

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        if kind is not None:
            self._abandoned.append(self._arrays)


@functools.cache
def _machine() -> tuple[Callable[..., None], Any, Callable[[int], int]]:
    """What runs the machine, its function, and what tells the numbers that it works in; numba is imported here."""
    from ..kernels import machine, threads

    return threads.run, machine.execute, machine.scratch_of


def _in_memory(value: Any) -> Any:
    """An array that lies in one piece: NumPy's scalars have no lasting address."""
    if type(value) is np.ndarray and value.flags.c_contiguous and value.flags.aligned:
        return value
    return np.array(value, order="C")
