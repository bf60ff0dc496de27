"""What scripts of that time do, and rely on, that no other test does: each was found by running one."""

import numpy as np

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
