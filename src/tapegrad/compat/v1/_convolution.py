"""Convolutions, with TensorFlow's arguments: NHWC, or NCHW by exchanging dimensions, and HWIO filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import convolution as ops
from ...ops import shape as shaping
from ...ops._windows import windows
from ._arguments import chosen, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import Kind
from ._nodes import node, operands
from ._windowed import channels_first, channels_last, channels_second, edges_of, exchanged, sample_of, spatial

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = [
    "atrous_conv2d", "conv1d", "conv2d", "conv2d_backprop_input", "conv2d_transpose", "conv3d", "conv3d_transpose",
    "convolution", "depthwise_conv2d", "depthwise_conv2d_native", "separable_conv2d",
]  # fmt: skip


def _convolved(
    kind: str,
    label: str | None,
    ndim: int,
    inputs: list[Tensor],
    strides: Any,
    padding: Any,
    dilations: Any,
    data_format: str | None,
    depthwise: bool = False,
    spellings: tuple[str, str] = ("strides", "dilations"),
) -> Tensor:
    """A convolution over `ndim` spatial dimensions; messages call two of its arguments by their `spellings`."""
    first = channels_first(data_format)
    steps, edges = spatial(spellings[0], strides, ndim, first), edges_of(padding, ndim, first)
    holes = spatial(spellings[1], dilations, ndim, first)
    run = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}[ndim]

    def convolve(x: Any, filters: Any) -> Any:
        if not depthwise:
            return run(x, filters, steps, edges, holes)
        channels, multiplier = filters.shape[-2:]
        flat = shaping.reshape(filters, (*filters.shape[:-2], 1, channels * multiplier))
        return run(x, flat, steps, edges, holes, channels)

    def shape(x: tuple[int, ...], filters: tuple[int, ...]) -> tuple[int, ...]:
        at = windows(kind, x[1:-1], filters[:-2], steps, edges, holes)
        return (x[0], *at.out, filters[-1] * filters[-2] if depthwise else filters[-1])

    _check_channels(kind, inputs, first)
    return node(kind, exchanged(convolve, first), inputs, label, sample=sample_of(shape, first))  # type: ignore[no-any-return]


def _check_channels(kind: str, inputs: list[Tensor], first: bool) -> None:
    """Raise ValueError where it is known already that the filters are for another number of channels."""
    x, filters = (value.shape.sizes for value in inputs)
    if x is None or filters is None or len(x) < 3:
        return
    have, want = x[1] if first else x[-1], filters[-2]
    if have is not None and want is not None and have != want:
        raise ValueError(
            f"Depth of input ({have}) is not a multiple of input depth of filter ({want}) for {kind} with "
            f"input shapes: {list(x)}, {list(filters)}"
        )


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The convolution `(N, H, W, C), (KH, KW, C, F) -> (N, OH, OW, F)`."""
    inputs = operands(input, chosen("conv2d", filter=filter, filters=filters))
    return _convolved("Conv2D", name, 2, inputs, strides, padding, dilations, data_format)


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: Any, name: str | None = None) -> Tensor:
    """A convolution whose filters have `rate - 1` holes between their cells."""
    return conv2d(value, filters, 1, padding, dilations=rate, name=name)


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The convolution `(N, W, C), (KW, C, F) -> (N, OW, F)`."""
    inputs = operands(chosen("conv1d", value=value, input=input), filters)
    spellings = "stride", "dilations"
    return _convolved("conv1d", name, 1, inputs, stride, padding, dilations or 1, data_format, spellings=spellings)


def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The convolution `(N, D, H, W, C), (KD, KH, KW, C, F) -> (N, OD, OH, OW, F)`."""
    inputs = operands(input, chosen("conv3d", filter=filter, filters=filters))
    return _convolved("Conv3D", name, 3, inputs, strides, padding, dilations, data_format)


