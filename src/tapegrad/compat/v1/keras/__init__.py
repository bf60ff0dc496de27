"""A little of Keras: a stack of layers that is compiled, fitted, evaluated and asked. `tf.keras`."""

from __future__ import annotations

import importlib
from typing import Any

_PARTS = {"datasets", "layers", "models", "optimizers", "utils"}


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f".{name}", __name__)
    if name == "Sequential":
        return importlib.import_module(".models", __name__).Sequential
    raise AttributeError(
        f"tf.keras.{name} is not covered (tf.keras has {', '.join(sorted(_PARTS))}); tf.layers has the same layers"
    )
