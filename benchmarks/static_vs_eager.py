"""tapegrad's own three ways to run a training step: eagerly, as a program, and as a program with fused steps.

Also what an entry of a program costs beyond its NumPy call, what the first call costs, and a chain of elementwise ops
on 16 million numbers beside copies of its inputs and outputs; and the memory that a step takes. The networks are those
of `training.py`, the recurrent one unrolled by hand. Everything is timed in turns. Prints Markdown, and saves a plot
where matplotlib is installed.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import in_turns, machine, row
from training import BITS, IMAGES, RATES, SETTLE, SUMS, WEIGHTS, X, Y

import tapegrad as tg
from tapegrad import nn, optim

if TYPE_CHECKING:
    from collections.abc import Callable

F = nn.functional
ARGUMENTS = {"MLP": (X, Y), "CNN": (IMAGES, Y[:64]), "RNN": (BITS, SUMS)}


def mlp(x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return F.cross_entropy(F.affine(F.relu(F.affine(x, w1, b1)), w2, b2), y)


def cnn(x: Any, y: Any, k1: Any, k2: Any, w1: Any, w2: Any) -> Any:
    h = tg.max_pool(F.relu(tg.conv2d(x, k1)), 2)
    h = tg.max_pool(F.relu(tg.conv2d(h, k2)), 2)
    return F.cross_entropy(F.affine(F.relu(F.affine(h.reshape(64, -1), w1)), w2), y)


def rnn(x: Any, y: Any, w: Any, b: Any, o: Any, c: Any) -> Any:
    state, outputs = tg.zeros((100, 8)), []
    for t in range(8):
        state = tg.tanh(tg.concat([x[:, t], state], 1) @ w + b)
        outputs.append(tg.sigmoid(state @ o + c))
    return ((tg.concat(outputs, 1) - y) ** 2).mean()


LOSSES = {"MLP": mlp, "CNN": cnn, "RNN": rnn}


def our_step(name: str, how: str) -> Callable[[], float]:
    parameters = [tg.tensor(w, requires_grad=True) for w in WEIGHTS[name]]
    rate, momentum = RATES[name]
    optimizer = optim.SGD(parameters, lr=rate, momentum=momentum)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = LOSSES[name](x, y, *parameters)
        loss.backward()
        optimizer.step()
        return loss

    run = step if how == "eager" else tg.compile(step, fuse=how == "fused")
    return lambda: float(run(*ARGUMENTS[name]).item())


def plot(path: str, table: dict[str, dict[str, float]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), dpi=160, layout="constrained")
    for axes, (network, times) in zip(figure.subplots(1, len(table)), table.items(), strict=True):
        names = list(times)[::-1]
        bars = axes.barh(names, [times[name] for name in names], color="#9db8d2")
        for bar, name in zip(bars, names, strict=True):
            if name.startswith("tapegrad"):
                bar.set_color("#0b66a8")
        axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=8)
        axes.set_title(f"{network}, ms a step", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.margins(x=0.18)
        if axes.get_subplotspec().colspan.start:
            axes.set_yticklabels([])
    figure.savefig(path)
    print(f"\nPlot: {path}")


def modes(rounds: int, path: str) -> None:
    names = ["eager", "program", "fused"]
    row("step", *(f"{name}, ms" for name in names), "fused / eager", "first call of the fused program, ms")
    row("---", *["---:"] * 5)
    table: dict[str, dict[str, float]] = {}
    for network in LOSSES:
        tasks = {f"tapegrad {how}": our_step(network, how) for how in names}
        start = time.perf_counter()
        tasks["tapegrad fused"]()
        first = (time.perf_counter() - start) * 1e3
        times = in_turns(tasks, rounds, SETTLE)
        table[network] = {name: statistics.median(times[name]) * 1e3 for name in tasks}
        pairs = zip(times["tapegrad fused"], times["tapegrad eager"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        row(network, *(f"{value:.3f}" for value in table[network].values()), f"{ratio:.2f}", f"{first:.0f}")
    try:
        plot(path, table)
    except ImportError:
        print("\nmatplotlib is not installed, so no plot")


def entry(rounds: int) -> None:
    """What an entry of a program without fusion costs, beyond NumPy's call of the same."""
    count = 100
    x, y = np.ones(3, np.float32), np.full(3, 1.5, np.float32)

    def chain(x: Any, y: Any) -> Any:
        for _ in range(count):
            x = x * y
        return x

    def calls() -> Any:
        out = x
        for _ in range(count):
            out = np.multiply(out, y)
        return out

    run = tg.compile(chain, fuse=False)
    times = in_turns({"program": lambda: run(x, y), "NumPy": calls}, rounds)
    program, numpy = (statistics.median(times[name]) / count * 1e6 for name in ("program", "NumPy"))
    print(f"\nAn entry of a program costs {program:.2f} us, NumPy's call alone {numpy:.2f}.")


def large(rounds: int) -> None:
    """Ten elementwise ops on 16 million numbers, forward and backward, beside copies."""
    x = np.random.default_rng(0).standard_normal(1 << 24).astype(np.float32)

    def chain(x: Any) -> Any:
        t = x * 1.1 + 0.1
        t = tg.tanh(t) * t
        t = tg.exp(-t) + t
        return tg.tanh(t - 0.5) * 2.0

    parameter, cotangent = tg.tensor(x, requires_grad=True), np.ones_like(x)

    def step(g: Any) -> Any:
        parameter.grad = None
        out = chain(parameter)
        out.backward(g)
        return out, parameter.grad

    run = tg.compile(step)
    for _ in range(15):  # so that the run has a kernel of its own
        run(cotangent)
    out = [np.empty_like(x), np.empty_like(x)]

    def copies() -> None:
        np.copyto(out[0], x)
        np.copyto(out[1], cotangent)

    times = in_turns({"chain": lambda: run(cotangent), "copies": copies}, rounds)
    chained, copied = (statistics.median(times[name]) * 1e3 for name in ("chain", "copies"))
    print(f"\nTen ops on 16 million numbers, forward and backward: {chained:.0f} ms; copying what goes in and comes "
          f"out: {copied:.0f} ms; ratio {chained / copied:.1f}.")  # fmt: skip


def memory() -> None:
    """The most that a step takes beyond what is there between steps: parameters, their gradients and velocities.

    It runs in a thread of its own, which has nothing yet of what kernels keep to work in; so that is counted, too.
    """
    print("\nThe most memory that a step takes beyond what is there between steps, MB:\n")
    names = ["eager", "program", "fused"]
    row("step", *names)
    row("---", *["---:"] * len(names))
    for network in LOSSES:
        row(network, *(f"{_peak(our_step(network, how)) / 1e6:.2f}" for how in names))


def _peak(step: Callable[[], float]) -> int:
    for _ in range(3):
        step()
    gc.collect()
    tracemalloc.start()
    step()  # what is there between steps is replaced by then, and known
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description="Training steps eagerly and as programs.")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads (default: 2)")
    parser.add_argument("--plot", default="static-vs-eager.png", help="where to save the plot")
    options = parser.parse_args()
    tg.set_num_threads(options.threads)
    print("# Training steps, eagerly and as programs\n")
    print(f"- {machine()}")
    print(f"- tapegrad {tg.__version__}, numpy {np.__version__}")
    print(f"- medians of {options.rounds} rounds in turns\n")
    modes(options.rounds, options.plot)
    entry(options.rounds)
    large(max(3, options.rounds // 3))
    memory()


if __name__ == "__main__":
    main()
