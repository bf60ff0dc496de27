"""A small network with the Trainer: two layers that read digits, and two that share one weight and copy them.

    python examples/simple_net.py --data FOLDER     (MNIST: at least 0.968 test accuracy, in half a minute)
    python examples/simple_net.py                   (the digits that come with tapegrad: at least 0.96, in seconds)

The first network has 50 hidden values and learns by plain gradient descent, its gradients clipped to a norm of 1. The
second squeezes an image into 50 numbers and draws it anew from these, with the same weight, transposed: the gradients
of both uses add up, and there is one weight to learn.
"""

import sys

import numpy as np
from common import draw, images, plain_ticks, reached, run, table

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.train import Trainer, accuracy

GOALS = {"MNIST": 0.968, "digits": 0.96}
STEPS = 10_000
BATCH, HIDDEN, RATE, LARGEST = 100, 50, 0.1, 1.0


class SimpleNet(nn.Module):
    """(N, inputs) -> (N, 10)"""

    def __init__(self, inputs):
        self.affine1 = nn.Affine(inputs, HIDDEN)
        self.affine2 = nn.Affine(HIDDEN, 10)

    def forward(self, x):
        return self.affine2(tg.relu(self.affine1(x)))


class Copier(nn.Module):
    """An autoencoder with one weight for both ways: (N, pixels) -> (N, pixels)."""

    def __init__(self, pixels):
        self.squeeze = nn.Affine(pixels, HIDDEN)
        self.bias = tg.zeros(pixels, requires_grad=True)

    def forward(self, x):
        return tg.sigmoid(tg.relu(self.squeeze(x)) @ self.squeeze.weight.T + self.bias)


def main(options):
    source = images(options.data)
    epochs = -(-STEPS * BATCH // len(source.training.x))

    print("\nReading:")
    model = SimpleNet(source.side**2)
    optimizer = optim.SGD(model.parameters(), RATE)
    trainer = Trainer(model, optimizer, nn.functional.cross_entropy, metrics={"accuracy": accuracy})
    norms = trainer.watch("affine1.weight.grad", every=100, keep=np.linalg.norm)
    trainer.fit(source.training, epochs, BATCH, validation=source.test, max_grad=LARGEST)
    read = trainer.evaluate(*source.test)

    print("\nCopying:")
    copier = Copier(source.side**2)
    pictures = [(part.x, part.x) for part in (source.training, source.test)]
    copying = Trainer(copier, optim.Adam(copier.parameters(), 0.002), nn.functional.mse_loss)
    copying.fit(pictures[0], max(1, epochs // 4), BATCH, validation=pictures[1])

    copied = copying.evaluate(*pictures[1])

    rows = [
        ("SimpleNet", count(model), f"{trainer.iteration:,}", f"{read['loss']:.4f}", f"{read['accuracy']:.4f}"),
        ("Copier", count(copier), f"{copying.iteration:,}", f"{copied['loss']:.4f}", "-"),
    ]
    table(f"{source.name}", ("network", "parameters", "steps", "test loss", "test accuracy"), rows)
    print(f"The copier's parameters: {', '.join(name for name, _ in copier.named_parameters())}")
    draw(options.plot, (9, 5.5), lambda figure: paint(figure, source, trainer.history, norms, copier))
    return reached("Test accuracy", read["accuracy"], at_least=GOALS[source.name])


def count(model):
    """How many numbers a model learns."""
    return f"{sum(parameter.size for parameter in model.parameters()):,}"


def paint(figure, source, history, norms, copier):
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
    left, right = above.subplots(1, 2)
    left.set(title="Loss", xlabel="epoch", yscale="log")
    for name, label in (("loss", "training"), ("validation loss", "test")):
        left.plot([row["epoch"] for row in history], [row[name] for row in history], label=label)
    plain_ticks(left)
    left.legend()
    right.set(title="Norm of the first layer's gradient", xlabel="iteration")
    right.plot(norms.iterations, norms.values, ".", markersize=5)
    with tg.no_grad():
        copies = copier(source.test.x[:12]).numpy()
    below.suptitle("Test images, and what is left of them after 50 numbers", x=0.01, ha="left", fontsize=11)
    for panel, picture in zip(below.subplots(2, 12).ravel(), [*source.test.x[:12], *copies], strict=True):
        panel.imshow(picture.reshape(source.side, source.side), cmap="Greys", vmin=0, vmax=1)
        panel.axis("off")


if __name__ == "__main__":
    sys.exit(run(main, __doc__, data="MNIST's four idx.gz files"))
