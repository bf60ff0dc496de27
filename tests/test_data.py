"""Data: the embedded digits, MNIST's files and whatever may be wrong with them, batches and splits."""

from __future__ import annotations

import csv
import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import data
from tapegrad.data import batches, datasets, split
from tapegrad.data.idx import read_idx

# The embedded digits ------------------------------------------------------------------------------


def test_digits_are_the_rows_of_the_embedded_file():
    x, y = datasets.digits()
    with gzip.open(Path(data.__file__).with_name("digits.csv.gz"), "rt") as file:
        rows = [[int(value) for value in row] for row in csv.reader(file)]
    assert len(rows) == 1797
    assert x.shape == (1797, 64)
    assert x.dtype == np.float32
    assert (x * 16).tolist() == [row[:64] for row in rows]
    assert y.tolist() == [row[64] for row in rows]
    assert np.issubdtype(y.dtype, np.integer)


def test_digits_are_the_published_set():
    """The counts that UCI's description of the test set gives for each class."""
    x, y = datasets.digits()
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert x.min() == 0
    assert x.max() == 1


def test_the_embedded_file_is_small_and_names_its_source():
    folder = Path(data.__file__).parent
    assert (folder / "digits.csv.gz").stat().st_size < 100_000
    text = (folder / "digits.LICENSE.txt").read_text("utf-8")
    assert "Alpaydin" in text
    assert "creativecommons.org/licenses/by/4.0" in text


# idx files ----------------------------------------------------------------------------------------


def idx(values, shape=None, magic=None):
    values = np.asarray(values, np.uint8)
    shape = values.shape if shape is None else shape
    magic = bytes([0, 0, 8, len(shape)]) if magic is None else magic
    return magic + struct.pack(f">{len(shape)}I", *shape) + values.tobytes()


def written(folder, content, name="file.gz", compress=True):
    path = folder / name
    path.write_bytes(gzip.compress(content) if compress else content)
    return path


VALUES = np.random.default_rng(0).integers(0, 256, (5, 3, 4)).astype(np.uint8)


@pytest.mark.parametrize("values", [VALUES, VALUES[:0], VALUES[0, 0], np.zeros((1500, 1500), np.uint8)])
def test_an_idx_file_is_read_back(tmp_path, values):
    assert np.array_equal(read_idx(written(tmp_path, idx(values)), values.ndim), values)
    assert read_idx(str(written(tmp_path, idx(values))), values.ndim).dtype == np.uint8


@pytest.mark.parametrize(
    ("content", "expected", "found"),
    [
        (b"", "the magic number 00 00 08 03 (unsigned bytes, 3 dimensions)", "an empty file"),
        (b"\0\0", "the magic number", "found 00 00"),
        (idx(VALUES[0]), "the magic number 00 00 08 03", "found 00 00 08 02"),
        (idx(VALUES, magic=b"\0\0\x0d\x03"), "the magic number 00 00 08 03", "found 00 00 0d 03"),
        (b"\x80\x04\x95pickle", "the magic number", "found 80 04 95 70"),
        (idx(VALUES)[:9], "3 dimensions in the header", "found 1"),
        (idx(VALUES)[:-1], "60 values for shape (5, 3, 4)", "found 59"),
        (idx(VALUES) + b"x", "60 values for shape (5, 3, 4)", "found more"),
        (idx(VALUES, (2**32 - 1, 28, 28)), "at most 1,073,741,824 bytes", "a header that promises 3,367,254,359,"),
        (idx(VALUES, (5, 2**16, 2**16)), "at most 1,073,741,824 bytes", "a header that promises 21,474,836,480"),
        (idx(VALUES, (1000, 1000, 1000)), "1,000,000,000 values for shape (1000, 1000, 1000)", "found 60"),
    ],
)
def test_what_is_wrong_with_an_idx_file_is_told(tmp_path, content, expected, found):
    path = written(tmp_path, content)
    with pytest.raises(tg.DataError) as raised:
        read_idx(path, 3)
    message = str(raised.value)
    assert message.startswith(f"{path}: expected ")
    assert expected in message
    assert found in message


def test_a_header_that_promises_gigabytes_allocates_nothing(tmp_path):
    paths = [
        written(tmp_path, idx(VALUES, shape), f"{shape[0]}.gz") for shape in [(2**16, 2**8, 2**8), (2**14, 2**8, 2**8)]
    ]
    for path in paths:  # 4 GiB, which is refused, and 1 GiB, which is believed until the file ends
        tracemalloc.start()
        with pytest.raises(tg.DataError):
            read_idx(path, 3)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 2**20


