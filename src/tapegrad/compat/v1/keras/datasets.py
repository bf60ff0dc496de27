"""Data sets under Keras's names: `tf.keras.datasets.mnist`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from .._missing import not_covered

__all__ = ["mnist"]

__getattr__ = not_covered(__name__)


def _load_data(path: str = "mnist.npz") -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """MNIST as bytes: images (60000, 28, 28) and (10000, 28, 28), and their digits.

    `path` names a file of Keras's and is ignored: the files are those that `tapegrad.data.datasets.mnist` looks for.
    """
    from ....data.datasets import mnist as load

    train, test = load()

    def as_bytes(part: Any) -> tuple[Any, Any]:
        x = np.asarray(part.x)
        images = x if x.dtype == np.uint8 else np.rint(x * 255).astype(np.uint8)
        return images.reshape(-1, 28, 28), np.asarray(part.y, np.uint8)

    return as_bytes(train), as_bytes(test)


mnist = SimpleNamespace(load_data=_load_data)
