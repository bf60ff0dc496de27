"""What the examples with images share: where the images come from, and how a network learns to tell them apart.

The images are MNIST's where its four files are: in the folder of `--data`, or in `mnist` of the folder that the
environment variable TAPEGRAD_DATA names. Otherwise they are the small digits that come with tapegrad. An example ends
with 0 when the network reached its accuracy on the test images, with 1 when it did not, and with 2 without data.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.console import Console

import tapegrad as tg
from tapegrad import data, nn, optim
from tapegrad.data import datasets
from tapegrad.errors import DataError
from tapegrad.train.progress import Steps

if TYPE_CHECKING:
    from collections.abc import Callable


class Plan(NamedTuple):
    """A network, how it is trained (by Adam, whose rate falls in a line to zero), and what it shall reach."""

    network: Callable[[], nn.Module]
    epochs: int
    batch: int
    rate: float
    goal: float  # the test accuracy below which the example has failed


def main(description: str, mnist: Plan, digits: Plan) -> int:
    """Train by the plan for the images that there are, show how it goes, and give the exit status."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--data", metavar="FOLDER", help="where MNIST's four idx.gz files are")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers; 0 unless given")
    chosen = parser.parse_args()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    tg.random.seed(chosen.seed)
    if chosen.data is None and datasets.FOLDER not in os.environ:
        plan, size = digits, 8
        training, test = data.split(*datasets.digits())
    else:
        plan, size = mnist, 28
        try:
            training, test = datasets.mnist(chosen.data)
        except DataError as error:
            console.print(error)
            return 2
    training, test = (data.Dataset(x.reshape(-1, size, size, 1), y) for x, y in (training, test))
    model = plan.network()
    console.print(
        f"{model}\n{len(training.x):,} images of {size} x {size} to learn from, {len(test.x):,} to be tested on"
    )
    started = time.perf_counter()
    accuracy = train(model, training, test, plan, console)
    seconds = time.perf_counter() - started
    reached = accuracy >= plan.goal
    verdict = "reached" if reached else "missed"
    console.print(f"Test accuracy {accuracy:.4f} in {seconds:.0f} s: the goal of {plan.goal} is {verdict}.")
    return 0 if reached else 1


def train(model: nn.Module, training: data.Dataset, test: data.Dataset, plan: Plan, console: Console) -> float:
    """Train the model, measure it after each epoch, and give its accuracy at the end."""
    optimizer = optim.Adam(model.parameters(), plan.rate)
    batches = data.batches(*training, plan.batch)
    total = plan.epochs * len(batches)
    step, accuracy = 0, 0.0
    with Steps(console, total) as steps:
        for epoch in range(1, plan.epochs + 1):
            for x, y in batches:
                optimizer.lr = plan.rate * (1 - step / total)
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                step += 1
                steps.advance(f"epoch {epoch}, loss {loss.item():.4f}")
            accuracy = measure(model, test)
            console.print(f"epoch {epoch} of {plan.epochs}: test accuracy {accuracy:.4f}")
    return accuracy


@tg.no_grad()
def measure(model: nn.Module, test: data.Dataset) -> float:
    """The fraction of the test images that the model tells right, in batches that fit into the cache."""
    model.eval()
    right = sum(np.sum(np.argmax(model(x), axis=-1) == y).item() for x, y in data.batches(*test, 250, shuffle=False))
    model.train()
    return right / len(test.x)
