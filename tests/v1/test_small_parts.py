"""Small parts of TensorFlow's surroundings: threads, files, pictures in files, strings, tests of scripts."""

import functools
import io
import pathlib
import threading
import unittest

import numpy as np
import pytest

import tapegrad.compat.v1 as tf


def run(tensor, feeds=None):
    with tf.Session() as session:
        return session.run(tensor, feeds)


# --------------------------------------------------------------------------------------------------
# Threads that stop together


def test_the_first_error_of_a_thread_is_raised_by_join():
    coordinator = tf.train.Coordinator()

    def work():
        with coordinator.stop_on_exception():
            raise KeyError("first")

    thread = threading.Thread(target=work)
    thread.start()
    with pytest.raises(KeyError, match="first"):
        coordinator.join([thread])
    coordinator.request_stop(ValueError("second"))
    with pytest.raises(KeyError, match="first"):
        coordinator.raise_requested_exception()
    coordinator.clear_stop()
    assert not coordinator.should_stop()
    coordinator.raise_requested_exception()


def test_the_end_of_the_data_is_no_error_and_an_error_may_come_with_its_trace():
    coordinator = tf.train.Coordinator()
    coordinator.request_stop(tf.errors.OutOfRangeError(None, None, "end"))
    coordinator.join([])
    assert coordinator.joined
    coordinator = tf.train.Coordinator()
    error = ValueError("told")
    coordinator.request_stop((ValueError, error, None))
    with pytest.raises(ValueError, match="told"):
        coordinator.join()


def test_join_says_which_threads_do_not_end():
    coordinator, end = tf.train.Coordinator(), threading.Event()
    thread = threading.Thread(target=end.wait, name="stubborn", daemon=True)
    thread.start()
    coordinator.register_thread(thread)
    coordinator.request_stop()
    with pytest.raises(RuntimeError, match="threads still running: stubborn"):
        coordinator.join(stop_grace_period_secs=0.01)
    coordinator.register_thread(thread)
    coordinator.join(stop_grace_period_secs=0.01, ignore_live_threads=True)
    end.set()
    thread.join()


@pytest.mark.parametrize("interval", [None, 0.001])
def test_a_looper_thread_calls_until_its_coordinator_stops(interval):
    coordinator, calls = tf.train.Coordinator(), []

    def step(word, end):
        calls.append(word)
        if len(calls) == end:
            coordinator.request_stop()

    thread = tf.train.LooperThread.loop(coordinator, interval, step, ["x"], {"end": 3})
    assert coordinator.wait_for_stop(10)
    coordinator.join()
    assert not thread.is_alive()
    assert calls == ["x"] * 3


# --------------------------------------------------------------------------------------------------
# Files


def test_a_file_is_written_and_read_in_parts(tmp_path):
    path = tmp_path / "a.txt"
    with tf.gfile.GFile(path, "w") as file:
        file.write("one\ntwo\n")
        file.flush()
        assert file.size() == path.stat().st_size == 8
        file.write("three\n")
    file = tf.gfile.FastGFile(path)
    assert (file.name, file.mode, file.seekable()) == (str(path), "r", True)
    assert file.readline() == "one\n"
    assert file.tell() == 4
    assert file.next() == "two\n"
    assert list(file) == ["three\n"]
    file.seek(4)
    assert file.readlines() == ["two\n", "three\n"]
    file.seek(position=0)
    assert file.read(3) == "one"
    file.close()
    assert tf.gfile.Open(path, "rb").read() == path.read_bytes()


