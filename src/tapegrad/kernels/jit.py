"""The one place that decides how kernels are compiled, and for which vector units.

Kernels release the GIL and are cached on disk. A cache that cannot be written or read costs compiling again and
one warning, never an error. `TAPEGRAD_LANES` overrides the number of float32 lanes that the CPU's features suggest.
"""

from __future__ import annotations

import gc
import hashlib
import os
import pkgutil
import warnings
from typing import TYPE_CHECKING, Any

import llvmlite.binding
import numba
import numba.core.caching

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


_FunctionCache: Any = numba.core.caching.FunctionCache  # which has no types


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` when it is first called with arguments of a type, or load it from the cache."""
    kernel: Any = numba.njit(**_OPTIONS)(function)
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return kernel  # type: ignore[no-any-return]  # the function itself
    kernel._compiler.compile = _without_collecting(kernel._compiler.compile)
    try:
        kernel._cache = _Cache(function)
    except RuntimeError as error:  # numba found no folder to write to
        _warn("made", error)
    return kernel  # type: ignore[no-any-return]


def _without_collecting(compile_now: Callable[..., Any]) -> Callable[..., Any]:
    """The same without Python's garbage collector, which takes a seventh of the time: numba's trees are all in use."""

    def compile_kernel(*arguments: Any) -> Any:
        enabled = gc.isenabled()
        gc.disable()
        try:
            return compile_now(*arguments)
        finally:
            if enabled:
                gc.enable()

    return compile_kernel


uncached = numba.njit(**_OPTIONS)  # for kernels of one program
called = numba.njit(**{"no_cpython_wrapper": True, **_OPTIONS})  # for functions that kernels call
inlined = numba.njit(inline="always", **_OPTIONS)  # for the small functions that kernels share


class _Cache(_FunctionCache):  # type: ignore[misc]
    """numba's cache, which knows what else a kernel depends on, and which cannot fail."""

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return (*super()._index_key(signature, codegen), LANES, _SOURCES)

    def load_overload(self, signature: Any, target: Any) -> Any:
        # numba's own method first prepares for compiling, which takes a hundred times as long as loading.
        try:
            with self._guard_against_spurious_io_errors():
                found = self._load_overload(signature, target)
                # Two processes that save at the same time may swap what they save for different dtypes.
                return found if found is not None and found.signature.args == signature else None
        except Exception as error:  # a damaged file may raise anything
            _warn("read", error)
            self._forget()
        return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except OSError as error:  # the disk is full, or the folder is no longer there
            _warn("written", error)
            self.disable()

    def _forget(self) -> None:
        try:
            self.flush()
        except OSError:
            self.disable()


_warned = False


def _warn(done: str, error: Exception) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"the cache of tapegrad's kernels could not be {done} ({error!r}), so they are compiled, a second each; "
            "NUMBA_CACHE_DIR may name a folder for it that can be read and written",
            RuntimeWarning,
            stacklevel=2,
        )


# numba asks only whether the file of a kernel itself has changed, but kernels contain code from these as well.
SHARED = (
    "atomic", "functions", "heights", "instructions", "jit", "jobs", "lanes", "memory", "panels", "rows", "scalar",
    "steps", "tile", "transpose", "values", "vectors",
)  # fmt: skip
_SOURCES = hashlib.sha256(b"".join(pkgutil.get_data(__package__, f"{name}.py") or b"" for name in SHARED)).hexdigest()


def cpu_features() -> dict[str, bool]:
    """What the processor can, by LLVM's names; empty where LLVM cannot tell."""
    try:
        return dict(llvmlite.binding.get_host_cpu_features())
    except RuntimeError:  # LLVM cannot tell on this system
        return {}


def _lanes() -> int:
    """How many float32 fit into a vector register."""
    features = cpu_features()
    if "TAPEGRAD_LANES" in os.environ:
        lanes = os.environ["TAPEGRAD_LANES"]
        if lanes not in ("4", "8", "16"):
            raise ValueError(f"TAPEGRAD_LANES: expected 4, 8 or 16, got {lanes!r}")
        return int(lanes)
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx2") else 4


LANES = _lanes()
REGISTERS = 32 if LANES == 16 or cpu_features().get("neon") else 16  # of vectors: AVX-512 and NEON have 32
# Without it, LLVM would call a function for each multiply-add.
FUSED = bool(cpu_features().get("fma") or cpu_features().get("neon"))
