"""NumPy's own spellings: which function of ours answers when NumPy's is called with a Tensor.

Ufuncs find their op in `primitive.UFUNCS`. Functions such as `np.sum` are registered here, by
`@speaks_for(np.sum, a="x")`, which also says where NumPy names a parameter differently.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from .._tape import Tensor, mode
from ..errors import LostGradientError
from ..primitive import UFUNCS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    F = TypeVar("F", bound=Callable[..., Any])


class _Spelling:
    """One of our functions, and how NumPy's arguments become its own. The signatures are read at the first call."""

    def __init__(self, function: Callable[..., Any], renamed: dict[str, str]) -> None:
        self.function = function
        self.renamed = renamed
        self.names: list[str] = []
        self.positional = -1  # up to how many arguments by position mean the same for both

    def _compare(self, numpy_function: Callable[..., Any]) -> None:
        parameters = inspect.signature(self.function).parameters
        self.names = list(parameters)
        self.positional = len(self.names)
        if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
            self.positional = sys.maxsize
            return
        for place, (mine, name) in enumerate(zip(self.names, _parameters(numpy_function) or self.names, strict=False)):
            if mine != self.renamed.get(name, name):
                self.positional = place
                break

    def call(self, numpy_function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.positional < 0:
            self._compare(numpy_function)
        if len(args) <= self.positional and all(name in self.names for name in kwargs):
            return self.function(*args, **kwargs)
        if not _any_recorded(args, kwargs):
            return numpy_function(*_plain(args), **_plain(kwargs))
        try:
            signature = inspect.signature(numpy_function)
        except ValueError:  # some of NumPy's C functions do not tell
            self._refuse(numpy_function, next((name for name in kwargs if name not in self.names), "out"))
        bound = signature.bind(*args, **kwargs)
        parameters = bound.signature.parameters
        positional: tuple[Any, ...] = ()
        given = {}
        for name, value in bound.arguments.items():
            if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
                positional = value
            elif parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                self._refuse(numpy_function, next(iter(value)))
            elif self.renamed.get(name, name) in self.names:
                if value is not np._NoValue:
                    given[self.renamed.get(name, name)] = value
            elif value is not parameters[name].default:
                self._refuse(numpy_function, name)
        return self.function(*positional, **given)

    def _refuse(self, numpy_function: Callable[..., Any], name: str) -> NoReturn:
        raise TypeError(
            f"np.{_path(numpy_function)}: {name}= is not supported on a Tensor; tapegrad's takes "
            f"{', '.join(self.names)}. " + _REMEDY.get(name, "Use t.numpy() of a detached Tensor for the rest")
        )


_REMEDY = {
    "out": "Results are new Tensors: write y = f(x) instead of f(x, out=y)",
    "dtype": "Cast with astype first",
    "where": "Use tapegrad.where on the argument first",
}

FUNCTIONS: dict[Any, _Spelling] = {}


def speaks_for(*numpy_functions: Callable[..., Any], **renamed: str) -> Callable[[F], F]:
    """Make the decorated function answer when one of NumPy's is called with a Tensor among its arguments."""

    def register(function: F) -> F:
        for numpy_function in numpy_functions:
            FUNCTIONS[numpy_function] = _Spelling(function, renamed)
        return function

    return register


def _parameters(function: Callable[..., Any]) -> list[str] | None:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # some of NumPy's C functions do not tell
        return None


# What NumPy answers from shapes, dtypes or comparisons alone: there is no gradient to lose.
PLAIN = {
    np.allclose, np.argpartition, np.argsort, np.argwhere, np.array2string, np.array_equal, np.array_equiv,
    np.array_repr, np.array_str, np.can_cast, np.common_type, np.digitize, np.empty_like, np.flatnonzero,
    np.iscomplex, np.iscomplexobj, np.isclose, np.isin, np.isneginf, np.isposinf, np.isreal, np.isrealobj,
    np.may_share_memory, np.min_scalar_type, np.ndim, np.nonzero, np.ones_like, np.result_type, np.searchsorted,
    np.shape, np.shares_memory, np.size, np.zeros_like,
}  # fmt: skip

# What NumPy answers from shapes and dtypes alone, whatever the values are.
_OF_SHAPES = {
    np.can_cast, np.common_type, np.empty_like, np.full_like, np.iscomplexobj, np.isrealobj, np.may_share_memory,
    np.ndim, np.ones_like, np.result_type, np.shape, np.shares_memory, np.size, np.zeros_like,
}  # fmt: skip

_TOLD = {np.shape, np.ndim}  # what ops ask most, and the array can tell at once

# What writes into its first argument.
WRITERS = {np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask}


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer `function(*args, **kwargs)`, a NumPy function called with a Tensor somewhere in its arguments."""
    if function in _TOLD and len(args) == 1 and not kwargs and isinstance(args[0], Tensor):
        return function(args[0]._array)
    spelling = FUNCTIONS.get(function)
    if spelling is not None:
        return spelling.call(function, args, kwargs)
    if function in WRITERS:
        _refuse_writing(f"np.{function.__name__}", args[0] if args else None, _any_recorded(args, kwargs))
    elif function is np.full_like:  # of the array to be like, it asks for the shape and the dtype
        if _any_recorded(args[1:], {name: value for name, value in kwargs.items() if name != "a"}):
            raise lost("np.full_like", "has no gradient rule here (tapegrad.broadcast_to has)")
    elif function not in PLAIN and _any_recorded(args, kwargs):
        raise lost(f"np.{_path(function)}", "has no gradient rule here")
    if function not in _OF_SHAPES:
        _not_traced(f"np.{_path(function)}", args, kwargs)
    return function(*_plain(args), **_plain(kwargs))


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer a ufunc, or one of its methods, called with a Tensor."""
    op = UFUNCS.get(ufunc)
    if method == "__call__" and op is not None and not kwargs:
        return op(*inputs)
    if method == "__call__" and ufunc is np.divmod and not kwargs:  # what divmod(a, t) of an array calls
        return UFUNCS[np.floor_divide](*inputs), UFUNCS[np.remainder](*inputs)
    home = "np." if getattr(np, ufunc.__name__, None) is ufunc else ""
    name = home + ufunc.__name__ + ("" if method == "__call__" else f".{method}")
    recorded = _any_recorded(inputs, kwargs)
    for target in inputs[:1] if method == "at" else kwargs.get("out", ()):
        if target is not None:
            _refuse_writing(name, target, recorded)
    if method == "reduce" and ufunc in REDUCTIONS and "out" not in kwargs:
        kwargs.setdefault("axis", 0)
        return call_function(REDUCTIONS[ufunc], inputs, kwargs)
    if method == "outer" and op is not None and not kwargs:
        x, y = inputs
        return op(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)) if np.ndim(x) else x, y)
    if recorded and method == "__call__" and op is not None:
        raise lost(name, f"takes no {', '.join(f'{keyword}=' for keyword in kwargs)} here")
    if recorded:
        raise lost(name, "has no gradient rule here")
    _not_traced(name, inputs, kwargs)
    return getattr(ufunc, method)(*_plain(inputs), **_plain(kwargs))


