"""Recurrent cells: one step of a recurrent network, `output, state = cell(inputs, state)`."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._pytree import flatten
from ...ops.shape import concat, split
from . import _dtypes as dtypes
from ._infer import Kind, constant_value
from ._initializers import constant_initializer, zeros_initializer
from ._layer import Layer, last_size
from ._math import matmul, multiply, sigmoid, tanh
from ._nodes import convert, node
from ._operation import Tensor
from ._shapes import Dimension, TensorShape
from ._variable_scopes import get_variable_scope, variable_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LSTMStateTuple = collections.namedtuple("LSTMStateTuple", ("c", "h"))
LSTMStateTuple.__doc__ = "The state of an LSTM: the cell `c`, and the output `h`."


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


class BasicRNNCell(LayerRNNCell):
    """The plainest cell: `activation(concat(inputs, state) W + b)`, which is both the output and the new state."""

    def __init__(
        self,
        num_units: int,
        activation: Callable[[Any], Any] | None = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        self._num_units = int(num_units)
        self._activation = activation or tanh

    @property
    def state_size(self) -> int:
        """The number of units."""
        return self._num_units

    output_size = state_size

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        depth = last_size(self, input_shape)
        self._kernel = self.add_variable("kernel", [depth + self._num_units, self._num_units])
        self._bias = self.add_variable("bias", [self._num_units], initializer=zeros_initializer())

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        output = self._activation(add_bias(matmul(joined(inputs, state), self._kernel), self._bias))
        return output, output


class GRUCell(LayerRNNCell):
    """A gated recurrent unit. Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014."""

    def __init__(
        self,
        num_units: int,
        activation: Callable[[Any], Any] | None = None,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        self._num_units = int(num_units)
        self._activation = activation or tanh
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    @property
    def state_size(self) -> int:
        """The number of units."""
        return self._num_units

    output_size = state_size

    def build(self, input_shape: Any) -> None:
        """Make the kernels and the biases of the gates, which begin open, and of the candidate."""
        depth, units = last_size(self, input_shape) + self._num_units, self._num_units
        kernel, bias = self._kernel_initializer, self._bias_initializer
        self._gates = (
            self.add_variable("gates/kernel", [depth, 2 * units], initializer=kernel),
            self.add_variable("gates/bias", [2 * units], initializer=bias or constant_initializer(1.0)),
        )
        self._candidate = (
            self.add_variable("candidate/kernel", [depth, units], initializer=kernel),
            self.add_variable("candidate/bias", [units], initializer=bias or zeros_initializer()),
        )

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        kernel, bias = self._gates
        reset, update = parts(gate(add_bias(matmul(joined(inputs, state), kernel), bias)), 2)
        kernel, bias = self._candidate
        candidate = self._activation(add_bias(matmul(joined(inputs, multiply(reset, state)), kernel), bias))
        new = update * state + (1 - update) * candidate
        return new, new


class BasicLSTMCell(LayerRNNCell):
    """An LSTM without peepholes. Source: Zaremba et al., Recurrent neural network regularization, 2014."""

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Callable[[Any], Any] | None = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        self._num_units = int(num_units)
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation or tanh

    @property
    def state_size(self) -> Any:
        """The sizes of the cell and the output, or their sum where the state is one tensor."""
        units = self._num_units
        return LSTMStateTuple(units, units) if self._state_is_tuple else 2 * units

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias of all four gates."""
        depth, units = last_size(self, input_shape), self._num_units
        self._kernel = self.add_variable("kernel", [depth + units, 4 * units])
        self._bias = self.add_variable("bias", [4 * units], initializer=zeros_initializer())

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step."""
        c, h = state if self._state_is_tuple else parts(state, 2)
        i, j, f, o = parts(add_bias(matmul(joined(inputs, h), self._kernel), self._bias), 4)
        c = c * gate(f + self._forget_bias) + gate(i) * self._activation(j)
        h = self._activation(c) * gate(o)
        return h, LSTMStateTuple(c, h) if self._state_is_tuple else joined(c, h)


class LSTMCell(LayerRNNCell):
    """An LSTM, perhaps with peepholes from the cell to the gates, and with a projection of the output.

    Source: Sak et al., Long short-term memory recurrent neural network architectures, 2014.
    """

    def __init__(
        self,
        num_units: int,
        use_peepholes: bool = False,
        cell_clip: float | None = None,
        initializer: Any = None,
        num_proj: int | None = None,
        proj_clip: float | None = None,
        num_unit_shards: Any = None,
        num_proj_shards: Any = None,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Callable[[Any], Any] | None = None,
        reuse: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **others: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, _reuse=reuse, **others)
        if isinstance(use_peepholes, int) and not isinstance(use_peepholes, bool):
            raise TypeError(
                "LSTMCell(num_units, input_size, ...) is an order of arguments from before TensorFlow 1.0; leave "
                f"input_size out (got {use_peepholes} in its place)"
            )
        self._num_units = int(num_units)
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._num_proj = num_proj
        self._proj_clip = proj_clip
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation or tanh

    @property
    def state_size(self) -> Any:
        """The sizes of the cell and the output, or their sum where the state is one tensor."""
        sizes = LSTMStateTuple(self._num_units, self.output_size)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        """The number of units, or of what they are projected to."""
        return self._num_proj or self._num_units

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias of all four gates, the peepholes and the projection."""
        depth, units, start = last_size(self, input_shape) + self.output_size, self._num_units, self._initializer
        self._kernel = self.add_variable("kernel", [depth, 4 * units], initializer=start)
        self._bias = self.add_variable("bias", [4 * units], initializer=zeros_initializer())
        if self._use_peepholes:
            self._peepholes: list[Any] = [
                self.add_variable(f"w_{gate}_diag", [units], initializer=start) for gate in "fio"
            ]
        if self._num_proj:
            self._projection = self.add_variable("projection/kernel", [units, self._num_proj], initializer=start)

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step."""
        from ._math import clip_by_value

        c, h = state if self._state_is_tuple else _parted(state, self._num_units)
        i, j, f, o = parts(add_bias(matmul(joined(inputs, h), self._kernel), self._bias), 4)
        f = f + self._forget_bias
        if self._use_peepholes:
            of_f, of_i, of_o = self._peepholes
            new = gate(f + of_f * c) * c + gate(i + of_i * c) * self._activation(j)
        else:
            new = gate(f) * c + gate(i) * self._activation(j)
        if self._cell_clip is not None:
            new = clip_by_value(new, -self._cell_clip, self._cell_clip)
        if self._use_peepholes:
            o = o + of_o * new
        h = gate(o) * self._activation(new)
        if self._num_proj:
            h = matmul(h, self._projection)
            if self._proj_clip is not None:
                h = clip_by_value(h, -self._proj_clip, self._proj_clip)
        return h, LSTMStateTuple(new, h) if self._state_is_tuple else joined(new, h)


def _parted(state: Tensor, first: int) -> list[Tensor]:
    return node("Split", lambda x: (x[:, :first], x[:, first:]), [state], "split", outputs=2)  # type: ignore[no-any-return]


class MultiRNNCell(RNNCell):
    """Cells one above the other: each gets the output of the one below."""

    def __init__(self, cells: Sequence[Any], state_is_tuple: bool = True) -> None:
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell.")
        if not isinstance(cells, list | tuple):
            raise TypeError(f"cells must be a list or tuple, but got: {cells}.")
        super().__init__()
        self._cells = list(cells)
        self._state_is_tuple = state_is_tuple
        if not state_is_tuple and any(isinstance(cell.state_size, tuple) for cell in cells):
            raise ValueError("Some cells return tuples of states, but the flag state_is_tuple is not set.")

    @property
    def state_size(self) -> Any:
        """The sizes of all states, or their sum where the state is one tensor."""
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """A state of zeros for `batch_size` examples."""
        if not self._state_is_tuple:
            return super().zero_state(batch_size, dtype)
        return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)

    @property
    def _every_variable(self) -> list[Any]:
        return [variable for cell in self._cells for variable in getattr(cell, "variables", [])]

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables of all cells that optimizers change."""
        return [variable for variable in self._every_variable if variable.trainable]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The variables of all cells that optimizers leave alone."""
        return [variable for variable in self._every_variable if not variable.trainable]

    variables = weights = Layer.variables
    trainable_weights, non_trainable_weights = trainable_variables, non_trainable_variables

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step of every cell."""
        if self._state_is_tuple:
            states = list(state)
            if len(states) != len(self._cells):
                raise ValueError(f"Expected state to be a tuple of length {len(self._cells)}, but received: {state}")
        else:
            states, begin = [], 0
            for cell in self._cells:
                states.append(_columns(state, begin, begin + cell.state_size))
                begin += cell.state_size
        new = []
        for number, (cell, own) in enumerate(zip(self._cells, states, strict=True)):
            with variable_scope(f"cell_{number}"):
                inputs, own = cell(inputs, own)
                new.append(own)
        return inputs, tuple(new) if self._state_is_tuple else joined(*new)


def _columns(state: Tensor, begin: int, end: int) -> Tensor:
    return node("Slice", lambda x: x[:, begin:end], [state])  # type: ignore[no-any-return]
