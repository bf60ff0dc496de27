"""The update rules: pure functions of arrays, the old parameter, gradient and state in, the new ones out.

Nothing is written into, and nothing is remembered here: an optimizer keeps the state between steps. `rate` is
the learning rate. Numbers are Python's, so that an array keeps its dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def decayed(parameter: NDArray[Any], gradient: NDArray[Any], weight_decay: float) -> NDArray[Any]:
    """The gradient with that of `weight_decay / 2 * (parameter ** 2).sum()` added."""
    return gradient + weight_decay * parameter if weight_decay else gradient


def descend(parameter: NDArray[Any], gradient: NDArray[Any], rate: float) -> NDArray[Any]:
    """Gradient descent: one step straight down the gradient."""
    return parameter - rate * gradient


def momentum(
    parameter: NDArray[Any], gradient: NDArray[Any], velocity: NDArray[Any], rate: float, beta: float, nesterov: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Gradient descent along a velocity, the sum of the past gradients, each weighted `beta` per step of its age.

    Nesterov's form stores the looked-ahead parameters, as PyTorch and TensorFlow do. Source: Sutskever et al.,
    On the importance of initialization and momentum in deep learning, ICML 2013.
    """
    velocity = beta * velocity + gradient
    return parameter - rate * (gradient + beta * velocity if nesterov else velocity), velocity


def adam(
    parameter: NDArray[Any],
    gradient: NDArray[Any],
    mean: NDArray[Any],
    square: NDArray[Any],
    step: int,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """A step of the gradient's running mean over the root of its running square; `step` counts from 1.

    Both start at zero and are corrected for it. `epsilon` is added to the corrected root, as PyTorch does.
    Source: Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1.
    """
    beta1, beta2 = betas
    mean = beta1 * mean + (1 - beta1) * gradient
    square = beta2 * square + (1 - beta2) * (gradient * gradient)
    root = np.sqrt(square) / (1 - beta2**step) ** 0.5 + epsilon
    return parameter - rate / (1 - beta1**step) * mean / root, mean, square
