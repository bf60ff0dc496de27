"""Optimizers under Keras's names, with its constants."""

from __future__ import annotations

from typing import Any

from .. import train
from .._missing import NotCoveredError, not_covered

__all__ = ["SGD", "Adagrad", "Adam", "RMSprop", "optimizer_of"]

__getattr__ = not_covered(__name__)


def SGD(lr: float = 0.01, momentum: float = 0.0, decay: float = 0.0, nesterov: bool = False, **keywords: Any) -> Any:
    """Stochastic gradient descent, perhaps with momentum."""
    _refuse("SGD", decay, keywords)
    rate = keywords.get("learning_rate", lr)
    if momentum:
        return train.MomentumOptimizer(rate, momentum, use_nesterov=nesterov)
    return train.GradientDescentOptimizer(rate)


def Adam(
    lr: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float | None = None, decay: float = 0.0,
    **keywords: Any,
) -> Any:  # fmt: skip
    """Adam. Source: Kingma and Ba, ICLR 2015."""
    _refuse("Adam", decay, keywords)
    return train.AdamOptimizer(keywords.get("learning_rate", lr), beta_1, beta_2, epsilon or 1e-7)


def RMSprop(
    lr: float = 0.001, rho: float = 0.9, epsilon: float | None = None, decay: float = 0.0, **keywords: Any
) -> Any:
    """RMSprop. Source: Tieleman and Hinton, Coursera, 2012, lecture 6.5."""
    _refuse("RMSprop", decay, keywords)
    return train.RMSPropOptimizer(keywords.get("learning_rate", lr), rho, epsilon=epsilon or 1e-7)


def Adagrad(lr: float = 0.01, epsilon: float | None = None, decay: float = 0.0, **keywords: Any) -> Any:
    """Adagrad. Source: Duchi et al., JMLR 2011."""
    _refuse("Adagrad", decay, keywords)
    return train.AdagradOptimizer(keywords.get("learning_rate", lr))


def _refuse(name: str, decay: float, keywords: dict[str, Any]) -> None:
    strange = set(keywords) - {"learning_rate"}
    if decay or strange:
        what = ", ".join(["decay", *strange] if decay else strange)
        raise NotCoveredError(f"tf.keras.optimizers.{name}: {what} is not covered; tf.train has schedules of rates")


def optimizer_of(optimizer: Any) -> Any:
    """The optimizer that `optimizer` is or names."""
    if not isinstance(optimizer, str):
        return optimizer
    known: dict[str, Any] = {"adagrad": Adagrad, "adam": Adam, "rmsprop": RMSprop, "sgd": SGD}
    if optimizer.lower() not in known:
        raise ValueError(f"Unknown optimizer: {optimizer!r}; there are {', '.join(known)}")
    return known[optimizer.lower()]()
