"""Pooling layers: PyTorch's names of arguments, over images with the channels last.

`kernel_size`, `stride` and `padding` are a number, or one for each spatial dimension. Without a `stride`, windows are
as far apart as they are wide. At the end, what is left over and fills no window is left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ops._windows import per_dimension
from ..ops.pooling import avg_pool, max_pool
from ..ops.product import matmul
from ..ops.shape import pad, reshape
from ._spatial import NAMES, checked_cells, padding_for_op
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Sizes = int | Sequence[int]


def _check(layer: Module, x: Any, dimensions: int) -> None:
    if np.ndim(x) != dimensions + 2:
        raise ShapeError(
            f"{type(layer).__name__}: expected x as (N, {NAMES[dimensions]}, channels), got shape {np.shape(x)}"
        )


class _Pool(Module):
    """What pooling by windows has in common: where they lie."""

    dimensions: ClassVar[int]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        name = type(self).__name__
        self.kernel_size = per_dimension(name, "kernel_size", kernel_size, self.dimensions)
        self.stride = self.kernel_size if stride is None else per_dimension(name, "stride", stride, self.dimensions)
        self.padding = checked_cells(name, "padding", padding, self.dimensions)

    def extra_repr(self) -> str:
        stride = "" if self.stride == self.kernel_size else f", stride={self.stride}"
        padding = f", padding={self.padding}" if any(self.padding) else ""
        return f"kernel_size={self.kernel_size}{stride}{padding}"


class _MaxPool(_Pool):
    def forward(self, x: Any) -> Any:
        _check(self, x, self.dimensions)
        return max_pool(x, self.kernel_size, self.stride, padding_for_op(self.padding))


class MaxPool1d(_MaxPool):
    """The largest number of each window and channel: (N, W, C) -> (N, OW, C); see MaxPool2d."""

    dimensions = 1


class MaxPool2d(_MaxPool):
    """The largest number of each window and channel: (N, H, W, C) -> (N, OH, OW, C).

    OH is `(H + 2 * padding - KH) // stride + 1`. Padding never is the largest. The gradient goes to the first maximum.
    """

    dimensions = 2


class MaxPool3d(_MaxPool):
    """The largest number of each window and channel: (N, D, H, W, C) -> (N, OD, OH, OW, C); see MaxPool2d."""

    dimensions = 3


class _AvgPool(_Pool):
    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, count_include_pad: bool = True
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Any:
        _check(self, x, self.dimensions)
        margins = [(cells, cells) for cells in self.padding]
        if self.count_include_pad and any(self.padding):  # zeros that count as any other cell
            x = pad(x, [(0, 0), *margins, (0, 0)])
            margins = [(0, 0)] * self.dimensions
        return avg_pool(x, self.kernel_size, self.stride, margins)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.count_include_pad else ", count_include_pad=False")


class AvgPool1d(_AvgPool):
    """The mean of each window and channel: (N, W, C) -> (N, OW, C); see AvgPool2d."""

    dimensions = 1


class AvgPool2d(_AvgPool):
    """The mean of each window and channel: (N, H, W, C) -> (N, OH, OW, C), OH as MaxPool2d's.

    Padding counts, as zeros, which is PyTorch's default and pulls the border towards zero; without
    `count_include_pad` the mean is that of the cells that exist, as TensorFlow's and `tg.avg_pool`'s is.
    """

    dimensions = 2


class AvgPool3d(_AvgPool):
    """The mean of each window and channel: (N, D, H, W, C) -> (N, OD, OH, OW, C); see AvgPool2d."""

    dimensions = 3


class _AdaptiveAvgPool(Module):
    dimensions: ClassVar[int]

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = per_dimension(type(self).__name__, "output_size", output_size, self.dimensions)

    def forward(self, x: Any) -> Any:
        _check(self, x, self.dimensions)
        for axis, count in enumerate(self.output_size, 1):
            shape = np.shape(x)
            lines = reshape(x, (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])))
            if lines.dtype.kind != "f":
                raise DTypeError(f"{type(self).__name__}: expected floating-point numbers, got {lines.dtype}")
            means = matmul(_averages(count, shape[axis], lines.dtype), lines)
            x = reshape(means, (*shape[:axis], count, *shape[axis + 1 :]))
        return x

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


def _averages(count: int, size: int, dtype: Any) -> NDArray[Any]:
    """The matrix (count, size) that takes `size` numbers to the means of `count` windows, as equal as can be."""
    weights = np.zeros((count, size), dtype)
    for row in range(count):
        window = slice(row * size // count, -(-(row + 1) * size // count))
        weights[row, window] = 1 / (window.stop - window.start)
    return weights


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of `output_size` windows of about equal widths: (N, W, C) -> (N, OW, C); see AdaptiveAvgPool2d."""

    dimensions = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of `output_size` windows of about equal sizes: (N, H, W, C) -> (N, OH, OW, C), for any H and W.

    With an output_size of 1 it is the mean of each channel, which networks for images of any size end in.
    """

    dimensions = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of `output_size` windows of about equal sizes: (N, D, H, W, C) -> (N, OD, OH, OW, C); as in 2d."""

    dimensions = 3