def test_what_is_wrong_with_the_gzip_file_is_told(tmp_path):
    whole = gzip.compress(idx(VALUES))
    damaged = bytearray(whole)
    damaged[-6] ^= 1  # in the checksum
    broken = bytearray(whole)
    broken[15:25] = b"\xff" * 10
    for content, found in [
        (whole[:-9], "found one cut short"),
        (whole[:20], "found one cut short"),
        (bytes(damaged), "found a damaged one or none (CRC check failed"),
        (bytes(broken), "found a damaged one or none"),
        (idx(VALUES), "found a damaged one or none (Not a gzipped file"),
    ]:
        path = written(tmp_path, content, compress=False)
        with pytest.raises(tg.DataError) as raised:
            read_idx(path, 3)
        assert str(raised.value).startswith(f"{path}: expected ")
        assert found in str(raised.value)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    with pytest.raises(tg.DataError, match=r"absent\.gz: expected a gzipped idx file, found no file of that name"):
        read_idx(tmp_path / "absent.gz", 3)
    with pytest.raises(tg.DataError, match="expected a gzipped idx file, but it cannot be read"):
        read_idx(tmp_path, 3)


@given(st.data())
def test_any_damage_is_a_data_error_or_another_array(tmp_path_factory, data):
    """Bytes changed, cut out or put in, inside or outside of the compression: never another exception."""
    content = idx(VALUES)
    outside = data.draw(st.booleans())
    content = bytearray(gzip.compress(content) if outside else content)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    path = written(tmp_path_factory.getbasetemp(), bytes(content), "damaged.gz", compress=not outside)
    told = None
    try:
        array = read_idx(path, 3)
    except tg.DataError as error:
        told = str(error)
    assert told.startswith(f"{path}: expected ") if told else (array.dtype, array.ndim) == (np.uint8, 3)


# MNIST --------------------------------------------------------------------------------------------

IMAGES = np.random.default_rng(1).integers(0, 256, (6, 28, 28)).astype(np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9], np.uint8)


def small_mnist(folder, **replaced):
    """MNIST's four files with six training and three test images, some of them `replaced`."""
    for name, images, labels in (("train", IMAGES, LABELS), ("t10k", IMAGES[:3], LABELS[:3])):
        written(folder, idx(replaced.get(f"{name}_images", images)), f"{name}-images-idx3-ubyte.gz")
        written(folder, idx(replaced.get(f"{name}_labels", labels)), f"{name}-labels-idx1-ubyte.gz")
    return folder


def test_mnist_is_read_from_a_path_or_from_the_folder_of_data_sets(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    folder = small_mnist(tmp_path / "mnist")
    monkeypatch.setenv("TAPEGRAD_DATA", str(tmp_path))
    for train, test in (datasets.mnist(str(folder)), datasets.mnist()):
        assert train.x.shape == (6, 784)
        assert train.x.dtype == np.float32
        assert np.array_equal(np.rint(train.x * 255), IMAGES.reshape(6, 784))
        assert train.y.tolist() == LABELS.tolist()
        assert np.issubdtype(train.y.dtype, np.integer)
        assert np.array_equal(test.x, train.x[:3])
        assert test.y.tolist() == LABELS[:3].tolist()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"train_images": IMAGES[:, :27]},
            r"train-images.*: expected images of 28 x 28 pixels, found shape \(6, 27, 28\)",
        ),
        ({"train_labels": LABELS[:5]}, "train-labels.*: expected 6 labels, one an image, found 5"),
        ({"t10k_labels": LABELS[:3] + 9}, "t10k-labels.*: expected labels from 0 to 9, found 13"),
        ({"t10k_images": LABELS}, "t10k-images.*: expected the magic number 00 00 08 03"),
    ],
)
def test_files_that_are_not_mnists_are_refused(tmp_path, replaced, message):
    with pytest.raises(tg.DataError, match=message):
        datasets.mnist(small_mnist(tmp_path, **replaced))


