"""Update rules of one number, as `rules` has, that shrink weights towards 0 by their size (l1) and square (l2).

Sources: Duchi and Singer, Efficient online and batch learning using forward backward splitting, JMLR 2009; McMahan et
al., Ad click prediction: a view from the trenches, KDD 2013, algorithm 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def proximal_descend(parameter: Any, gradient: Any, rate: Any, l1: Any, l2: Any) -> Any:
    """A step down the gradient, then towards 0."""
    moved = parameter - rate * gradient
    return np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0) / (1 + rate * l2)


def proximal_adagrad(parameter: Any, gradient: Any, total: Any, rate: Any, l1: Any, l2: Any) -> Any:
    """A step of Adagrad, then towards 0; `total` is the sum of the squares of the gradients."""
    total = total + gradient * gradient
    own = rate / np.sqrt(total)
    moved = parameter - own * gradient
    return np.sign(moved) * np.maximum(np.abs(moved) - own * l1, 0) / (1 + own * l2), total


def ftrl(parameter: Any, gradient: Any, total: Any, linear: Any, rate: Any, l1: Any, l2: Any, shrinkage: Any) -> Any:
    """Follow the regularized leader, near the optimum of all linearised losses so far, whose sum is `linear`."""
    before, total = total, total + gradient * gradient
    root = np.sqrt(total)
    linear = linear + gradient + 2 * shrinkage * parameter - (root - np.sqrt(before)) / rate * parameter
    beyond = np.maximum(np.abs(linear) - l1, 0)
    return -np.sign(linear) * beyond / (root / rate + 2 * l2), total, linear
