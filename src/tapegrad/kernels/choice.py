"""Whether compiled kernels serve, or plain NumPy, without importing either before it is needed."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np

SMALL = 1 << 13  # numbers to add up: NumPy is done with fewer before numba would be imported


def serves(dtype: np.dtype[Any]) -> bool:
    """Whether there are compiled kernels for a dtype; there are none where numba is switched off."""
    if dtype.char not in "fd" or not dtype.isnative:
        return False
    import numba

    return not numba.config.DISABLE_JIT  # type: ignore[attr-defined]


def kernels(dtype: np.dtype[Any], name: str) -> ModuleType:
    """The compiled kernels of a name where they serve, and else the same functions in plain NumPy."""
    return _module(name if serves(dtype) else f"plain_{name}")


def for_rows(dtype: np.dtype[Any], numbers: int) -> ModuleType:
    """What adds up rows; for few numbers NumPy, too."""
    return kernels(dtype, "embedding") if numbers >= SMALL else _module("plain_embedding")


@functools.cache  # an import inside a function costs as much as an op
def _module(name: str) -> ModuleType:
    return importlib.import_module(f".{name}", __package__)
