"""A simplified AlexNet on handwritten digits: convolutions, then dense layers, without pooling and without dropout.

    python examples/simplified_alexnet.py --data FOLDER     (MNIST: at least 0.985 test accuracy, in about a minute)
    python examples/simplified_alexnet.py                   (the digits that come with tapegrad: at least 0.96)

As in AlexNet the first filters are large, the images are made smaller by strides, and three dense layers follow.
Source: Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional neural networks, NIPS 2012.
"""

import sys

from common import run
from image_classifier import Plan, learn

from tapegrad import nn


def network() -> nn.Module:
    """For MNIST: (N, 28, 28, 1) -> (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, stride=2, padding="same"),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding="same"),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding="same"),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(7 * 7 * 64, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def small_network() -> nn.Module:
    """The same for the small digits: (N, 8, 8, 1) -> (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same"),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding="same"),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding="same"),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 4 * 32, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


PLANS = {
    "MNIST": Plan(network, epochs=2, batch=64, rate=0.001, goal=0.985),
    "digits": Plan(small_network, epochs=20, batch=32, rate=0.002, goal=0.96),
}


def main(options):
    return learn(options, PLANS)


if __name__ == "__main__":
    sys.exit(run(main, __doc__, data="MNIST's four idx.gz files"))
