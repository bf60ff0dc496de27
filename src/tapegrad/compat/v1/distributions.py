"""Distributions of random numbers, with what is drawn from them and how probable it is: `tf.distributions`.

A batch of distributions has the shape that its parameters have together; `sample(shape)` puts `shape` before it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from . import _dtypes as dtypes
from . import _math
from ._activations import log_softmax, softmax, softplus
from ._array import broadcast_static_shape, one_hot, reshape, transpose, zeros_like
from ._array import shape_of as shape
from ._choices import where
from ._graph import get_default_graph
from ._missing import NotCoveredError, not_covered
from ._nodes import convert
from ._random_ops import multinomial, random_normal, random_uniform
from ._reductions import argmax, reduce_prod, reduce_sum
from ._slicing import concat

if TYPE_CHECKING:
    from ._operation import Tensor
    from ._shapes import TensorShape

__all__ = ["Bernoulli", "Categorical", "Distribution", "Normal", "Uniform", "kl_divergence"]

maths: Any = _math  # a tensor has its operators from elsewhere, so no checker knows them
_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


class Distribution(ABC):
    """What all distributions have; a subclass tells how to draw and the logarithm of probabilities."""

    def __init__(self, dtype: dtypes.DType, name: str, *parameters: Any) -> None:
        self.dtype, self.name = dtype, name
        self._parameters = parameters

    @property
    def batch_shape(self) -> TensorShape:
        """The shape that the parameters have together."""
        found = self._parameters[0].shape
        for other in self._parameters[1:]:
            found = broadcast_static_shape(found, other.shape)
        return found  # type: ignore[no-any-return]

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Tensor:
        """The shape that the parameters have together, when a session runs."""
        whole = self._parameters[0]
        for other in self._parameters[1:]:
            whole = whole + zeros_like(other)
        return shape(whole)  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = (), seed: int | None = None, name: str = "sample") -> Tensor:
        """Numbers of the shape `(*sample_shape, *batch_shape)`; one more dimension for a whole number."""
        with get_default_graph().name_scope(name):
            sizes = reshape(convert(sample_shape, dtypes.int32), [-1]) if sample_shape != () else None
            batch = self.batch_shape
            if sizes is None:
                whole = batch.as_list() if batch.is_fully_defined() else self.batch_shape_tensor()
            elif batch.is_fully_defined() and isinstance(sample_shape, int | list | tuple):
                whole = [*([sample_shape] if isinstance(sample_shape, int) else sample_shape), *batch.as_list()]
            else:
                whole = concat([sizes, self.batch_shape_tensor()], 0)
            return self._drawn(whole, seed)

    @abstractmethod
    def _drawn(self, sizes: Any, seed: int | None) -> Tensor: ...

    @abstractmethod
    def log_prob(self, value: Any, name: str = "log_prob") -> Tensor:
        """The logarithm of how probable, or of how dense, each value is."""

    def prob(self, value: Any, name: str = "prob") -> Tensor:
        """How probable, or how dense, each value is."""
        return maths.exp(self.log_prob(value), name)

    def mean(self, name: str = "mean") -> Tensor:
        """The mean."""
        raise NotCoveredError(f"{type(self).__name__} has no mean")

    def variance(self, name: str = "variance") -> Tensor:
        """The mean square of what is away from the mean."""
        raise NotCoveredError(f"{type(self).__name__} has no variance")

    def stddev(self, name: str = "stddev") -> Tensor:
        """The root of the variance."""
        return maths.sqrt(self.variance(), name)

    def kl_divergence(self, other: Distribution, name: str = "kl_divergence") -> Tensor:
        """How much is lost where `other` stands for this distribution."""
        return kl_divergence(self, other, name=name)


class Normal(Distribution):
    """Normal distributions: of mean `loc` and standard deviation `scale`."""

    loc: Any
    scale: Any

    def __init__(
        self,
        loc: Any,
        scale: Any,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Normal",
    ) -> None:
        with get_default_graph().name_scope(name) as scope:
            self.loc = convert(loc, name="loc")
            self.scale = convert(scale, self.loc.dtype, name="scale")
        super().__init__(self.loc.dtype, scope, self.loc, self.scale)

    def _drawn(self, sizes: Any, seed: int | None) -> Tensor:
        return self.loc + self.scale * random_normal(sizes, dtype=self.dtype, seed=seed)  # type: ignore[no-any-return]

    def log_prob(self, value: Any, name: str = "log_prob") -> Tensor:
        with get_default_graph().name_scope(name):
            away = (convert(value, self.dtype) - self.loc) / self.scale
            return -0.5 * maths.square(away) - (_HALF_LOG_2_PI + maths.log(self.scale))  # type: ignore[no-any-return]

    def cdf(self, value: Any, name: str = "cdf") -> Tensor:
        """How probable it is to draw at most `value`."""
        with get_default_graph().name_scope(name):
            away = (convert(value, self.dtype) - self.loc) / (self.scale * math.sqrt(2))
            return 0.5 * (1.0 + maths.erf(away))

    def entropy(self, name: str = "entropy") -> Tensor:
        """The entropy."""
        with get_default_graph().name_scope(name):
            return 0.5 + _HALF_LOG_2_PI + maths.log(self.scale) + zeros_like(self.loc)  # type: ignore[no-any-return]

    def mean(self, name: str = "mean") -> Tensor:
        return self.loc + zeros_like(self.scale)  # type: ignore[no-any-return]

    mode = mean

    def variance(self, name: str = "variance") -> Tensor:
        return maths.square(self.stddev(), name)

    def stddev(self, name: str = "stddev") -> Tensor:
        return self.scale + zeros_like(self.loc)  # type: ignore[no-any-return]


class Uniform(Distribution):
    """Uniform distributions: from `low` to below `high`."""

    low: Any
    high: Any

    def __init__(
        self,
        low: Any = 0.0,
        high: Any = 1.0,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Uniform",
    ) -> None:
        with get_default_graph().name_scope(name) as scope:
            self.low = convert(low, name="low")
            self.high = convert(high, self.low.dtype, name="high")
        super().__init__(self.low.dtype, scope, self.low, self.high)

    def _drawn(self, sizes: Any, seed: int | None) -> Tensor:
        return self.low + (self.high - self.low) * random_uniform(sizes, dtype=self.dtype, seed=seed)  # type: ignore[no-any-return]

    def range(self, name: str = "range") -> Tensor:
        """How far it is from `low` to `high`."""
        return self.high - self.low  # type: ignore[no-any-return]

    def prob(self, value: Any, name: str = "prob") -> Tensor:
        with get_default_graph().name_scope(name):
            x = convert(value, self.dtype)
            inside = maths.cast(
                maths.logical_and(maths.greater_equal(x, self.low), maths.less(x, self.high)), self.dtype
            )
            return inside / self.range()  # type: ignore[no-any-return]

    def log_prob(self, value: Any, name: str = "log_prob") -> Tensor:
        return maths.log(self.prob(value), name)

    def entropy(self, name: str = "entropy") -> Tensor:
        """The entropy."""
        return maths.log(self.range(), name)

    def mean(self, name: str = "mean") -> Tensor:
        return (self.low + self.high) / 2.0  # type: ignore[no-any-return]

    def variance(self, name: str = "variance") -> Tensor:
        return maths.square(self.range()) / 12.0  # type: ignore[no-any-return]


class Bernoulli(Distribution):
    """Draws 1 with some probability, otherwise 0; of `logits` or `probs`."""

    logits: Any
    probs: Any

    def __init__(
        self,
        logits: Any = None,
        probs: Any = None,
        dtype: Any = dtypes.int32,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Bernoulli",
    ) -> None:
        _one_of(logits, probs)
        with get_default_graph().name_scope(name) as scope:
            if probs is None:
                self.logits = convert(logits, name="logits")
                self.probs = maths.sigmoid(self.logits, "probs")
            else:
                self.probs = convert(probs, name="probs")
                self.logits = maths.log(self.probs) - maths.log(1.0 - self.probs)
        super().__init__(dtypes.as_dtype(dtype), scope, self.logits)

    def _drawn(self, sizes: Any, seed: int | None) -> Tensor:
        numbers = random_uniform(sizes, dtype=self.probs.dtype, seed=seed)
        return maths.cast(maths.less(numbers, self.probs), self.dtype)

    def log_prob(self, value: Any, name: str = "log_prob") -> Tensor:
        with get_default_graph().name_scope(name):
            x = maths.cast(value, self.logits.dtype)
            return x * self.logits - softplus(self.logits)  # type: ignore[no-any-return]

    def entropy(self, name: str = "entropy") -> Tensor:
        """The entropy."""
        with get_default_graph().name_scope(name):
            return softplus(self.logits) - self.logits * self.probs  # type: ignore[no-any-return]

    def mean(self, name: str = "mean") -> Tensor:
        return self.probs  # type: ignore[no-any-return]

    def mode(self, name: str = "mode") -> Tensor:
        """What is drawn more often."""
        return maths.cast(maths.greater(self.probs, 0.5), self.dtype, name)

    def variance(self, name: str = "variance") -> Tensor:
        return self.probs * (1.0 - self.probs)  # type: ignore[no-any-return]


class Categorical(Distribution):
    """Draws the number of a class; of `logits` or `probs`, (..., classes)."""

    logits: Any
    probs: Any

    def __init__(
        self,
        logits: Any = None,
        probs: Any = None,
        dtype: Any = dtypes.int32,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Categorical",
    ) -> None:
        _one_of(logits, probs)
        with get_default_graph().name_scope(name) as scope:
            if probs is None:
                self.logits = convert(logits, name="logits")
                self.probs = softmax(self.logits, name="probs")
            else:
                self.probs = convert(probs, name="probs")
                self.logits = maths.log(self.probs, "logits")
        super().__init__(dtypes.as_dtype(dtype), scope, self.logits)

    @property
    def batch_shape(self) -> TensorShape:
        return self.logits.shape[:-1]  # type: ignore[no-any-return]

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Tensor:
        return shape(self.logits)[:-1]  # type: ignore[index,no-any-return]

    @property
    def event_size(self) -> Any:
        """How many classes there are."""
        known = self.logits.shape[-1].value
        return shape(self.logits)[-1] if known is None else known  # type: ignore[index]

    def _drawn(self, sizes: Any, seed: int | None) -> Tensor:
        rows = reshape(self.logits, [-1, self.event_size])
        whole = convert(sizes, dtypes.int32)
        count = maths.floordiv(reduce_prod(whole), reduce_prod(self.batch_shape_tensor()))
        drawn = maths.cast(transpose(multinomial(rows, count, seed=seed)), self.dtype)
        return reshape(drawn, sizes)

    def log_prob(self, value: Any, name: str = "log_prob") -> Tensor:
        with get_default_graph().name_scope(name):
            chosen = one_hot(maths.cast(value, dtypes.int32), self.event_size, dtype=self.logits.dtype)
            return reduce_sum(maths.multiply(chosen, log_softmax(self.logits)), -1)

    def entropy(self, name: str = "entropy") -> Tensor:
        """The entropy."""
        with get_default_graph().name_scope(name):
            logs = log_softmax(self.logits)
            share = maths.exp(logs)
            return reduce_sum(where(maths.equal(share, 0.0), zeros_like(logs), -share * logs), -1)

    def mode(self, name: str = "mode") -> Tensor:
        """The class that is drawn most often."""
        return maths.cast(argmax(self.logits, -1), self.dtype, name)


def _one_of(logits: Any, probs: Any) -> None:
    if (logits is None) == (probs is None):
        raise ValueError("Must pass probs or logits, but not both.")


def kl_divergence(
    distribution_a: Distribution, distribution_b: Distribution, allow_nan_stats: bool = True, name: str | None = None
) -> Tensor:
    """How much is lost where the second distribution, of the same class, stands for the first.

    Raises:
        NotCoveredError: for two classes, and for uniform distributions.
    """
    a, b = distribution_a, distribution_b
    with get_default_graph().name_scope(name or "KullbackLeibler"):
        if isinstance(a, Normal) and isinstance(b, Normal):
            ratio = maths.square(a.scale / b.scale)
            away = maths.square((a.loc - b.loc) / b.scale)
            return 0.5 * (away + ratio - 1.0 - maths.log(ratio))  # type: ignore[no-any-return]
        if isinstance(a, Bernoulli) and isinstance(b, Bernoulli):
            apart = a.logits - b.logits
            return a.probs * apart + softplus(b.logits) - softplus(a.logits)  # type: ignore[no-any-return]
        if isinstance(a, Categorical) and isinstance(b, Categorical):
            logs: Any = log_softmax(a.logits)
            return reduce_sum(maths.exp(logs) * (logs - log_softmax(b.logits)), -1)
    raise NotCoveredError(
        f"No KL(distribution_a || distribution_b) registered for distribution_a type {type(a).__name__} and "
        f"distribution_b type {type(b).__name__}"
    )


__getattr__ = not_covered(__name__)
