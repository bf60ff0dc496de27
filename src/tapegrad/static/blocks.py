"""Runs of elementwise float32 steps on large arrays become one entry, which goes over memory once, block by block.

Op by op, every result of a large array goes out to memory and comes back. Here all steps are done for a block of a few
thousand numbers, which stays in the cache, before the next; several threads take blocks. Operands may be whole arrays,
single numbers, rows or columns that are broadcast. Sums and means are steps, too (`sums.py`). A run that has been
executed for as long as compiling takes gets a kernel of its own, if it has nothing to do with rows or columns; the bits
stay the same.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import threads
from ..kernels.instructions import BUFFER, CHUNK, FIELDS, NUMBERS, PARTS, SPREAD, SQUARE, SUM_ALL
from ..kernels.workspace import Recycled
from . import sums
from .machine import _BROADCAST, COMPARISONS, LARGEST, OF_ONE, OF_TWO, POWER, size
from .program import Entry, Program, Variable
from .runs import F4, Addresses, Numbers, Unsuitable, execute, gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BLOCK = CHUNK  # numbers
_ALONE = 1 << 18  # numbers from which even one step is worth while, for its threads
_PARALLEL = 1 << 16
_RECYCLED = 1 << 23  # numbers of an array which the system gives and takes each time, unless it is kept
_WORTH = 1 << 32  # numbers, times steps, that the machine does in about the time in which a kernel is compiled
_JOB = 1 << 16  # numbers, in such a kernel


def blocked(program: Program, without: frozenset[Variable] = frozenset()) -> Program:
    """The program with its runs of large elementwise steps as one entry each, `without` some steps."""
    suitable = {entry.out for entry in program.entries if _suits(program, entry)} - without
    patient = frozenset(entry.out for entry in program.entries if _is_patient(program, entry))
    return gathered(program, "blocks", suitable, Blocks, 1, patient)


def _is_patient(program: Program, entry: Entry) -> bool:
    """Whether an entry takes little memory and may come later: what is done to a loss need not part its run in two."""
    return not entry.effect and all(size(program.kinds[v]) <= LARGEST for v in (entry.out, *entry.inputs()))


def _suits(program: Program, entry: Entry) -> bool:
    out = program.kinds[entry.out]
    function = entry.function
    if sums.is_sum(entry):
        return sums.instruction(program, entry) is not None and size(program.kinds[entry.arguments[0]]) > LARGEST
    if entry.effect or size(out) <= LARGEST or out.dtype not in (F4, bool):
        return False
    if (out.dtype == bool) != (function in COMPARISONS):
        return False
    if function is POWER or function is np.power:
        if type(entry.arguments[1]) not in (int, float) or entry.arguments[1] != 2:
            return False
    elif function is _BROADCAST:
        if (
            type(entry.arguments[0]) is not Variable or size(program.kinds[entry.arguments[0]]) != 1
        ):  # which stands for its result
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


def _shape(program: Program, entry: Entry) -> tuple[int, ...]:
    """The shape of the numbers that an entry goes over."""
    return program.kinds[entry.arguments[0] if sums.is_sum(entry) else entry.out].shape


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


def _uniform(program: Program) -> dict[Any, Any]:
    """The constants that are one number, broadcast, with it: the gradient that backward begins with is one of them."""
    arrays = {variable: constant.array for variable, constant in program.values.items()}
    return {
        variable: float(array.flat[0])
        for variable, array in arrays.items()
        if isinstance(array, np.ndarray) and array.dtype == F4 and array.size and not any(array.strides)
    }


def _instruction(entry: Entry) -> int:
    """The machine's instruction for an elementwise entry."""
    if entry.function is POWER or entry.function is np.power:
        return SQUARE
    return OF_TWO[entry.function] if entry.function in OF_TWO else OF_ONE[entry.function]


