"""Runs of elementwise float32 steps on large arrays become one entry, which goes over memory once, block by block.

Op by op, every result of a large array goes out to memory and comes back. Here all steps are done for a block of a few
thousand numbers, which stays in the cache, before the next; several threads take blocks. Operands may be whole arrays,
single numbers, rows or columns that are broadcast. A run that has been executed for as long as compiling takes gets a
kernel of its own, if it has no rows or columns.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import threads
from ..kernels.instructions import BUFFER, CHUNK, FIELDS, NUMBERS, SPREAD, SQUARE
from ..kernels.workspace import Recycled
from .machine import COMPARISONS, LARGEST, OF_ONE, OF_TWO, POWER, size
from .program import Entry, Program, Variable
from .runs import F4, Addresses, Numbers, Unsuitable, execute, gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BLOCK = 1024  # numbers
_ALONE = 1 << 18  # numbers from which even one step is worth while, for its threads
_PARALLEL = 1 << 16
_RECYCLED = 1 << 20  # numbers of an array from which its memory is used again, when nobody holds it
_WORTH = 1 << 32  # numbers, times steps, that the machine does in about the time in which a kernel is compiled
_JOB = 1 << 16  # numbers, in such a kernel
_WIDEST = 1 << 14  # numbers of a row, where rows or columns are broadcast: a block has whole rows


def blocked(program: Program) -> Program:
    """The program with its runs of large elementwise steps as one entry each."""
    suitable = {entry.out for entry in program.entries if _suits(program, entry)}
    return gathered(program, "blocks", suitable, Blocks, 1)


def _suits(program: Program, entry: Entry) -> bool:
    out = program.kinds[entry.out]
    function = entry.function
    if entry.effect or size(out) <= LARGEST or out.dtype not in (F4, bool):
        return False
    if (out.dtype == bool) != (function in COMPARISONS):
        return False
    if function is POWER or function is np.power:
        if type(entry.arguments[1]) not in (int, float) or entry.arguments[1] != 2:
            return False
    elif function not in OF_TWO and function not in OF_ONE:
        return False
    for argument in entry.arguments:
        if type(argument) is Variable:
            kind = program.kinds[argument]
            if kind.dtype == bool and (function is not np.multiply or kind.shape != out.shape):
                return False
            if kind.dtype not in (F4, bool) or _spread(kind.shape, out.shape) is None:
                return False
        elif type(argument) not in (int, float):
            return False
    return True


def _spread(shape: tuple[int, ...], onto: tuple[int, ...]) -> str | None:
    """How an array of a shape is broadcast: whole, one, row or column; None for another way."""
    if shape == onto:
        return "whole"
    if math.prod(shape) == 1:
        return "one"
    if shape[-1:] == onto[-1:] and math.prod(shape) == onto[-1]:
        return "row"
    if shape == (*onto[:-1], 1):
        return "column"
    return None


class Blocks:
    """A run of elementwise steps: arrays in, arrays out."""

    @staticmethod
    def joins(program: Program, first: Entry, entry: Entry) -> bool:
        """Whether an entry may be in one run with the first of it."""
        return program.kinds[first.out].shape == program.kinds[entry.out].shape

    def __init__(self, program: Program, entries: Iterable[Entry], handed_on: list[Variable]) -> None:
        entries = list(entries)
        self._kinds = program.kinds
        self.shape = program.kinds[entries[0].out].shape
        made = {entry.out for entry in entries}
        for entry in entries:
            if any(v not in made and self._kinds[v].dtype != F4 for v in entry.inputs()):
                raise Unsuitable(entry.out)
        if len(entries) == 1 and math.prod(self.shape) < _ALONE:
            raise Unsuitable(entries[0].out)
        self.inputs = list(dict.fromkeys(v for entry in entries for v in entry.inputs() if v not in made))
        spreads = {_spread(self._kinds[v].shape, self.shape) for v in self.inputs}
        if spreads & {"row", "column"} and self.shape[-1] > _WIDEST:
            raise Unsuitable(entries[0].out)
        # One number a row, unless rows or columns are broadcast.
        self._columns = self.shape[-1] if spreads & {"row", "column"} else 1
        self._rows = math.prod(self.shape) // self._columns
        self._block = max(1, _BLOCK // self._columns)
        self._results = len(handed_on)
        self._recycled = Recycled(self.shape, F4, len(handed_on)) if math.prod(self.shape) >= _RECYCLED else None
        self._slots = {variable: 2 + i for i, variable in enumerate([*handed_on, *self.inputs])}
        self._python = Numbers()
        self._pieces: dict[Variable, int] = {}
        self._code = self._written(entries)
        self._numbers = self._python.array()
        self._kernel: Callable[..., None] | None = None
        # What is left to do, in numbers times steps, until a kernel is worth while.
        self._to_do = _WORTH if self._columns == 1 and len(self._code) > 1 else math.inf

    def _written(self, entries: list[Entry]) -> Any:
        last = {variable: place for place, entry in enumerate(entries) for variable in entry.inputs()}
        free: list[int] = []
        count = 0
        code = []
        for place, entry in enumerate(entries):
            square = entry.function is POWER or entry.function is np.power
            number = (
                SQUARE if square else OF_TWO[entry.function] if entry.function in OF_TWO else OF_ONE[entry.function]
            )
            operands = [self._operand(argument) for argument in entry.arguments[: 1 if square else None]]
            if entry.out not in self._slots:
                if free:
                    self._pieces[entry.out] = free.pop()
                else:
                    self._pieces[entry.out], count = count, count + 1
            out = self._operand(entry.out)
            first, second = operands[0], operands[-1]
            code.append([number, 0, self._columns, 0, *out[:3], *first, *second])
            done = {v for v in entry.inputs() if last[v] == place} | ({entry.out} - last.keys())
            free += [self._pieces[v] for v in done if v in self._pieces]
        self._room = count * self._block * self._columns
        return np.array(code, np.int64).reshape(-1, FIELDS)

    def _operand(self, argument: Any) -> tuple[int, int, int, int]:
        """The array of an operand, where it begins, and how far its rows and columns are apart."""
        if type(argument) is not Variable:
            return NUMBERS, self._python.place(argument), 0, SPREAD
        if argument in self._pieces:
            return BUFFER, self._pieces[argument] * self._block * self._columns, self._columns, 1
        slot = self._slots[argument]
        spread = _spread(self._kinds[argument].shape, self.shape)
        steps = {"whole": (self._columns, 1), "one": (0, 0), "row": (0, 1), "column": (1, 0)}
        return slot, 0, *steps[spread or "whole"]

    def __call__(self, *arrays: Any) -> list[Any]:
        results = self._recycled.take() if self._recycled else [np.empty(self.shape, F4) for _ in range(self._results)]
        parallel = self._rows * self._columns > _PARALLEL
        if self._to_do <= 0:
            self._compile()
        if self._kernel:
            jobs = -(-self._rows // _JOB)
            with Addresses(self._numbers, results, arrays) as bases:
                threads.run(self._kernel, jobs, bases, _JOB, self._rows, parallel=parallel)
        else:
            execute(self._code, self._numbers, results, arrays, self._room, self._block, self._rows, parallel)
            self._to_do -= self._rows * len(self._code)
        return results

    def _compile(self) -> None:
        from ..kernels import fused

        self._to_do = math.inf
        try:
            self._kernel = fused.kernel(self._code, self._numbers[::CHUNK].tolist())
        except Exception as error:
            warnings.warn(
                f"compile: no kernel could be made of {len(self._code)} elementwise steps ({error!r}), so they go on "
                "step by step",
                RuntimeWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"blocks of {len(self._code)} steps"
