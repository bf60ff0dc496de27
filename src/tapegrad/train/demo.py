"""The demo: a small network learns handwritten digits, in ten random splits or on MNIST, and shows how it went."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from .. import nn, optim, random
from ..data import Dataset, datasets, split
from .metrics import accuracy
from .plots import plot_losses
from .progress import Steps
from .trainer import Trainer

if TYPE_CHECKING:
    import os

PLOT = Path("tapegrad-demo-loss.png")


class Settings(NamedTuple):
    """How a network is trained: layers of `widths`, by Adam, whose rate is multiplied by `decay` each epoch.

    The labels are smoothed: a class is aimed at with a little less than certainty, which keeps a large network
    from fitting a small data set too closely. Source: Szegedy et al., CVPR 2016.
    """

    widths: tuple[int, ...]
    epochs: int
    batch: int
    rate: float
    decay: float
    smoothing: float  # the probability that the targets spread over all classes
    goal: float  # the test accuracy below which the demo has failed


class Run(NamedTuple):
    """What came of one training: the loss after each epoch on both sets, and the accuracy at the end."""

    training: list[float]
    test: list[float]
    accuracy: float


# At this size the library behind NumPy's matmul uses one thread, which is quicker here, above all on a busy machine.
DIGITS = Settings((64, 128, 10), epochs=30, batch=32, rate=0.008, decay=0.9, smoothing=0.1, goal=0.97)
MNIST = Settings((784, 300, 10), epochs=10, batch=128, rate=0.004, decay=0.7, smoothing=0.1, goal=0.98)
SPLITS = 10


def demo(path: str | os.PathLike[str] | None = None) -> bool:
    """Train on ten seeded 80/20 splits of the embedded digits, or on the MNIST files in the folder `path`.

    Prints a table, saves the loss curve in the current directory and prints its path. Gives whether the (mean)
    test accuracy reached its goal: 0.97 on the digits, 0.98 on MNIST.
    """
    console = Console(highlight=False, markup=False)
    if path is None:
        title, settings = "digits, ten random 80/20 splits", DIGITS
        sets = [split(*datasets.digits(), seed=seed) for seed in range(SPLITS)]
        labels = [f"split {number}" for number in range(1, SPLITS + 1)]
    else:
        title, settings = "MNIST", MNIST
        sets, labels = [datasets.mnist(path)], ["MNIST"]
    title = f"{'-'.join(map(str, settings.widths))} on {title}"
    console.print(f"Training {title}")
    started = time.perf_counter()
    runs = []
    with Steps(console, settings.epochs * len(sets)) as steps:
        for number, (label, (training, test)) in enumerate(zip(labels, sets, strict=True)):
            random.seed(number)
            runs.append(train(label, training, test, settings, steps))
    seconds = time.perf_counter() - started
    console.print(_table(labels, runs))
    curves = {"training": [run.training for run in runs], "test": [run.test for run in runs]}
    plot = plot_losses(PLOT, f"Cross entropy of {title}", curves)
    console.print(f"Loss curve: {plot.resolve()}", soft_wrap=True)
    mean = float(np.mean([run.accuracy for run in runs]))
    reached = mean >= settings.goal
    verdict = "reached" if reached else "missed"
    console.print(f"Test accuracy {mean:.4f} in {seconds:.1f} s: the goal of {settings.goal} is {verdict}.")
    return reached


def train(label: str, training: Dataset, test: Dataset, settings: Settings, steps: Steps) -> Run:
    """Train a new network, drawn from the current generator, and measure it after each epoch."""
    model = network(settings.widths)
    optimizer = optim.Adam(model.parameters(), settings.rate)
    classes = settings.widths[-1]
    targets = (1 - settings.smoothing) * np.eye(classes, dtype=np.float32) + np.float32(settings.smoothing / classes)
    losses = []

    def after_epoch(trainer: Trainer) -> None:
        losses.append(trainer.evaluate(*training, settings.batch)["cross entropy"])
        measured = trainer.history[-1]["validation accuracy"]
        steps.advance(f"{label}, epoch {trainer.epoch}: test accuracy {measured:.4f}")

    cross_entropy = nn.functional.cross_entropy
    trainer = Trainer(
        model,
        optimizer,
        lambda logits, labels: cross_entropy(logits, targets[labels]),
        metrics={"cross entropy": cross_entropy, "accuracy": accuracy},
        schedule=optim.ExponentialLR(optimizer, settings.decay),
    )
    history = trainer.fit(
        training, settings.epochs, settings.batch, validation=test, after_epoch=after_epoch, progress=False
    )
    return Run(losses, [row["validation cross entropy"] for row in history], history[-1]["validation accuracy"])


def network(widths: tuple[int, ...]) -> nn.Sequential:
    """A multi-layer perceptron: linear layers of these widths with relu between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _table(labels: list[str], runs: list[Run]) -> Table:
    """A row for each run, and below several the mean and the standard deviation."""
    table = Table("", *(Column(name, justify="right") for name in ("training loss", "test loss", "test accuracy")))
    rows = np.array([(run.training[-1], run.test[-1], run.accuracy) for run in runs])
    for label, row in zip(labels, rows, strict=True):
        table.add_row(label, *map("{:.4f}".format, row))
    if len(runs) > 1:
        table.add_section()
        table.add_row("mean", *map("{:.4f}".format, rows.mean(axis=0)), style="bold")
        table.add_row("std", *map("{:.4f}".format, rows.std(axis=0, ddof=1)))
    return table
