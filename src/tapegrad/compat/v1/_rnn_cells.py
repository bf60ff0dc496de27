"""Recurrent cells: one step of a recurrent network, `output, state = cell(inputs, state)`; and several cells as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._initializers import constant_initializer, zeros_initializer
from ._layer import Layer, last_size
from ._math import matmul, multiply, tanh
from ._nodes import node
from ._rnn_cell_base import LayerRNNCell, RNNCell, add_bias, gate, joined, parts
from ._variable_scopes import variable_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Tensor


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
