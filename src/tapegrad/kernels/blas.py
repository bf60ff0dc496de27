"""Which kernels NumPy's library for products runs on this processor."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy as np

# OpenBLAS's names for its kernels with vectors of 512 bits. On other processors that have such vectors, it takes those
# with 256, at half the speed.
WIDE = {"SkylakeX", "Cooperlake", "SapphireRapids", "Zen4"}
_FOLDERS = ("../numpy.libs", ".libs", ".dylibs")  # in which NumPy's wheels keep it, by system
_FUNCTIONS = ("scipy_openblas_get_corename64_", "openblas_get_corename64_", "openblas_get_corename")


@functools.cache
def core() -> str | None:
    """The processor for which OpenBLAS's chosen kernels were written, or None where NumPy has another library."""
    root = Path(np.__file__).parent
    for file in sorted(file for folder in _FOLDERS for file in (root / folder).glob("*openblas*")):
        try:
            library = ctypes.CDLL(str(file))  # the one that is loaded already
        except OSError:
            continue
        for name in _FUNCTIONS:
            function = getattr(library, name, None)
            if function is not None:
                function.restype = ctypes.c_char_p
                return bytes(function()).decode()
    return None
