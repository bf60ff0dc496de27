"""A multi-layer perceptron on the digits that come with tapegrad, with every value in sight while it learns.

python examples/digits_by_hand.py       (ends with 1 below 0.96 test accuracy)

Parameters are plain Tensors and an update is one line, so that each step can be stopped, looked at and changed.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import tapegrad as tg
from tapegrad.data import batches, datasets, split

GOAL = 0.96


def main() -> int:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    tg.random.seed(0)
    train, test = split(*datasets.digits(), seed=0)
    w1 = tg.nn.init.he_normal((64, 64))
    b1 = tg.zeros(64)
    w2 = tg.nn.init.he_normal((64, 10))
    b2 = tg.zeros(10)
    parameters = w1, b1, w2, b2
    for parameter in parameters:
        parameter.requires_grad = True

    print("epoch   loss  hidden values at zero  largest gradient of w1  test accuracy")
    for epoch in range(1, 21):
        for x, y in batches(*train, 32):
            hidden = tg.relu(x @ w1 + b1)
            loss = tg.softmax_cross_entropy(hidden @ w2 + b2, y).mean()
            loss.backward()
            steepest = np.abs(w1.grad.numpy()).max()
            with tg.no_grad():
                for parameter in parameters:
                    parameter -= 0.2 * parameter.grad
                    parameter.grad = None
        with tg.no_grad():
            guesses = tg.argmax(tg.relu(test.x @ w1 + b1) @ w2 + b2, axis=1).numpy()
        accuracy = np.mean(guesses == test.y)
        if epoch in {1, 2, 5, 10, 15, 20}:
            idle = np.mean(hidden.numpy() == 0)
            print(f"{epoch:5}  {loss.item():.3f}  {idle:21.0%}  {steepest:22.4f}  {accuracy:13.4f}")

    print("\nThe pixels that the first hidden value looks at, as they were learnt (. none, + for it, - against it):")
    for row in w1.numpy()[:, 0].reshape(8, 8):
        print("  " + " ".join("+" if value > 0.3 else "-" if value < -0.3 else "." for value in row))
    reached = accuracy >= GOAL
    print(f"\nTest accuracy {accuracy:.4f}: the goal of {GOAL} is {'reached' if reached else 'missed'}.")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
