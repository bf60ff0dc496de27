"""Recurrent cells that came beside TensorFlow's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....ops.elementwise import sqrt, square
from ....ops.reduction import mean
from .._activations import dropout
from .._initializers import constant_initializer
from .._layer import last_size
from .._lstm_cells import LSTMStateTuple
from .._math import matmul, tanh
from .._nodes import node
from .._rnn_cell_base import LayerRNNCell, add_bias, gate, joined, parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._operation import Tensor

__all__ = ["LayerNormBasicLSTMCell"]

_GATES = ("input", "transform", "forget", "output")


class LayerNormBasicLSTMCell(LayerRNNCell):
    """An LSTM whose gates and cell are normalized, and whose new part is dropped out.

    Sources: Ba et al., Layer normalization, 2016; Semeniuta et al., Recurrent dropout without memory loss, 2016.
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        input_size: int | None = None,
        activation: Callable[[Any], Any] = tanh,
        layer_norm: bool = True,
        norm_gain: float = 1.0,
        norm_shift: float = 0.0,
        dropout_keep_prob: Any = 1.0,
        dropout_prob_seed: int | None = None,
        reuse: Any = None,
    ) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = int(num_units)
        self._forget_bias: Any = forget_bias
        self._activation, self._normal = activation, layer_norm
        self._gain, self._shift = norm_gain, norm_shift
        self._keep, self._seed = dropout_keep_prob, dropout_prob_seed

    @property
    def state_size(self) -> Any:
        """The sizes of the cell and the output."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units

    def build(self, input_shape: Any) -> None:
        """Make the kernel of all gates, and a gain and a shift for each, or a bias."""
        depth, units = last_size(self, input_shape), self._num_units
        self._kernel = self.add_variable("kernel", [depth + units, 4 * units])
        self._norms: dict[str, tuple[Any, Any]] = {}
        if not self._normal:
            self._bias = self.add_variable("bias", [4 * units], initializer=constant_initializer(0.0))
            return
        for name in (*_GATES, "state"):
            gain = self.add_variable(f"{name}/gamma", [units], initializer=constant_initializer(self._gain))
            shift = self.add_variable(f"{name}/beta", [units], initializer=constant_initializer(self._shift))
            self._norms[name] = gain, shift

    def call(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step."""
        c, h = state
        sums = matmul(joined(inputs, h), self._kernel)
        if not self._normal:
            sums = add_bias(sums, self._bias)
        i, j, f, o = (self._normalized(part, name) for part, name in zip(parts(sums, 4), _GATES, strict=True))
        new = self._activation(j)
        if not isinstance(self._keep, float | int) or self._keep < 1:
            new = dropout(new, self._keep, seed=self._seed)
        c = self._normalized(c * gate(f + self._forget_bias) + gate(i) * new, "state")
        h = self._activation(c) * gate(o)
        return h, LSTMStateTuple(c, h)

    def _normalized(self, x: Tensor, name: str) -> Tensor:
        if not self._normal:
            return x
        return node("LayerNorm", _normal, [x, *self._norms[name]], name)  # type: ignore[no-any-return]


def _normal(x: Any, gain: Any, shift: Any) -> Any:
    centred = x - mean(x, axis=1, keepdims=True)
    return centred / sqrt(mean(square(centred), axis=1, keepdims=True) + 1e-12) * gain + shift