def test_folders_and_names(tmp_path):
    folder = tmp_path / "a" / "b"
    tf.gfile.MakeDirs(folder)
    tf.gfile.MkDir(folder / "c")
    (folder / "x.txt").write_text("x")
    assert tf.gfile.IsDirectory(folder)
    assert sorted(tf.gfile.ListDirectory(folder)) == ["c", "x.txt"]
    tf.gfile.Copy(folder / "x.txt", folder / "y.txt")
    tf.gfile.Rename(folder / "y.txt", folder / "z.txt")
    assert tf.gfile.Glob([folder / "z*", folder / "x*"]) == [str(folder / "z.txt"), str(folder / "x.txt")]
    for change in (tf.gfile.Copy, tf.gfile.Rename):
        with pytest.raises(tf.errors.AlreadyExistsError):
            change(folder / "x.txt", folder / "z.txt")
    tf.gfile.DeleteRecursively(folder / "z.txt")
    tf.gfile.Remove(folder / "x.txt")
    assert tf.gfile.ListDirectory(folder) == ["c"]
    tf.gfile.DeleteRecursively(tmp_path / "a")
    assert not tf.gfile.Exists(folder)


def test_errors_of_files_are_tensorflows(tmp_path, monkeypatch):
    for act in (tf.gfile.Remove, tf.gfile.ListDirectory, lambda path: tf.gfile.GFile(path).read()):
        with pytest.raises(tf.errors.NotFoundError):
            act(tmp_path / "none")
    with pytest.raises(tf.errors.AlreadyExistsError):
        tf.gfile.MkDir(tmp_path)
    with pytest.raises(tf.errors.FailedPreconditionError):
        tf.gfile.GFile(tmp_path).read()

    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr("os.remove", refuse)
    with pytest.raises(tf.errors.PermissionDeniedError):
        tf.gfile.Remove(tmp_path / "x")


# --------------------------------------------------------------------------------------------------
# Pictures in files


def picture_file(array, kind, **options):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def drawn():
    return np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)


def test_pictures_without_loss_are_read_as_they_were(drawn):
    for kind, decode in (("PNG", tf.image.decode_png), ("BMP", tf.image.decode_bmp), ("PNG", tf.image.decode_image)):
        assert np.array_equal(run(decode(picture_file(drawn, kind))), drawn), kind
    gray = drawn[..., 0]
    assert np.array_equal(run(tf.image.decode_png(picture_file(gray, "PNG"))), gray[..., None])
    assert run(tf.image.decode_png(picture_file(gray, "PNG"), channels=3)).shape == (4, 5, 3)
    assert np.allclose(run(tf.image.decode_image(picture_file(drawn, "PNG"), dtype=tf.float32)), drawn / 255)


def test_pictures_of_16_bits(drawn):
    wide = drawn[..., 0].astype(np.uint16) * 257
    contents = picture_file(wide, "PNG")
    assert np.array_equal(run(tf.image.decode_png(contents, dtype=tf.uint16)), wide[..., None])
    assert np.array_equal(run(tf.image.decode_png(contents)), drawn[..., :1])
    small = picture_file(drawn, "PNG")
    assert np.array_equal(run(tf.image.decode_png(small, dtype=tf.uint16)), drawn.astype(np.uint16) * 257)


def test_moving_pictures():
    from PIL import Image

    file, frames = io.BytesIO(), [np.full((4, 5), level, np.uint8) for level in (0, 255)]
    Image.fromarray(frames[0]).save(file, "GIF", save_all=True, append_images=[Image.fromarray(frames[1])])
    shown = np.repeat(np.stack(frames)[..., None], 3, -1)
    assert np.array_equal(run(tf.image.decode_gif(file.getvalue())), shown)
    assert np.array_equal(run(tf.image.decode_image(file.getvalue())), shown)
    assert np.array_equal(run(tf.image.decode_image(file.getvalue(), expand_animations=False)), shown[0])


