"""The one place that decides how kernels are compiled, and for which vector units.

Kernels release the GIL and are cached on disk. A cache that cannot be written or read costs compiling again and
one warning, never an error. `TAPEGRAD_LANES` overrides the number of float32 lanes that the CPU's features suggest.
"""

from __future__ import annotations

import functools
import os
import warnings
from typing import TYPE_CHECKING, Any

import llvmlite.binding
import numba

if TYPE_CHECKING:
    from collections.abc import Callable

# Kernels allocate nothing, have no expressions of whole arrays to rewrite, and are not called from C. Without what
# numba does for those, they compile in half the time.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "no_rewrites": True,
    "no_cfunc_wrapper": True,
}


class _Kernel:
    """A compiled function that survives the loss of its cache."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        functools.update_wrapper(self, function)
        try:
            self._compiled = numba.njit(cache=True, **_OPTIONS)(function)
            self._cached = True
        except RuntimeError as error:  # numba found no folder to write to
            self._without_cache(error)

    def _without_cache(self, error: Exception) -> None:
        warnings.warn(
            f"tapegrad's compiled kernels cannot be cached, so each process compiles them anew ({error}); "
            "set NUMBA_CACHE_DIR to a folder that can be written to, or empty the one it names",
            stacklevel=4,
        )
        self._cached = False
        self._compiled = numba.njit(**_OPTIONS)(self._function)

    def __call__(self, *arguments: Any) -> Any:
        try:
            return self._compiled(*arguments)
        except Exception as error:
            # Kernels do not raise. What raises here is reading a damaged cache, before the kernel has run.
            if not self._cached:
                raise
            self._without_cache(error)
            return self._compiled(*arguments)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` when it is first called."""
    return _Kernel(function)


inlined = numba.njit(inline="always", **_OPTIONS)  # for the small functions that kernels share


def _features() -> dict[str, bool]:
    try:
        return dict(llvmlite.binding.get_host_cpu_features())
    except RuntimeError:  # LLVM cannot tell on this system
        return {}


def _lanes_and_registers() -> tuple[int, int]:
    """How many float32 fit into a vector register, and how many such registers there are."""
    features = _features()
    if features.get("avx512f"):
        return 16, 32
    if features.get("avx2"):
        return 8, 16
    if features.get("neon"):
        return 4, 32
    return 4, 16


LANES, REGISTERS = _lanes_and_registers()
if "TAPEGRAD_LANES" in os.environ:
    LANES = int(os.environ["TAPEGRAD_LANES"])
    if LANES not in (4, 8, 16):
        raise ValueError(f"TAPEGRAD_LANES: expected 4, 8 or 16, got {LANES}")
# Without it, LLVM would call a function for each multiply-add.
FUSED = bool(_features().get("fma") or _features().get("neon"))
