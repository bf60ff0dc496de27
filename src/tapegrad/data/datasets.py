"""The data sets: digits, which come with the package, and MNIST, read from its four files.

Pixels are float32 from 0 to 1, one image a row; labels are integers. `x.reshape(-1, 28, 28, 1)` gives images.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import DataError
from .idx import read_idx

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = "TAPEGRAD_DATA"  # the environment variable that names the folder of data sets


class Dataset(NamedTuple):
    """Examples, one a row, and their labels: `x, y = dataset`."""

    x: NDArray[Any]
    y: NDArray[Any]


def digits() -> Dataset:
    """The 1,797 handwritten digits of UCI's optdigits test set: x (1797, 64), 8 x 8 pixels; y (1797,), 0 to 9.

    Source: E. Alpaydin and C. Kaynak, https://doi.org/10.24432/C50P49, CC BY 4.0.
    """
    with gzip.open(Path(__file__).with_name("digits.csv.gz"), "rt", encoding="ascii") as file:
        table = np.loadtxt(file, np.uint8, delimiter=",")
    return Dataset(table[:, :-1] / np.float32(16), table[:, -1].astype(np.int64))


def mnist(path: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """MNIST's training and test set: x (60000, 784) and (10000, 784), 28 x 28 pixels; y (60000,) and (10000,).

    `path` is the folder of the four `*-ubyte.gz` files; without it, `mnist` in the folder that the environment
    variable TAPEGRAD_DATA names. Raises DataError for a file that is absent, damaged or not MNIST's.

    Source: Y. LeCun, C. Cortes and C. Burges, http://yann.lecun.com/exdb/mnist, CC BY-SA 3.0.
    """
    folder = _folder("mnist", path)
    return _half(folder, "train"), _half(folder, "t10k")


def _half(folder: Path, name: str) -> Dataset:
    files = folder / f"{name}-images-idx3-ubyte.gz", folder / f"{name}-labels-idx1-ubyte.gz"
    images, labels = read_idx(files[0], 3), read_idx(files[1], 1)
    if images.shape[1:] != (28, 28):
        raise DataError(f"{files[0]}: expected images of 28 x 28 pixels, found shape {images.shape}")
    if len(labels) != len(images):
        raise DataError(f"{files[1]}: expected {len(images):,} labels, one an image, found {len(labels):,}")
    if labels.max(initial=0) > 9:
        raise DataError(f"{files[1]}: expected labels from 0 to 9, found {labels.max()}")
    return Dataset(images.reshape(len(images), -1) / np.float32(255), labels.astype(np.int64))


def _folder(name: str, path: str | os.PathLike[str] | None) -> Path:
    """Where a data set lies: where the caller says, or else in the user's folder of data sets."""
    if path is not None:
        folder = Path(path)
    elif FOLDER in os.environ:
        folder = Path(os.environ[FOLDER], name)
    else:
        raise DataError(
            f"{name}: expected the folder of its files, got none; pass it, or set {FOLDER} to a folder that has {name}/"
        )
    if not folder.is_dir():
        raise DataError(f"{name}: expected a folder of its files at {folder}, found none")
    return folder
