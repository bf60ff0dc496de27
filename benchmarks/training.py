"""Training steps beside PyTorch's: forward, backward and the optimizer of three small networks and a bag of words.

The networks are those of many courses: a multi-layer perceptron 784-300-10 on batches of 256, two convolutions and a
dense layer of 1024 on batches of 64 images, a recurrent network of 8 units that adds binary numbers, and a bag of
words over 74,000 of them, with ten units, on batches of 250 reviews. Both libraries are used eagerly, start from the
same weights, have two threads and are timed in turns. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import in_turns, machine, row

import tapegrad as tg
from tapegrad import nn, optim

if TYPE_CHECKING:
    from collections.abc import Callable

F4 = np.float32
SETTLE = 0.01  # seconds
GOALS = {"MLP": 0.7, "CNN": 0.65, "RNN": 0.7, "bag of words": 1.0}

draw = np.random.default_rng(0)


def normal(scale: float, *shape: int) -> Any:
    return (scale * draw.standard_normal(shape)).astype(F4)


X, Y = draw.random((256, 784)).astype(F4), np.eye(10, dtype=F4)[draw.integers(0, 10, 256)]
IMAGES = draw.random((64, 28, 28, 1)).astype(F4)
BITS, SUMS = draw.integers(0, 2, (100, 8, 2)).astype(F4), draw.integers(0, 2, (100, 8)).astype(F4)
WORDS, BATCH, LENGTH = 74_000, 250, 230
IDS = draw.zipf(1.3, BATCH * LENGTH) % WORDS
OFFSETS = np.arange(BATCH) * LENGTH
RATINGS = draw.integers(0, 2, (BATCH, 1)).astype(F4)

WEIGHTS: dict[str, list[Any]] = {
    "MLP": [normal(0.1, 784, 300), np.zeros(300, F4), normal(0.1, 300, 10), np.zeros(10, F4)],
    "CNN": [normal(0.1, 5, 5, 1, 32), normal(0.1, 5, 5, 32, 64), normal(0.02, 3136, 1024), normal(0.1, 1024, 10)],
    "RNN": [normal(0.1, 10, 8), np.zeros(8, F4), normal(0.1, 8, 1), np.zeros(1, F4)],
    "bag of words": [normal(0.1, WORDS, 10), normal(0.1, 10, 1)],
}
RATES = {"MLP": (1e-3, 0.9), "CNN": (1e-3, 0.9), "RNN": (1.0, 0.95), "bag of words": (0.1, 0.0)}


def our_steps() -> dict[str, Callable[[], float]]:
    F = nn.functional
    labels, few_labels = Y, Y[:64]

    def mlp(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return F.cross_entropy(F.affine(F.relu(F.affine(X, w1, b1)), w2, b2), labels)

    def cnn(k1: Any, k2: Any, w1: Any, w2: Any) -> Any:
        h = tg.max_pool(F.relu(tg.conv2d(IMAGES, k1)), 2)
        h = tg.max_pool(F.relu(tg.conv2d(h, k2)), 2)
        return F.cross_entropy(F.affine(F.relu(F.affine(h.reshape(64, -1), w1)), w2), few_labels)

    hidden = nn.RNN(2, 8, batch_first=True)
    hidden.bias_hh_l0 = tg.zeros(8, F4)

    def rnn(w: Any, b: Any, o: Any, c: Any) -> Any:
        # The weight of a cell that takes concat(x, h) is that of x above that of h.
        hidden.weight_ih_l0, hidden.weight_hh_l0, hidden.bias_ih_l0 = w[:2], w[2:], b
        out, _ = hidden(BITS)
        return ((F.sigmoid(out @ o + c)[..., 0] - SUMS) ** 2).mean()

    def bag(table: Any, w: Any) -> Any:
        return ((F.sigmoid(tg.embedding_bag(table, IDS, OFFSETS, mode="mean") @ w) - RATINGS) ** 2).mean()

    losses = {"MLP": mlp, "CNN": cnn, "RNN": rnn, "bag of words": bag}

    def step_of(name: str) -> Callable[[], float]:
        parameters = [tg.tensor(w, requires_grad=True) for w in WEIGHTS[name]]
        rate, momentum = RATES[name]
        optimizer = optim.SGD(parameters, lr=rate, momentum=momentum)

        def step() -> float:
            optimizer.zero_grad()
            loss = losses[name](*parameters)
            loss.backward()
            optimizer.step()
            return float(loss.item())

        return step

    return {name: step_of(name) for name in losses}


def their_steps(compiled: bool = False) -> dict[str, Callable[[], float]]:
    import torch
    from torch.nn import functional as F

    x, y, images = torch.tensor(X), torch.tensor(Y), torch.tensor(IMAGES.transpose(0, 3, 1, 2).copy())
    bits, sums, ratings = torch.tensor(BITS), torch.tensor(SUMS), torch.tensor(RATINGS)
    ids, offsets = torch.tensor(IDS), torch.tensor(OFFSETS)

    def mlp(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return F.cross_entropy(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2), y)

    def cnn(k1: Any, k2: Any, w1: Any, w2: Any) -> Any:
        h = F.max_pool2d(F.relu(F.conv2d(images, k1, padding=2)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, k2, padding=2)), 2)
        return F.cross_entropy(F.linear(F.relu(F.linear(h.reshape(64, -1), w1)), w2), y[:64])

    def rnn(w: Any, b: Any, o: Any, c: Any) -> Any:
        state, outputs = torch.zeros(100, 8), []
        for t in range(8):
            state = torch.tanh(torch.cat([bits[:, t], state], 1) @ w + b)
            outputs.append(torch.sigmoid(state @ o + c))
        return ((torch.cat(outputs, 1) - sums) ** 2).mean()

    def bag(table: Any, w: Any) -> Any:
        pooled = F.embedding_bag(ids, table, offsets, mode="mean", sparse=True)
        return ((torch.sigmoid(pooled @ w) - ratings) ** 2).mean()

    losses = {"MLP": mlp, "CNN": cnn, "RNN": rnn, "bag of words": bag}

    def step_of(name: str) -> Callable[[], float]:
        weights = WEIGHTS[name]
        if name == "MLP":  # a layer's weight is (outputs, inputs) in PyTorch
            weights = [w.T.copy() if w.ndim == 2 else w for w in weights]
        if name == "CNN":
            k1, k2, w1, w2 = weights
            # Pixels of a channel lie together in PyTorch, so its dense layer has its rows in another order.
            w1 = w1.reshape(7, 7, 64, 1024).transpose(2, 0, 1, 3).reshape(3136, 1024)
            weights = [k1.transpose(3, 2, 0, 1).copy(), k2.transpose(3, 2, 0, 1).copy(), w1.T.copy(), w2.T.copy()]
        parameters = [torch.tensor(w, requires_grad=True) for w in weights]
        rate, momentum = RATES[name]
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=momentum)
        forward = torch.compile(losses[name]) if compiled else losses[name]

        def step() -> float:
            optimizer.zero_grad()
            loss = forward(*parameters)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return step

    return {name: step_of(name) for name in losses}


def main() -> None:
    parser = argparse.ArgumentParser(description="Training steps beside PyTorch's.")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of both libraries (default: 2)")
    options = parser.parse_args()
    tg.set_num_threads(options.threads)
    try:
        import torch
    except ImportError:
        raise SystemExit("PyTorch is not installed, and there is nothing else to measure against") from None
    torch.set_num_threads(options.threads)
    print("# Training steps\n")
    print(f"- {machine()}")
    print(f"- tapegrad {tg.__version__}, numpy {np.__version__}, torch {torch.__version__}")
    print(f"- {options.threads} threads each, medians of {options.rounds} rounds in turns, everything eager\n")
    row("step", "tapegrad, ms", "PyTorch, ms", "ratio", "goal", "losses after three steps")
    row("---", *["---:"] * 5)
    ours, theirs = our_steps(), their_steps()
    for name, goal in GOALS.items():
        losses = [[step() for _ in range(3)][-1] for step in (ours[name], theirs[name])]
        times = in_turns({"ours": ours[name], "theirs": theirs[name]}, options.rounds, SETTLE)
        ratio = statistics.median(a / b for a, b in zip(times["ours"], times["theirs"], strict=True))
        mine, other = (f"{statistics.median(times[key]) * 1e3:.3f}" for key in ("ours", "theirs"))
        row(name, mine, other, f"{ratio:.2f}", f"{goal}", "{:.5f}, {:.5f}".format(*losses))


if __name__ == "__main__":
    main()