class Blocks:
    """A run of elementwise steps and sums: arrays in, arrays out."""

    @staticmethod
    def joins(program: Program, run: dict[Variable, Entry], entry: Entry) -> bool:
        """Whether an entry may be in a run; what reads a sum may not, since a sum is known after the last block."""
        if any(variable in run and sums.is_sum(run[variable]) for variable in entry.inputs()):
            return False
        return _shape(program, next(iter(run.values()))) == _shape(program, entry)

    @staticmethod
    def is_view(entry: Entry) -> bool:
        """Whether the result of an entry is a view: of a number that is broadcast."""
        return entry.function is _BROADCAST

    def __init__(self, program: Program, entries: Iterable[Entry], handed_on: list[Variable]) -> None:
        entries = list(entries)
        self._kinds = program.kinds
        self.shape = _shape(program, entries[0])
        # What stands for arrays that are one number everywhere: the number, or a variable that has it.
        self._uniform = _uniform(program)
        self.made = made = {entry.out for entry in entries}
        for entry in entries:
            self._check(entry, made, handed_on)
        steps = [entry for entry in entries if self._does_something(entry, handed_on)]
        # Sums by themselves are NumPy's: it adds up as quickly as memory is read.
        elementwise = sum(not sums.is_sum(entry) for entry in steps)
        if elementwise == 0 or (elementwise == 1 and math.prod(self.shape) < _ALONE):
            raise Unsuitable(entries[0].out)
        operands = [self._uniform.get(variable, variable) for entry in steps for variable in entry.inputs()]
        self.inputs = list(dict.fromkeys(v for v in operands if type(v) is Variable and v not in made))
        spreads = {_spread(self._kinds[v].shape, self.shape) for v in self.inputs}
        self._sums = [sums.Sum(program, entry) for entry in steps if sums.is_sum(entry)]
        by_rows = bool(spreads & {"row", "column"}) or any(each.instruction != SUM_ALL for each in self._sums)
        if by_rows and self.shape[-1] > sums.WIDEST:
            raise Unsuitable(entries[0].out)
        # One number a row, unless there is something to do with rows or columns.
        self._columns = self.shape[-1] if by_rows else 1
        self._rows = math.prod(self.shape) // self._columns
        self._block = max(1, _BLOCK // self._columns)
        added = [each.out for each in self._sums]
        whole = [variable for variable in handed_on if variable not in added]
        self._whole = len(whole)
        self._order = [[*whole, *added].index(variable) for variable in handed_on]
        self._recycled = Recycled(self.shape, F4, len(whole)) if math.prod(self.shape) >= _RECYCLED else None
        self._slots = {variable: 2 + i for i, variable in enumerate([*whole, *added, *self.inputs])}
        self._python = Numbers()
        self._pieces: dict[Variable, int] = {}
        self._code = self._written(steps)
        self._numbers = self._python.array()
        self._kernel: Callable[..., None] | None = None
        # What is left to do, in numbers times steps, until a kernel is worth while.
        self._to_do = _WORTH if self._columns == 1 and len(self._code) > 1 else math.inf

    def _check(self, entry: Entry, made: set[Variable], handed_on: list[Variable]) -> None:
        """Refuse what the machine cannot do; what a broadcast number stands for is noted."""
        if any(v not in made and self._kinds[v].dtype != F4 for v in entry.inputs()):
            raise Unsuitable(entry.out)
        if entry.function is _BROADCAST:
            if entry.out in handed_on:  # as a view it takes no memory
                raise Unsuitable(entry.out)
            self._uniform[entry.out] = self._uniform.get(entry.arguments[0], entry.arguments[0])
        if sums.is_sum(entry) and entry.arguments[0] in self._uniform:  # nothing to go over
            raise Unsuitable(entry.out)

    def _does_something(self, entry: Entry, handed_on: list[Variable]) -> bool:
        """Whether an entry is an instruction: no broadcast number, and no sum that nobody reads."""
        return entry.out in handed_on if sums.is_sum(entry) else entry.out not in self._uniform

    def _written(self, entries: list[Entry]) -> Any:
        last = {variable: place for place, entry in enumerate(entries) for variable in entry.inputs()}
        free: list[int] = []
        count = 0
        code = []
        of_sums = {each.out: each.instruction for each in self._sums}
        for place, entry in enumerate(entries):
            number = of_sums[entry.out] if entry.out in of_sums else _instruction(entry)
            operands = [self._operand(argument) for argument in entry.arguments[: 1 if number == SQUARE else None]]
            if entry.out not in self._slots:
                if free:
                    self._pieces[entry.out] = free.pop()
                else:
                    self._pieces[entry.out], count = count, count + 1
            out = (self._slots[entry.out], 0, 1) if entry.out in of_sums else self._operand(entry.out)[:3]
            first, second = operands[0], operands[-1]
            code.append([number, 0, self._columns, 0, *out, *first, *second])
            done = {v for v in entry.inputs() if last[v] == place} | ({entry.out} - last.keys())
            free += [self._pieces[v] for v in done if v in self._pieces]
        self._room = count * self._block * self._columns
        return np.array(code, np.int64).reshape(-1, FIELDS)

    def _operand(self, argument: Any) -> tuple[int, int, int, int]:
        """The array of an operand, where it begins, and how far its rows and columns are apart."""
        argument = self._uniform.get(argument, argument)
        if type(argument) is not Variable:
            return NUMBERS, self._python.place(argument), 0, SPREAD
        if argument in self._pieces:
            return BUFFER, self._pieces[argument] * self._block * self._columns, self._columns, 1
        slot = self._slots[argument]
        spread = _spread(self._kinds[argument].shape, self.shape)
        steps = {"whole": (self._columns, 1), "one": (0, 0), "row": (0, 1), "column": (1, 0)}
        return slot, 0, *steps[spread or "whole"]

    def __call__(self, *arrays: Any) -> list[Any]:
        whole = self._recycled.take() if self._recycled else [np.empty(self.shape, F4) for _ in range(self._whole)]
        parallel = self._rows * self._columns > _PARALLEL
        if self._to_do <= 0:
            self._compile()
        blocks = -(-self._rows // self._block)
        parts = [each.parts(self._rows, blocks) for each in self._sums]
        results = [*whole, *parts]
        if self._kernel:
            jobs = -(-self._rows // _JOB)
            scratch = ((PARTS * max(len(parts), 1), np.float64),)
            with Addresses(self._numbers, results, arrays) as bases:
                threads.run(self._kernel, jobs, bases, _JOB, self._rows, scratch=scratch, parallel=parallel)
        else:
            execute(self._code, self._numbers, results, arrays, self._room, self._block, self._rows, parallel)
            self._to_do -= self._rows * len(self._code)
        results = [*whole, *(each.total(part) for each, part in zip(self._sums, parts, strict=True))]
        return [results[place] for place in self._order]

    def _compile(self) -> None:
        from ..kernels import fused

        self._to_do = math.inf
        try:
            self._kernel = fused.kernel(self._code, self._numbers[::CHUNK].tolist(), self._recycled is not None)
        except Exception as error:
            warnings.warn(
                # The same text for all runs, so that Python shows it once.
                f"compile: no kernel could be made of elementwise steps ({error!r}), so they go on step by step",
                RuntimeWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"blocks of {len(self._code)} steps"
