"""What recurrent cells have in common: their classes, states of zeros, and what their steps are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._pytree import flatten
from ...ops.shape import concat, split
from . import _dtypes as dtypes
from ._infer import Kind, constant_value
from ._layer import Layer
from ._math import sigmoid
from ._nodes import convert, node
from ._operation import Tensor
from ._shapes import Dimension, TensorShape
from ._variable_scopes import get_variable_scope, variable_scope


def joined(*tensors: Any) -> Any:
    """Tensors side by side, along the last of two dimensions."""
    return node("ConcatV2", lambda *values: concat(values, axis=1), tensors, "concat")  # type: ignore[no-any-return]


def parts(tensor: Tensor, count: int) -> list[Any]:
    """Tensors that were side by side."""
    return node("Split", lambda value: tuple(split(value, count, axis=1)), [tensor], "split", outputs=count)  # type: ignore[no-any-return]


def gate(x: Any) -> Any:
    """How far a gate is open, between 0 and 1."""
    return sigmoid(x)


def add_bias(tensor: Tensor, bias: Any) -> Tensor:
    """A bias added to every row."""
    return node("BiasAdd", lambda x, b: x + b, [tensor, bias])  # type: ignore[no-any-return]


def zeros(batch_size: Any, sizes: Any, dtype: Any) -> Any:
    """Zeros of a nest of sizes for each of `batch_size` examples, a number or a tensor."""
    leaves, rebuild = flatten(sizes)
    return rebuild([_zeros(batch_size, TensorShape(size).as_list(), dtypes.as_dtype(dtype)) for size in leaves])


def _zeros(batch_size: Any, shape: list[int | None], dtype: dtypes.DType) -> Tensor:
    if isinstance(batch_size, Dimension):
        batch_size = batch_size.value
    if isinstance(batch_size, Tensor):
        known = constant_value(batch_size)
        batch_size = batch_size if known is None else int(known)
    kind = dtype.dtype
    if not isinstance(batch_size, Tensor):
        return convert(np.zeros([int(batch_size), *[int(size or 0) for size in shape]], kind), name="zeros")
    return node(  # type: ignore[no-any-return]
        "Zeros", lambda count: np.zeros((int(count), *shape), kind), [batch_size], "zeros",
        sample=lambda count: Kind((None, *shape), kind),
    )  # fmt: skip


class RNNCell(Layer):
    """One step of a recurrent network. A subclass has `state_size`, `output_size` and `call(inputs, state)`."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **keywords: Any) -> Any:  # type: ignore[override]
        with variable_scope(get_variable_scope(), auxiliary_name_scope=False):
            return super().__call__(inputs, state, scope=scope, **keywords)

    @property
    def state_size(self) -> Any:
        """The size of the state, or a nest of sizes."""
        raise TypeError(f"{type(self).__name__} must have a state_size")

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        raise TypeError(f"{type(self).__name__} must have an output_size")

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """A state of zeros for `batch_size` examples."""
        return zeros(batch_size, self.state_size, dtype)

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """A state of zeros, for as many examples as `inputs` or `batch_size` say."""
        if inputs is not None:
            batch_size, dtype = batch_of(inputs), inputs.dtype
        return self.zero_state(batch_size, dtype)


class LayerRNNCell(RNNCell):
    """A cell with variables of its own; each such cell in a scope has a name of its own, too."""

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None, **others: Any) -> None:
        others.pop("input_size", None)  # an argument of old, which said nothing then, either
        super().__init__(trainable, name, dtype, **others)

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **keywords: Any) -> Any:  # type: ignore[override]
        return Layer.__call__(self, inputs, state, scope=scope, **keywords)


def batch_of(tensor: Tensor, axis: int = 0) -> Any:
    """How many examples there are: a number if it is known, otherwise a tensor."""
    size = tensor.shape[axis].value if tensor.shape.ndims else None
    if size is not None:
        return size
    return node("BatchSize", lambda x: np.asarray(np.shape(x)[axis], np.int32), [tensor], sample=_some)


def _some(_: Any) -> Any:
    return Kind((), np.dtype(np.int32))
