"""Convolution layers: PyTorch's names of arguments, over images with the channels last.

    nn.Conv2d(3, 64, kernel_size=3, padding="same")      # (N, H, W, 3) -> (N, H, W, 64)

`kernel_size`, `stride`, `padding` and `dilation` are a number, or one for each spatial dimension. Filters and bias
start uniform within 1 / sqrt(fan in) of zero, as PyTorch's do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ShapeError
from ..ops._windows import per_dimension
from ..ops.convolution import (
    bias_add,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from . import init
from ._spatial import NAMES, Padding, checked_cells, checked_padding, padding_for_op
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike

    from .._tape import Tensor

    Sizes = int | Sequence[int]


class _Filters(Module):
    """What all of these layers have: filters and a bias, and the numbers that say where the filters are laid."""

    dimensions: ClassVar[int]
    transposed: ClassVar[bool] = False
    convolve: ClassVar[Callable[..., Any]]
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    groups: int
    weight: Tensor
    bias: Tensor | None

    def _set(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes, padding: str | Sizes,
        dilation: Sizes, groups: int, bias: bool, dtype: DTypeLike | None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        (self.in_channels,) = per_dimension(name, "in_channels", in_channels, 1)
        (self.out_channels,) = per_dimension(name, "out_channels", out_channels, 1)
        self.kernel_size = per_dimension(name, "kernel_size", kernel_size, self.dimensions)
        self.stride = per_dimension(name, "stride", stride, self.dimensions)
        self.padding = checked_padding(name, padding, self.dimensions)
        self.dilation = per_dimension(name, "dilation", dilation, self.dimensions)
        (self.groups,) = per_dimension(name, "groups", groups, 1)
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name}: {what}={channels} does not divide into {groups} groups")
        # A transposed convolution has the filters of the convolution that it undoes, from its output to its input.
        source, target = (out_channels, in_channels) if self.transposed else (in_channels, out_channels)
        shape = (*self.kernel_size, source // groups, target)
        bound = 1 / math.sqrt(math.prod(shape[:-1]))
        self.weight = init.uniform(shape, -bound, bound, dtype)
        self.weight.requires_grad = True
        self.bias = None
        if bias:
            self.bias = init.uniform((out_channels,), -bound, bound, dtype)
            self.bias.requires_grad = True

    def _check(self, x: Any) -> None:
        shape, channels = np.shape(x), self.in_channels
        if len(shape) != self.dimensions + 2 or shape[-1] != channels:
            spatial = NAMES[self.dimensions]
            raise ShapeError(
                f"{type(self).__name__}: expected x as (N, {spatial}, {channels}), channels last, got shape {shape}; "
                f"wrap the model in nn.ChannelsFirst if its data are (N, {channels}, {spatial})"
            )

    def _with_bias(self, y: Any) -> Any:
        return y if self.bias is None else bias_add(y, self.bias)

    def extra_repr(self) -> str:
        """The channels and the size of the filters, and of the rest what is not as usual."""
        ones, zeros = (1,) * self.dimensions, (0,) * self.dimensions
        usual = {"stride": ones, "padding": zeros, "output_padding": zeros, "dilation": ones, "groups": 1}
        mine = {name: value for name, value in vars(self).items() if name in usual}
        unusual = "".join(f", {name}={value!r}" for name, value in mine.items() if value != usual[name])
        bias = "" if self.bias is not None else ", bias=False"
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}{unusual}{bias}"


class _Convolution(_Filters):
    """`convolve` with filters of its own; the layers below say over how many dimensions."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: str | Sizes = 0,
        dilation: Sizes = 1, groups: int = 1, bias: bool = True, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self._set(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype)

    def forward(self, x: Any) -> Any:
        self._check(x)
        padding = padding_for_op(self.padding)
        return self._with_bias(self.convolve(x, self.weight, self.stride, padding, self.dilation, self.groups))


class Conv1d(_Convolution):
    """The convolution `(N, W, in_channels) -> (N, OW, out_channels)`; see Conv2d."""

    dimensions = 1
    convolve = staticmethod(conv1d)


class Conv2d(_Convolution):
    """The convolution `(N, H, W, in_channels) -> (N, OH, OW, out_channels)`, with a bias for each output channel.

    `weight` is (KH, KW, in_channels / groups, out_channels), and `bias` is (out_channels,), or None. `padding` is the
    number of cells on either side, "valid" for none, or "same" for OH = H / stride, rounded up; where an odd number
    of cells has to be split, the last one goes to the end. Raises ValueError for channels that do not divide into
    `groups`, and ShapeError for an x of other channels.
    """

    dimensions = 2
    convolve = staticmethod(conv2d)


class Conv3d(_Convolution):
    """The convolution `(N, D, H, W, in_channels) -> (N, OD, OH, OW, out_channels)`; see Conv2d."""

    dimensions = 3
    convolve = staticmethod(conv3d)


class _TransposedConvolution(_Filters):
    """`convolve` with filters of its own and a size of output that is computed; as above."""

    transposed = True
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
        output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        padding = checked_cells(name, "padding", padding, self.dimensions)
        self._set(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype)
        self.output_padding = checked_cells(name, "output_padding", output_padding, self.dimensions)
        if any(extra >= stride for extra, stride in zip(self.output_padding, self.stride, strict=True)):
            raise ValueError(
                f"{name}: output_padding must be less than the stride {self.stride}, got {self.output_padding}"
            )

    def forward(self, x: Any) -> Any:
        self._check(x)
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        places = zip(np.shape(x)[1:-1], self.stride, spans, self.padding, self.output_padding, strict=True)
        sizes = [(n - 1) * stride + span - 2 * cells + extra for n, stride, span, cells, extra in places]
        padding = padding_for_op(self.padding)
        return self._with_bias(self.convolve(x, self.weight, self.stride, padding, self.dilation, self.groups, sizes))


class ConvTranspose1d(_TransposedConvolution):
    """The transposed convolution `(N, W, in_channels) -> (N, OW, out_channels)`; see ConvTranspose2d."""

    dimensions = 1
    convolve = staticmethod(conv_transpose1d)


class ConvTranspose2d(_TransposedConvolution):
    """The transposed convolution `(N, H, W, in_channels) -> (N, OH, OW, out_channels)`, which undoes Conv2d's shapes.

    OH is `(H - 1) * stride - 2 * padding + dilation * (KH - 1) + 1 + output_padding`. The last, less than the stride,
    chooses among the sizes that a Conv2d with the same numbers would have taken to H. `weight` is
    (KH, KW, out_channels / groups, in_channels), the filters of that Conv2d, and so its fan in counts the output's
    channels. Raises ValueError for numbers that do not fit each other, and ShapeError for an x of other channels.
    """

    dimensions = 2
    convolve = staticmethod(conv_transpose2d)


class ConvTranspose3d(_TransposedConvolution):
    """The transposed convolution `(N, D, H, W, in_channels) -> (N, OD, OH, OW, out_channels)`; see ConvTranspose2d."""

    dimensions = 3
    convolve = staticmethod(conv_transpose3d)
