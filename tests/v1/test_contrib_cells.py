"""Cells of `tf.contrib.rnn`, against the same step in NumPy."""

import numpy as np

import tapegrad.compat.v1 as tf


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normal(x, gain, shift):
    return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True) * gain + shift


def test_a_step_of_a_normalized_lstm():
    draw = np.random.default_rng(0)
    x, c, h = (draw.normal(size=(2, n)).astype(np.float32) for n in (3, 4, 4))
    cell = tf.contrib.rnn.LayerNormBasicLSTMCell(4, norm_gain=1.5, norm_shift=0.25)
    out, state = cell(tf.constant(x), (tf.constant(c), tf.constant(h)))
    names = {v.op.name.partition("/")[2] for v in tf.trainable_variables()}
    parts = ("input", "transform", "forget", "output", "state")
    assert names == {"kernel", *(f"{part}/{kind}" for part in parts for kind in ("gamma", "beta"))}
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        kernel = sess.run(next(v for v in tf.trainable_variables() if "kernel" in v.name))
        got, (got_c, got_h) = sess.run([out, state])
    i, j, f, o = (normal(part, 1.5, 0.25) for part in np.split(np.concatenate([x, h], 1) @ kernel, 4, 1))
    expected = normal(c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j), 1.5, 0.25)
    np.testing.assert_allclose(got_c, expected, atol=1e-5)
    np.testing.assert_allclose(got_h, np.tanh(expected) * sigmoid(o), atol=1e-5)
    np.testing.assert_array_equal(got, got_h)


def test_a_normalized_lstm_drops_new_parts_and_learns():
    x = tf.ones([2, 5, 3])
    cell = tf.contrib.rnn.LayerNormBasicLSTMCell(4, layer_norm=False, dropout_keep_prob=1e-6)
    outputs, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    assert [v.op.name for v in tf.trainable_variables()] == [
        f"rnn/layer_norm_basic_lstm_cell/{name}" for name in ("kernel", "bias")
    ]
    gradients = tf.gradients(outputs, tf.trainable_variables())
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert not sess.run(outputs).any()  # everything new was dropped
        assert [g.shape for g in sess.run(gradients)] == [(7, 16), (16,)]
