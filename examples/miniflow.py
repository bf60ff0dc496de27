"""A graph in miniature: a sum, a linear layer, and a network of 26 numbers that is trained to its target.

python examples/miniflow.py       (ends with 1 unless every output is within 0.001 of its target)

Everything is written out, as one would type it into a REPL: no layers, no optimizer.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import tapegrad as tg

GOAL = 1e-3


def main() -> int:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()

    print("10 + 20 =", (tg.tensor(10) + tg.tensor(20)).item())
    print("[1, 2] @ w + b =", np.array([1.0, 2.0]) @ tg.tensor([[1, 2, 3], [4, 5, 6]]) + tg.tensor([1, 2, 3]))

    # Three inputs, four hidden values through a sigmoid, two outputs through tanh: 12 + 4 + 8 + 2 parameters.
    x, target = np.array([1.0, 2.0, 3.0]), np.array([-0.85, 0.72])
    w1 = tg.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]], np.float64, requires_grad=True)
    b1 = tg.tensor([-2, -6, -1, -7], np.float64, requires_grad=True)
    w2 = tg.tensor([[1.3, 1.4], [1.5, 1.6], [1.7, 1.8], [1.9, 2.0]], np.float64, requires_grad=True)
    b2 = tg.tensor([-2.5, -5], np.float64, requires_grad=True)

    def forward() -> tg.Tensor:
        return np.tanh(tg.sigmoid(x @ w1 + b1) @ w2 + b2)

    print(f"\nThe network gives {forward()} and is to give {target}. How it is computed:")
    tg.show_tape(forward())
    print("\nstep   output                  half squared error")
    for step in range(301):
        y = forward()
        loss = ((y - target) ** 2).sum() / 2
        if step in {0, 1, 2, 5, 10, 20, 50, 100, 200, 300}:
            print(f"{step:4}   {y!s:22}  {loss.item():.2e}")
        loss.backward()
        with tg.no_grad():
            for parameter in (w1, b1, w2, b2):
                parameter -= 0.1 * parameter.grad
                parameter.grad = None

    error = np.abs(forward().numpy() - target).max()
    print(f"\nLargest error {error:.1e}: the goal of {GOAL} is {'reached' if error < GOAL else 'missed'}.")
    return 0 if error < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
