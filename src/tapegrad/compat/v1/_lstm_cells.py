"""LSTMs, one step of each: `output, state = cell(inputs, state)`."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

from ._clipping import clip_by_value
from ._initializers import zeros_initializer
from ._layer import last_size
from ._math import matmul, tanh
from ._nodes import node
from ._rnn_cell_base import LayerRNNCell, add_bias, gate, joined, parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

LSTMStateTuple = collections.namedtuple("LSTMStateTuple", ("c", "h"))
LSTMStateTuple.__doc__ = "The state of an LSTM: the cell `c`, and the output `h`."


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
