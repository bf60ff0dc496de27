"""Whether compiled kernels serve, or plain NumPy, without importing either before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

SMALL = 1 << 13  # numbers to add up: NumPy is done with fewer before numba would be imported


def for_rows(dtype: np.dtype[Any], numbers: int) -> ModuleType:
    """What adds up rows: compiled kernels, or NumPy for few numbers, without numba, or for a dtype that has none."""
    if dtype in (np.float32, np.float64) and numbers >= SMALL:
        import numba

        if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            from . import embedding

            return embedding
    from . import plain_embedding

    return plain_embedding
