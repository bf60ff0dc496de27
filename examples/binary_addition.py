"""Recurrent networks that learn to add: two numbers of seven bits, read bit by bit, the lowest first.

    python examples/binary_addition.py      (each kind of network must add all 16,384 pairs right within 500 steps)

At each step the network sees one bit of each number and tells one bit of the sum. So it has to remember the carry, in
a hidden state of 8 numbers. It learns from 100 pairs a step, drawn anew.
"""

import sys
import time

import numpy as np
from common import draw, reached, run, table

import tapegrad as tg
from tapegrad import nn, optim

BITS, PAIRS, STEPS = 8, 100, 500  # 7 bits and 7 bits give a sum of 8
KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
GOAL = 1.0


class Adder(nn.Module):
    """The probability that each bit of the sum is one: (N, 8, 2) -> (N, 8)."""

    def __init__(self, recurrent):
        self.recurrent = recurrent(2, 8, batch_first=True)
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        states, _ = self.recurrent(x)
        return tg.sigmoid(self.out(states))[..., 0]


def bits(numbers):
    """The bits of numbers, the lowest first: (N,) -> (N, 8)."""
    return (numbers[:, None] >> np.arange(BITS) & 1).astype(np.float32)


def sums(first, second):
    """The bits of pairs of numbers, (N, 8, 2), and those of their sums, (N, 8)."""
    return np.stack([bits(first), bits(second)], axis=2), bits(first + second)


def main(options):
    every = np.divmod(np.arange(128 * 128), 128)
    rows, curves, rights = [], {}, []
    for name, recurrent in KINDS.items():
        started = time.perf_counter()
        model, curves[name] = learn(recurrent)
        seconds = time.perf_counter() - started
        rights.append(right(model, *sums(*every)))
        count = sum(parameter.size for parameter in model.parameters())
        rows.append((name, f"{count}", f"{curves[name][-1]:.5f}", f"{rights[-1]:.4f}", f"{seconds:.1f}"))
        show(name, model)
    table("Sums that are right, of all 16,384", ("network", "parameters", "last loss", "right", "seconds"), rows)
    draw(options.plot, (7.2, 4.2), lambda figure: paint(figure, curves))
    return reached("Fewest sums right", min(rights), at_least=GOAL)


def learn(recurrent):
    """Train a network of a kind; gives it, and the loss of each step."""
    model = Adder(recurrent)
    optimizer = optim.Momentum(model.parameters(), 1.0, 0.95)
    losses = []
    for _ in range(STEPS):
        x, y = sums(*tg.random.integers(0, 128, (2, PAIRS)))
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def right(model, x, y):
    """The fraction of sums of which every bit is right."""
    with tg.no_grad():
        return np.mean(((model(x).numpy() > 0.5) == y).all(axis=1))


def show(name, model):
    """One sum, as it is written: the highest bit first."""
    x, y = sums(np.array([91]), np.array([58]))
    with tg.no_grad():
        told = model(x).numpy() > 0.5
    told, true = ("".join(f"{bit:.0f}" for bit in row[0, ::-1]) for row in (told, y))
    print(f"{name}: 01011011 + 00111010 = {told}, and it is {true}")


def paint(figure, curves):
    axes = figure.add_subplot(title="Mean squared error of the bits", xlabel="step", yscale="log")
    for name, losses in curves.items():
        axes.plot(range(1, len(losses) + 1), losses, label=name, linewidth=1.4)
    axes.legend()


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
