"""What this machine gives tapegrad to work with, and what to set where it could give more."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIDE = 1024  # of the matrices whose product is timed


def report() -> Iterator[str]:
    """The lines of the report: versions, processor, threads, matrix products, kernels, and advice."""
    advice: list[str] = []
    yield f"Python      {platform.python_version()}, {platform.system()} {platform.machine()}"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "numba", "llvmlite"))
    yield f"packages    {versions}"
    yield from _processor(advice)
    yield from _products(advice)
    yield from _cache(advice)
    if advice:
        yield ""
        yield "To do:"
        for line in advice:
            yield f"- {line}"


def _processor(advice: list[str]) -> Iterator[str]:
    from ..kernels import jit, threads

    has = [name for name in ("avx512f", "avx2", "fma", "neon") if jit.cpu_features().get(name)]
    yield f"processor   {', '.join(has) or 'no vector units known'}: {jit.LANES} lanes of float32"
    count, cores = threads.get_num_threads(), os.cpu_count()
    yield f"threads     {count} for kernels, of {cores} processors"
    if "TAPEGRAD_LANES" in os.environ:
        advice.append("TAPEGRAD_LANES is set, which is for tests; without it, the processor's own lanes are taken")


def _products(advice: list[str]) -> Iterator[str]:
    """NumPy's library for products, and how quick it is beside the register tile."""
    built: Any = np.show_config(mode="dicts")
    about = built.get("Build Dependencies", {}).get("blas", {})
    name = f"{about.get('name', 'unknown')} {about.get('version', '')}".strip()
    from numba import config

    from ..kernels import blas, product

    x = np.random.default_rng(0).standard_normal((_SIDE, _SIDE)).astype(np.float32)
    numpys = 2 * _SIDE**3 / _quickest(lambda: x @ x) / 1e9
    core = blas.core()
    kernels = f" with kernels for {core}" if core else ""
    yield f"BLAS        {name}{kernels}: {numpys:.0f} GF/s for products of float32"
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        yield "kernels     none: NUMBA_DISABLE_JIT is set, so NumPy computes everything"
        advice.append("unset NUMBA_DISABLE_JIT, unless you are looking for an error in a kernel")
        return
    ours = 2 * _SIDE**3 / _quickest(lambda: product.matmul(x, x)) / 1e9
    chosen = "tapegrad's" if product.faster() else "NumPy's"
    yield f"tile        {ours:.0f} GF/s; products of float32 whose last bits are free are {chosen}"
    if product.faster() and "OPENBLAS_CORETYPE" not in os.environ:
        advice.append(
            f"NumPy's OpenBLAS runs its kernels for {core}, which use half of this processor's vectors. With "
            "OPENBLAS_CORETYPE=SkylakeX set before Python starts, NumPy's own products may be quicker"
        )


def _quickest(task: Callable[[], Any]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def _cache(advice: list[str]) -> Iterator[str]:
    """Where compiled kernels are kept, and whether they can be."""
    from numba import config

    from ..kernels import product

    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return
    cache = getattr(product.multiply, "_cache", None)
    path = Path(getattr(cache, "cache_path", None) or ".")
    if cache is None or not getattr(cache, "_enabled", True):
        yield "cache       none: kernels are compiled in every process"
        advice.append("name a folder that can be written to in NUMBA_CACHE_DIR, so that kernels are kept")
        return
    files = [file for file in path.glob("*.nbc") if file.is_file()] if path.is_dir() else []
    yield f"cache       {len(files)} kernels, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB, in {path}"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        advice.append(f"{path} cannot be written to: name another folder in NUMBA_CACHE_DIR")
    elif len(files) < 30:
        advice.append("run `python -m tapegrad warmup` to compile all kernels now rather than when each is needed")
