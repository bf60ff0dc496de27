"""Queues, batches and readers; examples and TFRecord files."""

import struct
import threading

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._records import crc32c, framed


def all_of(session, fetches):
    found = []
    while True:
        try:
            found.append(session.run(fetches))
        except tf.errors.OutOfRangeError:
            return found


def started():
    session = tf.Session()
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    coordinator = tf.train.Coordinator()
    assert tf.train.start_queue_runners(session, coordinator) == []
    return session


def test_lines_of_files_in_batches(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n5,6\n")
    (tmp_path / "b.csv").write_text("x,y\n7,8\n9,10\n")
    names = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    queue = tf.train.string_input_producer(names, num_epochs=2, shuffle=False)
    key, line = tf.TextLineReader(skip_header_lines=1).read(queue)
    x, y = tf.decode_csv(line, [[0.0], [0]])
    first, second = tf.train.batch([x, y], batch_size=3)
    assert first.shape.as_list() == [3]
    with started() as session:
        found = all_of(session, [first, second])
    assert [x.tolist() for x, _ in found] == [[1, 3, 5], [7, 9, 1], [3, 5, 7]]  # the last one is alone
    assert [y.tolist() for _, y in found] == [[2, 4, 6], [8, 10, 2], [4, 6, 8]]
    with tf.Graph().as_default():
        queue = tf.train.string_input_producer(names, num_epochs=1, shuffle=False)
        key, line = tf.TextLineReader().read(queue)
        batch = tf.train.batch({"key": key}, 4, allow_smaller_final_batch=True)
        with started() as session:
            found = all_of(session, batch)
        assert [len(part["key"]) for part in found] == [4, 3]
        assert found[0]["key"][1] == f"{names[0]}:2".encode()


def test_slices_are_shuffled_anew_each_time_round():
    tf.set_random_seed(0)
    numbers = np.arange(10)
    a, b = tf.train.slice_input_producer([numbers, numbers * 2], num_epochs=2, seed=1)
    with started() as session:
        found = all_of(session, [a, b])
    first, second = [int(x) for x, _ in found[:10]], [int(x) for x, _ in found[10:]]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert all(y == 2 * x for x, y in found)


def shuffled(seed):
    with tf.Graph().as_default():
        queue = tf.train.range_input_producer(100, num_epochs=1, shuffle=False)
        batch = tf.train.shuffle_batch([queue.dequeue()], 10, capacity=50, min_after_dequeue=20, seed=seed)
        with started() as session:
            return [number for part in all_of(session, batch) for number in part.tolist()]


def test_shuffled_batches_draw_from_what_waits():
    found = shuffled(3)
    assert shuffled(3) == found != shuffled(4)
    assert sorted(found) == list(range(100))
    assert found != list(range(100))
    assert all(number < place + 41 for place, number in enumerate(found))


def test_batches_of_different_sizes_grow():
    x = tf.data.Dataset.range(1, 4).map(lambda n: tf.range(n)).make_one_shot_iterator().get_next()
    batch = tf.train.batch([x], 3, dynamic_pad=True, shapes=[[None]])
    with started() as session:
        np.testing.assert_array_equal(session.run(batch), [[0, 0, 0], [0, 1, 0], [0, 1, 2]])


def test_a_queue_by_hand():
    queue = tf.FIFOQueue(3, [tf.float32, tf.string], shapes=[[], []])
    x, s = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.string, [None])
    add, size, taken = queue.enqueue_many([x, s]), queue.size(), queue.dequeue()
    with tf.Session() as session:
        session.run(add, {x: [1, 2], s: ["a", b"b\0"]})
        assert session.run(size) == 2
        assert session.run(taken) == [1, b"a"]
        session.run(queue.close())
        with pytest.raises(tf.errors.CancelledError, match="is closed"):
            session.run(add, {x: [1], s: ["a"]})
        assert session.run(taken) == [2, b"b\0"]
        with pytest.raises(tf.errors.OutOfRangeError, match="insufficient elements"):
            session.run(taken)


