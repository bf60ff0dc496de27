"""Softmax regression on handwritten digits: one matrix, whose gradient is `x.T @ (s - l)`.

    python examples/softmax_regression.py --data FOLDER     (MNIST: at least 0.91 test accuracy)
    python examples/softmax_regression.py                   (the digits that come with tapegrad: at least 0.94)

The loss is plain NumPy, and knows nothing of tapegrad; `tg.value_and_grad` differentiates it as it stands.
"""

import sys

import numpy as np
from common import draw, images, reached, run, table

import tapegrad as tg
from tapegrad.data import batches

GOALS = {"MNIST": 0.91, "digits": 0.94}
EPOCHS = {"MNIST": 8, "digits": 40}
RATES = {"MNIST": 0.3, "digits": 1.0}


def loss(parameters, x, y):
    """The mean cross entropy of softmax(x @ weights + bias) with the classes y."""
    logits = x @ parameters["weights"] + parameters["bias"]
    logits = logits - np.max(logits, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(logits), axis=1)) - logits[np.arange(len(y)), y])


def main(options):
    name, side, training, test = images(options.data)
    parameters = {"weights": np.zeros((side**2, 10), np.float32), "bias": np.zeros(10, np.float32)}

    # The gradient that the tape finds is the one that the textbooks derive.
    gradients = tg.grad(loss)(parameters, *training)
    s, l = np.full((len(training.y), 10), 0.1), np.eye(10)[training.y]  # noqa: E741  all classes are equal at the start
    error = np.abs(gradients["weights"] - training.x.T @ (s - l) / len(training.y)).max()

    rows = []
    for epoch in range(1, EPOCHS[name] + 1):
        for x, y in batches(*training, 128):
            value, gradients = tg.value_and_grad(loss)(parameters, x, y)
            for key, gradient in gradients.items():
                parameters[key] = parameters[key] - RATES[name] * gradient
        logits = test.x @ parameters["weights"] + parameters["bias"]
        accuracy = np.mean(logits.argmax(axis=1) == test.y)
        if epoch % (EPOCHS[name] // 8) == 0:
            rows.append((f"{epoch}", f"{value:.4f}", f"{accuracy:.4f}"))
    table(name, ("epoch", "last loss", "test accuracy"), rows)
    draw(options.plot, (9, 4), lambda figure: paint(figure, parameters["weights"], side))
    good = reached("Largest difference from x.T @ (s - l) / n", error, at_most=1e-6)
    return reached("Test accuracy", accuracy, at_least=GOALS[name]) and good


def paint(figure, weights, side):
    """A column of the matrix is an image: what a pixel says for a digit, in blue, or against it, in red."""
    figure.suptitle("What each pixel says for a digit (blue) or against it (red)", x=0.01, ha="left", fontsize=11)
    largest = np.percentile(np.abs(weights), 99.5)
    for digit, panel in enumerate(figure.subplots(2, 5).ravel()):
        panel.imshow(weights[:, digit].reshape(side, side), cmap="RdBu", vmin=-largest, vmax=largest)
        panel.set_title(f"{digit}", loc="center")
        panel.axis("off")


if __name__ == "__main__":
    sys.exit(run(main, __doc__, data="MNIST's four idx.gz files"))
