"""The program tape as data: every op that ran, with all its arguments, in order.

A program is a list of entries over numbered variables. A variable is an argument of the program, a cell of state
(a parameter, a buffer, a gradient), a constant, or what an entry made. Passes take a program and give another; a
program prints as text, one line an entry, and is replayed by `replay`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from .._tape import Tensor, wrap
from ..debug.drawing import quoted

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator


class Variable(NamedTuple):
    """A value of a program, by its number."""

    number: int

    def __repr__(self) -> str:
        return f"%{self.number}"


class Cell(Protocol):
    """Where a program finds state, and leaves it."""

    def read(self) -> Any:
        """The array that is there now."""

    def write(self, array: Any) -> None:
        """Put another array there."""


class Value:
    """The value of a Tensor that exists outside of the program: a parameter, a buffer."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def read(self) -> Any:
        """The Tensor's array."""
        return self.tensor._array

    def write(self, array: Any) -> None:
        """The Tensor gets another array."""
        self.tensor._array = array

    def __repr__(self) -> str:
        return "parameter" if self.tensor.requires_grad else "tensor"


class Gradient:
    """The gradient that a parameter has."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def read(self) -> Any:
        """The array of the Tensor's gradient, None when it has none."""
        gradient = self.tensor.grad
        return None if gradient is None else gradient._array

    def write(self, array: Any) -> None:
        """The Tensor gets another gradient; None takes it away."""
        self.tensor._grad = None if array is None else wrap(array)

    def __repr__(self) -> str:
        return "gradient"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a program: `out = name(*arguments, **params)`.

    Arguments and parameters are variables, or values that never change, also inside tuples, lists and dicts. An entry
    with an `effect` draws random numbers or moves an optimizer's state: it runs each time, in order.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    params: dict[str, Any]
    out: Variable
    line: str
    effect: bool = False

    def inputs(self) -> Iterator[Variable]:
        """The variables that it reads."""
        yield from variables((self.arguments, self.params))


