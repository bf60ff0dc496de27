"""Poolings, with TensorFlow's arguments: NHWC, or NCHW by exchanging dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import pooling
from ...ops._windows import windows
from ._arguments import chosen, fixed
from ._nodes import convert, node
from ._windowed import channels_first, edges_of, exchanged, sample_of, spatial

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "pool",
]  # fmt: skip


def _pooled(
    kind: str, run: Callable[..., Any], ndim: int, value: Any, ksize: Any, strides: Any, padding: Any,
    data_format: str | None, name: str | None,
) -> Tensor:  # fmt: skip
    first = channels_first(data_format)
    size, steps = spatial("ksize", ksize, ndim, first), spatial("strides", strides, ndim, first)
    edges = edges_of(padding, ndim, first)

    def shape(x: tuple[int, ...]) -> tuple[int, ...]:
        return (x[0], *windows(kind, x[1:-1], size, steps, edges).out, x[-1])

    def reduce(x: Any) -> Any:
        return run(x, size, steps, edges)

    return node(kind, exchanged(reduce, first), [convert(value)], name, sample=sample_of(shape, first))  # type: ignore[no-any-return]


def _on_pictures(kind: str, called: str, run: Callable[..., Any], doc: str) -> Callable[..., Tensor]:
    def call(
        value: Any = None,
        ksize: Any = None,
        strides: Any = None,
        padding: Any = None,
        data_format: str = "NHWC",
        name: str | None = None,
        input: Any = None,
    ) -> Tensor:
        given = chosen(called, value=value, input=input)
        return _pooled(kind, run, 2, given, ksize, strides, padding, data_format, name)

    call.__name__ = call.__qualname__ = called
    call.__doc__ = f"{doc}: `(N, H, W, C) -> (N, OH, OW, C)`."
    return call


max_pool = max_pool2d = _on_pictures(
    "MaxPool", "max_pool", pooling.max_pool, "The largest element of each window, channel by channel"
)
avg_pool = avg_pool2d = _on_pictures(
    "AvgPool", "avg_pool", pooling.avg_pool, "The mean of each window, channel by channel, without the padding"
)


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
