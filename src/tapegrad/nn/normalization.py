"""Normalisation layers: numbers with a mean of 0 and a variance of 1, then scaled and shifted by what is learned.

They differ in the numbers that share a mean: those of a channel in the whole batch (BatchNorm), those of an
example's last dimensions (LayerNorm), those of a group of an example's channels (GroupNorm). Channels are last.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..ops._windows import per_dimension
from ..ops.elementwise import sqrt
from ..ops.shape import reshape, stack
from ..tensor import ones, zeros
from ._standardize import standardize
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from .._tape import Tensor


class _Normalization(Module):
    """What these layers have in common: `eps`, and what is learned, or None where nothing is."""

    eps: float
    weight: Tensor | None
    bias: Tensor | None

    def _learn(self, shape: tuple[int, ...], learned: bool, dtype: DTypeLike | None) -> None:
        """Start with a scale of 1 and a shift of 0."""
        self.weight = ones(shape, dtype, requires_grad=True) if learned else None
        self.bias = zeros(shape, dtype, requires_grad=True) if learned else None

    def _normalized(
        self, x: Any, shape: tuple[int, ...], axes: tuple[int, ...], learned: tuple[int, ...]
    ) -> tuple[Any, Any, Any]:
        """`x`, seen in `shape`, standardised along `axes`, then scaled and shifted; also the means and variances.

        `learned` is the shape in which the scale and the shift are those of the last dimensions.
        """
        x_shape = np.shape(x)
        x = reshape(x, shape)
        if self.weight is None or self.bias is None:
            params = np.zeros((2, *learned), x.dtype)
            params[0] = 1
        else:
            params = reshape(stack([self.weight, self.bias]), (2, *learned))
        y, centre, variance = standardize(x, params, axes, self.eps)
        return reshape(y, x_shape), centre, variance


class BatchNorm(_Normalization):
    """Normalises each channel over the batch and all places: (N, *spatial, num_features) to the same shape.

    In training, by the mean and variance of the batch; after `eval()`, by running ones, the buffers `running_mean`
    and `running_var`, so that an example's result does not depend on the others. Each training batch moves them by
    `momentum` towards its own mean and its unbiased variance; with None they are the average of all batches so far.
    Without `track_running_stats` there are none, and the batch is used at all times. `weight` and `bias`,
    (num_features,), are None when `affine` is False.

    It does what PyTorch's BatchNorm1d, 2d and 3d do. Raises ShapeError for an x of other channels, and for a batch
    that has fewer than two numbers a channel to take a variance of. Source: Ioffe and Szegedy, Batch normalization,
    ICML 2015.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        (self.num_features,) = per_dimension("BatchNorm", "num_features", num_features, 1)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._learn((num_features,), affine, dtype)
        if track_running_stats:
            self.running_mean = zeros(num_features, dtype)
            self.running_var = ones(num_features, dtype)
            self.num_batches_tracked = zeros((), np.int64)

    def forward(self, x: Any) -> Any:
        shape = np.shape(x)
        if len(shape) < 2 or shape[-1] != self.num_features:
            raise ShapeError(
                f"BatchNorm: expected x as (N, ..., {self.num_features}), channels last, got shape {shape}; "
                f"wrap the model in nn.ChannelsFirst if its data are (N, {self.num_features}, ...)"
            )
        if self.track_running_stats and not self.training:
            factor = 1 / sqrt(self.running_var + self.eps)
            y = (x - self.running_mean) * (factor if self.weight is None else factor * self.weight)
            return y if self.bias is None else y + self.bias
        count = math.prod(shape[:-1])
        if count < 2:
            raise ShapeError(
                f"BatchNorm: expected at least two numbers a channel to take a variance of, got shape {shape}; "
                "train on larger batches, or call eval() to use the model"
            )
        y, centre, variance = self._normalized(x, (count, self.num_features), (0,), (self.num_features,))
        if self.track_running_stats:
            self._track(reshape(centre, -1), reshape(variance, -1) * (count / (count - 1)))
        return y

    def _track(self, centre: Any, variance: Any) -> None:
        """Move the running statistics: they get new arrays, of numbers that were not recorded."""
        self.num_batches_tracked.assign_(self.num_batches_tracked + 1)
        new = 1 / self.num_batches_tracked if self.momentum is None else np.float64(self.momentum)
        self.running_mean.assign_(_nearer(self.running_mean, centre, new))
        self.running_var.assign_(_nearer(self.running_var, variance, new))

    def extra_repr(self) -> str:
        more = "" if self.affine else ", affine=False"
        more += "" if self.track_running_stats else ", track_running_stats=False"
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{more}"


def _nearer(old: Any, new: Any, share: Any) -> Any:
    """What lies between `old` and `new`, in the dtypes of these: `share` is how much of it is `new`."""
    return old * (1 - share).astype(old.dtype) + new * share.astype(new.dtype)


class LayerNorm(_Normalization):
    """Normalises the last dimensions, those of `normalized_shape`, of each example by themselves.

    `normalized_shape` is the size of the last dimension, or the sizes of several; `weight` and `bias` have that shape,
    and are None when `elementwise_affine` is False. Raises ShapeError for an x that does not end in it. Source: Ba,
    Kiros and Hinton, Layer normalization, 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        sizes = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else normalized_shape
        self.normalized_shape = per_dimension("LayerNorm", "normalized_shape", sizes, max(1, len(sizes)))
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._learn(self.normalized_shape, elementwise_affine, dtype)

    def forward(self, x: Any) -> Any:
        count = len(self.normalized_shape)
        if np.shape(x)[-count:] != self.normalized_shape:
            raise ShapeError(f"LayerNorm: expected x to end in {self.normalized_shape}, got shape {np.shape(x)}")
        size = math.prod(self.normalized_shape)
        return self._normalized(x, (math.prod(np.shape(x)[:-count]), size), (1,), (size,))[0]

    def extra_repr(self) -> str:
        more = "" if self.elementwise_affine else ", elementwise_affine=False"
        return f"{self.normalized_shape}, eps={self.eps}{more}"


class GroupNorm(_Normalization):
    """Normalises each example's channels in `num_groups` groups, over all places: (N, *spatial, num_channels).

    `weight` and `bias`, (num_channels,), are None when `affine` is False. Raises ValueError for channels that do not
    divide into the groups, and ShapeError for an x of other channels. Source: Wu and He, Group normalization,
    ECCV 2018.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, dtype: DTypeLike | None = None
    ) -> None:
        (self.num_groups,) = per_dimension("GroupNorm", "num_groups", num_groups, 1)
        (self.num_channels,) = per_dimension("GroupNorm", "num_channels", num_channels, 1)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels={num_channels} does not divide into {num_groups} groups")
        self.eps = eps
        self.affine = affine
        self._learn((num_channels,), affine, dtype)

    def forward(self, x: Any) -> Any:
        shape = np.shape(x)
        if len(shape) < 2 or shape[-1] != self.num_channels or 0 in shape[1:]:
            raise ShapeError(
                f"GroupNorm: expected x as (N, ..., {self.num_channels}), channels last, got shape {shape}; "
                f"wrap the model in nn.ChannelsFirst if its data are (N, {self.num_channels}, ...)"
            )
        groups = (self.num_groups, self.num_channels // self.num_groups)
        return self._normalized(x, (shape[0], math.prod(shape[1:-1]), *groups), (1, 3), groups)[0]

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}{'' if self.affine else ', affine=False'}"
