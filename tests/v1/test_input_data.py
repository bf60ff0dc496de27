"""`read_data_sets`: the arrays, the splits, and the order of batches."""
# ruff: noqa: NPY002  (the generator that scripts seed)

import gzip
import struct

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1.examples.tutorials.mnist import input_data
from tapegrad.data import datasets
from tapegrad.errors import DataError


def write(folder, packed, train=70, test=20):
    """A small MNIST, whose images are known."""
    drawn = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", train), ("t10k", test)):
        images, labels = drawn.integers(0, 256, (count, 28, 28)), drawn.integers(0, 10, count)
        arrays[part] = images.astype(np.uint8), labels.astype(np.uint8)
        for name, values in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            content += values.astype(np.uint8).tobytes()
            (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return arrays


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch, tmp_path):
    """No other folder has the files, and nothing is downloaded."""
    monkeypatch.delenv("TAPEGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def refuse(file, folder, sources):
        raise DataError("no network here")

    monkeypatch.setattr(input_data, "download", refuse)


@pytest.mark.parametrize("packed", [True, False])
def test_arrays_and_splits(tmp_path, packed):
    (images, labels), (test_images, test_labels) = write(tmp_path, packed).values()
    mnist = input_data.read_data_sets(str(tmp_path), validation_size=10)
    assert [part.num_examples for part in mnist] == [60, 10, 20]
    assert mnist.train.images.shape == (60, 784)
    assert mnist.train.images.dtype == np.float32
    np.testing.assert_array_equal(mnist.train.images, images[10:].reshape(60, 784).astype(np.float32) * (1 / 255.0))
    np.testing.assert_array_equal(mnist.validation.labels, labels[:10])
    mnist = input_data.read_data_sets(tmp_path, one_hot=True, dtype=tf.uint8, reshape=False, validation_size=0)
    np.testing.assert_array_equal(mnist.test.images, test_images[..., None])
    assert mnist.test.labels.dtype == np.float64
    np.testing.assert_array_equal(mnist.test.labels.argmax(1), test_labels)
    assert (mnist.test.labels.sum(1) == 1).all()


def test_batches_come_in_the_order_of_numpys_state(tmp_path):
    write(tmp_path, True)
    train = input_data.read_data_sets(tmp_path, validation_size=0).train
    images, labels = train.images, train.labels
    np.random.seed(7)
    batches = [train.next_batch(30) for _ in range(5)]
    np.random.seed(7)
    first, second = np.arange(70), np.arange(70)
    np.random.shuffle(first)
    np.random.shuffle(second)
    np.random.shuffle(third := np.arange(70))
    order = np.concatenate([first, first[second], first[second][third]])[:150]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), images[order])
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), labels[order])
    assert train.epochs_completed == 2
    plain = input_data.read_data_sets(tmp_path, validation_size=0).train
    np.testing.assert_array_equal(plain.next_batch(70, shuffle=False)[0], images)
    assert plain.epochs_completed == 0


def test_seeds(tmp_path):
    write(tmp_path, True)

    def first(**options):
        return input_data.read_data_sets(tmp_path, validation_size=0, **options).train.next_batch(5)[1].tolist()

    assert first(seed=3) == first(seed=3) != first(seed=4)
    tf.get_default_graph().seed = 3
    assert first() == first(seed=3)
    tf.get_default_graph().seed = None
    np.random.seed(5)
    once = first()
    np.random.seed(5)
    assert first() == once  # the state is the script's own


def test_where_the_files_may_lie(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"Put train-images-idx3-ubyte\.gz, .* into .*MNIST_data, or into .*cache"):
        input_data.read_data_sets(tmp_path / "MNIST_data")
    (tmp_path / "mnist").mkdir()
    write(tmp_path / "mnist", True)
    monkeypatch.setenv(datasets.FOLDER, str(tmp_path))
    assert input_data.read_data_sets("MNIST_data", validation_size=0).train.num_examples == 70


def test_files_are_downloaded_to_the_folder(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    write(tmp_path / "there", True)
    monkeypatch.setattr(
        input_data,
        "download",
        lambda file, folder, sources: (folder / file.name).write_bytes((tmp_path / "there" / file.name).read_bytes()),
    )
    assert input_data.read_data_sets(tmp_path / "new", validation_size=0).test.num_examples == 20
    assert len(list((tmp_path / "new").iterdir())) == 4


def test_digits_may_stand_for_mnist(monkeypatch):
    monkeypatch.setattr(input_data, "serve_digits", True)
    mnist = input_data.read_data_sets("nowhere", one_hot=True)
    assert [part.images.shape for part in mnist] == [(1375, 784), (125, 784), (297, 784)]
    x, y = datasets.digits()
    np.testing.assert_allclose(
        mnist.test.images.reshape(-1, 28, 28)[:, 3:-2:3, 3:-2:3].reshape(-1, 64), x[1500:], atol=0.002
    )
    np.testing.assert_array_equal(mnist.test.labels.argmax(1), y[1500:])


def test_refusals(tmp_path):
    write(tmp_path, True)
    with pytest.raises(ValueError, match="between 0 and 70"):
        input_data.read_data_sets(tmp_path)
    with pytest.raises(TypeError, match="Invalid image dtype"):
        input_data.read_data_sets(tmp_path, dtype=np.float64, validation_size=0)
    fake = input_data.read_data_sets(tmp_path, fake_data=True, one_hot=True).train.next_batch(3)
    assert (len(fake[0]), len(fake[0][0]), fake[1][0]) == (3, 784, [1] + [0] * 9)
