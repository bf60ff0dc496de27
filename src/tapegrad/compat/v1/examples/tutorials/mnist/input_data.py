"""MNIST as TensorFlow's tutorials read it: `read_data_sets`, and batches in the order that NumPy's state shuffles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ......data import datasets
from ......data.download import download
from ......data.idx import _read as read_values
from ......data.idx import read_idx
from ......errors import DataError
from ...._dtypes import as_dtype, float32, uint8
from ...._graph import get_default_graph
from ...._missing import not_covered

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DataSet", "Datasets", "dense_to_one_hot", "extract_images", "extract_labels", "read_data_sets"]

DEFAULT_SOURCE_URL = datasets.SOURCES[0] + "/"

#: Whether the digits that come with tapegrad stand for MNIST, 28 x 28 pixels each: 1,500 to train with, 297 to test on.
serve_digits = False

#: A folder that has MNIST's files, to be read in the place of the one that a script names.
serve_folder: Path | None = None


class DataSet:
    """Images and labels, and batches of them.

    `images` are float32 from 0 to 1, or uint8 from 0 to 255 as `dtype` says, (N, 784) if `reshape`, else as given.
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = np.float32,
        reshape: bool = True,
        seed: int | None = None,
    ) -> None:
        _seed(seed)
        kind = as_dtype(dtype)
        if kind not in (uint8, float32):
            raise TypeError(f"Invalid image dtype {dtype!r}, expected uint8 or float32")
        self._fake, self._one_hot = fake_data, one_hot
        if fake_data:
            self._examples = 10_000
        else:
            if len(images) != len(labels):
                raise ValueError(f"expected one label an image, got {np.shape(images)} and {np.shape(labels)}")
            self._examples = len(images)
            if reshape:
                images = images.reshape(len(images), int(np.prod(images.shape[1:])))
            if kind == float32:
                images = np.multiply(images.astype(np.float32), 1.0 / 255.0)
        self._images, self._labels = images, labels
        self._epochs_completed = 0
        self._index_in_epoch = 0

    @property
    def images(self) -> Any:
        """The images, in the order of this epoch."""
        return self._images

    @property
    def labels(self) -> Any:
        """The labels, in the order of this epoch."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many there are."""
        return self._examples

    @property
    def epochs_completed(self) -> int:
        """How many times all of them were given."""
        return self._epochs_completed

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """The next images and labels; a batch may hold the end of one epoch and the beginning of the next.

        Each epoch is shuffled by NumPy's own generator, so that `np.random.seed` settles the order.
        """
        if fake_data or self._fake:
            label: Any = [1] + [0] * 9 if self._one_hot else 0
            return [[1] * 784] * batch_size, [label] * batch_size
        start = self._index_in_epoch
        if shuffle and start == 0 and self._epochs_completed == 0:
            self._shuffle()
        if start + batch_size <= self._examples:
            self._index_in_epoch += batch_size
            return self._images[start : self._index_in_epoch], self._labels[start : self._index_in_epoch]
        self._epochs_completed += 1
        rest = self._images[start:], self._labels[start:]
        if shuffle:
            self._shuffle()
        end = self._index_in_epoch = batch_size - (self._examples - start)
        return np.concatenate([rest[0], self._images[:end]]), np.concatenate([rest[1], self._labels[:end]])

    def _shuffle(self) -> None:
        order = np.arange(self._examples)
        np.random.shuffle(order)  # noqa: NPY002  (the generator that scripts seed)
        self._images, self._labels = self._images[order], self._labels[order]


