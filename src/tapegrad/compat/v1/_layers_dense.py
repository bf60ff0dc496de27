"""Layers without windows: dense, flatten, dropout; and how a class of layers becomes a function."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops.elementwise import where
from ...ops.product import matmul
from ...ops.shape import reshape
from ._initializers import zeros_initializer
from ._layer import InputSpec, Layer, activated, last_size
from ._nodes import convert, node
from ._operation import Tensor
from ._rnn_cell_base import add_bias

if TYPE_CHECKING:
    from collections.abc import Callable


def functional(kind: Any, what: str) -> Callable[..., Any]:
    """The function that makes a layer and calls it: `function(inputs, ..., name=None, reuse=None)`."""

    def call(inputs: Any, *arguments: Any, name: str | None = None, reuse: Any = None, **keywords: Any) -> Any:
        return kind(*arguments, name=name, _scope=name, _reuse=reuse, **keywords)(inputs)

    call.__name__ = call.__qualname__ = what
    call.__doc__ = f"`inputs` through a new layer, or with `reuse` one of that `name`: {kind.__doc__}"
    return call


class Dense(Layer):
    """Every input multiplied by a matrix, `kernel`, plus a `bias`: `(..., inputs) -> (..., units)`."""

    def __init__(
        self,
        units: int,
        activation: Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = zeros_initializer,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(trainable, name, **others)
        self.units = int(units)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.activity_regularizer = activity_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        depth = last_size(self, input_shape)
        self.input_spec = InputSpec(min_ndim=2, axes={-1: depth})
        self.kernel = self.add_variable(
            "kernel", [depth, self.units], initializer=self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = self._bias(self.units)

    def _bias(self, size: int) -> Any:
        if not self.use_bias:
            return None
        return self.add_variable(
            "bias", [size], initializer=self.bias_initializer, regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        """Compute."""
        outputs = node("MatMul", _product, [inputs, self.kernel])
        return self._finished(outputs)

    def _finished(self, outputs: Any) -> Any:
        """The outputs after the bias and the activation."""
        if self.bias is not None:
            outputs = add_bias(outputs, self.bias)
        outputs = activated(outputs, self.activation)
        if self.activity_regularizer is not None:
            self.add_loss(self.activity_regularizer(outputs))
        return outputs


def _product(x: Any, kernel: Any) -> Any:
    if x.ndim == 2:
        return matmul(x, kernel)
    return reshape(matmul(reshape(x, (-1, x.shape[-1])), kernel), (*x.shape[:-1], kernel.shape[-1]))


class Flatten(Layer):
    """Every example as one row: `(N, ...) -> (N, numbers)`."""

    def __init__(self, data_format: str = "channels_last", name: str | None = None, **others: Any) -> None:
        super().__init__(name=name, **others)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """Compute."""
        return node("Reshape", lambda x: reshape(x, (np.shape(x)[0], math.prod(np.shape(x)[1:]))), [inputs])


class Dropout(Layer):
    """Each number is dropped with probability `rate`, and the others are divided by `1 - rate`, if `training`."""

    def __init__(
        self, rate: Any = 0.5, noise_shape: Any = None, seed: Any = None, name: str | None = None, **others: Any
    ) -> None:
        super().__init__(name=name, **others)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def call(self, inputs: Any, training: Any = False) -> Any:
        """Compute; `training` is a bool, or a tensor that holds one."""
        from .nn import dropout

        if not isinstance(training, Tensor):
            if not training:
                return node("Identity", lambda x: x, [inputs])
            return dropout(inputs, rate=self.rate, noise_shape=self.noise_shape, seed=self.seed)
        kind = inputs.dtype
        rate = node(  # a number, even where `training` is a placeholder of any shape
            "Select", lambda on, rate: where(on, rate, rate * 0), [training, convert(self.rate, kind)],
            sample=lambda on, rate: rate,
        )  # fmt: skip
        return dropout(inputs, rate=rate, noise_shape=self.noise_shape, seed=self.seed)


dense = functional(Dense, "dense")
flatten = functional(Flatten, "flatten")


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: Any = None,
    training: Any = False,
    name: str | None = None,
) -> Any:
    """`inputs` of which each number is dropped with probability `rate`, if `training`; the others grow by as much."""
    return Dropout(rate, noise_shape, seed, name)(inputs, training=training)
