"""Data for estimators: `tf.contrib.learn.datasets` and `tf.contrib.learn.io`."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _input_functions
from .._input_functions import pandas_input_fn
from .._missing import NotCoveredError, not_covered
from ..examples.tutorials.mnist import input_data as mnist

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Dataset", "load_csv_with_header", "load_csv_without_header", "load_dataset", "mnist", "numpy_input_fn",
           "pandas_input_fn"]  # fmt: skip

__getattr__ = not_covered(__name__)
base = sys.modules[__name__]  # `datasets.base` had the readers


class Dataset(NamedTuple):
    """Examples and what is to be told of them."""

    data: Any
    target: Any


def load_dataset(name: str, size: str = "small", test_with_fake_data: bool = False) -> Any:
    """MNIST, as `read_data_sets` gives it: "mnist" is the one name that is covered."""
    if name != "mnist":
        raise NotCoveredError(f"tf.contrib.learn.datasets.load_dataset({name!r}) is not covered; 'mnist' is")
    return mnist.read_data_sets("MNIST-data")


def load_csv_with_header(filename: Any, target_dtype: Any, features_dtype: Any, target_column: int = -1) -> Dataset:
    """A table, whose first line says how many rows and columns of features it has."""
    with open(filename, newline="") as lines:
        rows = list(csv.reader(lines))
    count, width = int(rows[0][0]), int(rows[0][1])
    found = _table(rows[1:], target_dtype, features_dtype, target_column)
    if found.data.shape != (count, width):
        raise ValueError(f"{filename}: its first line tells of {count} rows of {width}, and it has {found.data.shape}")
    return found


def load_csv_without_header(filename: Any, target_dtype: Any, features_dtype: Any, target_column: int = -1) -> Dataset:
    """A table of rows of features, with the target in one column."""
    with open(filename, newline="") as lines:
        return _table(list(csv.reader(lines)), target_dtype, features_dtype, target_column)


def _table(rows: list[list[str]], target_dtype: Any, features_dtype: Any, target_column: int) -> Dataset:
    rows = [row for row in rows if row]
    target = np.array([row.pop(target_column) for row in rows], dtype=target_dtype)
    return Dataset(np.array(rows, dtype=features_dtype), target)


def numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool = True,
    queue_capacity: int = 1000,
    num_threads: int = 1,
) -> Callable[[], Any]:
    """As `tf.estimator.inputs.numpy_input_fn`, but `shuffle` need not be said."""
    return _input_functions.numpy_input_fn(x, y, batch_size, num_epochs, shuffle, queue_capacity, num_threads)
