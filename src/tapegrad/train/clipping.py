"""Clipping of gradients by their global norm, for a Trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._tape import Tensor


def clip(parameters: Sequence[Tensor], max_grad: float) -> None:
    """Scale all gradients by one number, so that the norm of all together is at most `max_grad`."""
    gradients = [(parameter, parameter.grad) for parameter in parameters if parameter.grad is not None]
    norm = sum(float(np.vdot(g.numpy(), g.numpy())) for _, g in gradients) ** 0.5
    if norm > max_grad:
        for parameter, gradient in gradients:
            parameter.grad = gradient * (max_grad / norm)
