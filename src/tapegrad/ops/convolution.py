"""Convolution in one, two and three dimensions, channels last: inputs (N, *spatial, C), filters (*taps, C / groups, F).

A convolution is linear in its input and in its filters, so its two gradients are linear in the incoming gradient and
in the other argument. The three ops are closed: each one's rules are the other two, and so every order exists.

The filters are not flipped, as everywhere in neural networks (mathematicians would say cross-correlation).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Tensor
from ..errors import DTypeError, ShapeError
from ..kernels.choice import kernels
from ..primitive import primitive
from ._windows import Windows, per_dimension, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bias_add", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


# The three ops. `at` are the windows over three spatial dimensions.


def _ready(*arrays: Any) -> list[Any]:
    """Arrays as the kernels want them: C-contiguous, of the common dtype, and of one type for numba."""
    first = arrays[0].dtype
    if first.isnative and all(type(a) is np.ndarray and a.dtype == first and a.flags.carray for a in arrays):
        return list(arrays)
    dtype = np.result_type(*arrays).newbyteorder("=")
    ready = (np.require(a, dtype, ("C", "ALIGNED", "ENSUREARRAY")) for a in arrays)
    return [a if a.flags.writeable else np.asarray(_Unlocked(a)) for a in ready]


class _Unlocked:
    """A read-only array under the guise of a writeable one, for kernels that only read it.

    numba would take a read-only array for another type, and compile every kernel again.
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def _deep(x: Any, front: int) -> Any:
    """`x` with three spatial dimensions behind the first `front`, those that it lacks having a size of 1."""
    return x.reshape(*x.shape[:front], *(1,) * (5 - x.ndim), *x.shape[front:])


def _convolve_raw(x: Any, filters: Any, *, at: Windows, groups: int) -> Any:
    x, filters = _ready(x, filters)
    y = kernels(x.dtype, "convolution").forward(_deep(x, 1), _deep(filters, 0), at, groups)
    return y.reshape(len(x), *at.out[5 - x.ndim :], y.shape[-1])


def _input_gradient_raw(y: Any, filters: Any, *, sizes: tuple[int, ...], at: Windows, groups: int) -> Any:
    y, filters = _ready(y, filters)
    deep = (1,) * (3 - len(sizes)) + sizes
    x = kernels(y.dtype, "convolution").input_gradient(_deep(y, 1), _deep(filters, 0), deep, at, groups)
    return x.reshape(len(y), *sizes, x.shape[-1])


def _filter_gradient_raw(x: Any, y: Any, *, at: Windows, groups: int) -> Any:
    x, y = _ready(x, y)
    filters = kernels(x.dtype, "convolution").filter_gradient(_deep(x, 1), _deep(y, 1), at.size, at, groups)
    return filters.reshape(*at.size[5 - x.ndim :], *filters.shape[3:])


_convolve = primitive(
    _convolve_raw,
    lambda g, filters, shape, at, groups: _input_gradient(g, filters, sizes=shape[1:-1], at=at, groups=groups),
    lambda g, x, at, groups: _filter_gradient(x, g, at=at, groups=groups),
    name="convolution",
)
_input_gradient = primitive(
    _input_gradient_raw,
    lambda g, filters, at, groups: _convolve(g, filters, at=at, groups=groups),
    lambda g, y, at, groups: _filter_gradient(g, y, at=at, groups=groups),
    name="convolution_input_gradient",
)
_filter_gradient = primitive(
    _filter_gradient_raw,
    lambda g, y, shape, at, groups: _input_gradient(y, g, sizes=shape[1:-1], at=at, groups=groups),
    lambda g, x, at, groups: _convolve(x, g, at=at, groups=groups),
    name="convolution_filter_gradient",
)


def _checked(name: str, ndim: int, x: Any, filters: Any) -> tuple[Any, Any]:
    """`x` and `filters` as arrays or Tensors, floating-point, with the dimensions of a convolution over `ndim`."""
    x = x if isinstance(x, Tensor) else np.asarray(x)
    filters = filters if isinstance(filters, Tensor) else np.asarray(filters)
    if x.ndim != ndim + 2 or filters.ndim != ndim + 2:
        spatial, taps = {1: ("W", "KW"), 2: ("H, W", "KH, KW"), 3: ("D, H, W", "KD, KH, KW")}[ndim]
        raise ShapeError(
            f"{name}: expected x as (N, {spatial}, channels) and filters as ({taps}, channels, channels), "
            f"got x {x.shape} and filters {filters.shape}"
        )
    for what, array in (("x", x), ("filters", filters)):
        if array.dtype.kind != "f":
            raise DTypeError(
                f"{name}: expected floating-point numbers, but {what} is {array.dtype}; convert with astype"
            )
    return x, filters


@functools.lru_cache(512)
def _deepened(at: Windows) -> Windows:
    missing = 3 - len(at.size)
    ones, zeros = (1,) * missing, (0,) * missing
    return Windows(
        ones + at.size, ones + at.strides, ones + at.dilation, zeros + at.before, zeros + at.after, ones + at.out
    )


