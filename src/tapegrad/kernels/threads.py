"""Threads for kernels: the caller and a team of helpers take a call's jobs from a common stack.

What a job computes depends on the job alone, so results have the same bits for any number of threads. The team is
tapegrad's own, since numba's "workqueue" layer ends the process when two Python threads enter it. Any number of
threads may call at once: a caller who finds the team at work for another does its jobs itself.
"""

from __future__ import annotations

import atexit
import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .team import Team

_team: Team | None = None


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
    _dismiss()


@atexit.register
def _dismiss() -> None:
    global _team
    team, _team = _team, None
    if team is not None:
        team.close()


def _forget() -> None:
    global _team
    _team = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # a child has none of its parent's threads


def run(
    kernel: Callable[..., Any],
    jobs: int,
    *arguments: Any,
    scratch: Sequence[tuple[int, Any]] = (),
    parallel: bool = True,
) -> None:
    """Run a kernel on `range(jobs)`, from several threads.

    After the arguments, each thread hands over arrays of its own to work in, of the sizes and dtypes in `scratch`.
    """
    if parallel and min(_count, jobs) > 1 and _gathered().run(kernel, jobs, arguments, scratch):
        return
    if jobs:
        _alone()(kernel, jobs, arguments, scratch)


@functools.cache  # to import it anew for each call takes as long as a tenth of a small kernel
def _alone() -> Callable[..., None]:
    from .team import alone

    return alone


def _gathered() -> Team:
    global _team
    from .team import Team

    team = _team
    if team is None or team.closed:
        team = _team = Team(_count - 1)
    return team
