"""Whether a function did at its second call what its program says: what was frozen in it unseen is found here."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import TraceError
from .passes import frozen
from .program import Constant, Entry, Program, Value, Variable

if TYPE_CHECKING:
    from .tracer import Trace


def compare(program: Program, first: Trace, replayed: dict[Variable, Any], again: Program, traced: Trace) -> None:
    """Raise TraceError unless the function did at its second call what its program says, with the same values."""
    here = "compile: at the second call"
    for one, other in itertools.zip_longest(program.entries, again.entries):
        if one is None or other is None:
            raise TraceError(
                f"{here}, the function ran {len(again.entries)} ops, where its program has {len(program.entries)}. A "
                "loop or a choice in Python is frozen in a program: make it depend on an argument that is a Python "
                "value"
            )
        if one.name != other.name or one.out != other.out or not _alike(one, other):
            numbers = _other_numbers(one, other)
            if numbers:
                raise TraceError(
                    f"{here}, {other.name} at {other.line} was given {numbers[1]} in the place of {numbers[0]}. A "
                    "number of Python is frozen in a program: pass what changes as an argument, and as an array such "
                    "as np.float32(0.1) if it changes often"
                )
            raise TraceError(
                f"{here}, the function did something else: {other.name} at {other.line} in the place of {one.name} at "
                f"{one.line}. A choice in Python is frozen in a program: make it by an argument that is a Python "
                "value, by tapegrad.where or by tapegrad.cond"
            )
    for variable, constant in program.values.items():
        other = again.values.get(variable)
        if other is None or first.digests[variable] != traced.digests[variable] or not _like(constant, other):
            raise TraceError(
                f"{here}, a constant of the program is not what it was: {constant!r}. It was made outside of "
                "tapegrad's ops, and is frozen in the program. Pass it as an argument, keep it in a Tensor that the "
                "function reads and assigns, draw it by tapegrad.random, or compute it with tapegrad's functions"
            )
    for variable, cell in program.state.items():
        other = again.state.get(variable)
        if isinstance(cell, Value) and not (isinstance(other, Value) and other.tensor is cell.tensor):
            raise TraceError(
                f"{here}, the function read another Tensor of shape {cell.tensor.shape} than before at "
                f"{first.lines[variable]}. A program keeps to one Tensor: give it its new value by assign_, or pass "
                "the Tensor as an argument"
            )
    for one in program.entries:
        if not _same(replayed.get(one.out), traced.arrays[one.out.number]):
            raise TraceError(
                f"{here}, replaying {one.name} at {one.line} gave other values than the function itself. Something "
                "that it uses is frozen in the program; make it an argument, state in a Tensor, or a draw of "
                "tapegrad.random"
            )


def _alike(one: Entry, other: Entry) -> bool:
    """Whether two entries have the same arguments and parameters, as far as these can be compared."""
    try:
        same = frozen(one.arguments) == frozen(other.arguments)
        return same and (one.effect or bool(frozen(one.params) == frozen(other.params)))
    except ValueError:
        return False


def _other_numbers(one: Entry, other: Entry) -> tuple[float, float] | None:
    """The first two numbers of Python that differ between two entries of one op."""
    if one.name == other.name:
        pairs = [*zip(one.arguments, other.arguments, strict=False)]
        pairs += [(value, other.params.get(key)) for key, value in one.params.items()]
        for a, b in pairs:
            if type(a) in (int, float) and type(b) in (int, float) and frozen(a) != frozen(b):
                return a, b
    return None


def equal(one: list[Any], other: list[Any]) -> bool:
    """Whether what is fixed in two results is the same, as far as it can be compared."""
    try:
        return bool(frozen(one) == frozen(other))
    except ValueError:
        return False


def _like(one: Constant, other: Constant) -> bool:
    a, b = np.asarray(one.array), np.asarray(other.array)
    return a.shape == b.shape and bool(a.dtype == b.dtype)


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays, or tuples of such, are the same in every bit."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    return a is b or (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
