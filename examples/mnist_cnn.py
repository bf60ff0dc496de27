"""A convolutional network on handwritten digits: two convolutions with pooling, then two dense layers.

    python examples/mnist_cnn.py --data FOLDER      (MNIST: at least 0.99 test accuracy, in one minute to two)
    python examples/mnist_cnn.py                    (the digits that come with tapegrad: at least 0.97, in seconds)

The plot shows the first filters, and the images that the network tells wrong with the most certainty.
"""

import sys

from common import run
from image_classifier import Plan, learn

from tapegrad import nn


def network() -> nn.Module:
    """For MNIST: (N, 28, 28, 1) -> (N, 10). The largest of a window is not changed by ReLU before or after."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding="same"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 5, padding="same"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(7 * 7 * 64, 1024),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(1024, 10),
    )


def small_network() -> nn.Module:
    """The same for the small digits: (N, 8, 8, 1) -> (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding="same"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * 2 * 32, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


PLANS = {
    "MNIST": Plan(network, epochs=2, batch=128, rate=0.002, goal=0.99),
    "digits": Plan(small_network, epochs=20, batch=32, rate=0.003, goal=0.97),
}


def main(options):
    return learn(options, PLANS)


if __name__ == "__main__":
    sys.exit(run(main, __doc__, data="MNIST's four idx.gz files"))
