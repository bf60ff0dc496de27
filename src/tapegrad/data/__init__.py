"""Data to train on: the digits that come with the package, MNIST's files, and batches of either."""

from . import datasets
from .batches import Batches, batches
from .datasets import Dataset
from .splits import split

__all__ = ["Batches", "Dataset", "batches", "datasets", "split"]
