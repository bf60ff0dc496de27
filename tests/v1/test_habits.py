"""What scripts of that time do, and rely on, that no other test does: each was found by running one."""

import numpy as np
import pytest

import tapegrad.compat.v1 as tf


def test_variables_of_an_optimizer_begin_without_what_its_step_waits_for():
    x = tf.placeholder(tf.float32, [None, 4])
    y = tf.layers.batch_normalization(tf.layers.dense(x, 3), training=True)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer().minimize(tf.reduce_mean(y[:, 0] * x[:, 0]))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())  # is fed nothing
        sess.run(step, {x: np.arange(12.0).reshape(3, 4)})
        moved = sess.run(next(v for v in tf.global_variables() if "moving_mean" in v.name))
    assert np.any(moved != 0)


def test_whole_numbers_and_doubles_are_labels_of_a_softmax():
    scores = tf.placeholder(tf.float32, [None, 3])
    losses = [
        tf.nn.softmax_cross_entropy_with_logits(labels=tf.placeholder(dtype, [None, 3], name), logits=scores)
        for dtype, name in ((tf.int32, "whole"), (tf.float64, "double"), (tf.float32, "single"))
    ]
    feed = {f"{name}:0": np.eye(3) for name in ("whole", "double", "single")}
    with tf.Session() as sess:
        whole, double, single = sess.run(losses, {scores: np.arange(9).reshape(3, 3) / 4, **feed})
    np.testing.assert_array_equal(whole, single)
    np.testing.assert_array_equal(double, single)
    assert whole.dtype == double.dtype == np.float32


def test_the_state_of_several_layers_is_fed_by_one_key():
    cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(2) for _ in range(2)])
    start = cell.zero_state(3, tf.float32)
    outputs, last = tf.nn.dynamic_rnn(cell, tf.ones([3, 4, 1]), initial_state=start)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        halfway = sess.run(last)
        first, again = sess.run(outputs), sess.run(outputs, {start: halfway})
        leaves = [(start[i][j], halfway[i][j]) for i in range(2) for j in range(2)]
        parts = sess.run(outputs, dict(leaves))
    assert np.abs(first - again).max() > 1e-4
    np.testing.assert_array_equal(again, parts)


def test_sequences_of_records_are_written_and_parsed():
    train = tf.train

    def whole(*numbers):
        return train.Feature(int64_list=train.Int64List(value=numbers))

    steps = {"pair": train.FeatureList([whole(1, 2), whole(3, 4), whole(5, 6)]), "few": train.FeatureList([whole(7)])}
    message = train.SequenceExample(train.Features({"label": whole(9)}), train.FeatureLists(steps))
    text = message.SerializeToString()
    assert train.SequenceExample.FromString(text) == message
    context, parts = tf.parse_single_sequence_example(
        text,
        {"label": tf.FixedLenFeature([], tf.int64)},
        {
            "pair": tf.FixedLenSequenceFeature([2], tf.int64),
            "few": tf.VarLenFeature(tf.int64),
            "none": tf.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
        },
    )
    assert parts["pair"].shape.as_list() == [None, 2]
    required = tf.parse_single_sequence_example(text, None, {"none": tf.FixedLenSequenceFeature([], tf.int64)})[1]
    with tf.Session() as sess:
        found = sess.run([context["label"], parts["pair"], tf.sparse_tensor_to_dense(parts["few"]), parts["none"]])
        with pytest.raises(tf.errors.InvalidArgumentError, match="'none' is required"):
            sess.run(required)
    assert [value.tolist() for value in found] == [9, [[1, 2], [3, 4], [5, 6]], [[7]], []]


def test_a_checkpoint_is_printed(tmp_path, capsys):
    from tapegrad.compat.v1._inspect_checkpoint import print_tensors_in_checkpoint_file

    tf.Variable([1.5, 2.0], name="w")
    tf.Variable(3, name="step")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(sess, tmp_path / "model")
    print_tensors_in_checkpoint_file(path, "", all_tensors=True)
    assert "tensor: step (int32) []\n3\ntensor: w (float32) [2]\n[1.5 2. ]\n# Total" in capsys.readouterr().out
    print_tensors_in_checkpoint_file(path, "", all_tensors=False)
    assert capsys.readouterr().out.splitlines()[0] == "tensor: step (int32) []"
    print_tensors_in_checkpoint_file(path, "no", all_tensors=False)
    assert "Tensor no not found" in capsys.readouterr().out


def test_losses_are_float32():
    wide = tf.constant([1.0, 2.0], tf.float64)
    for loss in (tf.losses.mean_squared_error, tf.losses.absolute_difference, tf.losses.log_loss, tf.losses.huber_loss):
        assert loss(wide, wide / 3).dtype == tf.float32


def test_a_padding_queue_takes_numbers_beside_rows_of_different_lengths():
    count = tf.train.limit_epochs(tf.constant(3), num_epochs=4)
    number = tf.Variable(0, trainable=False)
    with tf.control_dependencies([count]):
        place = number.assign_add(1)
    pair = tf.train.batch([place, tf.range(place)], batch_size=3, dynamic_pad=True)
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        coordinator = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(sess, coordinator)
        places, rows = sess.run(pair)
        coordinator.request_stop()
        coordinator.join(threads)
    assert places.tolist() == [1, 2, 3]
    assert rows.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 2]]


def test_a_placeholder_of_any_shape_turns_dropout_on():
    training = tf.placeholder(tf.bool)
    dropped = tf.layers.dropout(tf.ones([4, 50]), rate=0.5, training=training)
    with tf.Session() as sess:
        assert set(sess.run(dropped, {training: True}).ravel()) == {0, 2}
        assert set(sess.run(dropped, {training: False}).ravel()) == {1}