class Datasets(NamedTuple):
    """What is learned from, what is looked at meanwhile, and what is tested on."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: Any,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = np.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = DEFAULT_SOURCE_URL,
) -> Datasets:
    """MNIST's 60,000 images to train with, the first `validation_size` of them apart, and its 10,000 to test on.

    The four idx files, packed as .gz or not, are read from `train_dir`; or else from `mnist` in the folder that the
    environment variable TAPEGRAD_DATA names, or in the user's cache. If they are in none of these, they are downloaded
    to `train_dir`. Raises DataError, which tells where to put them, if they cannot be had. `source_url` is not used:
    files come from where their checksums are known.
    """
    if fake_data:
        none = DataSet([], [], fake_data=True, one_hot=one_hot, dtype=dtype, seed=seed)
        return Datasets(none, none, none)
    arrays = _digits() if serve_digits else _files(serve_folder or Path(train_dir))
    if serve_digits:
        validation_size = validation_size * len(arrays[0]) // 60_000
    train_labels: Any
    test_labels: Any
    train_images, train_labels, test_images, test_labels = arrays
    if not 0 <= validation_size <= len(train_images):
        raise ValueError(f"Validation size should be between 0 and {len(train_images)}. Received: {validation_size}.")
    if one_hot:
        train_labels, test_labels = dense_to_one_hot(train_labels, 10), dense_to_one_hot(test_labels, 10)
    own, rest = slice(validation_size), slice(validation_size, None)
    return Datasets(
        train=DataSet(train_images[rest], train_labels[rest], dtype=dtype, reshape=reshape, seed=seed),
        validation=DataSet(train_images[own], train_labels[own], dtype=dtype, reshape=reshape, seed=seed),
        test=DataSet(test_images, test_labels, dtype=dtype, reshape=reshape, seed=seed),
    )


def load_mnist(train_dir: Any = "MNIST-data") -> Datasets:
    """`read_data_sets` of a folder."""
    return read_data_sets(train_dir)


def dense_to_one_hot(labels_dense: Any, num_classes: int) -> NDArray[np.float64]:
    """Rows (N, num_classes) with a 1 at each label."""
    return np.eye(num_classes)[np.asarray(labels_dense)]


def extract_images(f: Any) -> NDArray[np.uint8]:
    """Images (N, 28, 28, 1) of an open file, or of a path, of MNIST's format."""
    return read_idx(getattr(f, "name", f), 3)[..., None]


def extract_labels(f: Any, one_hot: bool = False, num_classes: int = 10) -> Any:
    """Labels (N,) of an open file, or of a path, of MNIST's format; with `one_hot`, (N, num_classes)."""
    labels = read_idx(getattr(f, "name", f), 1)
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


def _seed(seed: int | None) -> None:
    """Seed NumPy's generator by a seed of the call or of the graph; without one it stays as the script left it."""
    chosen = get_default_graph().seed if seed is None else seed
    if chosen is not None:
        np.random.seed(chosen)  # noqa: NPY002


def _files(folder: Path) -> tuple[NDArray[np.uint8], ...]:
    """The images and labels of the first folder that has them all."""
    folders = [folder, *datasets._places("mnist", None)]
    found = next((place for place in folders if all(_file(place, file.name) for file in datasets.FILES)), None)
    if found is None:
        found = folder
        try:
            found.mkdir(parents=True, exist_ok=True)
            for file in datasets.FILES:
                if not _file(found, file.name):
                    download(file, found, datasets.SOURCES)
        except (DataError, OSError) as error:
            names = ", ".join(file.name for file in datasets.FILES)
            raise DataError(
                f"read_data_sets: MNIST's files are not there, and cannot be downloaded ({error}). Put {names} (or the "
                f"same files unpacked) into {folder.absolute()}, or into {folders[-1]}"
            ) from error
    images, labels, test_images, test_labels = (_values(found, file.name) for file in datasets.FILES)
    return images[..., None], labels, test_images[..., None], test_labels


def _file(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, packed or not."""
    plain = name.removesuffix(".gz")
    names = (name, plain, plain.replace("-idx", ".idx"))  # some programs that unpack write a point
    return next((folder / n for n in names if (folder / n).is_file()), None)


def _values(folder: Path, name: str) -> NDArray[np.uint8]:
    path, dimensions = _file(folder, name), 3 if "idx3" in name else 1
    assert path is not None
    if path.suffix == ".gz":
        return read_idx(path, dimensions)
    with open(path, "rb") as file:
        return read_values(file, path, dimensions)  # type: ignore[arg-type]  # it only reads


def _digits() -> tuple[NDArray[np.uint8], ...]:
    """The digits that come with tapegrad: each pixel is 3 x 3, and there are two empty ones around."""
    x, y = datasets.digits()
    grey = np.round(x.reshape(-1, 8, 8) * 255).astype(np.uint8)
    images = np.pad(grey.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))[..., None]
    labels = y.astype(np.uint8)
    return images[:1500], labels[:1500], images[1500:], labels[1500:]


__getattr__ = not_covered(__name__)
