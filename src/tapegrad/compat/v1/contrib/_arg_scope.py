"""`arg_scope`: arguments for all calls of some functions inside of a block."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Defaults = dict[str, dict[str, Any]]  # by the names of functions
_open: list[Defaults] = [{}]


def _key(function: Any) -> str:
    return getattr(function, "_arg_scope_key", None) or str(function)


@contextlib.contextmanager
def arg_scope(list_ops_or_scope: Any, **kwargs: Any) -> Iterator[Defaults]:
    """Call `list_ops_or_scope`, functions that take part, with `kwargs` in this block; or as in a scope got before."""
    if isinstance(list_ops_or_scope, dict):
        if kwargs:
            raise ValueError("When attempting to re-use a scope by suppling a dictionary, kwargs must be empty.")
        new = dict(list_ops_or_scope)
    else:
        if not isinstance(list_ops_or_scope, list | tuple):
            raise TypeError("list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict)")
        new = dict(_open[-1])
        for function in list_ops_or_scope:
            if not has_arg_scope(function):
                raise ValueError(f"{function!r} is not decorated with @add_arg_scope")
            new[_key(function)] = new.get(_key(function), {}) | kwargs
    _open.append(new)
    try:
        yield new
    finally:
        _open.pop()


def add_arg_scope(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function take arguments from `arg_scope`."""
    key = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **(_open[-1].get(key, {}) | keywords))

    call._arg_scope_key = key  # type: ignore[attr-defined]
    return call


def has_arg_scope(function: Any) -> bool:
    """Whether a function takes arguments from `arg_scope`."""
    return hasattr(function, "_arg_scope_key")


def current_arg_scope() -> Defaults:
    """The arguments that the block around has for its functions."""
    return _open[-1]