def test_mnist_without_files_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("TAPEGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(tg.DataError, match="pass it, or set TAPEGRAD_DATA to a folder that has mnist/"):
        datasets.mnist()
    with pytest.raises(tg.DataError, match=r"mnist: expected a folder of its files at .*nowhere, found none"):
        datasets.mnist(tmp_path / "nowhere")
    with pytest.raises(tg.DataError, match=r"train-images-idx3-ubyte\.gz: expected a gzipped idx file, found no file"):
        datasets.mnist(tmp_path)


def test_the_real_mnist(data_folder):
    train, test = datasets.mnist(data_folder / "mnist")
    assert train.x.shape == (60_000, 784)
    assert test.x.shape == (10_000, 784)
    assert np.bincount(train.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert train.x.mean() == pytest.approx(0.1307, abs=5e-5)  # the figures that everybody standardises with
    assert train.x.std() == pytest.approx(0.3081, abs=5e-5)


# Batches ------------------------------------------------------------------------------------------

X, Y = np.arange(20).reshape(10, 2), np.arange(10)


@pytest.mark.parametrize("size", [1, 3, 5, 10, 99])
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_has_every_row_once_with_its_label(size, shuffle):
    parts = list(batches(X, Y, size, shuffle))
    assert len(parts) == len(batches(X, Y, size)) == -(-10 // size)
    assert [len(y) for _, y in parts] == [min(size, 10 - start) for start in range(0, 10, size)]
    x, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    assert np.array_equal(x, X[y])
    assert sorted(y) == Y.tolist()
    if not shuffle:
        assert y.tolist() == Y.tolist()


def orders(made, epochs):
    return [np.concatenate([y for _, y in made]).tolist() for _ in range(epochs)]


def test_every_epoch_has_an_order_of_its_own_and_a_seed_fixes_them():
    first = orders(batches(X, Y, 3, seed=1), 3)
    assert first[0] != first[1] != first[2]
    assert orders(batches(X, Y, 3, seed=1), 3) == first
    assert orders(batches(X, Y, 4, seed=1), 3) == first
    assert orders(batches(X, Y, 3, seed=2), 3) != first
    state = tg.random.get_state()
    orders(batches(X, Y, 3, seed=1), 1)
    assert tg.random.get_state() == state


def test_without_a_seed_the_order_comes_from_the_common_stream():
    tg.random.seed(3)
    first = orders(batches(X, Y, 3), 2)
    tg.random.seed(3)
    assert orders(batches(X, Y, 3), 2) == first
    assert first[0] != first[1]


def test_epochs_may_overlap():
    made = batches(X, Y, 5, seed=1)
    both = list(zip(made, made, strict=True))
    assert sorted(np.concatenate([y for (_, y), _ in both])) == Y.tolist()
    assert sorted(np.concatenate([y for _, (_, y) in both])) == Y.tolist()


def test_unshuffled_batches_copy_nothing():
    assert all(np.shares_memory(x, X) for x, _ in batches(X, Y, 4, shuffle=False))


@pytest.mark.parametrize(
    "x", [X, np.asfortranarray(X), np.arange(40).reshape(2, 20).T[::2], np.broadcast_to([1, 2], (10, 2))]
)
def test_rows_are_those_of_the_array_however_it_lies_in_memory(x):
    for part, labels in batches(x, Y, 4, seed=0):
        assert np.array_equal(part, x[labels])


def test_lists_and_tensors_are_taken():
    (part,) = batches([[1.0], [2.0]], tg.tensor([0, 1]), 2, shuffle=False)
    assert part[0].tolist() == [[1.0], [2.0]]
    assert isinstance(part[1], np.ndarray)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: batches(X, Y[:9], 3), tg.ShapeError, r"batches: .* got x \(10, 2\) and y \(9,\)"),
        (lambda: batches(np.float64(1), Y, 3), tg.ShapeError, r"got x \(\) and y \(10,\)"),
        (lambda: batches(X, Y, 0), ValueError, "batches of at least 1 row, got size=0"),
        (lambda: split(X, Y[:9]), tg.ShapeError, r"split: .* got x \(10, 2\) and y \(9,\)"),
        (lambda: split(X, Y, 0.01), ValueError, "leaves rows on both sides, got 0.01 of 10 rows"),
        (lambda: split(X, Y, 1), ValueError, "leaves rows on both sides, got 1 of 10 rows"),
    ],
)
def test_what_cannot_be_batched_or_split_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_no_rows_make_no_batches():
    assert list(batches(X[:0], Y[:0], 3)) == []
    assert len(batches(X[:0], Y[:0], 3)) == 0


# Splits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "count"), [(0.2, 2), (0.5, 5), (0.25, 2), (0.9, 9)])
def test_a_split_has_every_row_on_one_side_with_its_label(fraction, count):
    train, test = split(X, Y, fraction, seed=0)
    assert len(test.x) == count
    for part in (train, test):
        assert np.array_equal(part.x, X[part.y])
    assert sorted([*train.y, *test.y]) == Y.tolist()


def test_a_seed_fixes_a_split():
    first = split(X, Y, seed=1)[0].y.tolist()
    assert split(X, Y, seed=1)[0].y.tolist() == first
    assert split(X, Y, seed=2)[0].y.tolist() != first
    tg.random.seed(5)
    second = split(X, Y)[0].y.tolist()
    tg.random.seed(5)
    assert split(X, Y)[0].y.tolist() == second