def test_a_thread_of_the_scripts_own_fills_a_queue():
    queue = tf.FIFOQueue(2, tf.int32, shapes=[])
    number = tf.placeholder(tf.int32, [])
    add, taken = queue.enqueue(number), queue.dequeue_many(4)
    with tf.Session() as session:
        coordinator = tf.train.Coordinator()

        def fill():
            with coordinator.stop_on_exception():
                for place in range(8):  # waits, as the queue takes but two
                    session.run(add, {number: place})

        # Two are never there at once: one alone is taken at a time.
        one = queue.dequeue()
        thread = threading.Thread(target=fill)
        thread.start()
        assert [int(session.run(one)) for _ in range(8)] == list(range(8))
        coordinator.join([thread])
    assert taken.shape.as_list() == [4]


def test_a_coordinator_hands_on_the_first_error():
    coordinator = tf.train.Coordinator()

    def fail():
        with coordinator.stop_on_exception():
            raise ValueError("in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    with pytest.raises(ValueError, match="in a thread"):
        coordinator.join([thread])
    assert coordinator.should_stop()
    coordinator.clear_stop()
    assert not coordinator.should_stop()
    coordinator.request_stop(tf.errors.OutOfRangeError(None, None, "the end"))
    coordinator.join([])


def test_what_is_not_started_says_so():
    queue = tf.train.string_input_producer(["a"])
    with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError, match="start_queue_runners"):
        session.run(queue.dequeue())
    with pytest.raises(ValueError, match="requires a non-null input tensor"):
        tf.train.string_input_producer([])
    with pytest.raises(ValueError, match="No default session"):
        tf.train.start_queue_runners()


def test_readers(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"HEADaabbccT")
    for reader, expected in (
        (tf.WholeFileReader(), [(b"x.bin", b"HEADaabbccT")]),
        (tf.FixedLengthRecordReader(2, 4, 1), [(b"x.bin:0", b"aa"), (b"x.bin:1", b"bb"), (b"x.bin:2", b"cc")]),
    ):
        queue = tf.train.string_input_producer([str(path)], num_epochs=1)
        pair = reader.read(queue)
        with started() as session:
            found = all_of(session, pair)
        assert [(key.rpartition(b"/")[2], value) for key, value in found] == expected


# --------------------------------------------------------------------------------------------------


def example():
    feature = tf.train.Feature
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "image": feature(bytes_list=tf.train.BytesList(value=[b"\0\1\2\0"])),
                "size": feature(int64_list=tf.train.Int64List(value=[3, -1, 1 << 40])),
                "weights": feature(float_list=tf.train.FloatList(value=[0.5, -2.25])),
                "none": feature(),
            }
        )
    )


# What TensorFlow 2.15 makes of this example.
SERIALIZED = bytes.fromhex(
    "0a550a110a05696d61676512080a060a04000102000a080a046e6f6e6512000a1d0a0473697a6512151a130a1103ffffffff"
    "ffffffffff018080808080200a170a0777656967687473120c120a0a080000003f000010c0"
)


def test_examples_are_tensorflows_messages():
    assert example().SerializeToString() == SERIALIZED
    again = tf.train.Example.FromString(SERIALIZED)
    assert again.features.feature["size"].int64_list.value == [3, -1, 1 << 40]
    assert again.features.feature["weights"].float_list.value == [0.5, -2.25]
    assert again.features.feature["image"].bytes_list.value[0] == b"\0\1\2\0"
    assert again.features.feature["image"].WhichOneof("kind") == "bytes_list"
    built = tf.train.Example()
    built.features.feature["x"].float_list.value.extend([1.0, 2.0])
    assert tf.train.Example.FromString(built.SerializeToString()).features.feature["x"].float_list.value == [1, 2]
    unpacked = tf.train.Int64List.FromString(b"\x08\x05\x08\x07")  # as old programs wrote numbers, one by one
    assert unpacked.value == [5, 7]
    with pytest.raises(TypeError, match="expected one of: bytes"):
        tf.train.BytesList(value=["text"])
    for damaged in (SERIALIZED[:-1], b"\xff" * 20):
        with pytest.raises(tf.errors.DataLossError, match="no"):
            tf.train.Example.FromString(damaged)


