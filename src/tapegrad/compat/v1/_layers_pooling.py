"""Pooling layers: the largest or the average number of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.pooling import avg_pool, max_pool
from ._layer import InputSpec, Layer
from ._layers_convolution import channels_last, length_after, several
from ._layers_dense import functional
from ._nodes import node


class _Pooling(Layer):
    """Windows of `pool_size`, `strides` apart, over `rank` dimensions."""

    rank = 0
    largest = True

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: str = "valid",
        data_format: str = "channels_last",
        name: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(name=name, **others)
        self.pool_size = several(pool_size, self.rank, "pool_size")
        self.strides = several(strides, self.rank, "strides")
        self.padding = padding.upper()
        if self.padding not in ("VALID", "SAME"):
            raise ValueError(f"The `padding` argument must be one of 'valid', 'same'. Received: {padding}")
        self.data_format = data_format
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Compute."""
        pool = max_pool if self.largest else avg_pool

        def sample(x: Any) -> Any:
            places = [
                length_after(size, window, stride, self.padding)
                for size, window, stride in zip(x.shape[1:-1], self.pool_size, self.strides, strict=True)
            ]
            return np.broadcast_to(np.zeros((), x.dtype), (x.shape[0], *places, x.shape[-1]))

        return node(
            "MaxPool" if self.largest else "AvgPool",
            channels_last(lambda x: pool(x, self.pool_size, self.strides, self.padding), self.data_format),
            [inputs],
            sample=channels_last(sample, self.data_format),
        )


class MaxPooling1D(_Pooling):
    """The largest number of each window: `(N, W, C) -> (N, OW, C)`."""

    rank = 1


class MaxPooling2D(_Pooling):
    """The largest number of each window: `(N, H, W, C) -> (N, OH, OW, C)`."""

    rank = 2


class MaxPooling3D(_Pooling):
    """The largest number of each window: `(N, D, H, W, C) -> (N, OD, OH, OW, C)`."""

    rank = 3


class AveragePooling1D(MaxPooling1D):
    """The average of each window, of real cells only: `(N, W, C) -> (N, OW, C)`."""

    largest = False


class AveragePooling2D(MaxPooling2D):
    """The average of each window, of real cells only: `(N, H, W, C) -> (N, OH, OW, C)`."""

    largest = False


class AveragePooling3D(MaxPooling3D):
    """The average of each window, of real cells only: `(N, D, H, W, C) -> (N, OD, OH, OW, C)`."""

    largest = False


average_pooling1d = functional(AveragePooling1D, "average_pooling1d")
average_pooling2d = functional(AveragePooling2D, "average_pooling2d")
average_pooling3d = functional(AveragePooling3D, "average_pooling3d")
max_pooling1d = functional(MaxPooling1D, "max_pooling1d")
max_pooling2d = functional(MaxPooling2D, "max_pooling2d")
max_pooling3d = functional(MaxPooling3D, "max_pooling3d")
