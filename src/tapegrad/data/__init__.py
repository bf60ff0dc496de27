"""Data to train on: digits, MNIST and film reviews, texts as numbers, and batches of any of them."""

from . import datasets
from .bags import Bags
from .batches import Batches, batches
from .datasets import Dataset, Reviews
from .splits import split
from .text import Vocabulary

__all__ = ["Bags", "Batches", "Dataset", "Reviews", "Vocabulary", "batches", "datasets", "split"]
