"""Batch normalization, and the updates of its moving averages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...nn._standardize import standardize
from ...ops.elementwise import sqrt, where
from ...ops.shape import moveaxis, reshape, stack
from ._infer import Kind, kind_of
from ._initializers import ones_initializer, zeros_initializer
from ._layer import InputSpec, Layer, last_size
from ._missing import NotCoveredError
from ._nodes import node
from ._operation import Tensor
from ._variables import assign_sub


class BatchNormalization(Layer):
    """Numbers less the mean of their channel in the batch, over its deviation; moving averages where not `training`.

    The averages move when the operations of the collection `update_ops` run: a training step must depend on them.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

    def __init__(
        self,
        axis: Any = -1,
        momentum: Any = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = zeros_initializer,
        gamma_initializer: Any = ones_initializer,
        moving_mean_initializer: Any = zeros_initializer,
        moving_variance_initializer: Any = ones_initializer,
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: Any = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: Any = None,
        adjustment: Any = None,
        name: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(trainable, name, **others)
        if renorm or virtual_batch_size or adjustment is not None:
            raise NotCoveredError(
                "batch_normalization: renorm, virtual_batch_size and adjustment are not covered; leave them out"
            )
        axes = list(axis) if isinstance(axis, list | tuple) else [axis]
        if len(axes) != 1:
            raise NotCoveredError(f"batch_normalization: one axis is covered, got {axis}")
        self.axis = int(axes[0])
        self.momentum = momentum
        self.epsilon = epsilon
        self.fused = fused
        self._shift = (beta_initializer, beta_regularizer, beta_constraint) if center else None
        self._scale = (gamma_initializer, gamma_regularizer, gamma_constraint) if scale else None
        self._start = moving_mean_initializer, moving_variance_initializer
        self.input_spec = InputSpec(min_ndim=1)

    def build(self, input_shape: Any) -> None:
        """Make what is learned, and the moving averages."""
        size = [last_size(self, input_shape, self.axis)]

        def learned(name: str, about: Any) -> Any:
            if about is None:
                return None
            start, regularizer, constraint = about
            return self.add_variable(name, size, initializer=start, regularizer=regularizer, constraint=constraint)

        self.gamma, self.beta = learned("gamma", self._scale), learned("beta", self._shift)
        self.moving_mean, self.moving_variance = (
            self.add_variable(name, size, initializer=start, trainable=False)
            for name, start in zip(("moving_mean", "moving_variance"), self._start, strict=True)
        )

    def call(self, inputs: Any, training: Any = False) -> Any:
        """Compute; `training` is a bool, or a tensor that holds one."""
        kind = kind_of(inputs)
        ndim = len(kind.sizes) if kind.sizes is not None else 2
        axis, epsilon = self.axis % ndim, self.epsilon
        learned = [v for v in (self.gamma, self.beta) if v is not None]
        averages = [self.moving_mean, self.moving_variance]
        has_scale, has_shift = self.gamma is not None, self.beta is not None
        if not isinstance(training, Tensor) and not training:

            def infer(x: Any, mean: Any, variance: Any, *learned: Any) -> Any:
                rest = list(learned)
                factor = (rest.pop(0) if has_scale else 1) / sqrt(variance + epsilon)
                shift = (rest.pop(0) if has_shift else 0) - mean * factor
                shape = [1] * x.ndim
                shape[axis] = -1
                return x * reshape(factor, shape) + reshape(shift, shape)

            return node("FusedBatchNormV3", infer, [inputs, *averages, *learned], sample=lambda x, *_: x)
        # A fused one, which images have if nobody says otherwise, moves by the unbiased variance.
        unbiased = (self.fused is not False) and ndim == 4

        def train(x: Any, on: Any, mean: Any, variance: Any, *learned: Any) -> tuple[Any, Any, Any]:
            rows = moveaxis(x, axis, -1) if axis != x.ndim - 1 else x
            shape = rows.shape
            flat = reshape(rows, (-1, shape[-1]))
            zero = np.zeros(shape[-1:], x.dtype)
            rest = list(learned)
            scale = rest.pop(0) if has_scale else zero + 1
            shift = rest.pop(0) if has_shift else zero
            y, of_batch, variance_of_batch = standardize(flat, stack([scale, shift]), (0,), epsilon)
            of_batch, variance_of_batch = reshape(of_batch, (-1,)), reshape(variance_of_batch, (-1,))
            count = math.prod(shape[:-1])
            moved = variance_of_batch * (count / max(count - 1, 1)) if unbiased else variance_of_batch
            if on is not True:
                factor = scale / sqrt(variance + epsilon)
                y = where(on, y, flat * factor + (shift - mean * factor))
                of_batch, moved = where(on, of_batch, mean), where(on, moved, variance)
            y = reshape(y, shape)
            return moveaxis(y, -1, axis) if axis != x.ndim - 1 else y, of_batch, moved

        def sample(x: Any, *others: Any) -> Any:
            mean = others[-2 - len(learned)]
            return x, Kind(np.shape(mean), x.dtype), Kind(np.shape(mean), x.dtype)

        on = [training] if isinstance(training, Tensor) else []

        def function(x: Any, *others: Any) -> tuple[Any, Any, Any]:
            return train(x, *others) if on else train(x, True, *others)

        given = [inputs, *on, *averages, *learned]
        outputs, mean, variance = node("FusedBatchNormV3", function, given, outputs=3, sample=sample)
        for average, value in zip(averages, (mean, variance), strict=True):
            self.add_update(self._moved(average, value))
        return outputs

    def _moved(self, average: Any, value: Tensor) -> Tensor:
        """The operation that moves an average towards the value of a batch."""
        momentum = self.momentum
        step = node("AssignMovingAvg", lambda old, new: (old - new) * (1 - momentum), [average, value])
        return assign_sub(average, step)


def batch_normalization(
    inputs: Any,
    axis: Any = -1,
    momentum: Any = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = zeros_initializer,
    gamma_initializer: Any = ones_initializer,
    moving_mean_initializer: Any = zeros_initializer,
    moving_variance_initializer: Any = ones_initializer,
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
    beta_constraint: Any = None,
    gamma_constraint: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: Any = 0.99,
    fused: bool | None = None,
    virtual_batch_size: Any = None,
    adjustment: Any = None,
) -> Any:
    """`inputs` normalized by their batch if `training`, otherwise by moving averages; see `BatchNormalization`."""
    layer = BatchNormalization(
        axis, momentum, epsilon, center, scale, beta_initializer, gamma_initializer, moving_mean_initializer,
        moving_variance_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, renorm,
        renorm_clipping, renorm_momentum, fused, trainable, virtual_batch_size, adjustment, name, _scope=name,
        _reuse=reuse,
    )  # fmt: skip
    return layer(inputs, training=training)
