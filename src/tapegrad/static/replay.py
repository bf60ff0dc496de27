"""Replaying a program: it is written out as a Python function without branches, which Python compiles once.

An entry costs little more than the call of its function. Arrays are dropped after their last use, so a replay takes
no more memory than the eager run. The text of the function is made of numbers alone; whatever the program has been
given, and what its entries are called, reaches it as objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .apart import apart, not_apart
from .in_place import in_place
from .program import Gradient, Program, Variable, last_uses
from .updates import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Replay:
    """A program made callable: arrays of its arguments in, those of its results out, and its state moved."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._function = _compiled(program, keep=False)

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        return self._function(*arguments)  # type: ignore[no-any-return]


def values(program: Program, arguments: Sequence[Any]) -> tuple[list[Any], dict[Variable, Any]]:
    """What a replay gives, and the value of every variable on the way."""
    kept: dict[int, Any] = _compiled(program, keep=True)(*arguments)
    results = kept.pop(-1)
    return results, {Variable(number): array for number, array in kept.items()}


def _compiled(program: Program, keep: bool) -> Callable[..., Any]:
    writer = _Writer()
    lines = []
    for variable, cell in program.state.items():
        lines.append(f"{_name(variable)} = {writer.object(cell.read)}()")
    for variable, constant in program.values.items():
        lines.append(f"{_name(variable)} = {writer.object(constant.array)}")
    if not keep:  # as the run itself did, before it needed the memory
        lines += [f"{writer.object(cell.write)}(None)" for cell in _overwritten(program)]
    last = {} if keep else last_uses(program)
    over = {} if keep else in_place(program)
    soon = {} if keep else at_once(program)
    old = {id(cell): variable for variable, cell in program.state.items()}
    for place, entry in enumerate(program.entries):
        arguments = [writer.text(argument) for argument in entry.arguments]
        arguments += [f"{key}={writer.text(value)}" for key, value in entry.params.items()]
        if entry.out in over:
            arguments.append(f"out={_name(over[entry.out])}")
        lines.append(f"{_name(entry.out)} = {writer.object(entry.function)}({', '.join(arguments)})")
        for cell in soon.get(entry.out, ()):
            lines.append(f"{writer.object(cell.write)}({_name(entry.out)})")
            if id(cell) in old:
                lines.append(f"del {_name(old[id(cell)])}")
        if place in last:
            lines.append(f"del {', '.join(map(_name, last[place]))}")
    shared = not_apart(program)
    others = writer.text((*program.arguments, *program.values))
    for cell, written in program.writes:
        if written is not None and cell in soon.get(written, ()):
            continue
        value = "None" if written is None else _name(written)
        if written in shared:
            value = f"{writer.object(apart)}({value}, {others})"
        lines.append(f"{writer.object(cell.write)}({value})")
    results = writer.text(list(program.results))
    if keep:
        every = [*program.arguments, *program.state, *program.values, *(entry.out for entry in program.entries)]
        kept = "".join(f"{variable.number}: {_name(variable)}, " for variable in every)
        lines.append(f"return {{{kept}-1: {results}}}")
    else:
        lines.append(f"return {results}")
    body = "\n    ".join(lines)
    text = f"def replay({', '.join(map(_name, program.arguments))}):\n    {body}\n"
    exec(compile(text, "<program>", "exec"), writer.objects)
    function: Callable[..., Any] = writer.objects["replay"]
    return function


def _overwritten(program: Program) -> list[Gradient]:
    """The gradients that a program replaces and does not read."""
    read = {id(cell.tensor) for cell in program.state.values() if isinstance(cell, Gradient)}
    return [cell for cell, new in program.writes if isinstance(cell, Gradient) and new and id(cell.tensor) not in read]


class _Writer:
    """The text of a replay, and the objects that it names."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self._names: dict[int, str] = {}

    def object(self, value: Any) -> str:
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"o{len(self.objects)}"
            self.objects[name] = value
        return name

    def text(self, tree: Any) -> str:
        if type(tree) is Variable:
            return _name(tree)
        if type(tree) is tuple:
            return f"({''.join(self.text(item) + ', ' for item in tree)})"
        if type(tree) is list:
            return f"[{', '.join(map(self.text, tree))}]"
        if type(tree) is dict:
            return f"{{{', '.join(f'{self.object(key)}: {self.text(item)}' for key, item in tree.items())}}}"
        return self.object(tree)


def _name(variable: Variable) -> str:
    return f"v{variable.number}"
