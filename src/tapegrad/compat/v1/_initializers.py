"""Initializers: objects that make the first value of a variable of its shape and dtype."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from ._infer import Kind
from ._nodes import constant, node
from ._values import array_in
from ._variables import shape_of_initial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor

__all__ = [
    "constant_initializer",
    "glorot_normal_initializer",
    "glorot_uniform_initializer",
    "ones_initializer",
    "orthogonal_initializer",
    "random_normal_initializer",
    "random_uniform_initializer",
    "truncated_normal_initializer",
    "uniform_unit_scaling_initializer",
    "variance_scaling_initializer",
    "zeros_initializer",
]


class Initializer:
    """Called with a shape, and perhaps a dtype, it gives a tensor of first values."""

    dtype: dtypes.DType = dtypes.float32

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        kind = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        return self._values(shape_of_initial(shape), kind)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        raise TypeError(f"{type(self).__name__} must say in _values what it begins with")

    def get_config(self) -> dict[str, Any]:
        """What it was made with."""
        return dict(vars(self))


class constant_initializer(Initializer):
    """`value` everywhere, or the numbers of `value` in order, the last of which fills the rest."""

    def __init__(self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False) -> None:
        self.value = value
        self.dtype = dtypes.as_dtype(dtype)
        self._verify = verify_shape

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return constant(self.value, dtype, shape, verify_shape=self._verify)


class zeros_initializer(Initializer):
    """Zeros."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return constant(np.zeros(shape, dtype.dtype), name="zeros")


class ones_initializer(Initializer):
    """Ones."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return constant(np.ones(shape, dtype.dtype), name="ones")


class random_uniform_initializer(Initializer):
    """Numbers from `minval` up to `maxval`, all as likely; up to 1 if `maxval` is None."""

    def __init__(self, minval: Any = 0, maxval: Any = None, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        self.minval = minval
        self.maxval = maxval
        self.seed = seed
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        from ._random_ops import random_uniform

        return random_uniform(shape, self.minval, self.maxval, dtype, seed=self.seed)


class random_normal_initializer(Initializer):
    """Numbers of the normal distribution."""

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        from ._random_ops import random_normal

        return random_normal(shape, self.mean, self.stddev, dtype, seed=self.seed)


class truncated_normal_initializer(random_normal_initializer):
    """Numbers of the normal distribution, drawn again where they are more than two `stddev` from `mean`."""

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        from ._random_ops import truncated_normal

        return truncated_normal(shape, self.mean, self.stddev, dtype, seed=self.seed)


class variance_scaling_initializer(Initializer):
    """Numbers whose variance is `scale` over a fan: `mode` is "fan_in", "fan_out" or "fan_avg".

    `distribution` is "truncated_normal" (the same as "normal"), "untruncated_normal" or "uniform".
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"`scale` must be positive float, got {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Invalid `mode` argument: {mode!r}; use 'fan_in', 'fan_out' or 'fan_avg'")
        if distribution not in ("normal", "truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(
                f"Invalid `distribution` argument: {distribution!r}; use 'truncated_normal', 'untruncated_normal' or "
                "'uniform'"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = seed
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        from ._random_ops import random_normal, random_uniform, truncated_normal

        inputs, outputs = fans(shape)
        fan = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random_uniform(shape, -limit, limit, dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random_normal(shape, 0.0, math.sqrt(variance), dtype, seed=self.seed)
        # What is left of the normal distribution within two deviations has this share of the deviation.
        return truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978, dtype, seed=self.seed)


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """From how many numbers each output is computed, and to how many each input goes."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    receptive = math.prod(shape[:-2])
    return receptive * shape[-2], receptive * shape[-1]


class glorot_uniform_initializer(variance_scaling_initializer):
    """Uniform numbers of variance 2 / (fan in + fan out). Source: Glorot and Bengio, AISTATS 2010."""

    def __init__(self, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


class glorot_normal_initializer(variance_scaling_initializer):
    """Normal numbers of variance 2 / (fan in + fan out). Source: Glorot and Bengio, AISTATS 2010."""

    def __init__(self, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


class uniform_unit_scaling_initializer(Initializer):
    """Uniform numbers that keep the scale: within `factor * sqrt(3 / rows)`."""

    def __init__(self, factor: float = 1.0, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        self.factor = factor
        self.seed = seed
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        from ._random_ops import random_uniform

        limit = self.factor * math.sqrt(3 / max(1, math.prod(shape[:-1])))
        return random_uniform(shape, -limit, limit, dtype, seed=self.seed)


class orthogonal_initializer(Initializer):
    """A random matrix with orthonormal columns, or rows where there are fewer, times `gain`.

    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear networks, ICLR 2014.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        from ._random_ops import random_normal

        if len(shape) < 2:
            raise ValueError(f"The tensor to initialize must be at least two-dimensional, got shape {tuple(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = random_normal([max(rows, columns), min(rows, columns)], dtype=dtype, seed=self.seed)
        return node(  # type: ignore[no-any-return]
            "Orthogonal", _orthogonal, [drawn], python=True, sample=lambda *_, **__: Kind(tuple(shape), dtype.dtype),
            shape=tuple(shape), gain=self.gain,
        )  # fmt: skip


def _orthogonal(drawn: Any, *, shape: tuple[int, ...], gain: float) -> Any:
    array = array_in(drawn)
    q, r = np.linalg.qr(array)
    q = q * np.where(np.diag(r) < 0, -gain, gain)  # without the signs some matrices would be likelier than others
    return np.reshape(q if math.prod(shape[:-1]) >= shape[-1] else q.T, shape).astype(array.dtype)


class identity_initializer(Initializer):
    """The unit matrix, times `gain`."""

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.dtype = dtypes.as_dtype(dtype)

    def _values(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        if len(shape) != 2:
            raise ValueError(f"Identity matrix initializer can only be used for 2D matrices, got shape {tuple(shape)}")
        return constant(self.gain * np.eye(shape[0], shape[1]), dtype)
