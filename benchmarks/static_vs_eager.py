"""Training steps eagerly, as a program, and as a program with fused steps, beside PyTorch and JAX.

The three networks are those of `training.py`, the recurrent one unrolled by hand. Every library starts from the same
weights, has two threads, and is timed in turns in one process; JAX compiles its step, PyTorch runs eagerly. Prints
Markdown, and saves a plot where matplotlib is installed.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import in_turns, machine, row
from training import BITS, IMAGES, RATES, SETTLE, SUMS, WEIGHTS, X, Y, their_steps

import tapegrad as tg
from tapegrad import nn, optim

if TYPE_CHECKING:
    from collections.abc import Callable

F = nn.functional
ARGUMENTS = {"MLP": (X, Y), "CNN": (IMAGES, Y[:64]), "RNN": (BITS, SUMS)}


def mlp(x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return F.cross_entropy(F.relu(x @ w1 + b1) @ w2 + b2, y)


def cnn(x: Any, y: Any, k1: Any, k2: Any, w1: Any, w2: Any) -> Any:
    h = tg.max_pool(F.relu(tg.conv2d(x, k1)), 2)
    h = tg.max_pool(F.relu(tg.conv2d(h, k2)), 2)
    return F.cross_entropy(F.relu(h.reshape(64, -1) @ w1) @ w2, y)


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


def jax_steps() -> dict[str, Callable[[], float]]:
    import jax
    import jax.numpy as jnp

    def entropy(logits: Any, y: Any) -> Any:
        return -(y * jax.nn.log_softmax(logits)).sum(-1).mean()

    def mlp(p: Any, x: Any, y: Any) -> Any:
        return entropy(jax.nn.relu(x @ p[0] + p[1]) @ p[2] + p[3], y)

    def cnn(p: Any, x: Any, y: Any) -> Any:
        def conv(x: Any, k: Any) -> Any:
            return jax.lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

        def pool(x: Any) -> Any:
            return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

        h = pool(jax.nn.relu(conv(pool(jax.nn.relu(conv(x, p[0]))), p[1])))
        return entropy(jax.nn.relu(h.reshape(64, -1) @ p[2]) @ p[3], y)

    def rnn(p: Any, x: Any, y: Any) -> Any:
        w, b, o, c = p
        state, outputs = jnp.zeros((100, 8)), []
        for t in range(8):
            state = jnp.tanh(jnp.concatenate([x[:, t], state], 1) @ w + b)
            outputs.append(jax.nn.sigmoid(state @ o + c))
        return ((jnp.concatenate(outputs, 1) - y) ** 2).mean()

    def step_of(name: str, loss: Callable[..., Any]) -> Callable[[], float]:
        rate, momentum = RATES[name]

        @jax.jit
        def step(parameters: Any, velocities: Any, x: Any, y: Any) -> Any:
            value, gradients = jax.value_and_grad(loss)(parameters, x, y)
            velocities = [momentum * v + g for v, g in zip(velocities, gradients, strict=True)]
            return [p - rate * v for p, v in zip(parameters, velocities, strict=True)], velocities, value

        state = [[jnp.array(w) for w in WEIGHTS[name]], [jnp.zeros_like(w) for w in WEIGHTS[name]]]
        x, y = map(jnp.array, ARGUMENTS[name])

        def run() -> float:
            *state[:], value = step(*state, x, y)
            return float(value)

        return run

    return {name: step_of(name, loss) for name, loss in (("MLP", mlp), ("CNN", cnn), ("RNN", rnn))}


def peers() -> dict[str, dict[str, Callable[[], float]]]:
    found: dict[str, dict[str, Callable[[], float]]] = {}
    for name, steps in (("PyTorch eager", their_steps), ("JAX jit", jax_steps)):
        try:
            found[name] = steps()
        except ImportError:
            print(f"- {name.split()[0]} is not installed, so not measured")
    return found


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


def main() -> None:
    parser = argparse.ArgumentParser(description="Training steps eagerly and as programs.")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of every library (default: 2)")
    parser.add_argument("--plot", default="static-vs-eager.png", help="where to save the plot")
    options = parser.parse_args()
    tg.set_num_threads(options.threads)
    print("# Training steps, eagerly and as programs\n")
    print(f"- {machine()}")
    print(f"- tapegrad {tg.__version__}, numpy {np.__version__}")
    others = peers()
    if "PyTorch eager" in others:
        import torch

        torch.set_num_threads(options.threads)
    print(f"- medians of {options.rounds} rounds in turns, ms a step; below, the ratio to the best of the peers\n")
    names = ["tapegrad eager", "tapegrad program", "tapegrad fused", *others]
    row("step", *names, "fused / best peer")
    row("---", *["---:"] * (len(names) + 1))
    table: dict[str, dict[str, float]] = {}
    for network in LOSSES:
        tasks = {f"tapegrad {label}": our_step(network, how) for label, how in
                 (("eager", "eager"), ("program", "program"), ("fused", "fused"))}  # fmt: skip
        tasks |= {name: steps[network] for name, steps in others.items()}
        times = in_turns(tasks, options.rounds, SETTLE)
        table[network] = {name: statistics.median(times[name]) * 1e3 for name in names}
        best = min(others, key=lambda name: table[network][name], default="tapegrad eager")
        ratio = statistics.median(a / b for a, b in zip(times["tapegrad fused"], times[best], strict=True))
        row(network, *(f"{table[network][name]:.3f}" for name in names), f"{ratio:.2f}")
    try:
        plot(options.plot, table)
    except ImportError:
        print("\nmatplotlib is not installed, so no plot")


if __name__ == "__main__":
    main()
