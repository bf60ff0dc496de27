"""From Python's values to tensors, and to operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from ._graph import get_default_graph
from ._operation import Operation, Tensor
from ._shapes import sizes_of
from ._values import array_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def convert(value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None) -> Tensor:
    """A tensor of anything that can be one: a tensor, a variable, an array, a number, a string, a list of these."""
    as_element = getattr(value, "_as_graph_element", None)
    if as_element is not None:
        value = as_element()
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype != dtypes.as_dtype(dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {dtypes.as_dtype(dtype).name} for Tensor with dtype "
                f"{value.dtype.name}: {value!r}; convert it with tf.cast"
            )
        return value
    if isinstance(value, Operation):
        raise TypeError(f"Can't convert Operation {value.name!r} to Tensor")
    if isinstance(value, list | tuple) and any(map(holds_tensors, value)):
        tensors = operands(*value, dtype=dtype)
        return node("Pack", pack, tensors, name or "stack")
    return constant(value, dtype, name=name, preferred_dtype=preferred_dtype)


def holds_tensors(value: Any) -> bool:
    """Whether it is a tensor or a variable, or a list with one in it."""
    if isinstance(value, list | tuple):
        return any(map(holds_tensors, value))
    return isinstance(value, Tensor) or hasattr(value, "_as_graph_element")


def pack(*values: Any) -> Any:
    """Values as the rows of one."""
    from ...ops.shape import stack

    return stack(values) if any(hasattr(value, "_array") for value in values) else np.stack(values)


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str | None = None,
    verify_shape: bool = False,
    preferred_dtype: Any = None,
) -> Tensor:
    """A value that never changes: of float32 or int32, if it is made of Python's numbers and `dtype` is silent."""
    array = array_of(value, dtype, preferred_dtype)
    if shape is not None:
        sizes = [int(size) for size in sizes_of(shape) or () if size is not None]
        count = int(np.prod(sizes, dtype=np.int64))
        if array.size == count:
            array = array.reshape(sizes)
        elif array.size and array.size < count and not verify_shape:
            flat = np.concatenate([array.ravel(), np.repeat(array.ravel()[-1:], count - array.size)])
            array = flat.reshape(sizes)  # the last value fills the rest
        elif array.size > count and not verify_shape:
            raise ValueError(f"Too many elements provided: the shape {tuple(sizes)} holds {count}, got {array.size}")
        else:
            raise TypeError(f"Expected Tensor's shape: {tuple(sizes)}, got {array.shape}.")
    array.flags.writeable = False
    return node("Const", _constant, (), name, value=array)


def _constant(value: Any) -> Any:
    return value


def operands(*values: Any, dtype: Any = None) -> list[Tensor]:
    """Tensors of one dtype: what is a tensor already decides for the numbers and arrays beside it."""
    if dtype is None:
        for value in values:
            as_element = getattr(value, "_as_graph_element", None)
            found = as_element() if as_element is not None else value
            if isinstance(found, Tensor):
                dtype = found.dtype
                break
    return [
        convert(value) if holds_tensors(value) and not isinstance(value, list | tuple) else convert(value, dtype)
        for value in values
    ]


def node(
    kind: str,
    function: Callable[..., Any],
    inputs: Sequence[Any],
    name: str | None = None,
    *,
    outputs: int | None = None,
    python: bool = False,
    in_run: bool = False,
    sample: Callable[..., Any] | None = None,
    **params: Any,
) -> Any:
    """Add a call to the graph and give its result: a tensor, or a list of `outputs` of them."""
    tensors = [convert(value) for value in inputs]
    graph = tensors[0].graph if tensors else get_default_graph()
    for tensor in tensors:
        if tensor.graph is not graph:
            raise ValueError(f"{tensor!r} must be from the same graph as {tensors[0]!r}.")
    op = graph.add(
        kind, function, tensors, name, outputs=outputs, python=python, in_run=in_run, sample=sample, params=params
    )
    if graph.gradient_names:
        gradient = graph.gradient_names.get(kind) or graph.gradient_names.get(kind[:1].upper() + kind[1:])
        if gradient is not None:
            from ._custom_gradients import overridden

            found = overridden(op, gradient)
            return found[0] if outputs is None else found
    return op.outputs[0] if outputs is None else op.outputs
