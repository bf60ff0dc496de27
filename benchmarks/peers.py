"""The training steps of three small networks as programs, beside every peer that is installed.

The networks are those of `training.py`, the recurrent one unrolled by hand: tapegrad as a program with fused steps,
PyTorch eager and compiled, JAX compiled, and a graph of TensorFlow 1's kind. Every library starts from the same
weights, has two threads, and is timed in turns in one process. Prints Markdown, and saves a plot where matplotlib is
installed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
from typing import TYPE_CHECKING, Any

from measure import in_turns, machine, row
from static_vs_eager import ARGUMENTS, LOSSES, our_step, plot
from training import RATES, SETTLE, WEIGHTS, their_steps

import tapegrad as tg

if TYPE_CHECKING:
    from collections.abc import Callable

Steps = dict[str, "Callable[[], float]"]


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


def compiled_steps() -> Steps:
    """PyTorch's steps, whose forward and backward passes it compiles; the update is its own."""
    return their_steps(compiled=True)


def tensorflow() -> Any:
    """TensorFlow 1's names, of TensorFlow itself."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    tf = tensorflow.compat.v1
    tf.logging.set_verbosity(tf.logging.ERROR)
    return tf


def tensorflow_steps() -> Steps:
    """TensorFlow's own graphs and sessions."""
    return graph_steps(tensorflow())


def graph_steps(tf: Any) -> Steps:
    """Graphs and sessions, as scripts of TensorFlow 1 have them, of a module `tf`."""

    def entropy(logits: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=logits))

    def mlp(x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return entropy(tf.nn.relu(x @ w1 + b1) @ w2 + b2, y)

    def cnn(x: Any, y: Any, k1: Any, k2: Any, w1: Any, w2: Any) -> Any:
        for k in (k1, k2):
            x = tf.nn.relu(tf.nn.conv2d(x, k, strides=[1, 1, 1, 1], padding="SAME"))
            x = tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
        return entropy(tf.nn.relu(tf.reshape(x, [64, 3136]) @ w1) @ w2, y)

    def rnn(x: Any, y: Any, w: Any, b: Any, o: Any, c: Any) -> Any:
        state, outputs = tf.zeros([100, 8]), []
        for t in range(8):
            state = tf.tanh(tf.concat([x[:, t], state], 1) @ w + b)
            outputs.append(tf.sigmoid(state @ o + c))
        return tf.reduce_mean((tf.concat(outputs, 1) - y) ** 2)

    def step_of(name: str, loss: Callable[..., Any]) -> Callable[[], float]:
        with tf.Graph().as_default():
            inputs = [tf.placeholder(tf.float32, a.shape) for a in ARGUMENTS[name]]
            value = loss(*inputs, *(tf.Variable(w) for w in WEIGHTS[name]))
            train = tf.train.MomentumOptimizer(*RATES[name]).minimize(value)
            threads = {"intra_op_parallelism_threads": 2, "inter_op_parallelism_threads": 2}
            session = tf.Session(config=tf.ConfigProto(**threads))
            session.run(tf.global_variables_initializer())
        feeds = dict(zip(inputs, ARGUMENTS[name], strict=True))
        return lambda: float(session.run([train, value], feeds)[1])

    return {name: step_of(name, loss) for name, loss in (("MLP", mlp), ("CNN", cnn), ("RNN", rnn))}


PEERS = {
    "PyTorch eager": their_steps,
    "PyTorch compiled": compiled_steps,
    "JAX jit": jax_steps,
    "TensorFlow 1 graph": tensorflow_steps,
}


def installed() -> dict[str, Steps]:
    """The steps of the peers that are here; the others are named."""
    found: dict[str, Steps] = {}
    for name, steps in PEERS.items():
        try:
            found[name] = steps()
        except ImportError:
            print(f"- {name}: not installed, so not measured")
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Training steps of tapegrad's programs and its peers.")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed (default: 15)")
    parser.add_argument("--plot", default="peers.png", help="where to save the plot")
    options = parser.parse_args()
    tg.set_num_threads(2)
    print("# Training steps of programs, and of peers\n")
    print(f"- {machine()}")
    others = installed()
    print(f"- medians of {options.rounds} rounds in turns, ms a step; last, the ratio to the best of the peers\n")
    names = ["tapegrad fused", *others]
    row("step", *names, "ratio to the best", "loss after three steps: tapegrad", "peers")
    row("---", *["---:"] * (len(names) + 3))
    table: dict[str, dict[str, float]] = {}
    for network in LOSSES:
        tasks = {"tapegrad fused": our_step(network, "fused")} | {
            name: steps[network] for name, steps in others.items()
        }
        losses = {name: [task() for _ in range(3)][-1] for name, task in tasks.items()}
        times = in_turns(tasks, options.rounds, SETTLE)
        table[network] = {name: statistics.median(times[name]) * 1e3 for name in names}
        best = min(others, key=lambda name: table[network][name], default="tapegrad fused")
        ratio = statistics.median(a / b for a, b in zip(times["tapegrad fused"], times[best], strict=True))
        others_losses = ", ".join(f"{losses[name]:.5f}" for name in others)
        row(network, *(f"{table[network][name]:.3f}" for name in names), f"{ratio:.2f} ({best})",
            f"{losses['tapegrad fused']:.5f}", others_losses)  # fmt: skip
    try:
        plot(options.plot, table)
    except ImportError:
        print("\nmatplotlib is not installed, so no plot")


if __name__ == "__main__":
    main()
