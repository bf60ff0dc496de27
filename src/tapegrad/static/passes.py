"""What makes a program shorter. Every pass takes a program and gives one that computes the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops.elementwise import operator_pow, pow
from ..ops.shape import reshape_op
from .order import elementwise, orders
from .program import Constant, Entry, Program, Variable, substitute

if TYPE_CHECKING:
    from collections.abc import Callable


def tidy(program: Program, every_bit: bool = True) -> Program:
    """The program after all of these passes; unless `every_bit` counts, also those may change that later sums round."""
    return needed(shared(tidied(folded(program), every_bit)))


def needed(program: Program) -> Program:
    """Without entries that nobody reads, and without state and constants that no entry reads."""
    wanted = program.used()
    kept: list[Entry] = []
    for entry in reversed(program.entries):
        if entry.effect or entry.out in wanted:
            kept.append(entry)
            wanted.update(entry.inputs())
    return program.changed(
        "needed",
        entries=tuple(reversed(kept)),
        state={variable: cell for variable, cell in program.state.items() if variable in wanted},
        values={variable: constant for variable, constant in program.values.items() if variable in wanted},
    )


def shared(program: Program) -> Program:
    """What is computed twice from the same is computed once."""
    found: dict[Any, Variable] = {}
    return _rewritten(program, "shared", lambda entry: found.setdefault(_key(entry), entry.out))


def folded(program: Program) -> Program:
    """What depends on constants alone is computed now."""
    constants = dict(program.values)
    entries = []
    for entry in program.entries:
        inputs = list(entry.inputs())
        if entry.effect or not inputs or any(variable not in constants for variable in inputs):
            entries.append(entry)
            continue
        known = {variable: constants[variable].array for variable in inputs}
        array = entry.function(*substitute(entry.arguments, known), **substitute(entry.params, known))
        constants[entry.out] = Constant(array, entry.line)
    return program.changed("folded", entries=tuple(entries), values=constants)


def tidied(program: Program, every_bit: bool = True) -> Program:
    """Without steps that change no bit: products with 1, divisions by 1, differences from 0, empty reshapes.

    Where `every_bit` counts, they stay if the result may lie in another order in memory than what it is made of, as
    that of a transposed argument and an array of ones does: sums over it would be rounded otherwise.
    """
    order = orders(program)
    whole = {entry.out for entry in program.entries if elementwise(entry)} | program.values.keys()

    def stands_for(other: Any, entry: Entry) -> bool:
        """Whether another variable may stand for the result of an entry that has the same numbers."""
        if type(other) is not Variable or program.kinds[other] != program.kinds[entry.out]:
            return False
        return not every_bit or (other in whole and order.get(other) == order.get(entry.out))

    def same(entry: Entry) -> Any:
        for place, number in _NEUTRAL.get(entry.function, ()):
            other: Any = entry.arguments[1 - place]
            if stands_for(other, entry) and _is(program, entry.arguments[place], number):
                return other
        first: Any = entry.arguments[0] if entry.arguments else None
        if entry.function is _RESHAPE and type(first) is Variable and program.kinds[first] == program.kinds[entry.out]:
            return first  # which it is a view of
        power = entry.function in _POWERS and type(entry.arguments[1]) in (int, float) and entry.arguments[1] == 1
        return first if power and stands_for(first, entry) else entry.out

    return _rewritten(program, "tidied", same)


# x + 0 is not here: it makes 0 of -0. Nor is x * 0: it keeps NaN.
_NEUTRAL: dict[Any, tuple[tuple[int, float], ...]] = {
    np.multiply: ((0, 1.0), (1, 1.0)),
    np.true_divide: ((1, 1.0),),
    np.subtract: ((1, 0.0),),
}


# By their functions, since anybody may call an op of their own "reshape".
_RESHAPE, _POWERS = reshape_op.op.function, (pow.op.function, operator_pow.op.function)


def _is(program: Program, argument: Any, number: float) -> bool:
    """Whether an argument is this number, and its sign is that of the number, wherever it is known."""
    if type(argument) is Variable:
        if argument not in program.values:
            return False
        argument = program.values[argument].array
    array = np.asarray(argument)
    return array.dtype.kind == "f" and bool(np.all(array == number) and not np.any(np.signbit(array)))


def _rewritten(program: Program, name: str, same: Callable[[Entry], Variable]) -> Program:
    """The program in which what `same` gives stands for an entry's result; an entry that is itself stays."""
    new: dict[Variable, Any] = {}
    entries = []
    for entry in program.entries:
        entry = replace(entry, arguments=substitute(entry.arguments, new), params=substitute(entry.params, new))
        other = entry.out if entry.effect else same(entry)
        if other == entry.out:
            entries.append(entry)
        else:
            new[entry.out] = other
    writes = tuple((cell, new.get(variable, variable) if variable else None) for cell, variable in program.writes)
    return program.changed(name, entries=tuple(entries), results=substitute(program.results, new), writes=writes)


def _key(entry: Entry) -> Any:
    """Equal for entries that compute the same."""
    try:
        key = entry.function, frozen(entry.arguments), frozen(entry.params)
        hash(key)
    except TypeError:
        return entry.out
    return key


def frozen(tree: Any) -> Any:
    """A hashable stand-in for tuples, lists and dicts of hashable things.

    -0.0 is not 0.0, and 1 is not True; but one NaN is another.
    """
    if isinstance(tree, Variable):
        return tree
    if isinstance(tree, tuple | list):
        return type(tree), tuple(map(frozen, tree))
    if isinstance(tree, dict):
        return tuple((key, frozen(item)) for key, item in tree.items())
    if isinstance(tree, slice):
        return slice, frozen(tree.start), frozen(tree.stop), frozen(tree.step)
    return type(tree), repr(tree) if isinstance(tree, float) else tree
