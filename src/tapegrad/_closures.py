"""Functions as they are now, to be run again later: Python looks up what a closure holds when it is used.

In `for w in weights: y = scan(lambda c, x: f(c, x, w), ...)` every function would have the last of the weights by then.
"""

from __future__ import annotations

import dis
import functools
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any


def as_now(function: Any) -> Any:
    """The function with what its closure holds now, and the functions in there alike.

    Variables that it writes itself stay shared with whoever else has them. A method or `functools.partial` is one of a
    function as it is now; what else can be called is itself.
    """
    return _as_now(function, {})


def _as_now(function: Any, done: dict[int, Any]) -> Any:
    if type(function) is functools.partial:
        arguments = [_as_now(argument, done) for argument in function.args]
        return functools.partial(_as_now(function.func, done), *arguments, **function.keywords)
    if type(function) is MethodType:
        return MethodType(_as_now(function.__func__, done), function.__self__)
    if type(function) is not FunctionType or not function.__closure__:
        return function
    if id(function) in done:  # it is in its own closure
        return done[id(function)]
    code = function.__code__
    shared = _written(code)
    old = dict(zip(code.co_freevars, function.__closure__, strict=True))
    cells = {name: cell if name in shared or _is_empty(cell) else CellType() for name, cell in old.items()}
    closure = tuple(cells.values())
    new = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
    new.__kwdefaults__ = function.__kwdefaults__
    new.__dict__.update(function.__dict__)
    done[id(function)] = new
    for name, cell in cells.items():
        if cell is not old[name]:
            cell.cell_contents = _as_now(old[name].cell_contents, done)
    return new


def _is_empty(cell: CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def _written(code: CodeType) -> set[str]:
    """The variables of enclosing functions that some code assigns to, itself or in functions inside."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ("STORE_DEREF", "DELETE_DEREF")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _written(constant)
    return names & set(code.co_freevars)
