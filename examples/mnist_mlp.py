"""Multi-layer perceptrons on handwritten digits: every width, loss and recipe of the classic lessons, side by side.

    python examples/mnist_mlp.py --data FOLDER      (MNIST: at least 0.98 test accuracy with 784-300-10, in a minute)
    python examples/mnist_mlp.py                    (the digits that come with tapegrad: at least 0.97, in seconds)

A loss here is a vector, a number for each example of a batch, and the gradients of all of them add up. So a learning
rate of 0.0002 is a usual one: with the mean over a batch of 256 it would be 0.05.
"""

import sys
import time
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from common import draw, images, plain_ticks, reached, run, table

from tapegrad import data, nn, optim
from tapegrad.train import Trainer, accuracy

WIDTH = 300  # of the hidden layer whose best recipe has a goal
GOALS = {"MNIST": 0.98, "digits": 0.97}


def squared_error(outputs, labels):
    """Half the squared distance from the one-hot labels: (N, 10), (N,) -> (N,)."""
    return np.square(outputs - np.eye(10, dtype=np.float32)[labels]).sum(axis=1) / 2


def cross_entropy(outputs, labels):
    """The cross entropy of the softmax of the outputs with the labels: (N, 10), (N,) -> (N,)."""
    return nn.functional.cross_entropy(outputs, labels, reduction="none")


class Recipe(NamedTuple):
    """How a network is made and trained. The rate falls to zero along half a wave of a cosine, if it is `falling`."""

    hidden: tuple[int, ...]
    loss: Any
    optimizer: Any  # of parameters and the learning rate
    rate: float
    batch: int
    steps: int  # 470 batches of 256 are two epochs of MNIST
    standardised: bool = False  # pixels with mean 0 and standard deviation 1
    falling: bool = False


RECIPES = [
    Recipe((), squared_error, optim.Momentum, 2e-4, 256, 470),
    Recipe((), cross_entropy, optim.Momentum, 2e-4, 256, 470),
    Recipe((WIDTH,), squared_error, optim.Momentum, 2e-4, 256, 470),
    Recipe((WIDTH,), cross_entropy, optim.Momentum, 2e-4, 256, 470),
    Recipe((128,), squared_error, optim.SGD, 1e-4, 128, 10_000, standardised=True),
    Recipe((128,), cross_entropy, optim.SGD, 1e-4, 128, 10_000, standardised=True),
    Recipe((WIDTH,), cross_entropy, optim.Nesterov, 1.5e-3, 128, 4_690, falling=True),
]


def main(options):
    source = images(options.data)
    rows, curves, finals = [], {}, []
    for recipe in RECIPES:
        started = time.perf_counter()
        name, curve = train(recipe, source.training, source.test)
        seconds, final = time.perf_counter() - started, curve[-1][1]
        optimizer = f"{recipe.optimizer.__name__}({recipe.rate:g})"
        rows.append((name, recipe.loss.__name__, optimizer, f"{curve[-1][0]:,}", f"{final:.4f}", f"{seconds:.1f}"))
        if recipe.hidden == (WIDTH,):
            finals.append(final)
        curves[f"{name}, {recipe.loss.__name__.replace('_', ' ')}, {optimizer}"] = curve
        print(f"{', '.join(rows[-1][:3])}: test accuracy {final:.4f}")
    table(f"{source.name}", ("network", "loss", "optimizer", "steps", "accuracy", "seconds"), rows)
    draw(options.plot, (8, 5), lambda figure: paint(figure, source.name, curves))
    return reached(f"Best test accuracy of {WIDTH} hidden values", max(finals), at_least=GOALS[source.name])


def train(recipe, training, test):
    """Train a network by a recipe; gives its name, and the test accuracy at ten times on the way, by steps."""
    if recipe.standardised:
        mean, deviation = training.x.mean(), training.x.std()
        training, test = (data.Dataset((x - mean) / deviation, y) for x, y in (training, test))
    widths = (training.x.shape[1], *recipe.hidden, 10)
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    optimizer = recipe.optimizer(model.parameters(), recipe.rate)
    batches = data.batches(*training, recipe.batch)
    epochs = max(1, round(recipe.steps / len(batches)))
    total = epochs * len(batches)
    schedule = optim.CosineAnnealingLR(optimizer, total) if recipe.falling else None
    trainer = Trainer(
        model, optimizer, recipe.loss, metrics={"accuracy": accuracy}, schedule=schedule, schedule_each="batch"
    )
    curve = []

    def measure(trainer):
        if trainer.iteration == total or trainer.iteration % -(-total // 10) == 0:
            curve.append((trainer.iteration, trainer.evaluate(*test)["accuracy"]))

    trainer.fit(batches, epochs, after_batch=measure, progress=False)
    return "-".join(map(str, widths)), curve


def paint(figure, name, curves):
    """The share of the test images that is told wrong, while the networks learn."""
    axes = figure.add_subplot(title=f"{name}: test images told wrong", xlabel="steps", xscale="log", yscale="log")
    for label, curve in curves.items():
        steps, accuracies = zip(*curve, strict=True)
        axes.plot(steps, [1 - value for value in accuracies], label=label)
    plain_ticks(axes)
    axes.grid(axis="y", which="both", color="#eeeeee")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)


if __name__ == "__main__":
    sys.exit(run(main, __doc__, data="MNIST's four idx.gz files"))
