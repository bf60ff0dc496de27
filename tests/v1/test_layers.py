"""Layers and cells beyond TensorFlow's golden values: dropout, other layouts, cells and layers of one's own, errors."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

X = np.linspace(-1, 1, 4000).reshape(1000, 4).astype(np.float32)


def started():
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


def test_dropout_drops_while_training_only():
    x = tf.placeholder(tf.float32, [None, 4])
    on = tf.placeholder(tf.bool, [])
    y = tf.layers.dropout(x, 0.25, training=on)
    always, never = tf.layers.dropout(x, 0.25, training=True), tf.layers.dropout(x, 0.25)
    (g,) = tf.gradients(y, x)
    session = started()
    for _ in range(5):
        assert np.array_equal(session.run(y, {x: X, on: False}), X)
        assert np.array_equal(session.run(never, {x: X}), X)
        value, gradient = session.run([y, g], {x: X, on: True})
        for dropped in (value, session.run(always, {x: X})):
            assert np.all((dropped == 0) | np.isclose(dropped, X / 0.75))
            assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.03)
        np.testing.assert_allclose(gradient, (value != 0) / 0.75, 1e-6)


def test_dropout_of_a_cell():
    x = tf.placeholder(tf.float32, [1000, 4])
    keep = tf.placeholder(tf.float32, [])
    cell = tf.nn.rnn_cell.BasicLSTMCell(5)
    wrapped = tf.nn.rnn_cell.DropoutWrapper(cell, 1.0, keep, state_keep_prob=0.5)
    assert copy.deepcopy(wrapped).state_size == (5, 5)  # a placeholder inside is no obstacle
    with tf.variable_scope("s"):
        plain, _ = cell(x, cell.zero_state(1000, tf.float32))
    output, state = wrapped(x, cell.zero_state(1000, tf.float32))
    session = started()
    for _ in range(5):
        expected, dropped, (c, h) = session.run([plain, output, state], {x: X, keep: 0.8})
        assert np.all((dropped == 0) | np.isclose(dropped, expected / 0.8, 1e-4))
        assert np.mean(dropped == 0) == pytest.approx(0.2, abs=0.04)
        assert np.all((h == 0) | np.isclose(h, expected / 0.5, 1e-4))
        assert np.mean(h == 0) == pytest.approx(0.5, abs=0.05)
        assert not np.any(c == 0)


def test_variational_dropout_drops_the_same_in_all_steps():
    x = tf.ones([2, 6, 50])
    cell = tf.nn.rnn_cell.DropoutWrapper(
        tf.nn.rnn_cell.BasicRNNCell(50, activation=tf.identity), output_keep_prob=0.5, variational_recurrent=True,
        dtype=tf.float32,
    )  # fmt: skip
    outputs, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    session = started()
    for variable in tf.global_variables():
        variable.load(np.full(variable.shape.as_list(), 0.01, np.float32), session)
    kept = [session.run(outputs) != 0 for _ in range(2)]
    for of_run in kept:
        assert np.all(of_run == of_run[:1, :1])
        assert 0.2 < of_run.mean() < 0.8
    assert not np.array_equal(*kept)


@pytest.mark.parametrize(
    "layer",
    [
        lambda x, **k: tf.layers.conv2d(x, 4, 3, 2, "same", name="c", reuse=tf.AUTO_REUSE, **k),
        lambda x, **k: tf.layers.conv2d_transpose(x, 4, 3, 2, name="t", reuse=tf.AUTO_REUSE, **k),
        lambda x, **k: tf.layers.max_pooling2d(x, 2, 2, **k),
        lambda x, **k: tf.layers.average_pooling2d(x, 3, 1, "same", **k),
    ],
)
def test_channels_first(layer):
    images = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype(np.float32)
    x = tf.placeholder(tf.float32, [None, 6, 5, 3])
    last = layer(x)
    first = layer(tf.transpose(x, [0, 3, 1, 2]), data_format="channels_first")
    assert first.shape.as_list() == [None, *[last.shape.as_list()[axis] for axis in (3, 1, 2)]]
    session = started()
    expected, found = session.run([last, first], {x: images})
    np.testing.assert_allclose(found, expected.transpose(0, 3, 1, 2), 1e-5, 1e-6)


def test_normalization_with_channels_first():
    images = np.random.default_rng(0).normal(size=(4, 3, 6, 5)).astype(np.float32)
    x = tf.placeholder(tf.float32, [None, 3, 6, 5])
    session_values = []
    for axis, given in ((1, x), (-1, tf.transpose(x, [0, 2, 3, 1]))):
        session_values.append(tf.layers.batch_normalization(given, axis, training=True))
        session_values.append(tf.layers.batch_normalization(given, axis))
    a, b, c, d = started().run(session_values, {x: images})
    np.testing.assert_allclose(a.transpose(0, 2, 3, 1), c, 1e-4, 1e-5)
    np.testing.assert_allclose(b.transpose(0, 2, 3, 1), d, 1e-4, 1e-5)


def test_a_layer_and_a_cell_of_ones_own():
    class Scale(tf.layers.Layer):
        def build(self, input_shape):
            self.by = self.add_variable("by", [int(input_shape[-1])], initializer=tf.constant_initializer(2.0))

        def call(self, inputs):
            return inputs * self.by

    class Sum(tf.nn.rnn_cell.RNNCell):
        state_size = output_size = 4

        def call(self, inputs, state):
            new = state + inputs * tf.get_variable("rate", [], initializer=tf.ones_initializer())
            return new, new

    x = tf.placeholder(tf.float32, [None, 3, 4])
    scale = Scale()
    y = scale(scale(x))
    sums, last = tf.nn.dynamic_rnn(Sum(), x, dtype=tf.float32)
    assert [v.name for v in tf.trainable_variables()] == ["scale/by:0", "rnn/sum/rate:0"]
    assert scale.trainable_variables == tf.trainable_variables()[:1]
    values = X[:6].reshape(2, 3, 4)
    found = started().run([y, sums, last], {x: values})
    np.testing.assert_allclose(found[0], values * 4)
    np.testing.assert_allclose(found[1], values.cumsum(1), 1e-5)
    np.testing.assert_allclose(found[2], values.sum(1), 1e-5)


def test_the_parts_of_a_layer():
    layer = tf.layers.Dense(3, kernel_regularizer=tf.contrib.layers.l2_regularizer(0.1), name="d")
    with pytest.raises(ValueError, match="has not been used yet"):
        _ = layer.scope_name
    y = layer.apply(tf.constant(X))
    assert y.shape.as_list() == [1000, 3]
    assert [v.name for v in layer.weights] == ["d/kernel:0", "d/bias:0"]
    assert (layer.name, layer.scope_name, len(layer.losses)) == ("d", "d", 1)
    assert layer.kernel is layer.weights[0]


def test_what_layers_refuse():
    tf.layers.dense(tf.constant(X), 3, name="d")
    with pytest.raises(ValueError, match=r"Variable d/kernel already exists(?s:.*)test_layers\.py"):
        tf.layers.dense(tf.constant(X), 3, name="d")
    with pytest.raises(ValueError, match="channel dimension of the inputs"):
        tf.layers.dense(tf.placeholder(tf.float32, [None, None]), 3)
    with pytest.raises(ValueError, match="expected ndim=4, found ndim=2"):
        tf.layers.conv2d(tf.constant(X), 3, 3)
    with pytest.raises(ValueError, match="tuple of 2 integers"):
        tf.layers.conv2d(tf.zeros([1, 4, 4, 1]), 3, [3, 3, 3])
    with pytest.raises(ValueError, match="`padding`"):
        tf.layers.conv2d(tf.zeros([1, 4, 4, 1]), 3, 3, padding="around")
    with pytest.raises(ValueError, match="`data_format`"):
        tf.layers.max_pooling2d(tf.zeros([1, 4, 4, 1]), 2, 2, data_format="NHWC")
    layer = tf.layers.Dense(3)
    layer(tf.constant(X))
    with pytest.raises(ValueError, match=r"expected axis -1 of input shape to have value 4"):
        layer(tf.zeros([2, 5]))
    with pytest.raises(NotCoveredError, match="renorm"):
        tf.layers.batch_normalization(tf.constant(X), renorm=True)


def test_what_recurrent_networks_refuse():
    cell = tf.nn.rnn_cell.GRUCell(3)
    with pytest.raises(ValueError, match="you must give a dtype"):
        tf.nn.dynamic_rnn(cell, tf.zeros([2, 3, 4]))
    with pytest.raises(TypeError, match="inputs must be a sequence"):
        tf.nn.static_rnn(cell, tf.zeros([2, 3, 4]), dtype=tf.float32)
    with pytest.raises(ValueError, match="must not be empty"):
        tf.nn.static_rnn(cell, [], dtype=tf.float32)
    with pytest.raises(ValueError, match="state_is_tuple"):
        tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(3)], state_is_tuple=False)
    with pytest.raises(ValueError, match="keep_prob must be between"):
        tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=1.5)
    with pytest.raises(TypeError, match="unknown arguments 'units'"):
        tf.nn.rnn_cell.BasicLSTMCell(3, units=4)
    assert tf.nn.rnn_cell.BasicLSTMCell(3, input_size=4).output_size == 3  # as of old
    tf.nn.dynamic_rnn(cell, tf.zeros([2, 3, 4]), dtype=tf.float32)
    with pytest.raises(ValueError, match="Variable rnn/gru_cell/gates/kernel already exists"):
        tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(3), tf.zeros([2, 3, 4]), dtype=tf.float32)


def test_sizes_that_are_fed():
    batch = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [None, None, 4])
    cell = tf.nn.rnn_cell.BasicLSTMCell(3)
    outputs, _ = tf.nn.dynamic_rnn(cell, x, initial_state=cell.zero_state(batch, tf.float32))
    free, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    session = started()
    for count, steps in ((2, 3), (2, 3), (3, 5), (2, 3), (2, 3), (3, 5)):
        values = X[: count * steps].reshape(count, steps, 4)
        a, b = session.run([outputs, free], {x: values, batch: count})
        assert a.shape == (count, steps, 3)
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)


def test_a_training_step_of_large_weights_is_compiled():
    x = tf.placeholder(tf.float32, [None, 4])
    loss = tf.reduce_sum(tf.square(tf.layers.dense(tf.layers.dense(x, 300), 300)))
    step = tf.train.AdamOptimizer(0.1).minimize(loss)
    session = started()
    for _ in range(4):
        session.run(step, {x: X[:8]})
    (planned,) = [p for p in session._plans.values() if p._parts is not None]
    assert not planned._parts._refused
