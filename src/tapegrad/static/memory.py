"""Which memory the results of a program's entries lie in, and how much is alive at each: what a replay takes."""

from __future__ import annotations

import functools
import operator
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..primitive import OWN
from .in_place import in_place
from .program import Kind, Variable, last_uses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .program import Entry, Program

_SHAPES = ("permute_dims", "swapaxes", "moveaxis", "squeeze", "expand_dims", "flip", "broadcast_to", "reshape")
_FILLED = 4096  # numbers up to which broadcast_to makes an array, and no view


class Memory:
    """What is alive while a program is replayed, entry by entry.

    `made` has the bytes that an entry's result takes anew, none for a view; `source` says whose memory a view lies in,
    and `over` which operand a result is written over. `alive` counts the bytes at each entry, with its result, and
    with the results that are `dropped` after it. Arguments, state and constants are not counted.
    """

    def __init__(self, program: Program, over: dict[Variable, Variable] | None = None) -> None:
        self.made: dict[Variable, int] = {}
        self.source: dict[Variable, Variable] = {}
        self.alive: list[int] = []
        self.over = in_place(program) if over is None else over
        self.dropped = last_uses(program)
        self.lists = _lists(program.entries)
        self._program = program
        self._layouts: dict[Variable, Any] = {}
        self._follow()
        self.most = max(self.alive, default=0)

    def _follow(self) -> None:
        """Go through the entries, as a replay does."""
        kinds = self._program.kinds
        sizes = {variable: kind.nbytes for variable, kind in kinds.items()}
        for together, parts in self.lists.items():  # the list itself keeps what nobody takes from it
            sizes[together] -= sum(kinds[part].nbytes for part in parts)
        held: dict[Variable, tuple[Variable, ...]] = {}  # the arrays that a result keeps alive
        holders: Counter[Variable] = Counter()  # of an array
        alive = 0
        for place, entry in enumerate(self._program.entries):
            source = self._viewed(entry)
            if source is not None:
                self.source[entry.out] = source
                held[entry.out] = (entry.out,) if source in self.lists else held.get(source, ())
            elif entry.out in self.over:
                held[entry.out] = held[self.over[entry.out]]
                self._lay_out(entry)
            else:
                held[entry.out] = entry.out, *self.lists.get(entry.out, ())
                self._lay_out(entry)
            new = [array for array in held[entry.out] if array not in holders]
            holders.update(held[entry.out])
            self.made[entry.out] = sum(sizes[array] for array in new)
            alive += self.made[entry.out]
            self.alive.append(alive)
            for variable in self.dropped.get(place, ()):
                holders.subtract(held[variable])
                alive -= sum(sizes[array] for array in held[variable] if holders[array] == 0)

    def _viewed(self, entry: Entry) -> Variable | None:
        """The variable whose memory the result of an entry lies in, or None if it has memory of its own."""
        first = entry.arguments[0] if entry.arguments else None
        if type(first) is not Variable:
            return None
        if first in self.lists:
            return first
        kind = self._program.kinds[entry.out]
        if entry.function not in _views() or kind.shape == () or any(True for _ in entry.inputs() if _ != first):
            return None
        view = _view(entry, self._layout(first), kind.shape)
        if view is None:
            return None
        self._layouts[entry.out] = view
        return first

    def _layout(self, variable: Variable) -> Any:
        """An array that lies in memory as the variable's does, as far as is known, and has no numbers to be read."""
        kind = self._program.kinds[variable]
        if variable not in self._layouts:
            constant = self._program.values.get(variable)
            array = None if constant is None else np.asarray(constant.array)
            self._layouts[variable] = _laid_out(kind, _plain(kind) if array is None else array.strides)
        return self._layouts[variable]

    def _lay_out(self, entry: Entry) -> None:
        """Remember how an array of an entry's own lies, where it is not in the order of its dimensions."""
        if isinstance(entry.function, np.ufunc) and entry.function.signature is None:
            inputs = [self._layout(argument) for argument in entry.arguments if type(argument) is Variable]
            if not all(layout.flags.c_contiguous for layout in inputs):
                kind = self._program.kinds[entry.out]
                # The iterator of NumPy's functions decides on it. The memory that it allocates is not touched.
                flags: list[Any] = [*(["readonly"] for _ in inputs), ["writeonly", "allocate"]]
                dtypes = [*(layout.dtype for layout in inputs), kind.dtype]
                iterator = np.nditer([*inputs, None], ["zerosize_ok"], flags, dtypes)
                self._layouts[entry.out] = _laid_out(kind, iterator.operands[-1].strides)


def traced(program: Program) -> Memory:
    """What the run took at least that a program was traced from: what is read later was there, as in a replay of it.

    A backward pass adds to its own gradients in place; nothing else of it did.
    """
    first = program.stages[0]
    whole = replace(program, entries=first.entries, results=first.ends, writes=(), stages=())
    sums = {entry.out for entry in first.entries if entry.function is np.add}
    return Memory(whole, {out: operand for out, operand in in_place(whole).items() if out in sums})


def _plain(kind: Kind) -> tuple[int, ...]:
    """How far apart neighbours are where numbers lie one after the other in the order of the dimensions."""
    steps = np.cumprod([kind.dtype.itemsize, *kind.shape[:0:-1]])[::-1]
    return tuple(steps[: len(kind.shape)].tolist())


def _laid_out(kind: Kind, strides: tuple[int, ...]) -> Any:
    return np.lib.stride_tricks.as_strided(np.empty(1, kind.dtype), kind.shape, strides)


@functools.cache
def _views() -> set[Any]:
    """The functions of ops that may give a view."""
    return {OWN["ops.indexing:getitem"], *(OWN[f"ops.shape:{name}"] for name in _SHAPES)}


def _view(entry: Entry, layout: Any, shape: tuple[int, ...]) -> Any:
    """The result of an entry as a view of a layout, or None where it is no view. No number is read or written."""
    if entry.function is OWN["ops.shape:reshape"]:
        return _reshaped(layout, shape)
    if entry.function is OWN["ops.shape:broadcast_to"]:
        return np.broadcast_to(layout, shape) if np.prod(shape) > _FILLED else None
    key = entry.params.get("key", ())
    parts = key if isinstance(key, tuple) else (key,)
    if not all(part is None or part is Ellipsis or type(part) in (int, slice) for part in parts):
        return None
    return entry.function(layout, **entry.params)


def _reshaped(layout: Any, shape: tuple[int, ...]) -> Any:
    try:
        return np.reshape(layout, shape, copy=False)
    except ValueError:
        return None
    except TypeError:  # NumPy 2.0 does not tell
        return layout.reshape(shape) if layout.flags.c_contiguous else None


def _lists(entries: Iterable[Entry]) -> dict[Variable, list[Variable]]:
    """The results that are lists of arrays, with the variables of those that are taken from them."""
    lists: dict[Variable, list[Variable]] = {}
    for entry in entries:
        if is_part(entry):
            lists.setdefault(entry.arguments[0], []).append(entry.out)
    return lists


def is_part(entry: Entry) -> bool:
    """Whether an entry takes an array from a list of several."""
    return entry.function is operator.getitem or isinstance(entry.function, operator.itemgetter)
