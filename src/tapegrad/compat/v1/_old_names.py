"""Names that TensorFlow gave up before its version 1, and what they were called since.

The first use of each is told in one line of warning, unless `warn_of_old_names(False)` was called.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from . import _choices, _math, _slicing, _variables

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "OldNameWarning",
    "all_variables",
    "batch_matmul",
    "complex_abs",
    "initialize_all_tables",
    "initialize_all_variables",
    "initialize_local_variables",
    "initialize_variables",
    "inv",
    "mul",
    "neg",
    "op_scope",
    "pack",
    "select",
    "sub",
    "unpack",
    "warn_of_old_names",
]


class OldNameWarning(UserWarning):
    """A name, or an order of arguments, from before TensorFlow 1; it works as it did."""


_told: set[str] = set()
_on = True


def warn_of_old_names(on: bool) -> None:
    """Whether the first use of each old name is told from now on. Switching it on forgets what was told."""
    global _on
    _on = on
    _told.clear()


def told(old: str, new: str) -> None:
    """Tell once that `old` is called `new` today, with the user's line."""
    if not _on or old in _told:
        return
    _told.add(old)
    from ...debug.where import user_line

    line = user_line()
    path, _, number = line.rpartition(":")
    message = f"{old} is {new} since TensorFlow 1; it works as it did"
    warnings.warn_explicit(message, OldNameWarning, path or line, int(number) if number.isdigit() else 0)


def old(name: str, new: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` under a name of old times."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        told(f"tf.{name}", f"tf.{new}")
        return function(*arguments, **keywords)

    call.__name__ = call.__qualname__ = name.rpartition(".")[2]
    call.__doc__ = f"`tf.{new}`, under the name of old times."
    return call


def _scoped(values: Any, name: str | None, default_name: str | None = None) -> Any:
    from ._scopes import name_scope  # type: ignore[attr-defined, unused-ignore]

    return name_scope(name, default_name, values)


all_variables = old("all_variables", "global_variables", _variables.global_variables)
batch_matmul = old(
    "batch_matmul",
    "matmul",
    lambda x, y, adj_x=False, adj_y=False, name=None: _math.matmul(x, y, adj_x, adj_y, name=name),
)
complex_abs = old("complex_abs", "abs", _math.abs)
initialize_all_tables = old("initialize_all_tables", "tables_initializer", lambda name="init_all_tables": _tables(name))
initialize_all_variables = old(
    "initialize_all_variables", "global_variables_initializer", _variables.global_variables_initializer
)
initialize_local_variables = old(
    "initialize_local_variables", "local_variables_initializer", _variables.local_variables_initializer
)
initialize_variables = old("initialize_variables", "variables_initializer", _variables.variables_initializer)
inv = old("inv", "reciprocal", _math.reciprocal)
mul = old("mul", "multiply", _math.multiply)
neg = old("neg", "negative", _math.negative)
op_scope = old("op_scope", "name_scope", _scoped)
pack = old("pack", "stack", lambda values, axis=0, name="pack": _slicing.stack(values, axis, name))
select = old("select", "where", lambda condition, t, e, name=None: _choices.where(condition, t, e, name))
sub = old("sub", "subtract", _math.subtract)
unpack = old(
    "unpack", "unstack", lambda value, num=None, axis=0, name="unpack": _slicing.unstack(value, num, axis, name)
)


def _tables(name: str) -> Any:
    """Vocabularies need no initializing here."""
    return _variables.group(name=name)
