"""The operators of tensors and variables: `x + y`, `x[0]`, `x @ y`."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from ..._tape import Tensor as Value
from ...ops import elementwise, indexing, product
from ._arguments import beside, plain
from ._nodes import convert, node, operands
from ._operation import Tensor
from ._variables import Variable

if TYPE_CHECKING:
    from collections.abc import Callable


def binary(kind: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    """A function of two tensors of one dtype, which broadcasts."""

    def call(x: Any, y: Any, name: str | None = None) -> Tensor:
        return node(kind, function, operands(x, y), name)  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = kind.lower()
    return call


def divided(x: Any, y: Any) -> Any:
    """As Python 2 divides, and so TensorFlow: whole numbers give whole numbers, rounded down."""
    return elementwise.floor_divide(x, y) if x.dtype.kind in "iu" else elementwise.divide(x, y)


def true_divided(x: Any, y: Any) -> Any:
    """As Python 3 divides: int32 gives float64."""
    return elementwise.divide(x, y)


def _getitem(x: Any, key: Any, name: str | None = None) -> Tensor:
    keys = key if isinstance(key, tuple) else (key,)
    if any(isinstance(k, Tensor | Variable) and convert(k).dtype.is_bool for k in keys):
        from ._choices import boolean_mask

        return boolean_mask(x, key)
    dynamic: list[Any] = []
    plan = tuple([_planned(k, dynamic) for k in keys])

    def item(value: Any, *numbers: Any) -> Any:
        given = iter(numbers)
        return indexing.getitem(beside(value, *numbers), tuple([_filled(k, given) for k in plan]))

    def sample(value: Any, *numbers: Any) -> Any:
        given = iter(numbers)
        # A place that is known only in a run takes a dimension away, whichever it is.
        return value[tuple([next(given) * 0 if k is _HOLE else _filled(k, given) for k in plan])]

    return node(  # type: ignore[no-any-return]
        "StridedSlice", item, [convert(x), *dynamic], name or "strided_slice", sample=sample if dynamic else None
    )


_HOLE = object()  # a number that is known only when a session runs


def _planned(key: Any, dynamic: list[Any]) -> Any:
    """A key, with holes where it has tensors, which go to `dynamic`."""
    if isinstance(key, slice):
        return slice(_planned(key.start, dynamic), _planned(key.stop, dynamic), _planned(key.step, dynamic))
    if isinstance(key, Tensor | Variable):
        dynamic.append(convert(key))
        return _HOLE
    if key is None or key is Ellipsis:
        return key
    try:
        return operator.index(key)
    except TypeError:
        raise TypeError(
            f"Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tensors are valid indices, "
            f"got {key!r}; tf.gather takes lists of places"
        ) from None


def _filled(key: Any, given: Any) -> Any:
    if isinstance(key, slice):
        ends = (key.start, key.stop, key.step)
        return slice(*[int(plain(next(given))) if end is _HOLE else end for end in ends])
    if key is not _HOLE:
        return key
    place = next(given)
    return place if isinstance(place, Value) else int(place)


def _install() -> None:
    two: dict[str, tuple[str, Callable[..., Any]]] = {
        "add": ("add", elementwise.add),
        "sub": ("sub", elementwise.subtract),
        "mul": ("mul", elementwise.multiply),
        "truediv": ("truediv", true_divided),
        "div": ("div", divided),
        "floordiv": ("floordiv", elementwise.floor_divide),
        "mod": ("mod", elementwise.remainder),
        "pow": ("pow", elementwise.pow),
        "matmul": ("matmul", product.matmul),
        "and": ("and", elementwise.logical_and),
        "or": ("or", elementwise.logical_or),
        "xor": ("LogicalXor", elementwise.logical_xor),
    }
    comparing: dict[str, tuple[str, Callable[..., Any]]] = {
        "lt": ("Less", elementwise.less),
        "le": ("LessEqual", elementwise.less_equal),
        "gt": ("Greater", elementwise.greater),
        "ge": ("GreaterEqual", elementwise.greater_equal),
    }
    one: dict[str, tuple[str, Callable[..., Any]]] = {
        "neg": ("Neg", elementwise.negative),
        "abs": ("Abs", elementwise.abs),
        "invert": ("LogicalNot", elementwise.logical_not),
    }
    for kind in (Tensor, Variable):
        for name, (label, function) in {**two, **comparing}.items():
            call = binary(label, function)
            setattr(kind, f"__{name}__", lambda x, y, call=call: call(x, y))
            if name in two:
                setattr(kind, f"__r{name}__", lambda x, y, call=call: call(y, x))
        for name, (label, function) in one.items():
            setattr(kind, f"__{name}__", lambda x, label=label, function=function: node(label, function, [convert(x)]))
    Tensor.__getitem__ = _getitem  # type: ignore[attr-defined, misc]
    Variable.__getitem__ = _getitem  # type: ignore[attr-defined, misc]
    Variable.__array_ufunc__ = None  # type: ignore[attr-defined]


_install()
