"""Data sets give TensorFlow's elements; iterators start, end and start again."""

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import data_cases as cases

import tapegrad.compat.v1 as tf

GOLDEN = json.loads((Path(__file__).parent / "golden" / "data.json").read_text())


@pytest.mark.parametrize("name", cases.CASES)
def test_elements_are_tensorflows(name):
    assert cases.elements(tf, cases.CASES[name]) == GOLDEN[name]


def all_of(session, tensor):
    found = []
    while True:
        try:
            found.append(session.run(tensor).tolist())
        except tf.errors.OutOfRangeError:
            return found


def test_an_initializable_iterator_is_fed_at_its_start():
    x, size = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.int64)
    iterator = tf.data.Dataset.from_tensor_slices(x).batch(size).make_initializable_iterator()
    element = iterator.get_next()
    assert element.shape.as_list() == [None, 2]
    assert element.dtype == tf.float32
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="has not been initialized"):
            session.run(element)
        for rows, fed in (([[1, 2], [3, 4], [5, 6]], 2), ([[7, 8]], 5)):
            session.run(iterator.initializer, {x: rows, size: fed})
            assert [row for batch in all_of(session, element) for row in batch] == rows
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(element)


def test_a_reinitializable_iterator_takes_several_data_sets():
    train, test = tf.data.Dataset.range(3), tf.data.Dataset.range(10, 12)
    iterator = tf.data.Iterator.from_structure(train.output_types, train.output_shapes)
    element = iterator.get_next()
    start_train, start_test = iterator.make_initializer(train), iterator.make_initializer(test)
    with tf.Session() as session:
        for _ in range(2):
            session.run(start_train)
            assert all_of(session, element) == [0, 1, 2]
            session.run(start_test)
            assert all_of(session, element) == [10, 11]
    with pytest.raises(TypeError, match="Expected output types"):
        iterator.make_initializer(tf.data.Dataset.from_tensors(1.0))
    with pytest.raises(ValueError, match="has no initializer"):
        _ = iterator.initializer


def test_a_string_stands_for_an_iterator():
    one = tf.data.Dataset.range(2).make_one_shot_iterator()
    other = tf.data.Dataset.range(5, 7).make_initializable_iterator()
    handle = tf.placeholder(tf.string, [])
    element = tf.data.Iterator.from_string_handle(handle, one.output_types, one.output_shapes).get_next()
    with tf.Session() as session:
        first, second = session.run([one.string_handle(), other.string_handle()])
        session.run(other.initializer)
        assert [int(session.run(element, {handle: h})) for h in (first, second, first, second)] == [0, 5, 1, 6]


def test_training_on_a_data_set_is_compiled_and_loses_no_batch():
    seen = []

    def rows():
        for number in range(12):
            seen.append(number)
            yield np.float32(number)

    x = tf.data.Dataset.from_generator(rows, tf.float32, []).repeat(2).make_one_shot_iterator().get_next()
    w = tf.Variable(0.0)
    train = w.assign_add(x)
    with tf.Session() as session:
        session.run(w.initializer)
        totals = all_of(session, train)
        (planned,) = [planned for key, planned in session._plans.items() if key[0] == (train,)]
        assert planned._parts is not None
        assert not planned._parts._refused
    assert totals == np.cumsum(list(range(12)) * 2).tolist()
    assert seen == list(range(12)) * 2


def test_a_run_that_cannot_be_compiled_takes_no_batch_twice():
    x = tf.data.Dataset.range(8).make_one_shot_iterator().get_next()
    w = tf.Variable(np.int64(0))

    def refused(value):  # which a program cannot have
        return np.asarray(getattr(value, "_array", value)) * (1 if float(value) >= 0 else 0)

    from tapegrad.compat.v1._nodes import node

    added = w.assign_add(node("Odd", refused, [x + 0], sample=lambda x: x))
    with tf.Session() as session:
        session.run(w.initializer)
        assert all_of(session, added) == np.cumsum(range(8)).tolist()


def test_shuffling():
    tf.set_random_seed(3)
    element = tf.data.Dataset.range(20).shuffle(20).repeat(2).make_one_shot_iterator().get_next()
    with tf.Session() as session:
        found = all_of(session, element)
    assert sorted(found[:20]) == sorted(found[20:]) == list(range(20))
    assert found[:20] != found[20:] != list(range(20))
    near = tf.data.Dataset.range(100).shuffle(5, seed=1).make_one_shot_iterator().get_next()
    again = tf.data.Dataset.range(100).shuffle(5, seed=1).make_one_shot_iterator().get_next()
    fixed = tf.data.Dataset.range(9).shuffle(9, 2, reshuffle_each_iteration=False).repeat(2)
    fixed = fixed.make_one_shot_iterator().get_next()
    with tf.Session() as session:
        first = all_of(session, near)
        assert all_of(session, again) == first
        assert all(number < place + 5 for place, number in enumerate(first))  # no further ahead than the buffer
        found = all_of(session, fixed)
        assert found[:9] == found[9:]


def test_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\r\n\nlast")
    (tmp_path / "b.txt").write_bytes(b"other\n")
    names = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    lines = tf.data.TextLineDataset(names).make_one_shot_iterator().get_next()
    pieces = tf.data.FixedLengthRecordDataset(tf.constant([names[0]]), 4, header_bytes=1).make_one_shot_iterator()
    with tf.Session() as session:
        assert [session.run(lines) for _ in range(5)] == [b"one", b"two", b"", b"last", b"other"]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(lines)
        assert session.run(pieces.get_next()) == b"ne\nt"
    listed = tf.data.Dataset.list_files(str(tmp_path / "*.txt"), shuffle=False).make_one_shot_iterator().get_next()
    with tf.Session() as session:
        assert session.run(listed).decode() == names[0]


def test_refusals():
    with pytest.raises(ValueError, match="not compatible"):
        tf.data.Dataset.from_tensor_slices(([1, 2], [1, 2, 3]))
    with pytest.raises(TypeError, match="must be callable"):
        tf.data.Dataset.from_generator([1, 2], tf.int32)
    with pytest.raises(TypeError, match="must return a"):
        tf.data.Dataset.range(3).flat_map(lambda x: x)
    ragged = tf.data.Dataset.from_generator(lambda: [[1], [1, 2]], tf.int32).batch(2).make_one_shot_iterator()
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="different shapes"):
        session.run(ragged.get_next())
