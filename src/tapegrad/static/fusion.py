"""All passes of a program, and those among them that use compiled kernels, which may round the last bits otherwise."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING

from .blocks import Blocks, blocked
from .joining import joined
from .machine import Steps, mechanised
from .memory import Memory, traced
from .passes import needed, tidy
from .pooling import pooled
from .products import has_products, tiled
from .runs import prepare
from .updates import updates_last

if TYPE_CHECKING:
    from collections.abc import Callable

    from .program import Program, Variable

_LITTLE = 1 << 20  # bytes that are no matter


def optimized(program: Program, fuse: bool) -> Program:
    """The program after all passes; with `fuse` on compiled kernels, as far as there are any for it."""
    program = tidy(program, every_bit=not fuse)
    return updates_last(fused(program) if fuse else program)


def fused(program: Program) -> Program:
    """The program on compiled kernels, or as it was where they cannot be compiled."""
    try:
        runs = planned(program)
        if any(isinstance(entry.function, Steps | Blocks) for entry in runs.entries):
            prepare()
        return runs
    except Exception as error:
        warnings.warn(
            f"compile: the kernels of a program could not be compiled ({error!r}), so it is replayed without them; "
            "tapegrad.compile(fuse=False) does so without this warning",
            RuntimeWarning,
            stacklevel=2,
        )
        return program


def planned(program: Program) -> Program:
    """The program on kernels that are not compiled yet."""
    program = pooled(joined(program))
    program = tiled(program) if has_products(program) else program
    most = functools.cache(lambda: traced(program).most)
    runs = needed(_frugal(_frugal(program, mechanised, most), blocked, most))
    if runs.entries == program.entries:
        return program
    import numba

    return program if numba.config.DISABLE_JIT else runs  # type: ignore[attr-defined]


def _frugal(program: Program, gather: Callable[..., Program], most: Callable[[], int]) -> Program:
    """The program with runs, but for those that take more memory: a run needs all of its arrays at one time."""
    without: frozenset[Variable] = frozenset()
    while True:
        runs = gather(program, without)
        kept = needed(runs)
        memory = Memory(kept)
        if memory.most <= _LITTLE or memory.most <= most():
            return runs
        refused = without
        for entry, alive in zip(kept.entries, memory.alive, strict=True):
            if isinstance(entry.function, Steps | Blocks) and alive > most():
                refused |= entry.function.made
        if refused == without:
            return program
        without = refused