class Kind(NamedTuple):
    """What is known of a variable's value."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """The bytes that the value takes."""
        return math.prod(self.shape) * self.dtype.itemsize


class Constant(NamedTuple):
    """A value that came neither from the arguments, nor from state, nor from `tapegrad.random`."""

    array: Any
    line: str

    def __repr__(self) -> str:
        if isinstance(self.array, tuple | list):  # what an op that gives several made of constants
            return f"{len(self.array)} arrays at {self.line}"
        array = np.asarray(self.array)
        value = f" {array.tolist()}" if array.size < 5 else ""
        return f"{array.dtype} {array.shape}{value} at {self.line}"


class Stage(NamedTuple):
    """What a pass left of a program, for `explain`."""

    name: str
    entries: tuple[Entry, ...]
    ends: tuple[Variable | None, ...]  # the results, and what is written into state
    constants: frozenset[Variable]


@dataclass(frozen=True)
class Program:
    """What ran, as data; `results` are variables, and `writes` says what becomes of the state at the end."""

    arguments: tuple[Variable, ...]
    state: dict[Variable, Any]  # each a Cell
    values: dict[Variable, Constant]
    entries: tuple[Entry, ...]
    results: tuple[Any, ...]
    writes: tuple[tuple[Any, Variable | None], ...]  # cells
    kinds: dict[Variable, Kind]
    stages: tuple[Stage, ...] = field(default=(), repr=False)  # what it was before the first pass, and after each

    @property
    def constants(self) -> list[Constant]:
        """What is fixed in the program, with the line of the user that brought it in."""
        return list(self.values.values())

    def changed(self, name: str, **fields: Any) -> Program:
        """The program with other fields, made by the pass `name`."""
        new = replace(self, **fields)
        stages = (*(self.stages or (self.stage("traced"),)), new.stage(name))
        return replace(new, stages=stages)

    def stage(self, name: str) -> Stage:
        """What is remembered of the program as `name` left it: no array, and no Tensor."""
        ends = (*self.results, *(variable for _, variable in self.writes))
        return Stage(name, self.entries, ends, frozenset(self.values))

    def used(self) -> set[Variable]:
        """The variables that must be there at the end."""
        return set(variables((self.results, [variable for _, variable in self.writes])))

    def __str__(self) -> str:
        before, after = self.ends()
        return "\n".join([*before, *map(self.line, self.entries), *after])

    def line(self, entry: Entry) -> str:
        """An entry as text, in one line."""
        return one_line(f"{entry.out} = {called(entry)}  {self._kind(entry.out)}  {entry.line}")

    def ends(self) -> tuple[list[str], list[str]]:
        """What is there before the first entry, and what is left behind the last, as lines."""
        before = [f"{variable} = argument  {self._kind(variable)}" for variable in self.arguments]
        before += [f"{variable} = {cell}  {self._kind(variable)}" for variable, cell in self.state.items()]
        before += [f"{variable} = constant {constant}" for variable, constant in self.values.items()]
        after = [f"{cell} of {self._kind_of(cell)} <- {variable}" for cell, variable in self.writes]
        after.append(f"return {', '.join(map(_text, self.results))}")
        return [one_line(line) for line in before], [one_line(line) for line in after]

    def __repr__(self) -> str:
        return f"<program of {len(self.entries)} entries, {len(self.state)} cells of state>"

    def _kind(self, variable: Variable) -> str:
        kind = self.kinds[variable]
        return f"{kind.dtype} {kind.shape}"

    def _kind_of(self, cell: Any) -> str:
        return str(cell.tensor.shape)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the program into a file that `load_program` reads, with the values that its state has now.

        Raises TraceError for what a file cannot hold: effects, such as assignments and draws, and ops that are not
        tapegrad's own. OSError says that the file cannot be written.
        """
        from .saved import save  # which stands on programs

        save(self, path)

    def explain(self) -> str:
        """What each pass did, and the program that is left, with the bytes that are alive at each entry.

        Of a program as it was traced, it tells what `compile` would make. Nothing is compiled.
        """
        from .explained import explain  # which stands on programs, and on the passes

        return explain(self)

    def peak(self) -> int:
        """The most bytes of entries' results that are alive at one time in a replay.

        What is a view of another result takes none of its own. What an op needs while it runs is not in it, and where
        dimensions were exchanged, a reshape that has to copy may be taken for a view.
        """
        from .memory import Memory

        return Memory(self).most

    def to_dot(self) -> str:
        """The program as a Graphviz graph."""
        named = [(variable, f"argument {self._kind(variable)}") for variable in self.arguments]
        named += [(variable, f"{cell} {self._kind(variable)}") for variable, cell in self.state.items()]
        named += [(variable, "constant") for variable in self.values]
        lines = [f"  v{variable.number} [label={quoted(label)} shape=ellipse]" for variable, label in named]
        for entry in self.entries:
            label = quoted(one_line(entry.name), self._kind(entry.out))
            lines.append(f"  v{entry.out.number} [label={label} shape=box]")
            lines += [f"  v{variable.number} -> v{entry.out.number}" for variable in dict.fromkeys(entry.inputs())]
        return "digraph program {\n" + "\n".join(lines) + "\n}\n"


def variables(tree: Any) -> Iterator[Variable]:
    """The variables in tuples, lists and dicts."""
    if type(tree) is Variable:
        yield tree
    elif isinstance(tree, tuple | list):
        for item in tree:
            yield from variables(item)
    elif isinstance(tree, dict):
        yield from variables(list(tree.values()))


def substitute(tree: Any, new: dict[Variable, Any]) -> Any:
    """`tree` with other values in the place of variables."""
    if type(tree) is Variable:
        return new.get(tree, tree)
    if type(tree) in (tuple, list):
        return type(tree)([substitute(item, new) for item in tree])
    if type(tree) is dict:
        return {key: substitute(item, new) for key, item in tree.items()}
    return tree


def last_uses(program: Program) -> dict[int, list[Variable]]:
    """For each place among the entries, which entries' results are read there for the last time."""
    needed = program.used()
    last = {entry.out: place for place, entry in enumerate(program.entries)}
    for place, entry in enumerate(program.entries):
        last.update({variable: place for variable in entry.inputs() if variable in last})
    found: dict[int, list[Variable]] = {}
    for variable, place in last.items():
        if variable not in needed:
            found.setdefault(place, []).append(variable)
    return found


def one_line(text: str) -> str:
    """Text without line breaks and other characters that do not print: the name of an op may have any."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def called(entry: Entry) -> str:
    """The call of an entry, as text."""
    params = [f"{key}={_text(value)}" for key, value in entry.params.items()]
    return f"{entry.name}({', '.join([*map(_text, entry.arguments), *params])})"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}"
    return str(value)
