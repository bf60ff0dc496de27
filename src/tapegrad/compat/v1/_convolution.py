"""Convolutions and poolings, with TensorFlow's arguments: NHWC, or NCHW by exchanging dimensions, and HWIO filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import convolution as ops
from ...ops import pooling
from ...ops import shape as shaping
from ...ops._windows import windows
from ._arguments import chosen, fixed, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import Kind
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "atrous_conv2d",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv2d_backprop_input",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "convolution",
    "depthwise_conv2d",
    "depthwise_conv2d_native",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "pool",
    "separable_conv2d",
]


def _spatial(what: str, value: Any, ndim: int, first: bool) -> tuple[int, ...]:
    """The numbers for the `ndim` spatial dimensions, out of one number, `ndim` numbers or one for each dimension."""
    numbers = fixed(value, what)
    if not isinstance(numbers, list):
        numbers = [numbers]
    if len(numbers) == 1:
        numbers = numbers * ndim
    if len(numbers) == ndim + 2:
        channels = numbers[1] if first else numbers[-1]
        if numbers[0] != 1 or channels != 1:
            raise ValueError(f"{what}: expected 1 for examples and channels, got {value}")
        numbers = numbers[2:] if first else numbers[1:-1]
    if len(numbers) != ndim:
        raise ValueError(f"{what}: expected a number, {ndim} or {ndim + 2} of them, got {value}")
    return tuple(int(number) for number in numbers)


def _padding(value: Any, ndim: int, first: bool) -> Any:
    """ "SAME", "VALID", or pairs of numbers for the spatial dimensions."""
    if isinstance(value, str) or value is None:
        kind = (value or "").upper()
        if kind not in ("SAME", "VALID"):
            raise ValueError(f"padding must be 'SAME' or 'VALID', got {value!r}")
        return kind
    pairs = [tuple(pair) for pair in fixed(value, "padding")]
    return tuple(pairs[2:] if first else pairs[1:-1]) if len(pairs) == ndim + 2 else tuple(pairs)


def _channels_first(data_format: str | None) -> bool:
    return bool(data_format) and str(data_format).startswith("NC")


def _last(x: Any) -> Any:
    return shaping.moveaxis(x, 1, -1)


def _first(x: Any) -> Any:
    return shaping.moveaxis(x, -1, 1)


def _exchanged(function: Callable[..., Any], first: bool) -> Callable[..., Any]:
    """`function` for inputs with their channels in the second dimension, if `first`."""
    return (lambda x, *others: _first(function(_last(x), *others))) if first else function


def _sample(make: Callable[..., tuple[int, ...]], first: bool) -> Callable[..., Any]:
    """The shape and dtype of a result without computing it; `make` gives the shape for channels last."""

    def sample(x: Any, *others: Any) -> Any:
        if x is None:
            raise ValueError
        shape = [x.shape[0], *x.shape[2:], x.shape[1]] if first else list(x.shape)
        try:
            sizes = list(make(tuple(shape), *[np.shape(other) for other in others]))
        except ValueError:  # the sizes that stand for unknown ones may be smaller than a window
            return Kind((None,) * len(shape), x.dtype)
        if first:
            sizes = [sizes[0], sizes[-1], *sizes[1:-1]]
        return np.broadcast_to(np.zeros((), x.dtype), sizes)

    return sample


# --------------------------------------------------------------------------------------------------
# Convolution


def _convolved(
    kind: str,
    label: str | None,
    ndim: int,
    inputs: list[Tensor],
    strides: tuple[int, ...],
    padding: Any,
    dilations: tuple[int, ...],
    first: bool,
    depthwise: bool = False,
) -> Tensor:
    run = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}[ndim]

    def convolve(x: Any, filters: Any) -> Any:
        if not depthwise:
            return run(x, filters, strides, padding, dilations)
        channels, multiplier = filters.shape[-2:]
        flat = shaping.reshape(filters, (*filters.shape[:-2], 1, channels * multiplier))
        return run(x, flat, strides, padding, dilations, channels)

    def shape(x: tuple[int, ...], filters: tuple[int, ...]) -> tuple[int, ...]:
        at = windows(kind, x[1:-1], filters[:-2], strides, padding, dilations)
        return (x[0], *at.out, filters[-1] * filters[-2] if depthwise else filters[-1])

    _check_channels(kind, inputs, first)
    return node(kind, _exchanged(convolve, first), inputs, label, sample=_sample(shape, first))  # type: ignore[no-any-return]


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
    first = _channels_first(data_format)
    numbers = (
        _spatial("strides", strides, 2, first),
        _padding(padding, 2, first),
        _spatial("dilations", dilations, 2, first),
    )
    return _convolved("Conv2D", name, 2, inputs, *numbers, first)


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
    first = _channels_first(data_format)
    numbers = (
        _spatial("stride", stride, 1, first),
        _padding(padding, 1, first),
        _spatial("dilations", dilations or 1, 1, first),
    )
    return _convolved("conv1d", name, 1, inputs, *numbers, first)


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
    first = _channels_first(data_format)
    numbers = (
        _spatial("strides", strides, 3, first),
        _padding(padding, 3, first),
        _spatial("dilations", dilations, 3, first),
    )
    return _convolved("Conv3D", name, 3, inputs, *numbers, first)


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
    first, ndim = _channels_first(data_format), ndim - 2
    holes = _spatial(
        "dilation_rate", chosen("convolution", dilation_rate=dilation_rate, dilations=dilations) or 1, ndim, first
    )
    return _convolved(
        "convolution", name, ndim, inputs, _spatial("strides", strides or 1, ndim, first),
        _padding(padding, ndim, first), holes, first,
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
    first = _channels_first(data_format)
    holes = _spatial("rate", chosen("depthwise_conv2d", rate=rate, dilations=dilations) or 1, 2, first)
    steps = _spatial("strides", strides, 2, first)
    return _convolved(
        "depthwise", name, 2, operands(input, filter), steps, _padding(padding, 2, first), holes, first, True
    )


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
    first = _channels_first(data_format)
    steps, edges = _spatial("strides", strides, ndim, first), _padding(padding, ndim, first)
    holes = _spatial("dilations", dilations or 1, ndim, first)
    given, sizes = sizes_argument(output_shape)
    run = {1: ops.conv_transpose1d, 2: ops.conv_transpose2d, 3: ops.conv_transpose3d}[ndim]

    def spread(x: Any, filters: Any, *given: Any) -> Any:
        wanted = sizes_in(given, sizes)
        size = wanted[2:] if first else wanted[1:-1]
        out = run(_last(x) if first else x, filters, steps, edges, holes, output_size=size)
        out = _first(out) if first else out
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


# --------------------------------------------------------------------------------------------------
# Pooling


def _pooled(
    kind: str, run: Callable[..., Any], ndim: int, value: Any, ksize: Any, strides: Any, padding: Any,
    data_format: str | None, name: str | None,
) -> Tensor:  # fmt: skip
    first = _channels_first(data_format)
    size, steps = _spatial("ksize", ksize, ndim, first), _spatial("strides", strides, ndim, first)
    edges = _padding(padding, ndim, first)

    def shape(x: tuple[int, ...]) -> tuple[int, ...]:
        return (x[0], *windows(kind, x[1:-1], size, steps, edges).out, x[-1])

    def reduce(x: Any) -> Any:
        return run(x, size, steps, edges)

    return node(kind, _exchanged(reduce, first), [convert(value)], name, sample=_sample(shape, first))  # type: ignore[no-any-return]


def max_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The largest element of each window, channel by channel: `(N, H, W, C) -> (N, OH, OW, C)`."""
    value = chosen("max_pool", value=value, input=input)
    return _pooled("MaxPool", pooling.max_pool, 2, value, ksize, strides, padding, data_format, name)


