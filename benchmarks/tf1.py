"""Scripts of TensorFlow 1's kind: tapegrad's `compat.v1` beside TensorFlow itself.

The same code, given one module or the other: `Session.run` of the training steps of `peers.py`, two threads each, in
turns; a graph of 2,000 operations; and what importing costs, each in a process of its own. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from typing import Any

from measure import in_turns, machine, row
from peers import graph_steps, tensorflow
from training import SETTLE

import tapegrad as tg
import tapegrad.compat.v1 as ours

GOALS = {"MLP": 1.0, "CNN": 1.0, "RNN": 0.7}
IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def building(tf: Any) -> float:
    """Seconds to build a graph of 2,000 operations and ask for the last one's shape."""
    start = time.perf_counter()
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 8])
        for _ in range(500):
            x = tf.tanh(x * 0.5 + 1.0)
        assert x.get_shape().as_list() == [None, 8]
    return time.perf_counter() - start


def importing(module: str) -> float:
    """Seconds that `import module` takes after `import numpy`, the median of five processes."""
    command = [sys.executable, "-c", "import numpy; " + IMPORT.format(module)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(5)]
    return statistics.median(float(run.split()[-1]) for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description="TensorFlow 1's names, beside TensorFlow.")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed (default: 15)")
    options = parser.parse_args()
    tg.set_num_threads(2)
    print("# Session.run, beside TensorFlow\n")
    print(f"- {machine()}")
    try:
        theirs = tensorflow()
    except ImportError:
        theirs = None
        print("- TensorFlow is not installed, so not measured")
    steps = {"tapegrad": graph_steps(ours)} | ({"TensorFlow": graph_steps(theirs)} if theirs else {})
    print(f"- medians of {options.rounds} rounds in turns\n")
    row("Session.run", *(f"{name}, ms" for name in steps), "ratio", "goal", "losses after three steps")
    row("---", *["---:"] * (len(steps) + 3))
    for network, goal in GOALS.items():
        tasks = {name: each[network] for name, each in steps.items()}
        losses = [f"{[task() for _ in range(3)][-1]:.5f}" for task in tasks.values()]
        times = in_turns(tasks, options.rounds, SETTLE)
        medians = [statistics.median(times[name]) * 1e3 for name in tasks]
        pairs = zip(times["tapegrad"], times.get("TensorFlow", times["tapegrad"]), strict=True)
        ratio = f"{statistics.median(a / b for a, b in pairs):.2f}" if theirs else "-"
        row(network, *(f"{median:.3f}" for median in medians), ratio, str(goal), ", ".join(losses))
    print()
    row("", *steps)
    row("---", *["---:"] * len(steps))
    modules = [tf for tf in (ours, theirs) if tf]
    row("a graph of 2,000 operations, s", *(f"{min(building(tf) for _ in range(3)):.3f}" for tf in modules))
    names = ["tapegrad.compat.v1", "tensorflow"][: len(modules)]
    row("import, s", *(f"{importing(name):.3f}" for name in names))


if __name__ == "__main__":
    main()
