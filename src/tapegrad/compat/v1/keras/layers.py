"""Keras's layers: those of `tf.layers`, with activations and initializers that may be named by strings."""

from __future__ import annotations

from typing import Any

from .. import initializers, nn
from .. import layers as plain
from .._layer import Layer
from .._missing import not_covered
from .._rnn_cells import BasicRNNCell

__all__ = [
    "Activation",
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "SimpleRNNCell",
]

__getattr__ = not_covered(__name__)

_ACTIVATIONS = {"elu", "relu", "selu", "sigmoid", "softmax", "softplus", "softsign", "tanh"}


def activation_of(activation: Any) -> Any:
    """The function that `activation` is or names; None for no activation."""
    if activation is None or callable(activation):
        return activation
    if activation == "linear":
        return None
    if activation not in _ACTIVATIONS:
        raise ValueError(f"Unknown activation function: {activation!r}; there are {', '.join(sorted(_ACTIVATIONS))}")
    return getattr(nn, activation)


def _initializer(start: Any) -> Any:
    if start is None or callable(start):
        return start
    if start not in initializers.__all__:
        raise ValueError(f"Unknown initializer: {start!r}; there are {', '.join(initializers.__all__)}")
    return getattr(initializers, start)()


def _told(keywords: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The arguments as tf.layers takes them, and the shape of an example, where one is given."""
    rest = {
        key: _initializer(value) if key.endswith("_initializer") else activation_of(value)
        if key == "activation" else value for key, value in keywords.items()
    }  # fmt: skip
    shape = rest.pop("input_shape", None)
    width = rest.pop("input_dim", None)
    return rest, (width,) if shape is None and width is not None else shape


class Dense(plain.Dense):
    """Every input multiplied by a matrix, plus a bias: `(..., inputs) -> (..., units)`."""

    def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **keywords: Any) -> None:
        rest, self.input_shape = _told(keywords)
        super().__init__(units, activation_of(activation), use_bias, **rest)


class Conv2D(plain.Conv2D):
    """A convolution over images: `(N, H, W, C) -> (N, OH, OW, filters)`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        **keywords: Any,
    ) -> None:
        rest, self.input_shape = _told(keywords)
        super().__init__(
            filters, kernel_size, strides, padding, data_format or "channels_last", dilation_rate,
            activation_of(activation), **rest,
        )  # fmt: skip


class MaxPooling2D(plain.MaxPooling2D):
    """The largest number of each window; windows are as far apart as they are wide, unless `strides` says otherwise."""

    def __init__(
        self, pool_size: Any = (2, 2), strides: Any = None, padding: str = "valid", data_format: str | None = None,
        **keywords: Any,
    ) -> None:  # fmt: skip
        rest, self.input_shape = _told(keywords)
        super().__init__(pool_size, strides or pool_size, padding, data_format or "channels_last", **rest)


class AveragePooling2D(MaxPooling2D):
    """The average of each window; windows are as far apart as they are wide, unless `strides` says otherwise."""

    largest = False


MaxPool2D = MaxPooling2D


class Dropout(plain.Dropout):
    """While the model is fitted, each number is dropped with probability `rate`, and the others grow by as much."""

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **keywords: Any) -> None:
        rest, self.input_shape = _told(keywords)
        super().__init__(rate, noise_shape, seed, **rest)


class BatchNormalization(plain.BatchNormalization):
    """Numbers less the mean of their channel, over its deviation: those of the batch while the model is fitted."""

    def __init__(self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, **keywords: Any) -> None:
        rest, self.input_shape = _told(keywords)
        super().__init__(axis, momentum, epsilon, **rest)


class Flatten(plain.Flatten):
    """Every example as one row: `(N, ...) -> (N, numbers)`."""

    def __init__(self, **keywords: Any) -> None:
        rest, self.input_shape = _told(keywords)
        super().__init__(**rest)


class Activation(Layer):
    """An activation as a layer of its own."""

    def __init__(self, activation: Any, **keywords: Any) -> None:
        rest, self.input_shape = _told(keywords)
        super().__init__(**rest)
        self.activation = activation_of(activation)

    def call(self, inputs: Any) -> Any:
        """Compute."""
        return inputs if self.activation is None else self.activation(inputs)


class SimpleRNNCell(BasicRNNCell):
    """The plainest recurrent cell, for tf.nn.dynamic_rnn and its like; inputs and state have a kernel each.

    `activation` is tanh unless it is given. The state is a tensor, or a list of one, as Keras has it.
    """

    def __init__(self, units: int, activation: Any = "tanh", use_bias: bool = True, **keywords: Any) -> None:
        rest, _ = _told(keywords)
        start, recurrent = rest.pop("kernel_initializer", None), rest.pop("recurrent_initializer", None)
        super().__init__(units, activation_of(activation), **rest)
        self._starts = start, recurrent or initializers.orthogonal()
        self._use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        from .._layer import last_size

        units = self._num_units
        self.kernel = self.add_variable("kernel", [last_size(self, input_shape), units], initializer=self._starts[0])
        self.recurrent_kernel = self.add_variable("recurrent_kernel", [units, units], initializer=self._starts[1])
        self.bias = self.add_variable("bias", [units], initializer=initializers.zeros()) if self._use_bias else None

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step."""
        from .._math import matmul
        from .._rnn_cell_base import add_bias

        before = state[0] if isinstance(state, list | tuple) else state
        total: Any = matmul(inputs, self.kernel) + matmul(before, self.recurrent_kernel)  # type: ignore[operator]
        output = total if self.bias is None else add_bias(total, self.bias)
        if self._activation is not None:
            output = self._activation(output)
        return output, type(state)([output]) if isinstance(state, list | tuple) else output
