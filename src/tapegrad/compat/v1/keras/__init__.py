"""A little of Keras: a stack of layers that is compiled, fitted, evaluated and asked. `tf.keras`."""

from __future__ import annotations

import importlib
from typing import Any

from .. import _missing

_PARTS = {"datasets", "layers", "models", "optimizers", "utils"}

_not_there = _missing.not_covered(__name__)


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f".{name}", __name__)
    if name == "Sequential":
        return importlib.import_module(".models", __name__).Sequential
    return _not_there(name)
