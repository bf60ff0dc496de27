"""What functions do with arguments: old spellings of them, axes and shapes, and values that must be known."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...tensor import asarray
from ._infer import constant_value
from ._nodes import convert, holds_tensors
from ._shapes import Dimension, TensorShape

if TYPE_CHECKING:
    from ._operation import Tensor


def chosen(function: str, **spellings: Any) -> Any:
    """The one of several spellings of an argument that was given, or None; raises ValueError for two of them."""
    given = {name: value for name, value in spellings.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"{function}: {' and '.join(map(repr, given))} are one argument; give one of them")
    return next(iter(given.values()), None)


def fixed(value: Any, what: str) -> Any:
    """An argument as Python's numbers, where it must be known while the graph is built; otherwise ValueError."""
    if holds_tensors(value):
        known = constant_value(convert(value))
        if known is None:
            raise ValueError(f"{what} must be known while the graph is built, got {value!r}; give numbers")
        value = known
    if isinstance(value, TensorShape):
        return value.as_list()
    if isinstance(value, list | tuple):
        return [fixed(item, what) for item in value]
    if isinstance(value, Dimension):
        return int(value)
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def axes_of(axis: Any) -> Any:
    """An `axis` argument as NumPy takes it: None, a number or a tuple of numbers."""
    axis = fixed(axis, "axis")
    if axis is None:
        return None
    return tuple(map(operator.index, axis)) if isinstance(axis, list) else operator.index(axis)


def sizes_argument(shape: Any) -> tuple[list[Tensor], tuple[int, ...] | None]:
    """A `shape` argument: no inputs and the sizes, or, where a session will tell them, the tensor that has them."""
    if isinstance(shape, TensorShape):
        shape = shape.dims
    if shape is None:
        raise ValueError("a shape must be given here: a list of sizes, such as [10, 3], or a tensor of them")
    if holds_tensors(shape):
        return [convert(shape)], None
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    if not isinstance(shape, list | tuple):
        shape = [shape]
    if any(size is None or (isinstance(size, Dimension) and size.value is None) for size in shape):
        raise ValueError(f"a size in {shape} is unknown while the graph is built; tf.shape(x)[i] gives it at run time")
    return [], tuple(map(operator.index, shape))


def plain(value: Any) -> np.ndarray[Any, Any]:
    """A run's value as an array to look at; in a program that does not know it yet, TraceError."""
    if isinstance(value, Value):
        value._read("a size, a place or a condition that a session must know")
        return np.asarray(value._array)
    return np.asarray(value)


def sizes_in(given: tuple[Any, ...], shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """The sizes that `sizes_argument` gave, when a session runs."""
    return tuple(plain(given[0]).reshape(-1).tolist()) if shape is None else shape


def beside(x: Any, *others: Any) -> Any:
    """`x` as a Tensor where one of `others`, places in it, is: by these alone an op would not get into a program."""
    if isinstance(x, Value) or not any(isinstance(other, Value) for other in others):
        return x
    return asarray(x)
