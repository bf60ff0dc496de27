"""Threads for kernels: a call's jobs are handed out one range at a time, and the caller works too.

What a job computes depends on the job alone, so results have the same bits for any number of threads. The pool is
tapegrad's own, since numba's "workqueue" layer ends the process when two Python threads enter it. Any number of
threads may call at once: a caller whose helpers are all busy elsewhere does its jobs itself.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

_pool: ThreadPoolExecutor | None = None


def _available() -> int:
    chosen = os.environ.get("TAPEGRAD_NUM_THREADS")
    if chosen is not None:
        if not chosen.isdecimal() or int(chosen) < 1:
            raise ValueError(f"TAPEGRAD_NUM_THREADS: expected a positive integer, got {chosen!r}")
        return int(chosen)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_count = _available()


def get_num_threads() -> int:
    """How many threads a kernel may use.

    They are as many as this process may use processors, or what the environment variable TAPEGRAD_NUM_THREADS says.
    """
    return _count


def set_num_threads(count: int) -> None:
    """Let kernels use `count` threads from now on; the results do not depend on it."""
    global _count
    if not isinstance(count, int | np.integer) or count < 1:
        raise ValueError(f"set_num_threads: expected a positive integer, got {count!r}")
    _count = int(count)
    _forget()


def _forget() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # a child has none of its parent's threads


def run(
    kernel: Callable[..., Any],
    jobs: int,
    *arguments: Any,
    scratch: Sequence[tuple[int, Any]] = (),
    parallel: bool = True,
) -> None:
    """Call `kernel(first, last, *arguments)` on ranges that cover `range(jobs)`, from several threads.

    After the arguments, each thread hands over arrays of its own to work in, of the sizes and dtypes in `scratch`.
    """
    helpers = min(_count, jobs) - 1
    if helpers <= 0 or not parallel:
        if jobs:
            kernel(0, jobs, *arguments, *_empty(scratch))
        return
    # Several ranges a thread: one that is held up elsewhere leaves its share to the others.
    size = -(-jobs // (4 * (helpers + 1)))
    ticket = itertools.count(0, size).__next__

    def work() -> None:
        own = _empty(scratch)
        while (first := ticket()) < jobs:
            kernel(first, min(first + size, jobs), *arguments, *own)

    futures = _started(work, helpers)
    work()
    for future in futures:
        if not future.cancel():  # one that has not begun has nothing left to do
            future.result()


def _started(work: Callable[[], None], helpers: int) -> list[Future[None]]:
    """`work`, handed to so many threads of the pool, or to fewer when no more can be started."""
    global _pool
    from concurrent.futures import ThreadPoolExecutor

    pool = _pool
    if pool is None:
        pool = _pool = ThreadPoolExecutor(_count, thread_name_prefix="tapegrad")
    futures: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # the interpreter is about to end, or the system allows no more threads
        futures.extend(pool.submit(work) for _ in range(helpers))  # keeps those that were started until then
    return futures


def _empty(scratch: Sequence[tuple[int, Any]]) -> list[Any]:
    return [np.empty(size, dtype) for size, dtype in scratch]
