"""The data sets: digits, which come with the package, MNIST and film reviews, read from their files.

Pixels are float32 from 0 to 1, one image a row; labels are integers. `x.reshape(-1, 28, 28, 1)` gives images.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import DataError
from . import download as downloads
from .idx import read_idx
from .packed import read_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = "TAPEGRAD_DATA"  # the environment variable that names the folder of data sets
LARGEST_TEXT = 2**27  # bytes: four times the reviews
SOURCES = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
FILES = (
    downloads.File(
        "train-images-idx3-ubyte.gz",
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    downloads.File(
        "train-labels-idx1-ubyte.gz",
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    downloads.File(
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    downloads.File(
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)


class Dataset(NamedTuple):
    """Examples, one a row, and their labels: `x, y = dataset`. They are what `batches` takes."""

    x: Any
    y: Any


class Reviews(NamedTuple):
    """Texts, and their labels (N,), 1 for a positive one and 0 for a negative: `texts, labels = reviews`."""

    texts: list[str]
    labels: NDArray[np.int64]


def digits() -> Dataset:
    """The 1,797 handwritten digits of UCI's optdigits test set: x (1797, 64), 8 x 8 pixels; y (1797,), 0 to 9.

    Source: E. Alpaydin and C. Kaynak, https://doi.org/10.24432/C50P49, CC BY 4.0.
    """
    with gzip.open(Path(__file__).with_name("digits.csv.gz"), "rt", encoding="ascii") as file:
        table = np.loadtxt(file, np.uint8, delimiter=",")
    return Dataset(table[:, :-1] / np.float32(16), table[:, -1].astype(np.int64))


def mnist(path: str | os.PathLike[str] | None = None, download: bool = False) -> tuple[Dataset, Dataset]:
    """MNIST's training and test set: x (60000, 784) and (10000, 784), 28 x 28 pixels; y (60000,) and (10000,).

    `path` is the folder of the four `*-ubyte.gz` files; without it, `mnist` in the folder that the environment
    variable TAPEGRAD_DATA names, or else in the user's cache. `download` gets what is missing there, 12 MB. Raises
    DataError for a file that is absent, damaged, not MNIST's, or not to be had.

    Source: Y. LeCun, C. Cortes and C. Burges, http://yann.lecun.com/exdb/mnist, CC BY-SA 3.0.
    """
    if download:
        _download(_places("mnist", path)[0])
    folder = _folder("mnist", path, "mnist(download=True) gets them")
    return _half(folder, "train"), _half(folder, "t10k")


def reviews(path: str | os.PathLike[str] | None = None) -> tuple[Reviews, Reviews]:
    """25,000 film reviews in lower case, words between spaces: the first 20,000 to learn from, 5,000 to be tested on.

    `path` is the folder of `reviews.txt` and `labels.txt`, one a line, each of which may be packed as `.xz` or `.gz`;
    without it, `reviews` in the folder that the environment variable TAPEGRAD_DATA names, or else in the user's
    cache. Raises DataError for a file that is absent, damaged or not these reviews.

    Source: A. Maas et al., Learning word vectors for sentiment analysis, ACL 2011.
    """
    folder = _folder("reviews", path, "they are not downloaded")
    (texts_file, texts), (labels_file, names) = _lines(folder, "reviews.txt"), _lines(folder, "labels.txt")
    for file, lines in ((texts_file, texts), (labels_file, names)):
        if len(lines) != 25_000:
            raise DataError(f"{file}: expected 25,000 lines, found {len(lines):,}")
    for number, name in enumerate(names, 1):
        if name not in ("positive", "negative"):
            raise DataError(f'{labels_file}: expected "positive" or "negative", found {name!r:.40} in line {number:,}')
    labels = np.array([name == "positive" for name in names], np.int64)
    return Reviews(texts[:20_000], labels[:20_000]), Reviews(texts[20_000:], labels[20_000:])


def _lines(folder: Path, name: str) -> tuple[Path, list[str]]:
    """A text file, packed or not, and its lines. A line ends with a newline only, not with all that Unicode has."""
    files = [folder / f"{name}{suffix}" for suffix in (".xz", ".gz", "")]
    file = next((file for file in files if file.exists()), None)
    if file is None:
        raise DataError(f"{folder}: expected {name}, {name}.xz or {name}.gz in it, found none of them")
    return file, read_text(file, LARGEST_TEXT).removesuffix("\n").split("\n")


def _download(folder: Path) -> None:
    """Get those of MNIST's files that are not in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        if not (folder / file.name).exists():
            downloads.download(file, folder, SOURCES)


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


def _places(name: str, path: str | os.PathLike[str] | None) -> list[Path]:
    """Where a data set may lie: where the caller says, or else in the user's folder of data sets, or in the cache."""
    if path is not None:
        return [Path(path)]
    own = [Path(os.environ[FOLDER], name)] if os.environ.get(FOLDER) else []
    return [*own, Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tapegrad", name)]


def _folder(name: str, path: str | os.PathLike[str] | None, remedy: str) -> Path:
    places = _places(name, path)
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        hint = "" if path is not None else f"; pass it, or set {FOLDER} to a folder that has {name}/; {remedy}"
        raise DataError(f"{name}: expected a folder of its files at {' or '.join(map(str, places))}, found none{hint}")
    return folder
