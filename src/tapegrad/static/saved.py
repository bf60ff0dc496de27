"""Programs in files: what a model computes in use, without the code that it was written in.

A file is a checkpoint of `tapegrad.io`: the entries as JSON, with the names of ops and with parameters that are
numbers, texts, dtypes, slices and tuples of these; and the constants as arrays, among them the parameters of the model.
Reading one executes nothing: ops are looked up by name among tapegrad's own.
"""

from __future__ import annotations

import importlib
import inspect
import os
from dataclasses import replace
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Tensor
from ..errors import DataError, DTypeError, ShapeError, TraceError
from ..io.checkpoint import load as load_checkpoint
from ..io.checkpoint import save as save_checkpoint
from ..io.safetensors import KINDS
from ..kernels.windows import Windows
from ..primitive import OWN
from .apart import apart, not_apart
from .program import Constant, Entry, Kind, Program, Variable
from .replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 1
_DTYPES: dict[str, np.dtype[Any]] = {dtype.name: dtype for dtype in KINDS.values()}
_LARGEST = 2**63  # no number of elements is as large


class LoadedProgram:
    """A program that came from a file: a function of arrays of the shapes and dtypes that it was traced for.

    It gives an array, or a tuple of arrays if there are several results. Raises TypeError for another number of
    arguments, ShapeError and DTypeError for arguments of other shapes and dtypes, and, at the first call, DataError
    where what an entry gives is not of the shape and dtype that its file tells.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._replay: Replay | None = None  # there is one when what the file tells has been found to be so
        shared = not_apart(program)
        self._suspects = [
            place
            for place, variable in enumerate(program.results)
            if variable in shared or variable in program.results[:place]
        ]

    def __call__(self, *arguments: Any) -> Any:
        expected = self.program.arguments
        if len(arguments) != len(expected):
            raise TypeError(f"a loaded program: expected {len(expected)} arrays, got {len(arguments)}")
        arrays = []
        what = "a loaded program: expected argument"
        for place, (variable, argument) in enumerate(zip(expected, arguments, strict=True)):
            array = argument.numpy() if isinstance(argument, Tensor) else np.asarray(argument)
            kind = self.program.kinds[variable]
            if array.shape != kind.shape:
                raise ShapeError(f"{what} {place} of shape {kind.shape}, got {array.shape}")
            if array.dtype != kind.dtype:
                raise DTypeError(f"{what} {place} of {kind.dtype}, got {array.dtype}")
            arrays.append(array)
        results = self._run(arrays)
        for place in self._suspects:  # into a result, the caller may write
            others = [*arrays, *(constant.array for constant in self.program.values.values())]
            results[place] = apart(results[place], others + results[:place] + results[place + 1 :])
        return results[0] if len(results) == 1 else tuple(results)

    def _run(self, arrays: list[Any]) -> list[Any]:
        if self._replay is None:
            results = Replay(_watched(self.program))(arrays)
            self._replay = Replay(self.program)
            return results
        return self._replay(arrays)

    def __repr__(self) -> str:
        return f"<loaded {self.program!r}>"


def _watched(program: Program) -> Program:
    """The program, with an error where an entry gives another shape or dtype than it tells."""
    return replace(
        program,
        entries=tuple(
            [replace(entry, function=_checked(entry, program.kinds[entry.out])) for entry in program.entries]
        ),
    )


def _checked(entry: Entry, told: Kind) -> Callable[..., Any]:
    def run(*arguments: Any, **params: Any) -> Any:
        result = entry.function(*arguments, **params)
        found = np.asarray(result)
        if Kind(found.shape, found.dtype) != told:
            raise DataError(
                f"{entry.line}: expected {told.dtype} {told.shape} of {entry.name}, as the file tells, found "
                f"{found.dtype} {found.shape}"
            )
        return result

    return run


# Writing


def save(program: Program, path: str | os.PathLike[str]) -> None:
    """Write a program into a file; see `Program.save`."""
    _path("save", path)
    if program.writes:
        raise TraceError(
            "save: the program assigns state, and a file holds what a model computes in use; trace it after "
            "model.eval(), without backward and optimizers"
        )
    names = {id(function): name for name, function in reversed(OWN.items())}
    content = {
        "version": VERSION,
        "arguments": [[variable.number, _kind_text(program.kinds[variable])] for variable in program.arguments],
        "constants": {
            **{str(variable.number): np.asarray(cell.read()) for variable, cell in program.state.items()},
            **{str(variable.number): np.asarray(constant.array) for variable, constant in program.values.items()},
        },
        "entries": [_entry_text(entry, names, program) for entry in program.entries],
        "results": [variable.number for variable in program.results],
    }
    try:
        save_checkpoint(path, {"program": content})
    except TypeError as error:
        raise TraceError(f"save: a constant of the program cannot be in a file: {error}") from None


def _entry_text(entry: Entry, names: dict[int, str], program: Program) -> dict[str, Any]:
    op = names.get(id(entry.function))
    if entry.effect or op is None:
        why = "has an effect" if entry.effect else "is not one of tapegrad's own ops"
        raise TraceError(
            f"save: {entry.name} at {entry.line} {why}, which a file cannot hold; save the program that tapegrad.trace "
            "gives of the model in use, made of tapegrad's own functions"
        )
    try:
        return {
            "op": op,
            "out": [entry.out.number, _kind_text(program.kinds[entry.out])],
            "arguments": [_text(argument) for argument in entry.arguments],
            "params": [[key, _text(value)] for key, value in entry.params.items()],
        }
    except TypeError as error:
        raise TraceError(f"save: {entry.name} at {entry.line}: {error}") from None


def _kind_text(kind: Kind) -> list[Any]:
    return [kind.dtype.name, list(kind.shape)]


def _text(value: Any) -> Any:
    """A value as JSON has it, marked where JSON has no such type."""
    match value:
        case Variable():
            return {"variable": value.number}
        case Windows():
            return {"windows": list(map(_text, value))}
        case tuple():
            return {"tuple": list(map(_text, value))}
        case list():
            return {"list": list(map(_text, value))}
        case slice():
            return {"slice": [_text(value.start), _text(value.stop), _text(value.step)]}
        case np.dtype():
            return {"dtype": value.name}
        case type() if issubclass(value, np.generic | bool | int | float):
            return {"dtype": np.dtype(value).name}
    if value is Ellipsis:
        return {"ellipsis": None}
    if type(value) in (bool, int, float, str, type(None)):
        return value
    raise TypeError(f"a parameter is {type(value).__name__}, which a file cannot hold")


def _path(name: str, path: Any) -> None:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name}: expected the path of a file, got {type(path).__name__}")


# Reading


def load_program(path: str | os.PathLike[str]) -> LoadedProgram:
    """Read a program that `program.save` wrote, as a function of arrays. Nothing is executed.

    Raises DataError, naming the file, what was expected and what was found, for a file that is absent, damaged, of
    another version, or holds anything but a program of tapegrad's own ops.
    """
    _path("load_program", path)
    importlib.import_module("..nn", __package__)  # whose ops are among them
    content = load_checkpoint(path)
    try:
        return LoadedProgram(_Reader(path).file(content))
    except RecursionError:
        raise DataError(f"{path}: expected parameters of a few levels, found too many") from None


class _Reader:
    """What is known while a program is read."""

    def __init__(self, path: Any) -> None:
        self._path = path
        self._kinds: dict[Variable, Kind] = {}

    def wrong(self, expected: str, found: Any) -> DataError:
        """The error for what does not fit."""
        try:
            text = repr(found)
        except (ValueError, RecursionError):  # an integer of thousands of digits, or too many levels
            text = "something huge"
        return DataError(f"{self._path}: expected {expected}, found {text if len(text) <= 80 else text[:77] + '...'}")

    def file(self, content: dict[str, Any]) -> Program:
        """The program that is all of a file's content."""
        if content.keys() != {"program"}:
            raise self.wrong("a program, and nothing beside it", list(content))
        return self.program(content["program"])

    def program(self, content: Any) -> Program:
        match content:
            case {"version": version} if type(version) is not int or version != VERSION:
                raise self.wrong(f"a program of version {VERSION}", version)
            case {
                "version": _,
                "arguments": [*arguments],
                "constants": dict(constants),
                "entries": [*entries],
                "results": [*results],
                **rest,
            } if not rest:
                pass
            case _:
                raise self.wrong("a program's version, arguments, constants, entries and results", content)
        given = tuple([self._new(argument) for argument in arguments])
        values = {self._named(key, array): Constant(array, str(self._path)) for key, array in constants.items()}
        made = tuple([self._entry(place, entry) for place, entry in enumerate(entries)])
        found = tuple([self._known(number) for number in results])
        program = Program(given, {}, values, made, found, (), self._kinds)
        return replace(program, stages=(program.stage("loaded"),))  # it is run as it is

    def _entry(self, place: int, entry: Any) -> Entry:
        match entry:
            case {"op": str(name), "out": out, "arguments": [*arguments], "params": [*params], **rest} if not rest:
                pass
            case _:
                raise self.wrong(f"op, out, arguments and params of entry {place}", entry)
        if name not in OWN:
            raise self.wrong(f"entry {place} to be one of tapegrad's ops", name)
        read = tuple(map(self._value, arguments))
        named: dict[str, Any] = {}
        for param in params:
            match param:
                case [str(key), value] if key.isidentifier() and not iskeyword(key) and key not in named:
                    named[key] = self._value(value)
                case _:
                    raise self.wrong(f"names and values for the parameters of entry {place}", param)
        self._fits(place, OWN[name], read, named)
        return Entry(name.partition(":")[2], OWN[name], read, named, self._new(out), f"{self._path}, entry {place}")

    def _fits(self, place: int, function: Any, arguments: tuple[Any, ...], params: dict[str, Any]) -> None:
        """Raise an error unless a function takes so many arguments and these parameters, and writes into none."""
        if isinstance(function, np.ufunc):
            if len(arguments) != function.nin or params:
                raise self.wrong(f"{function.nin} arguments of entry {place}, and no parameters", (arguments, params))
            return
        try:
            inspect.signature(function).bind(*arguments, **params)
        except TypeError as error:
            raise self.wrong(f"arguments and parameters that the op of entry {place} takes", str(error)) from None
        if "out" in params:
            raise self.wrong(f"no parameter of that name in entry {place}", "out")

    def _new(self, pair: Any) -> Variable:
        """A variable that was not there before, with its kind."""
        match pair:
            case [number, [str(dtype), [*shape]]]:
                pass
            case _:
                raise self.wrong("the number, dtype and shape of a variable", pair)
        if not all(type(n) is int and 0 <= n < _LARGEST for n in (number, *shape)):
            raise self.wrong("whole numbers of at least 0", pair)
        return self._added(number, Kind(tuple(shape), self._dtype(dtype)))

    def _named(self, key: str, array: Any) -> Variable:
        if not (key.isascii() and key.isdigit() and len(key) < 19) or not isinstance(array, np.ndarray):
            raise self.wrong("an array for each constant, by the number of its variable", key)
        return self._added(int(key), Kind(array.shape, array.dtype))

    def _added(self, number: int, kind: Kind) -> Variable:
        variable = Variable(number)
        if variable in self._kinds:
            raise self.wrong("a new variable", variable)
        self._kinds[variable] = kind
        return variable

    def _known(self, number: Any) -> Variable:
        """A variable that was there before: no entry waits for a later one."""
        if type(number) is not int or Variable(number) not in self._kinds:
            raise self.wrong("a variable that an argument, a constant or an earlier entry made", number)
        return Variable(number)

    def _dtype(self, name: str) -> np.dtype[Any]:
        if name not in _DTYPES:
            raise self.wrong(f"one of {', '.join(_DTYPES)}", name)
        return _DTYPES[name]

    def _value(self, text: Any) -> Any:
        match text:
            case bool() | float() | str() | None:
                return text
            case int() if abs(text) < _LARGEST:
                return text
            case {"variable": number, **rest} if not rest:
                return self._known(number)
            case {"tuple": [*items], **rest} if not rest:
                return tuple(map(self._value, items))
            case {"list": [*items], **rest} if not rest:
                return list(map(self._value, items))
            case {"slice": [start, stop, step], **rest} if not rest:
                return slice(self._value(start), self._value(stop), self._value(step))
            case {"windows": [*items], **rest} if not rest and len(items) == len(Windows._fields):
                return Windows._make(map(self._value, items))
            case {"ellipsis": None, **rest} if not rest:
                return Ellipsis
            case {"dtype": str(name), **rest} if not rest:
                return self._dtype(name)
        raise self.wrong("a number, a text, a dtype, a slice, windows, a tuple, a list or a variable", text)