def _not_traced(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Let a tracer know that NumPy is about to read Tensors, for a result that it will not hear of."""
    if mode.tracer is not None:
        for value in _leaves((args, kwargs)):
            if isinstance(value, Tensor):
                mode.tracer.reads(value, name)


def _refuse_writing(name: str, target: Any, recorded: bool) -> None:
    """Let nothing be written into a Tensor's array, which the tape may keep, nor a recorded Tensor into an array."""
    if isinstance(target, Tensor):
        raise TypeError(
            f"{name}: nothing is written into a Tensor; make a new one with t = tapegrad.index_update(t, key, value), "
            "tapegrad.index_add, tapegrad.where or t = t + x"
        )
    if recorded:
        raise LostGradientError(
            f"{name}: writing into an array (a += t, or out=a) would lose the gradient of a recorded Tensor; make a "
            "new one with a = a + t, or tapegrad.index_update(a, key, t) and tapegrad.index_add for a part of it"
        )


REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}


def lost(what: str, why: str) -> LostGradientError:
    """The error for what would silently drop a gradient, with the remedies."""
    return LostGradientError(
        f"{what} {why}, so the gradient would be lost. If none is wanted, pass t.detach(); "
        "otherwise use a function of tapegrad's, or make this one an op with tapegrad.primitive"
    )


def _any_recorded(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether there is a gradient to lose."""
    return mode.recording and any(isinstance(x, Tensor) and x._entry is not None for x in _leaves((args, kwargs)))


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _plain(value: Any) -> Any:
    """`value` with the arrays of its Tensors, which nobody may write into."""
    if isinstance(value, Tensor):
        if not isinstance(value._array, np.ndarray):
            return value._array
        view = value._array.view()
        view.flags.writeable = False
        return view
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(item, Tensor | list | tuple) for item in value):
        return type(value)(map(_plain, value))
    return value


def _path(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", "") or ""
    return f"{module.removeprefix('numpy.')}.{function.__name__}" if module.startswith("numpy.") else function.__name__
