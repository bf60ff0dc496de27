"""The gradient of an array that was taken apart, by its slices or its rows, is put together at once.

As it is recorded, a part is put into zeros, and further parts are added to a copy of these. Where the parts are all of
the array, joining them gives the same, but for the signs of zeros.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops import indexing, shape
from .program import Program, Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .program import Entry

_SCATTER, _INDEX_ADD = indexing.scatter_op.op.function, indexing.index_add_op.op.function
_ADD_PARTS = indexing.add_parts_op.op_for(1).function  # type: ignore[attr-defined]
_SUMS = (_INDEX_ADD, _ADD_PARTS, np.add)
_CONCAT = shape.concat_op.op_for(1).function  # type: ignore[attr-defined]
_STACK = shape.stack_op.op_for(1).function  # type: ignore[attr-defined]


def joined(program: Program) -> Program:
    """The program in which parts that make up a whole array are joined by one entry."""
    made = {entry.out: entry for entry in program.entries}
    readers: dict[Variable, int] = dict.fromkeys(program.used(), 1)
    for entry in program.entries:
        for variable in entry.inputs():
            readers[variable] = readers.get(variable, 0) + 1
    gone: set[Variable] = set()
    new: dict[Variable, Entry] = {}
    for entry in reversed(program.entries):
        if entry.out in gone or entry.function not in _SUMS:
            continue
        inside: list[Entry] = []
        parts = _parts(entry, made, readers, inside)
        together = _together(program, entry, parts) if parts else None
        if together is not None:
            gone.update(each.out for each in inside)
            new[entry.out] = together
    if not new:
        return program
    entries = [new.get(entry.out, entry) for entry in program.entries if entry.out not in gone]
    return program.changed("joined", entries=tuple(entries))


def _parts(
    last: Entry, made: dict[Variable, Entry], readers: dict[Variable, int], inside: list[Entry]
) -> list[tuple[Any, Any]] | None:
    """The keys and values whose scattering an entry adds up; `inside` gets those before it, which nobody else reads."""
    parts: list[tuple[Any, Any]] = []
    waiting = [last]
    while waiting:
        entry = waiting.pop()
        summands = entry.arguments
        if entry.function is _ADD_PARTS:
            summands, added = entry.arguments[:1], entry.arguments[1:]
            parts += zip(entry.params["keys"], added, strict=True)
        elif entry.function is not np.add:
            summands = entry.arguments[:-1]
            parts.append((entry.params["key"], entry.arguments[-1]))
        for variable in summands:
            before = made.get(variable) if type(variable) is Variable else None
            if before is None or before.function not in (_SCATTER, *_SUMS) or readers[variable] != 1:
                return None
            inside.append(before)
            waiting.append(before)
    return parts


def _together(program: Program, last: Entry, found: Sequence[tuple[Any, Any]]) -> Entry | None:
    """One entry for all of them, or None where the parts are not all of the array."""
    whole = program.kinds[last.out]
    parts: dict[tuple[int, int], Any] = {}
    axes: set[tuple[int, bool]] = set()
    for key, value in found:
        place = _place(key, whole.shape)
        if place is None or type(value) is not Variable:
            return None
        axis, begin, end, is_row = place
        size = (*whole.shape[:axis], *(() if is_row else (end - begin,)), *whole.shape[axis + 1 :])
        if program.kinds[value] != (size, whole.dtype):
            return None
        axes.add((axis, is_row))
        parts[begin, end] = value
    bounds = sorted(parts)
    touching = all(end == begin for (_, end), (begin, _) in itertools.pairwise(bounds))
    if len(axes) > 1 or len(parts) < len(found) or not touching or bounds[0][0] != 0:
        return None
    ((axis, is_row),) = axes
    if bounds[-1][1] != whole.shape[axis]:
        return None
    arguments = tuple(parts[place] for place in bounds)
    if is_row:
        return replace(last, name="stack", function=_STACK, arguments=arguments, params={"axis": axis})
    params = {"axis": axis, "bounds": [0, *(end for _, end in bounds)]}
    return replace(last, name="concat", function=_CONCAT, arguments=arguments, params=params)


def _place(key: Any, sizes: tuple[int, ...]) -> tuple[int, int, int, bool] | None:
    """The axis along which a key takes a part, where that begins and ends, and whether the axis is gone; or None."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [k for k in keys if not hasattr(k, "shape")]:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (len(sizes) - len(keys) + 1)
    if len(keys) > len(sizes):
        return None
    found = None
    for axis, (k, size) in enumerate(zip(keys, sizes, strict=False)):
        if type(k) is int:
            begin, end, is_row = k % size, k % size + 1, True
        elif type(k) is slice:
            begin, end, step = k.indices(size)
            if step != 1:
                return None
            if (begin, end) == (0, size):
                continue
            is_row = False
        else:
            return None
        if found is not None:
            return None
        found = axis, begin, end, is_row
    return found