def convolution(
    input: Any,
    filter: Any = None,
    padding: Any = None,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """A convolution over one, two or three spatial dimensions, as many as the filters have."""
    inputs = operands(input, chosen("convolution", filter=filter, filters=filters))
    ndim = inputs[1].shape.ndims
    if ndim is None:
        raise ValueError("convolution: the number of dimensions of the filters must be known; use conv2d")
    holes = chosen("convolution", dilation_rate=dilation_rate, dilations=dilations)
    return _convolved(
        "convolution", name, ndim - 2, inputs, strides or 1, padding, holes or 1, data_format,
        spellings=("strides", "dilation_rate"),
    )  # fmt: skip


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """A convolution of each channel with filters of its own: `(N, H, W, C), (KH, KW, C, M) -> (N, OH, OW, C * M)`."""
    holes = chosen("depthwise_conv2d", rate=rate, dilations=dilations)
    return _convolved(
        "depthwise", name, 2, operands(input, filter), strides, padding, holes or 1, data_format, True,
        ("strides", "rate"),
    )  # fmt: skip


def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """As `depthwise_conv2d`."""
    return depthwise_conv2d(
        input, filter, strides, padding, None, name or "DepthwiseConv2dNative", data_format, dilations
    )


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """A convolution of each channel for itself, and then one of 1x1 that mixes them."""
    with get_default_graph().name_scope(name or "separable_conv2d") as scope:
        apart = depthwise_conv2d(input, depthwise_filter, strides, padding, rate, "depthwise", data_format, dilations)
        return conv2d(apart, pointwise_filter, 1, "VALID", data_format=data_format or "NHWC", name=scope)


def _transposed(
    kind: str, label: str | None, ndim: int, inputs: list[Tensor], output_shape: Any, strides: Any, padding: Any,
    dilations: Any, data_format: str | None,
) -> Tensor:  # fmt: skip
    first = channels_first(data_format)
    steps, edges = spatial("strides", strides, ndim, first), edges_of(padding, ndim, first)
    holes = spatial("dilations", dilations or 1, ndim, first)
    given, sizes = sizes_argument(output_shape)
    run = {1: ops.conv_transpose1d, 2: ops.conv_transpose2d, 3: ops.conv_transpose3d}[ndim]

    def spread(x: Any, filters: Any, *given: Any) -> Any:
        wanted = sizes_in(given, sizes)
        size = wanted[2:] if first else wanted[1:-1]
        out = run(channels_last(x) if first else x, filters, steps, edges, holes, output_size=size)
        out = channels_second(out) if first else out
        if out.shape != wanted:
            raise ValueError(f"{kind}: output_shape {wanted} does not fit, the result is {out.shape}")
        return out

    def sample(x: Any, filters: Any, *given: Any) -> Any:
        if sizes is None and given[0] is None:
            return Kind((None,) * (ndim + 2), filters.dtype)
        return np.broadcast_to(np.zeros((), filters.dtype), sizes_in(given, sizes))

    return node(kind, spread, [*inputs, *given], label, sample=sample)  # type: ignore[no-any-return]


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transposed convolution `(N, H, W, C), (KH, KW, F, C) -> output_shape`: conv2d's gradient for its input."""
    inputs = operands(
        chosen("conv2d_transpose", value=value, input=input), chosen("conv2d_transpose", filter=filter, filters=filters)
    )
    return _transposed("conv2d_transpose", name, 2, inputs, output_shape, strides, padding, dilations, data_format)


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` for its input, given that of its result."""
    label = name or "Conv2DBackpropInput"
    return conv2d_transpose(
        out_backprop, filter, input_sizes, strides, padding, data_format, label, dilations=dilations
    )


def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The transposed convolution `(N, D, H, W, C), (KD, KH, KW, F, C) -> output_shape`."""
    inputs = operands(value, filter)
    return _transposed("conv3d_transpose", name, 3, inputs, output_shape, strides, padding, None, data_format)
