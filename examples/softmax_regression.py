"""Softmax regression on the digits that come with tapegrad: one matrix, whose gradient is `x.T @ (s - l)`.

python examples/softmax_regression.py       (ends with 1 below 0.94 test accuracy)

The loss is plain NumPy, and knows nothing of tapegrad; `tg.value_and_grad` differentiates it as it stands.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import tapegrad as tg
from tapegrad.data import batches, datasets, split

GOAL = 0.94


def loss(parameters, x, y):
    """The mean cross entropy of softmax(x @ weights + bias) with the classes y."""
    logits = x @ parameters["weights"] + parameters["bias"]
    logits = logits - np.max(logits, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(logits), axis=1)) - logits[np.arange(len(y)), y])


def main() -> int:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    train, test = split(*datasets.digits(), seed=0)
    parameters = {"weights": np.zeros((64, 10), np.float32), "bias": np.zeros(10, np.float32)}

    # The gradient that the tape finds is the one that the textbooks derive.
    gradients = tg.grad(loss)(parameters, *train)
    s, labels = np.full((len(train.y), 10), 0.1), np.eye(10)[train.y]  # all classes are equal at the start
    error = np.abs(gradients["weights"] - train.x.T @ (s - labels) / len(train.y)).max()
    print(f"Largest difference from x.T @ (s - l) / n: {error:.1e}\n")

    data = batches(*train, 128, seed=0)
    print("epoch  loss of the last batch  test accuracy")
    for epoch in range(1, 31):
        for x, y in data:
            value, gradients = tg.value_and_grad(loss)(parameters, x, y)
            for name, gradient in gradients.items():
                parameters[name] = parameters[name] - 1.0 * gradient
        logits = test.x @ parameters["weights"] + parameters["bias"]
        accuracy = np.mean(logits.argmax(axis=1) == test.y)
        if epoch in {1, 2, 5, 10, 20, 30}:
            print(f"{epoch:5}  {value:22.4f}  {accuracy:13.4f}")

    reached = accuracy >= GOAL and error < 1e-6
    print(f"\nTest accuracy {accuracy:.4f}: the goal of {GOAL} is {'reached' if reached else 'missed'}.")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