def _conv(ndim: int, x: Any, filters: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    name = f"conv{ndim}d"
    x, filters = _checked(name, ndim, x, filters)
    if type(groups) is not int or groups < 1:
        (groups,) = per_dimension(name, "groups", groups, 1)
    channels, outputs = filters.shape[-2:]
    if x.shape[-1] != channels * groups:
        of_groups = "" if groups == 1 else f" for each of {groups} groups"
        raise ShapeError(
            f"{name}: filters take {channels} input channels{of_groups} but x has {x.shape[-1]} "
            f"(x {x.shape}, filters {filters.shape})"
        )
    if outputs % groups:
        raise ShapeError(f"{name}: {outputs} filters do not divide into {groups} groups (filters {filters.shape})")
    at = windows(name, x.shape[1:-1], filters.shape[:-2], strides, padding, dilation)
    return _convolve(x, filters, at=_deepened(at), groups=groups)


def conv1d(x: Any, filters: Any, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1) -> Any:
    """The convolution `(N, W, C), (KW, C / groups, F) -> (N, OW, F)`; see `conv2d`."""
    return _conv(1, x, filters, strides, padding, dilation, groups)


def conv2d(x: Any, filters: Any, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1) -> Any:
    """The convolution `(N, H, W, C), (KH, KW, C / groups, F) -> (N, OH, OW, F)`.

    `strides` and `dilation` are a number, or one for each spatial dimension. `padding` is "SAME" (OH is H / stride,
    rounded up, padded as TensorFlow does), "VALID" (none), a number of cells, or a pair (before, after) for each
    dimension. With `groups`, each group of F / groups filters sees its own C / groups channels; as many groups as
    channels make it depthwise. Raises ShapeError where the shapes do not fit, and DTypeError for integers.
    """
    return _conv(2, x, filters, strides, padding, dilation, groups)


def conv3d(x: Any, filters: Any, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1) -> Any:
    """The convolution `(N, D, H, W, C), (KD, KH, KW, C / groups, F) -> (N, OD, OH, OW, F)`; see `conv2d`."""
    return _conv(3, x, filters, strides, padding, dilation, groups)


def _conv_transpose(
    ndim: int, x: Any, filters: Any, strides: Any, padding: Any, dilation: Any, groups: int, output_size: Any
) -> Any:
    name = f"conv_transpose{ndim}d"
    x, filters = _checked(name, ndim, x, filters)
    (groups,) = per_dimension(name, "groups", groups, 1)
    strides = per_dimension(name, "strides", strides, ndim)
    dilation = per_dimension(name, "dilation", dilation, ndim)
    if x.shape[-1] != filters.shape[-1] or filters.shape[-1] % groups:
        raise ShapeError(
            f"{name}: the last dimension of filters must be x's channels, {x.shape[-1]}, in {groups} equal groups "
            f"(x {x.shape}, filters {filters.shape})"
        )
    sizes = x.shape[1:-1]
    if output_size is None:
        spans = [(k - 1) * d + 1 for k, d in zip(filters.shape[:-2], dilation, strict=True)]
        if isinstance(padding, str) and padding == "SAME":
            output_size = [n * s for n, s in zip(sizes, strides, strict=True)]
        else:
            free = windows(name, spans, spans, 1, padding)
            output_size = [
                (n - 1) * s + span - before - after if n else 0
                for n, s, span, before, after in zip(sizes, strides, spans, free.before, free.after, strict=True)
            ]
        output_size = tuple(output_size)
        if any(out < 1 <= n for n, out in zip(sizes, output_size, strict=True)):
            raise ShapeError(f"{name}: padding {padding!r} would leave an output of {output_size} (x {x.shape})")
    else:
        output_size = per_dimension(name, "output_size", output_size, ndim)
    at = windows(name, output_size, filters.shape[:-2], strides, padding, dilation)
    if at.out != sizes:
        raise ShapeError(
            f"{name}: an output of {output_size} comes from {at.out} cells, but x has {sizes} "
            f"(strides {strides}, padding {padding!r}); leave output_size out to have one that fits"
        )
    return _input_gradient(x, filters, sizes=output_size, at=_deepened(at), groups=groups)


def conv_transpose1d(
    x: Any, filters: Any, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1,
    output_size: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """The transposed convolution `(N, W, C), (KW, F / groups, C) -> (N, OW, F)`; see `conv_transpose2d`."""
    return _conv_transpose(1, x, filters, strides, padding, dilation, groups, output_size)


def conv_transpose2d(
    x: Any, filters: Any, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1,
    output_size: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """The transposed convolution `(N, H, W, C), (KH, KW, F / groups, C) -> (N, OH, OW, F)`: conv2d's input gradient.

    It undoes the shapes of a `conv2d` with the same filters and arguments. Several sizes OH may have led to one H;
    `output_size` chooses, and by default is H * stride for "SAME" and the smallest one otherwise.
    """
    return _conv_transpose(2, x, filters, strides, padding, dilation, groups, output_size)


def conv_transpose3d(
    x: Any, filters: Any, strides: Any = 1, padding: Any = "SAME", dilation: Any = 1, groups: int = 1,
    output_size: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """The transposed convolution `(N, D, H, W, C), (KD, KH, KW, F / groups, C) -> (N, OD, OH, OW, F)`."""
    return _conv_transpose(3, x, filters, strides, padding, dilation, groups, output_size)


def bias_add(x: Any, bias: Any) -> Any:
    """`x + bias`, with one number for each channel: `(..., C), (C,) -> (..., C)`."""
    if np.ndim(bias) != 1 or np.shape(bias) != np.shape(x)[-1:]:
        raise ShapeError(f"bias_add: expected one number a channel, got bias {np.shape(bias)} for x {np.shape(x)}")
    return x + bias
