"""What the examples with convolutional networks share: how a network learns to tell images apart, and where it errs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from common import draw, images, reached, table

import tapegrad as tg
from tapegrad import data, nn, optim
from tapegrad.train import Trainer, accuracy

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

SHOWN = 16  # filters, and images told wrong


class Plan(NamedTuple):
    """A network, how it is trained (by Adam, whose rate falls to zero), and the test accuracy that it shall reach."""

    network: Callable[[], nn.Module]
    epochs: int
    batch: int
    rate: float
    goal: float


def learn(options: argparse.Namespace, plans: Mapping[str, Plan]) -> bool:
    """Train by the plan for the images that there are, show how it went, and tell whether the goal was reached."""
    source = images(options.data)
    plan = plans[source.name]
    shape = (-1, source.side, source.side, 1)
    training, test = (data.Dataset(part.x.reshape(shape), part.y) for part in (source.training, source.test))
    model = plan.network()
    print(model.summary(test.x[:1]))

    optimizer = optim.Adam(model.parameters(), plan.rate)
    batches = data.batches(*training, plan.batch)
    schedule = optim.CosineAnnealingLR(optimizer, plan.epochs * len(batches))
    metrics = {"accuracy": accuracy}
    trainer = Trainer(
        model, optimizer, nn.functional.cross_entropy, metrics=metrics, schedule=schedule, schedule_each="batch"
    )
    trainer.fit(batches, plan.epochs, validation=test)

    probabilities = predict(model, test)
    told = probabilities.argmax(axis=1)
    names = ("digit", "images", "told right", "wrong ones taken for")
    table(f"Test images of {source.name}", names, rows(told, test.y))
    draw(options.plot, (9, 4), lambda figure: paint(figure, model, test, probabilities))
    return reached("Test accuracy", float(np.mean(told == test.y)), at_least=plan.goal)


@tg.no_grad()
def predict(model: nn.Module, test: data.Dataset) -> Any:
    """The probabilities of the classes, (N, 10), in batches that fit into the cache."""
    model.eval()
    return np.concatenate([tg.softmax(model(x)).numpy() for x, _ in data.batches(*test, 250, shuffle=False)])


def rows(told: Any, labels: Any) -> list[tuple[str, ...]]:
    """For each digit how many images there are, how many are told right, and what most of the others are taken for."""
    found = []
    for digit in range(10):
        answers = told[labels == digit]
        wrong = np.bincount(answers[answers != digit], minlength=10)
        other = f"{wrong.argmax()} ({wrong.max()} of {wrong.sum()})" if wrong.any() else "-"
        found.append((f"{digit}", f"{len(answers):,}", f"{np.mean(answers == digit):.4f}", other))
    return found


def paint(figure: Any, model: Any, test: data.Dataset, probabilities: Any) -> None:
    """The first filters, and the images that were told wrong with the most certainty."""
    left, right = figure.subfigures(1, 2)
    left.suptitle("Filters of the first layer", x=0.02, ha="left", fontsize=11)
    filters = np.moveaxis(model[0].weight.numpy()[:, :, 0, :SHOWN], -1, 0)
    largest = np.abs(filters).max()
    for panel, weights in zip(left.subplots(4, 4).ravel(), filters, strict=True):
        panel.imshow(weights, cmap="RdBu", vmin=-largest, vmax=largest)
        panel.axis("off")
    right.suptitle("Told wrong with the most certainty", x=0.02, ha="left", fontsize=11)
    told = probabilities.argmax(axis=1)
    certainty = np.where(told == test.y, -1, probabilities.max(axis=1))
    for panel, place in zip(right.subplots(4, 4).ravel(), np.argsort(-certainty)[:SHOWN], strict=True):
        panel.axis("off")
        if certainty[place] > 0:
            panel.imshow(test.x[place, :, :, 0], cmap="Greys")
            panel.set_title(f"{test.y[place]}, not {told[place]}", fontsize=8, loc="center")
