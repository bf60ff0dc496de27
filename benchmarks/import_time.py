"""What `import tapegrad` costs beyond `import numpy`: each in fresh interpreters, in turns. Prints Markdown."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

CODE = "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"


def seconds(module: str) -> float:
    """How long a fresh interpreter takes to import `module`."""
    command = [sys.executable, "-c", CODE.format(module)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="What `import tapegrad` costs beyond `import numpy`.")
    parser.add_argument("--rounds", type=int, default=20, help="how many pairs are timed (default: 20)")
    rounds = parser.parse_args().rounds
    for module in ("numpy", "tapegrad"):
        seconds(module)  # compiles what is not compiled yet, and warms the disk's cache
    pairs = [(seconds("numpy"), seconds("tapegrad")) for _ in range(rounds)]
    numpy, tapegrad = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = statistics.median(b - a for a, b in pairs)
    print("# The cost of importing, in milliseconds\n")
    print(f"| import numpy | import tapegrad | difference, median of {rounds} pairs |")
    print("| ---: | ---: | ---: |")
    print(f"| {numpy * 1e3:.0f} | {tapegrad * 1e3:.0f} | {more * 1e3:.0f} |")


if __name__ == "__main__":
    main()
