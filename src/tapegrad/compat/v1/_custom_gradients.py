"""Gradients of a script's own: `tf.custom_gradient`, and `tf.RegisterGradient` with `gradient_override_map`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...primitive import variadic
from ._array import zeros_like
from ._frames import built, enclosing, like
from ._graph import get_default_graph
from ._infer import kind_of
from ._nodes import convert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Operation, Tensor
    from ._run import Run

__all__ = ["NoGradient", "NotDifferentiable", "RegisterGradient", "custom_gradient"]

_registered: dict[str, Callable[..., Any]] = {}


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose gradient is its own: `f(*xs)` gives its results and a function from their gradients to the xs'.

    Of several results, each has the gradient that it has where those of the others are zero.
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with get_default_graph().name_scope("CustomGradient"):
            xs = [convert(x) for x in args]
            results, pull = f(*xs, **kwargs)
            several = isinstance(results, list | tuple)
            ys = [convert(y) for y in (results if several else [results])]
            outputs = _with_gradient(ys, xs, pull)
        return type(results)(outputs) if several else outputs[0]

    return decorated


class RegisterGradient:
    """Gives the decorated `function(op, *gradients)` a name, for `Graph.gradient_override_map`."""

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        _register(self._op_type, f)
        return f


def _register(name: str, function: Callable[..., Any]) -> None:
    if name in _registered:
        raise KeyError(f"Registering two gradient with name '{name}'! (Previous registration is {_registered[name]!r})")
    _registered[name] = function


def NotDifferentiable(op_type: str) -> None:
    """Give a name, for `Graph.gradient_override_map`, to having no gradient."""
    _register(op_type, lambda op, *_: [None] * len(op.inputs))


NoGradient = NotDifferentiable


def overridden(op: Operation, name: str) -> list[Tensor]:
    """The outputs of an operation with the gradient that is registered under a name."""
    function = _registered.get(name)
    if function is None:
        raise LookupError(f"gradient registry has no entry for: {name}; register it by tf.RegisterGradient({name!r})")
    graph = op.graph
    names, graph.gradient_names = graph.gradient_names, {}  # what the gradient is made of has its own
    try:
        return _with_gradient(list(op.outputs), list(op.inputs), functools.partial(function, op))
    finally:
        graph.gradient_names = names


def _with_gradient(ys: list[Tensor], xs: list[Tensor], pull: Callable[..., Any]) -> list[Tensor]:
    """`ys`, whose gradients for `xs` are what `pull` makes of theirs."""

    def make(*gradients: Tensor) -> list[Any]:
        found = pull(*gradients)
        found = list(found) if isinstance(found, list | tuple) else [found]
        if len(found) != len(xs):
            raise ValueError(
                f"a gradient function must give one gradient for each of {len(xs)} inputs, got {len(found)}"
            )
        return [zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True)]

    kinds = [like(y) for y in ys]
    body = built(make, kinds)
    places = [i for i, x in enumerate(xs) if x.dtype.is_floating]

    def apply(run: Run, values: Sequence[Any], given: Sequence[dict[Tensor, Any]]) -> list[Any]:
        results = [np.asarray(_plain(y)) for y in values[: len(ys)]]
        sources = values[len(ys) :]
        if not any(isinstance(sources[i], Value) for i in places):
            return results

        def pulled(number: int, g: Any) -> list[Any]:
            others = [np.zeros(y.shape, y.dtype) for y in results]
            return body(run, [*others[:number], g, *others[number + 1 :]], given[0])

        return [
            _custom(*[sources[i] for i in places], y=y, pull=functools.partial(pulled, number), places=places)
            if ys[number].dtype.is_floating
            else y
            for number, y in enumerate(results)
        ]

    return enclosing("IdentityN", apply, [body], [*ys, *xs], lambda: list(map(kind_of, ys)), len(ys), alone=True)


def _plain(value: Any) -> Any:
    return value._array if isinstance(value, Value) else value


def _custom_rule(g: Any, index: int, pull: Callable[[Any], list[Any]], places: list[int]) -> Any:
    found = pull(g)[places[index]]
    return found if isinstance(g, Value) else _plain(found)


_custom = variadic(lambda *xs, y, pull, places: y, _custom_rule, name="custom_gradient")
