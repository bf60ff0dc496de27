"""The adapter for data with the channels first, as PyTorch has them; inside, layers have them last."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.shape import moveaxis
from .module import Module


class ChannelsFirst(Module):
    """Runs `module` on data that have the channels first: (N, C, *spatial) -> (N, F, *spatial).

        model = nn.ChannelsFirst(nn.Sequential(nn.Conv2d(3, 64, 3, padding="same"), nn.ReLU()))
        model(images)       # (N, 3, H, W) -> (N, 64, H, W)

    The module sees (N, *spatial, C). What it gives with two dimensions or fewer, such as the logits of a classifier,
    has no spatial dimensions and is left as it is.
    """

    def __init__(self, module: Module) -> None:
        self.module = module

    def forward(self, x: Any) -> Any:
        y = self.module(moveaxis(x, 1, -1))
        return moveaxis(y, -1, 1) if np.ndim(y) > 2 else y
