"""What the variables around functions hold now, for when the functions run again.

Python looks up what a closure holds when it is used: in `for w in weights: y = scan(lambda c, x: f(c, x, w), ...)`
every function would have the last of the weights by then.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from types import CellType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

swapping = threading.RLock()  # held while something stands for something else, which other threads could see
_NOTHING = object()  # what a variable holds that was not assigned yet, or was deleted


class Surroundings:
    """The variables around some functions, and around the functions in these: what they hold at this moment.

    Those of methods, of `functools.partial` and of default arguments count; attributes, items and globals do not.
    """

    def __init__(self, *functions: Any) -> None:
        with swapping:
            held = _variables(functions)
        self._names = [name for name, _, _ in held.values()]
        self._cells = [cell for _, cell, _ in held.values()]
        self._then = [content for _, _, content in held.values()]
        self.written: list[str] = []  # the variables that were others after the last block than before it

    @contextlib.contextmanager
    def as_then(self) -> Iterator[None]:
        """Let the variables be in this block what they were, and what they are now after it."""
        if not self._cells:
            yield
            return
        with swapping:
            now = list(map(_content, self._cells))
            self._put(self._then)
            try:
                yield
            finally:
                left = map(_content, self._cells)
                pairs = zip(self._names, left, self._then, strict=True)
                self.written = [name for name, content, then in pairs if content is not then]
                self._put(now)

    def _put(self, contents: list[Any]) -> None:
        for cell, content in zip(self._cells, contents, strict=True):
            if content is not _NOTHING:
                cell.cell_contents = content
            elif _content(cell) is not _NOTHING:
                del cell.cell_contents


def _variables(functions: Sequence[Any]) -> dict[int, tuple[str, CellType, Any]]:
    """The name, the cell and the content of each variable around functions, by the cell's id."""
    held: dict[int, tuple[str, CellType, Any]] = {}
    waiting = list(functions)
    met: set[int] = set()
    while waiting:
        function = waiting.pop()
        if id(function) in met or not callable(function):
            continue
        met.add(id(function))
        if isinstance(function, FunctionType):
            waiting += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
                held[id(cell)] = name, cell, _content(cell)
                waiting.append(held[id(cell)][2])
        elif isinstance(function, MethodType):
            waiting.append(function.__func__)
        elif isinstance(function, functools.partial):
            waiting += [function.func, *function.args, *function.keywords.values()]
        elif not isinstance(function, type):
            waiting.append(type(function).__call__)
    return held


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _NOTHING
