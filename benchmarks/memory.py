"""The peak memory of a convolution, forward + backward, beside PyTorch's in each of its memory layouts.

Every figure is taken by a process of its own, which runs a small convolution first, so that what the library itself
takes is not counted, and then the large one twice. Counted is the most memory that the process had meanwhile, beyond
what it had before. The arrays that go in are there before. Linux only. Prints Markdown.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from convolution import CASES, Conv, Pool, our_tasks, their_tasks
from measure import machine, row

LIBRARIES = ("tapegrad", "NCHW", "NHWC")
STATUS = Path("/proc/self/status")


def memory(name: str) -> float:
    """Megabytes: of memory now (VmRSS), or the most since it was reset (VmHWM)."""
    found = re.search(rf"^{name}:\s*(\d+) kB$", STATUS.read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def measure(place: int, library: str) -> float:
    """Megabytes that the process grew by."""
    tasks = our_tasks if library == "tapegrad" else their_tasks
    case = CASES[place]
    small = replace(case, n=1, size=32)  # large enough for the same kernels
    tasks(small)[library, "both"]()
    both = tasks(case)[library, "both"]
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed is not to be taken for what was there before
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # resets the peak
    before = memory("VmRSS")
    both()
    both()
    return memory("VmHWM") - before


def arrays(case: Conv | Pool) -> float:
    """Megabytes of what must be there: the result, and the gradients for the input and the filters."""
    return sum(array.nbytes for array in case.arrays() if array is not None) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="The peak memory of a convolution, forward + backward.")
    parser.add_argument("--one", nargs=2, metavar=("CASE", "LIBRARY"), help="measure one, in this process")
    options = parser.parse_args()
    if options.one:
        print(measure(int(options.one[0]), options.one[1]))
        return
    if not STATUS.exists():
        parser.error("it reads /proc, which only Linux has")
    print("# Peak memory of convolution and pooling, forward + backward\n")
    print(f"- {machine()}\n")
    libraries = LIBRARIES if find_spec("torch") else LIBRARIES[:1]
    row("shape", "results and gradients, MB", *libraries)
    row("---", *["---:"] * (1 + len(libraries)))
    for place, case in enumerate(CASES):
        grown = []
        for library in libraries:
            command = [sys.executable, str(Path(__file__)), "--one", str(place), library]
            done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True)
            grown.append(f"{float(done.stdout):.1f}")
        row(f"`{case.name}`", f"{arrays(case):.1f}", *grown)


if __name__ == "__main__":
    main()
