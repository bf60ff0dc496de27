"""Convolution layers: windows of `kernel_size` over places, in one, two or three dimensions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import convolution
from ...ops.shape import moveaxis, reshape
from ._initializers import zeros_initializer
from ._layer import InputSpec, last_size
from ._layers_dense import Dense, functional
from ._nodes import node

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

_FORWARD = {1: convolution.conv1d, 2: convolution.conv2d, 3: convolution.conv3d}
_BACKWARD = {2: convolution.conv_transpose2d, 3: convolution.conv_transpose3d}


def several(value: Any, count: int, what: str) -> tuple[int, ...]:
    """A number for each dimension; raises ValueError for another number of them."""
    values = (value,) * count if isinstance(value, int | np.integer) else tuple(value)
    if len(values) != count:
        raise ValueError(f"The `{what}` argument must be a tuple of {count} integers. Received: {value}")
    return tuple(map(int, values))


def channels_last(function: Callable[..., Any], data_format: str) -> Callable[..., Any]:
    """A function of images whose channels come last, for those whose channels come first."""
    if data_format == "channels_last":
        return function
    if data_format != "channels_first":
        raise ValueError(
            f"The `data_format` argument must be one of 'channels_first', 'channels_last'. Received: {data_format}"
        )
    return lambda x, *others, **params: moveaxis(function(moveaxis(x, 1, -1), *others, **params), -1, 1)


def length_after(size: int, window: int, stride: int, padding: str, dilation: int = 1) -> int:
    """How many windows there are along a dimension."""
    if padding == "SAME":
        return -(-size // stride)
    return max(0, -(-(size - (window - 1) * dilation) // stride))


class _Conv(Dense):
    """Windows of `kernel_size` over `rank` dimensions, each multiplied by the kernel, plus a bias."""

    rank = 0

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
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
        super().__init__(
            filters, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint, trainable, name, **others,
        )  # fmt: skip
        self.filters = int(filters)
        self.kernel_size = several(kernel_size, self.rank, "kernel_size")
        self.strides = several(strides, self.rank, "strides")
        self.dilation_rate = several(dilation_rate, self.rank, "dilation_rate")
        self.padding = padding.upper()
        if self.padding not in ("VALID", "SAME"):
            raise ValueError(f"The `padding` argument must be one of 'valid', 'same'. Received: {padding}")
        self.data_format = data_format
        self._channels = -1 if data_format == "channels_last" else 1
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        depth = last_size(self, input_shape, self._channels)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channels: depth})
        self.kernel = self.add_variable(
            "kernel", self._kernel_shape(depth), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = self._bias(self.filters)

    def _kernel_shape(self, depth: int) -> list[int]:
        return [*self.kernel_size, depth, self.filters]

    def call(self, inputs: Any) -> Any:
        """Compute."""
        function = functools.partial(
            _FORWARD[self.rank], strides=self.strides, padding=self.padding, dilation=self.dilation_rate
        )
        return self._finished(self._built(f"Conv{self.rank}D", function, self._shape_after, [inputs, self.kernel]))

    def _shape_after(self, sizes: tuple[int, ...]) -> list[int]:
        """The sizes of the places after it."""
        return [
            length_after(size, window, stride, self.padding, dilation)
            for size, window, stride, dilation in zip(
                sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True
            )
        ]

    def _built(
        self, kind: str, function: Callable[..., Any], after: Callable[[tuple[int, ...]], list[int]], inputs: list[Any]
    ) -> Tensor:
        def sample(x: Any, *kernels: Any) -> Any:
            shape = (x.shape[0], *after(x.shape[1:-1]), self.filters)
            return np.broadcast_to(np.zeros((), x.dtype), shape)

        return node(  # type: ignore[no-any-return]
            kind, channels_last(function, self.data_format), inputs, sample=channels_last(sample, self.data_format)
        )

    def _finished(self, outputs: Any) -> Any:
        if self.data_format == "channels_last" or self.bias is None:
            return super()._finished(outputs)
        places = (1,) * self.rank
        bias, self.bias = self.bias, None
        try:
            return super()._finished(node("BiasAdd", lambda x, b: x + reshape(b, (-1, *places)), [outputs, bias]))
        finally:
            self.bias = bias


class Conv1D(_Conv):
    """A convolution along one dimension: `(N, W, C) -> (N, OW, filters)`."""

    rank = 1


class Conv2D(_Conv):
    """A convolution over images: `(N, H, W, C) -> (N, OH, OW, filters)`."""

    rank = 2


class Conv3D(_Conv):
    """A convolution over volumes: `(N, D, H, W, C) -> (N, OD, OH, OW, filters)`."""

    rank = 3


class Conv2DTranspose(_Conv):
    """A transposed convolution over images, which makes them larger by its strides."""

    rank = 2

    def __init__(self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
                 data_format: str = "channels_last", *arguments: Any, **keywords: Any) -> None:  # fmt: skip
        super().__init__(filters, kernel_size, strides, padding, data_format, 1, *arguments, **keywords)

    def _kernel_shape(self, depth: int) -> list[int]:
        return [*self.kernel_size, self.filters, depth]

    def _shape_after(self, sizes: tuple[int, ...]) -> list[int]:
        extra = [max(k - s, 0) if self.padding == "VALID" else 0
                 for k, s in zip(self.kernel_size, self.strides, strict=True)]  # fmt: skip
        return [size * stride + more for size, stride, more in zip(sizes, self.strides, extra, strict=True)]

    def call(self, inputs: Any) -> Any:
        """Compute."""

        def function(x: Any, kernel: Any) -> Any:
            sizes = self._shape_after(x.shape[1:-1])
            return _BACKWARD[self.rank](x, kernel, self.strides, self.padding, output_size=sizes)

        return self._finished(self._built("conv_transpose", function, self._shape_after, [inputs, self.kernel]))


class Conv3DTranspose(Conv2DTranspose):
    """A transposed convolution over volumes, which makes them larger by its strides."""

    rank = 3


class SeparableConv2D(_Conv):
    """A convolution of each channel by itself, then one over channels: `(N, H, W, C) -> (N, OH, OW, filters)`."""

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = None,
        pointwise_initializer: Any = None,
        bias_initializer: Any = zeros_initializer,
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, None,
            bias_initializer, None, bias_regularizer, activity_regularizer, None, bias_constraint, trainable, name,
            **others,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self._depthwise = depthwise_initializer, depthwise_regularizer, depthwise_constraint
        self._pointwise = pointwise_initializer, pointwise_regularizer, pointwise_constraint

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        depth = last_size(self, input_shape, self._channels)
        many = depth * self.depth_multiplier
        shapes = {
            "depthwise_kernel": ([*self.kernel_size, depth, self.depth_multiplier], self._depthwise),
            "pointwise_kernel": ([*[1] * self.rank, many, self.filters], self._pointwise),
        }
        self.depthwise_kernel, self.pointwise_kernel = (
            self.add_variable(name, shape, initializer=start, regularizer=regularizer, constraint=constraint)
            for name, (shape, (start, regularizer, constraint)) in shapes.items()
        )
        self.bias = self._bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """Compute."""

        def function(x: Any, depthwise: Any, pointwise: Any) -> Any:
            *window, depth, many = depthwise.shape
            kernel = reshape(depthwise, (*window, 1, depth * many))
            y = convolution.conv2d(x, kernel, self.strides, self.padding, self.dilation_rate, groups=depth)
            return convolution.conv2d(y, pointwise, 1, "VALID")

        kernels = [self.depthwise_kernel, self.pointwise_kernel]
        return self._finished(self._built("separable_conv2d", function, self._shape_after, [inputs, *kernels]))


conv1d = functional(Conv1D, "conv1d")
conv2d = functional(Conv2D, "conv2d")
conv2d_transpose = functional(Conv2DTranspose, "conv2d_transpose")
conv3d = functional(Conv3D, "conv3d")
conv3d_transpose = functional(Conv3DTranspose, "conv3d_transpose")
separable_conv2d = functional(SeparableConv2D, "separable_conv2d")
