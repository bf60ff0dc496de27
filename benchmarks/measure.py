"""What the benchmarks share: timing several things in turns, and printing tables."""

from __future__ import annotations

import os
import platform
import random
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = 5e-3  # seconds that one measurement should take, so that the clock's own cost vanishes
AWAKE = 3e-2  # seconds of one that begins with sleeping threads and cold caches, which soon count for little

Times = dict[Any, list[float]]  # what was timed -> seconds of each round


def seconds(task: Callable[[], Any], times: int) -> float:
    """The mean time of one run."""
    started = perf_counter()
    for _ in range(times):
        task()
    return (perf_counter() - started) / times


def in_turns(tasks: dict[Any, Callable[[], Any]], rounds: int, settle: float = 0) -> Times:
    """Time all tasks in turns, in an order drawn anew each round, so that what slows the machine slows all.

    Threads of a library may stay awake after its task, and would take a processor from the next one. Before each
    measurement there are `settle` seconds for them to go to sleep, and a run that is not timed to wake the others.
    """
    sample = AWAKE if settle else SAMPLE
    counts = {}
    for key, task in tasks.items():
        seconds(task, 3)
        counts[key] = max(1, round(sample / seconds(task, 3)))
    found: Times = {key: [] for key in tasks}
    order = list(tasks)
    shuffle = random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for key in order:
            if settle:
                sleep(settle)
                tasks[key]()
            found[key].append(seconds(tasks[key], counts[key]))
    return found


def row(*cells: str) -> None:
    """Print a row of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)


def machine() -> str:
    """The processor, as far as the system tells, the system and Python."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