def test_pictures_are_written_and_read_again(drawn):
    flat = np.full((8, 8, 3), 130, np.uint8)
    assert np.array_equal(run(tf.image.decode_png(tf.image.encode_png(drawn))), drawn)
    assert np.abs(run(tf.image.decode_jpeg(tf.image.encode_jpeg(flat))).astype(int) - 130).max() <= 2
    assert run(tf.image.decode_jpeg(tf.image.encode_jpeg(flat[..., :1]), ratio=2)).shape == (4, 4, 1)


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="channels must be 0"):
        tf.image.decode_png(b"", channels=7)
    for make, told in (
        (lambda: tf.image.decode_png(b"nothing"), "unknown image file format"),
        (lambda: tf.image.decode_png([b"a", b"b"]), "expected one string"),
        (lambda: tf.image.encode_jpeg(np.zeros((2, 2, 2), np.uint8)), "expected a uint8 picture"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=told):
            run(make())


# --------------------------------------------------------------------------------------------------
# Strings of both Pythons


def test_bytes_and_text():
    assert tf.compat.as_bytes("é") == "é".encode() == tf.compat.as_bytes(bytearray("é", "utf-8"))
    assert tf.compat.as_text(b"x") == tf.compat.as_str("x") == "x"
    assert (tf.compat.as_str_any(3), tf.compat.as_str_any(b"x")) == ("3", "x")
    assert (tf.compat.path_to_str(pathlib.Path("a")), tf.compat.path_to_str(3)) == ("a", 3)
    with pytest.raises(TypeError, match="Expected binary or unicode string, got 3"):
        tf.compat.as_bytes(3)


# --------------------------------------------------------------------------------------------------
# Tests of scripts


class _Script(tf.test.TestCase):
    __test__ = False  # pytest leaves it to the test below

    def test_good(self):
        with self.test_session() as session:
            assert session is tf.get_default_session()
            self.assertAllEqual(self.evaluate(tf.constant([1, 2])), [1, 2])
            with self.assertRaisesOpError("assertion failed"):
                session.run(tf.Assert(tf.constant(False), [tf.constant(1)]))
        self.assertAllClose(self.evaluate({"x": tf.constant(1.0)}), {"x": 1.0 + 1e-7})
        self.assertNear(1.0, 1.01, 0.1)
        self.assertShapeEqual(np.zeros((2, 3)), tf.zeros([2, 3]))
        assert pathlib.Path(self.get_temp_dir()).is_dir()

    def test_not_equal(self):
        self.assertAllEqual([1, 2], [1, 3])

    def test_not_close(self):
        self.assertAllClose({"x": 1.0}, {"x": 1.1})

    def test_not_near(self):
        self.assertNear(1.0, 1.2, 0.1)

    def test_not_of_that_shape(self):
        self.assertShapeEqual(np.zeros(3), tf.zeros([2, 3]))


def test_a_test_of_a_script_fails_when_it_should(monkeypatch):
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(_Script).run(result)
    assert result.testsRun == 6
    assert not result.errors
    assert [test._testMethodName for test, _ in result.skipped] == ["test_session"]
    assert sorted(test._testMethodName for test, _ in result.failures) == [
        "test_not_close", "test_not_equal", "test_not_near", "test_not_of_that_shape"
    ]  # fmt: skip
    seen = []
    monkeypatch.setattr(unittest, "main", lambda argv: seen.append(argv))
    tf.test.main(["program"])
    assert seen == [["program"]]
    assert (tf.test.gpu_device_name(), tf.test.is_gpu_available(), tf.test.is_built_with_cuda()) == ("", False, False)


# --------------------------------------------------------------------------------------------------
# How TensorFlow behaves


def test_what_is_switched_is_already_so():
    tf.enable_resource_variables()
    assert tf.resource_variables_enabled()
    assert not tf.executing_eagerly()
    assert tf.is_tensor(tf.constant(1))
    assert not tf.is_tensor(1)
    run([tf.tables_initializer(), tf.assert_variables_initialized()])


def test_what_is_known_while_the_graph_is_built():
    assert tf.get_static_value(tf.constant([1, 2])).tolist() == [1, 2]
    assert tf.get_static_value(tf.placeholder(tf.int32)) is None
    assert (tf.dimension_value(tf.Dimension(3)), tf.dimension_value(4), tf.dimension_value(None)) == (3, 4, None)


def test_a_shape_is_ensured_in_each_run():
    x = tf.placeholder(tf.float32)
    y = tf.ensure_shape(x, [None, 2])
    assert y.shape.as_list() == [None, 2]
    assert run(y, {x: [[1, 2]]}).tolist() == [[1, 2]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible"):
        run(y, {x: [1, 2, 3]})


def test_what_is_not_a_number_is_found():
    x = tf.placeholder(tf.float32, [])
    tf.log(x, name="depth")
    check = tf.add_check_numerics_ops()
    run(check, {x: 1.0})
    with pytest.raises(tf.errors.InvalidArgumentError, match="depth"):
        run(check, {x: 0.0})


# --------------------------------------------------------------------------------------------------
# Matrices taken apart


@pytest.mark.parametrize("full", [False, True])
def test_parts_of_a_matrix_make_it_again(full):
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    s, u, v = run(tf.linalg.svd(x, full_matrices=full))
    assert u.shape == (2, 4, 4 if full else 3)
    assert np.allclose(np.einsum("bij,bj,bkj->bik", u[..., :3], s, v), x, atol=1e-5)
    assert np.allclose(run(tf.linalg.svd(x, compute_uv=False)), s, atol=1e-6)
    q, r = run(tf.linalg.qr(x, full_matrices=full))
    assert q.shape == (2, 4, 4 if full else 3)
    assert np.allclose(q @ r, x, atol=1e-5)
    square = functools.reduce(np.matmul, (np.swapaxes(x, 1, 2), x))
    values, vectors = run(tf.self_adjoint_eig(square))
    assert np.allclose(square @ vectors, vectors * values[:, None], atol=1e-4)
    assert np.allclose(run(tf.self_adjoint_eigvals(square)), values, atol=1e-5)


def test_complex_numbers_are_kept_and_stepped():
    """Which points of a plane stay near zero, as NumPy counts them, in as many runs as would be compiled."""
    y, x = np.mgrid[-1.2:1.2:0.3, -2:1:0.3]
    start = (x + 1j * y).astype(np.complex64)
    c = tf.constant(start)
    z, count = tf.Variable(c), tf.Variable(tf.zeros_like(c, tf.float32))
    assert (z.dtype, tf.abs(z).dtype) == (tf.complex64, tf.float32)
    new = z * z + c
    step = tf.group(z.assign(new), count.assign_add(tf.cast(tf.abs(new) < 4, tf.float32)))
    fed = tf.placeholder(tf.complex64, [None])
    expected, now = np.zeros(start.shape, np.float32), start
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for turn in range(5):
            sess.run(step)
            now = now * now + start
            expected += np.abs(now) < 4
            np.testing.assert_allclose(sess.run(z), now, rtol=1e-5)
            np.testing.assert_allclose(sess.run(tf.abs(c)), np.abs(start), rtol=1e-6)
            np.testing.assert_allclose(sess.run(fed * 1j, {fed: [turn + 1j]}), [turn * 1j - 1])
        np.testing.assert_array_equal(sess.run(count), expected)


def test_dtypes_by_number():
    assert [tf.as_dtype(number) for number in (1, 3, 9, 10, 101)] == [
        tf.float32,
        tf.int32,
        tf.int64,
        tf.bool,
        tf.float32,
    ]
    assert tf.constant([1, 2], dtype=1).dtype == tf.float32
    with pytest.raises(TypeError, match="Cannot convert value 77"):
        tf.as_dtype(77)


def test_names_of_folders_are_those_of_the_root():
    assert tf.dtypes.cast is tf.cast
    assert (tf.dtypes.float32, tf.dtypes.bool) == (tf.float32, tf.bool)
    assert tf.queue.FIFOQueue is tf.FIFOQueue
    assert tf.io.decode_png is tf.image.decode_png
    assert tf.random.get_seed is tf.get_seed