def test_records_are_written_read_and_checked(tmp_path):
    assert crc32c(b"123456789") == 0xE3069283  # the value that those who describe it give
    path = tmp_path / "x.tfrecord"
    written = [b"", b"one", SERIALIZED, bytes(range(256)) * 5]
    with tf.python_io.TFRecordWriter(path) as writer:
        for record in written:
            writer.write(record)
    assert list(tf.python_io.tf_record_iterator(path)) == written
    assert framed(b"one") == bytes.fromhex("0300000000000000b099490e6f6e6501405508")
    content = bytearray(path.read_bytes())
    for place in (3, 9, 16 + 13, len(content) - 1):
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(tf.errors.DataLossError, match="corrupted record"):
            list(tf.python_io.tf_record_iterator(path))
        content[place] ^= 1
    path.write_bytes(content[:-3])
    with pytest.raises(tf.errors.DataLossError, match="truncated record"):
        list(tf.python_io.tf_record_iterator(path))
    options = tf.python_io.TFRecordOptions(tf.python_io.TFRecordCompressionType.GZIP)
    with tf.python_io.TFRecordWriter(path, options) as writer:
        writer.write(b"packed")
    assert list(tf.python_io.tf_record_iterator(path, options)) == [b"packed"]
    assert struct.unpack("<H", path.read_bytes()[:2])[0] == 0x8B1F
    with pytest.raises(tf.errors.NotFoundError):
        list(tf.python_io.tf_record_iterator(tmp_path / "none"))


def test_examples_are_parsed(tmp_path):
    path = str(tmp_path / "x.tfrecord")
    with tf.python_io.TFRecordWriter(path) as writer:
        for number in range(4):
            features = {
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=[number, number / 2])),
                "n": tf.train.Feature(int64_list=tf.train.Int64List(value=range(number))),
                "s": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"%d" % number])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    spec = {
        "x": tf.FixedLenFeature([2], tf.float32),
        "s": tf.FixedLenFeature([], tf.string),
        "missing": tf.FixedLenFeature([], tf.int64, default_value=7),
        "n": tf.VarLenFeature(tf.int64),
    }
    _, record = tf.TFRecordReader().read(tf.train.string_input_producer([path], num_epochs=1))
    one = tf.parse_single_example(record, features=spec)
    assert one["x"].shape.as_list() == [2]
    batch = tf.data.TFRecordDataset(path).batch(4).make_one_shot_iterator().get_next()
    several = tf.parse_example(batch, spec)
    with started() as session:
        found = all_of(session, one)
        assert [f["x"].tolist() for f in found] == [[0, 0], [1, 0.5], [2, 1], [3, 1.5]]
        assert [f["s"] for f in found] == [b"0", b"1", b"2", b"3"]
        assert [int(f["missing"]) for f in found] == [7] * 4
        assert [f["n"].values.tolist() for f in found] == [[], [0], [0, 1], [0, 1, 2]]
        whole = session.run(several)
    np.testing.assert_array_equal(whole["x"], [[0, 0], [1, 0.5], [2, 1], [3, 1.5]])
    assert whole["n"].dense_shape.tolist() == [4, 3]
    assert whole["n"].indices.tolist() == [[1, 0], [2, 0], [2, 1], [3, 0], [3, 1], [3, 2]]
    broken = tf.parse_single_example(example().SerializeToString(), {"size": tf.FixedLenFeature([2], tf.int64)})
    absent = tf.parse_single_example(example().SerializeToString(), {"absent": tf.FixedLenFeature([], tf.int64)})
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="!= expected: 3"):
            session.run(broken)
        with pytest.raises(tf.errors.InvalidArgumentError, match="is required but could not be found"):
            session.run(absent)