def avg_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The mean of each window, channel by channel, without the padding: `(N, H, W, C) -> (N, OH, OW, C)`."""
    value = chosen("avg_pool", value=value, input=input)
    return _pooled("AvgPool", pooling.avg_pool, 2, value, ksize, strides, padding, data_format, name)


max_pool2d, avg_pool2d = max_pool, avg_pool


def _pooling(kind: str, run: Callable[..., Any], ndim: int, usual: str) -> Callable[..., Tensor]:
    def call(
        input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = usual, name: str | None = None
    ) -> Tensor:
        return _pooled(kind, run, ndim, input, ksize, strides, padding, data_format, name)

    return call


max_pool1d = _pooling("MaxPool1d", pooling.max_pool, 1, "NWC")
avg_pool1d = _pooling("AvgPool1D", pooling.avg_pool, 1, "NWC")
max_pool3d = _pooling("MaxPool3D", pooling.max_pool, 3, "NDHWC")
avg_pool3d = _pooling("AvgPool3D", pooling.avg_pool, 3, "NDHWC")


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    padding: Any,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
) -> Tensor:
    """A pooling over as many spatial dimensions as `window_shape` has; `pooling_type` is "MAX" or "AVG"."""
    window = fixed(window_shape, "window_shape")
    holes = fixed(dilation_rate, "dilation_rate")
    if holes and set(np.ravel(holes).tolist()) != {1}:
        raise ValueError("pool: windows with holes are not covered; leave dilation_rate out")
    if pooling_type not in ("MAX", "AVG"):
        raise ValueError(f"pool: expected pooling_type 'MAX' or 'AVG', got {pooling_type!r}")
    run = pooling.max_pool if pooling_type == "MAX" else pooling.avg_pool
    return _pooled(
        f"{pooling_type.lower()}_pool", run, len(window), input, window, strides or [1] * len(window), padding,
        data_format, name,
    )  # fmt: skip
