"""Pooling over one, two or three spatial dimensions, channels last: (N, *spatial, C) -> (N, *windows, C).

The gradient of a maximum goes to the first place in its window, row by row, that has it. Putting a gradient back to
those places and taking the elements from there are linear, and each other's transposes; so are averaging and sharing
out. So every order exists. Where the maxima are is not kept: comparing the input with the result tells it again.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Tensor
from ..errors import DTypeError, ShapeError
from ..kernels.choice import kernels
from ..primitive import primitive
from ._windows import Windows, is_plain, per_dimension, windows
from .shape import reshape

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["avg_pool", "global_avg_pool", "global_max_pool", "max_pool"]


# The ops. `at` are the windows. With `relu`, for which programs ask, relu of `x` is pooled; the gradient is for `x`.


# The kernels want three spatial dimensions. Those that are missing come after the first, because the rows of the
# first are what threads share, and the last is what innermost loops run along.


def _three(values: tuple[int, ...], missing: int) -> tuple[int, ...]:
    return values[:1] + (missing,) * (3 - len(values)) + values[1:]


def _deep(x: Any) -> Any:
    return x.reshape(len(x), *_three(x.shape[1:-1], 1), x.shape[-1])


@functools.lru_cache(512)
def _deepened(at: Windows) -> Windows:
    return Windows(*(_three(values, missing) for values, missing in zip(at, (1, 1, 1, 0, 0, 1), strict=True)))


def _max_pool_raw(x: Any, *, at: Windows, relu: bool = False) -> Any:
    y = kernels(x.dtype, "pooling").max_pool(_deep(x), _deepened(at), relu)
    return y.reshape(len(x), *at.out, x.shape[-1])


def _to_maxima_raw(y: Any, x: Any, maxima: Any, *, at: Windows, relu: bool = False) -> Any:
    y = np.asarray(y, x.dtype)
    z = kernels(x.dtype, "pooling").to_maxima(_deep(y), _deep(x), _deep(maxima), _deepened(at), relu)
    return z.reshape(x.shape)


def _at_maxima_raw(z: Any, x: Any, maxima: Any, *, at: Windows) -> Any:
    z = np.asarray(z, x.dtype)
    return kernels(x.dtype, "pooling").at_maxima(_deep(z), _deep(x), _deep(maxima), _deepened(at)).reshape(maxima.shape)


def _avg_pool_raw(x: Any, *, at: Windows) -> Any:
    y = kernels(x.dtype, "pooling").avg_pool(_deep(x), _deepened(at))
    return y.reshape(len(x), *at.out, x.shape[-1])


def _avg_pool_gradient_raw(y: Any, *, sizes: tuple[int, ...], at: Windows) -> Any:
    x = kernels(y.dtype, "pooling").avg_pool_gradient(_deep(y), _three(sizes, 1), _deepened(at))
    return x.reshape(len(y), *sizes, y.shape[-1])


max_pool_op = primitive(_max_pool_raw, lambda g, x, out, at: max_pool_gradient_op(g, x, out, at=at), name="max_pool")
max_pool_gradient_op = primitive(
    _to_maxima_raw,
    lambda g, x, maxima, at: _at_maxima(g, x, maxima, at=at),
    None,  # between ties nothing changes where the maxima are
    None,
    name="max_pool_gradient",
)
_at_maxima = primitive(
    _at_maxima_raw,
    lambda g, x, maxima, at: max_pool_gradient_op(g, x, maxima, at=at),
    None,
    None,
    name="max_pool_gradient_transpose",
)
_avg_pool = primitive(
    _avg_pool_raw,
    lambda g, shape, at: _avg_pool_gradient(g, sizes=shape[1:-1], at=at),
    name="avg_pool",
)
_avg_pool_gradient = primitive(
    _avg_pool_gradient_raw,
    lambda g, at: _avg_pool(g, at=at),
    name="avg_pool_gradient",
)


def _checked(name: str, x: Any) -> Any:
    """`x` as an array or a Tensor, floating-point, with one to three spatial dimensions."""
    x = x if isinstance(x, Tensor) else np.asarray(x)
    if not 3 <= x.ndim <= 5:
        raise ShapeError(
            f"{name}: expected x with one to three spatial dimensions, channels last, (N, W, C), (N, H, W, C) or "
            f"(N, D, H, W, C), got {x.shape}"
        )
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: expected floating-point numbers, but x is {x.dtype}; convert with astype")
    return x


def _over(name: str, x: Any, size: Any, strides: Any, padding: Any) -> Windows:
    """The windows over `x`, each with at least one cell of it."""
    strides = size if strides is None else strides
    if is_plain(size) and is_plain(strides) and is_plain(padding):
        return _remembered(name, x.shape[1:-1], size, strides, padding)
    return _pooled(name, x.shape[1:-1], size, strides, padding)


def _pooled(name: str, sizes: tuple[int, ...], size: Any, strides: Any, padding: Any) -> Windows:
    size = per_dimension(name, "size", size, len(sizes))
    at = windows(name, sizes, size, strides, padding)
    if max(*at.size, *at.before) >= 1 << 62:  # sums of two are still 64-bit integers
        raise ShapeError(f"{name}: a window of {at.size} cells is too large to count its cells; use a smaller one")
    for n, k, s, before, out in zip(sizes, at.size, at.strides, at.before, at.out, strict=True):
        if out and not (before < k and (out - 1) * s < n + before):
            raise ShapeError(
                f"{name}: some windows lie in the padding alone, and have nothing to pool: windows of {at.size} with "
                f"strides {at.strides} over {sizes}, padded by {list(zip(at.before, at.after, strict=True))}; "
                "pad by less than a window"
            )
    return at


_remembered = functools.lru_cache(512)(_pooled)


def max_pool(x: Any, size: Any, strides: Any = None, padding: Any = "VALID") -> Any:
    """The largest element of each window, channel by channel: `(N, H, W, C) -> (N, OH, OW, C)`.

    One and three spatial dimensions go as well. `size` and `strides`, which is `size` unless given, are a number, or
    one for each spatial dimension. `padding` is "VALID" (none), "SAME" (OH is H / stride, rounded up, padded as
    TensorFlow does), a number of cells, or a pair (before, after) for each dimension. Padding is never the largest.
    The gradient goes to the first largest element of a window, row by row. A window with NaN gives NaN, and its
    gradient goes to the first of them. Raises ShapeError where the windows do not fit, and DTypeError for integers.
    """
    x = _checked("max_pool", x)
    return max_pool_op(x, at=_over("max_pool", x, size, strides, padding))


def avg_pool(x: Any, size: Any, strides: Any = None, padding: Any = "VALID") -> Any:
    """The mean of each window, channel by channel: `(N, H, W, C) -> (N, OH, OW, C)`; arguments as in `max_pool`.

    Padding does not count: the sum is divided by how many of the window's cells are cells of `x`, as in TensorFlow.
    """
    x = _checked("avg_pool", x)
    return _avg_pool(x, at=_over("avg_pool", x, size, strides, padding))


def _global(name: str, pool: Callable[..., Any], x: Any) -> Any:
    x = _checked(name, x)
    if 0 in x.shape[1:-1]:
        raise ShapeError(f"{name}: expected at least one cell in each image, got x {x.shape}")
    return reshape(pool(x, at=_over(name, x, x.shape[1:-1], None, "VALID")), (x.shape[0], x.shape[-1]))


def global_max_pool(x: Any) -> Any:
    """The largest element of each channel, over all spatial dimensions: `(N, *spatial, C) -> (N, C)`.

    It is `max_pool` with one window, so the gradient goes to the first largest element; `max` shares it out.
    """
    return _global("global_max_pool", max_pool_op, x)


def global_avg_pool(x: Any) -> Any:
    """The mean of each channel, over all spatial dimensions: `(N, *spatial, C) -> (N, C)`."""
    return _global("global_avg_pool", _avg_pool, x)
