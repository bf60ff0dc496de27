"""Make optim_tensorflow.json: where the optimizers of TensorFlow 1 take a small network in 100 steps of float64.

    python tests/golden/make_optim_tensorflow.py       (needs TensorFlow; only to be run when a case is added)

The problem is that of make_optim.py, the halved learning rate included. Settings have TensorFlow's names. It keeps most
of them in float32, also for float64 variables, and they are stored as that is. Lion comes from Keras.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf

PROBLEM = json.loads(Path(__file__).with_name("optim.json").read_text("utf-8"))["problem"]
X, Y, W, B, STEPS = (PROBLEM[name] for name in ("x", "y", "w", "b", "steps"))
train = tf.compat.v1.train
CASES = {
    "descent": (train.GradientDescentOptimizer, {"learning_rate": 0.1}),
    "momentum": (train.MomentumOptimizer, {"learning_rate": 0.05, "momentum": 0.9}),
    "nesterov": (train.MomentumOptimizer, {"learning_rate": 0.05, "momentum": 0.9, "use_nesterov": True}),
    "adagrad": (train.AdagradOptimizer, {"learning_rate": 0.1, "initial_accumulator_value": 0.1}),
    "adadelta": (train.AdadeltaOptimizer, {"learning_rate": 5.0, "rho": 0.95, "epsilon": 1e-8}),
    "adam": (train.AdamOptimizer, {"learning_rate": 0.05, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    "adam with large epsilon": (
        train.AdamOptimizer, {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.1},
    ),
    "rmsprop": (
        train.RMSPropOptimizer, {"learning_rate": 0.01, "decay": 0.9, "momentum": 0.0, "epsilon": 1e-10},
    ),
    "rmsprop with momentum and large epsilon": (
        train.RMSPropOptimizer, {"learning_rate": 0.01, "decay": 0.8, "momentum": 0.7, "epsilon": 0.1},
    ),
    "rmsprop, centred": (
        train.RMSPropOptimizer,
        {"learning_rate": 0.01, "decay": 0.9, "momentum": 0.5, "epsilon": 0.01, "centered": True},
    ),
    "lion": (tf.keras.optimizers.Lion, {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.99}),
    "lion with decay": (
        tf.keras.optimizers.Lion, {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "weight_decay": 0.5},
    ),
}  # fmt: skip


def run(make: type, options: dict) -> list[dict]:
    w, b = tf.Variable(W, dtype=tf.float64), tf.Variable(B, dtype=tf.float64)
    x, y = tf.constant(X, tf.float64), tf.constant(Y, tf.float64)
    rate = tf.Variable(options["learning_rate"], dtype=tf.float64)
    of_keras = issubclass(make, tf.keras.optimizers.Optimizer)
    optimizer = make(**(options if of_keras else options | {"learning_rate": lambda: rate}))
    kept = []
    for step in range(1, STEPS + 1):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((tf.tanh(x @ w + b) - y) ** 2) / 2
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b], strict=True))
        if step == STEPS // 2:
            rate.assign(rate / 2)
            if of_keras:
                optimizer.learning_rate.assign(optimizer.learning_rate / 2)
        if step % 10 == 0:
            kept.append({"step": step, "w": w.numpy().tolist(), "b": b.numpy().tolist()})
    return kept


def stored(make: type, options: dict) -> dict:
    """The settings as the optimizer keeps them."""
    if issubclass(make, tf.keras.optimizers.Optimizer):
        return options
    exact = {"learning_rate", "initial_accumulator_value", "use_nesterov", "centered"}
    return {key: value if key in exact else tf.constant(value).numpy().item() for key, value in options.items()}


if __name__ == "__main__":
    tf.keras.backend.set_floatx("float64")
    cases = [
        {"name": case, "optimizer": make.__name__, "options": stored(make, options), "trajectory": run(make, options)}
        for case, (make, options) in CASES.items()
    ]
    path = Path(__file__).with_name("optim_tensorflow.json")
    path.write_text(json.dumps({"tensorflow": tf.__version__, "cases": cases}, indent=1) + "\n")
    sys.stdout.write(f"{path}: {len(cases)} cases\n")
