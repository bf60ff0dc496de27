"""The rest of tf.contrib: transposed and separable convolutions, variables of models, stacked networks, old losses."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

layers, framework, legacy = tf.contrib.layers, tf.contrib.framework, tf.contrib.legacy_seq2seq
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(2, 6, 5, 3)).astype(np.float32)
X = RANDOM.normal(size=(2, 4, 3)).astype(np.float32)


def started():
    session = tf.Session()
    tf.set_random_seed(1)
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    return session


def names():
    return [v.op.name for v in tf.global_variables()]


@pytest.mark.parametrize(
    ("contrib", "plain", "expected"),
    [
        (
            lambda x: layers.conv2d_transpose(x, 4, 3, 2, activation_fn=None),
            lambda x: tf.layers.conv2d_transpose(x, 4, 3, 2, "same", name="p"),
            ["Conv2d_transpose/weights", "Conv2d_transpose/biases"],
        ),
        (
            lambda x: layers.separable_conv2d(x, 4, 3, 2, activation_fn=None),
            lambda x: tf.layers.separable_conv2d(x, 4, 3, depth_multiplier=2, padding="same", name="p"),
            [f"SeparableConv2d/{name}" for name in ("depthwise_weights", "pointwise_weights", "biases")],
        ),
        (
            lambda x: layers.conv1d(x[:, 0], 4, 3, activation_fn=None),
            lambda x: tf.layers.conv1d(x[:, 0], 4, 3, padding="same", name="p"),
            ["Conv/weights", "Conv/biases"],
        ),
        (
            lambda x: layers.conv3d(x[..., None], 4, 2, activation_fn=None),
            lambda x: tf.layers.conv3d(x[..., None], 4, 2, padding="same", name="p"),
            ["Conv/weights", "Conv/biases"],
        ),
    ],
)
def test_convolutions_are_those_of_tf_layers(contrib, plain, expected):
    x = tf.constant(IMAGES)
    ours, other = contrib(x), plain(x)
    assert names()[: len(expected)] == expected
    session = started()
    variables = tf.global_variables()
    for here, there in zip(variables[: len(expected)], variables[len(expected) :], strict=True):
        there.load(session.run(here), session)
    np.testing.assert_allclose(session.run(ours), session.run(other), 1e-5, 1e-6)


def test_small_layers():
    x = tf.constant(IMAGES)
    biased = layers.bias_add(x, tf.nn.relu, tf.ones_initializer(), variables_collections=["mine"])
    pooled = layers.avg_pool2d(x, 2, outputs_collections="pooled")
    session = started()
    np.testing.assert_allclose(session.run(biased), np.maximum(IMAGES + 1, 0))
    expected = IMAGES[:, :, :4].reshape(2, 3, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(session.run(pooled), expected, 1e-5, 1e-6)
    assert tf.get_collection("mine") == tf.global_variables()
    assert tf.get_collection("pooled") == [pooled]
    np.testing.assert_allclose(session.run(layers.softmax(x)).sum(-1), 1, 1e-5)
    with pytest.raises(NotCoveredError, match="NCHW"):
        layers.bias_add(x, data_format="NCHW")
    with pytest.raises(ValueError, match="NHWC or NCHW"):
        layers.conv2d(x, 3, 3, data_format="channels_last")
    with pytest.raises(TypeError, match="Unknown mode"):
        layers.variance_scaling_initializer(mode="fan")
    with pytest.raises(ValueError, match="num_outputs"):
        layers.fully_connected(x, "many")


def test_averages_that_belong_to_a_collection_of_ones_own():
    x = tf.constant(X[0])
    with tf.variable_scope("s"):
        layers.batch_norm(x, updates_collections=["mine"], param_initializers={"beta": tf.ones_initializer()},
                          activation_fn=tf.nn.relu)  # fmt: skip
    assert (len(tf.get_collection("mine")), tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == (2, [])
    assert started().run(tf.global_variables()[0]).tolist() == [1, 1, 1]


def test_ways_to_say_which_optimizer():
    w = tf.get_variable("w", [], initializer=tf.ones_initializer())
    step = framework.create_global_step()
    assert framework.get_global_step() is step
    assert framework.get_or_create_global_step() is step
    framework.assert_global_step(step)
    ways = [tf.train.GradientDescentOptimizer, tf.train.GradientDescentOptimizer(0.1),
            lambda rate: tf.train.GradientDescentOptimizer(rate), "Momentum"]  # fmt: skip

    def halved(pairs):
        return [(g / 2, v) for g, v in pairs]

    trains = [layers.optimize_loss(tf.square(w), step, 0.1, way, clip_gradients=halved) for way in ways]
    slower = layers.optimize_loss(tf.square(w), step, 0.1, "SGD", learning_rate_decay_fn=lambda r, s: r * 0.5)
    session = started()
    for train in trains:
        w.load(1.0, session)
        session.run(train)
        assert session.run(w) == pytest.approx(0.9)
    w.load(1.0, session)
    session.run(slower)
    assert session.run(w) == pytest.approx(0.9)
    assert session.run(step) == 5
    with pytest.raises(NotCoveredError, match="gradient_noise_scale"):
        layers.optimize_loss(w, step, 0.1, "SGD", gradient_noise_scale=1.0)


def test_variables_of_models():
    with tf.variable_scope("a"):
        w = framework.model_variable("weights", [2], regularizer=layers.l2_regularizer(1.0))
        v = framework.variable("other", [2], collections=["mine"], trainable=False)
    u = framework.local_variable(tf.zeros([1]), name="u")
    assert framework.get_variables("a") == framework.get_variables_to_restore() == [w, v]
    assert framework.get_variables_to_restore(["a"], exclude=["a/o"]) == [w]
    assert framework.get_model_variables() == framework.get_trainable_variables() == [w]
    assert framework.get_variables(suffix="other") == framework.get_variables_by_name("other") == [v]
    assert framework.get_local_variables() == [u]
    assert tf.get_collection("mine") == [v]
    assert framework.get_unique_variable("a/weights") is w
    assert framework.is_tensor(w)
    assert not framework.is_tensor(1)
    with pytest.raises(ValueError, match="Couldn't find variable b"):
        framework.get_unique_variable("b")
    with framework.arg_scope([framework.variable], dtype=tf.float64) as kept:
        assert framework.current_arg_scope() is kept
    with framework.arg_scope(kept):
        assert framework.variable("double", [1]).dtype == tf.float64
    with pytest.raises(ValueError, match="kwargs must be empty"), framework.arg_scope(kept, dtype=tf.float32):
        pass
    with pytest.raises(TypeError, match="list/tuple"), framework.arg_scope(framework.variable):
        pass


def test_stacked_bidirectional_networks():
    rnn = tf.contrib.rnn
    x = tf.constant(X)

    def cells():
        return [rnn.GRUCell(2), rnn.GRUCell(2)]

    y, forward, backward = rnn.stack_bidirectional_dynamic_rnn(cells(), cells(), x, dtype=tf.float32, scope="s")
    with tf.variable_scope("t"):
        inputs = tf.unstack(x, axis=1)
        z, _, _ = rnn.stack_bidirectional_rnn(cells(), cells(), inputs, dtype=tf.float32, scope="s")
    assert names()[0] == "s/cell_0/bidirectional_rnn/fw/gru_cell/gates/kernel"
    assert [name.removeprefix("t/") for name in names()[16:]] == names()[:16]
    session = started()
    for here, there in zip(tf.global_variables()[:16], tf.global_variables()[16:], strict=True):
        there.load(session.run(here), session)
    values, listed, ends = session.run([y, z, (forward, backward)])
    np.testing.assert_allclose(values, np.stack(listed, 1), 1e-5, 1e-6)
    np.testing.assert_allclose(values[:, -1, :2], ends[0][1], 1e-5, 1e-6)
    np.testing.assert_allclose(values[:, 0, 2:], ends[1][1], 1e-5, 1e-6)
    with pytest.raises(ValueError, match="same depth"):
        rnn.stack_bidirectional_rnn(cells(), cells()[:1], inputs, dtype=tf.float32)


def test_encoders_with_the_same_or_another_cell():
    inputs = [tf.constant(X[:, t]) for t in range(4)]
    cell = tf.contrib.rnn.BasicRNNCell(3)
    tied, _ = legacy.tied_rnn_seq2seq(inputs[:2], inputs[2:], cell)
    assert names() == [f"combined_tied_rnn_seq2seq/tied_rnn_seq2seq/basic_rnn_cell/{n}" for n in ("kernel", "bias")]
    with tf.variable_scope("combined_tied_rnn_seq2seq", reuse=True):
        whole, _ = tf.nn.static_rnn(cell, inputs, dtype=tf.float32, scope="tied_rnn_seq2seq")
    basic, _ = legacy.basic_rnn_seq2seq(inputs[:2], inputs[2:], tf.contrib.rnn.BasicRNNCell(3))
    assert names()[2:] == [f"basic_rnn_seq2seq/{scope}/basic_rnn_cell/{n}" for scope in ("rnn", "rnn_decoder")
                           for n in ("kernel", "bias")]  # fmt: skip
    session = started()
    for variable, other in zip(tf.global_variables()[2:], tf.global_variables()[:2] * 2, strict=True):
        variable.load(session.run(other), session)
    expected = session.run(whole)[2:]
    np.testing.assert_allclose(session.run(tied), expected, 1e-5, 1e-6)
    np.testing.assert_allclose(session.run(basic), expected, 1e-5, 1e-6)
    words = [np.array([1, 2]), np.array([0, 3])]
    outputs, _ = legacy.embedding_tied_rnn_seq2seq(words, words, tf.contrib.rnn.BasicRNNCell(3), 4, 5)
    assert outputs[0].shape.as_list() == [2, 4]


def test_cells_around_cells():
    rnn = tf.contrib.rnn
    x = tf.constant(X[:, 0])
    state = tf.zeros([2, 3])
    cell = rnn.BasicRNNCell(3)
    plain, _ = cell(x, state)
    residual, _ = rnn.ResidualWrapper(cell, residual_fn=lambda x, y: x - y)(x, state)
    there, _ = rnn.DeviceWrapper(cell, "/cpu:0")(x, state)
    projected = rnn.InputProjectionWrapper(rnn.BasicRNNCell(3), 5, activation=tf.nn.relu)
    out, _ = projected(x, state)
    assert names()[2:] == [f"input_projection_wrapper/{n}" for n in
                           ("kernel", "bias", "basic_rnn_cell/kernel", "basic_rnn_cell/bias")]  # fmt: skip
    assert projected.wrapped_cell.variables == projected.variables
    session = started()
    y, r, t, o, values = session.run([plain, residual, there, out, tf.global_variables()])
    np.testing.assert_allclose(r, X[:, 0] - y, 1e-5)
    assert np.array_equal(t, y)
    hidden = np.maximum(X[:, 0] @ values[2] + values[3], 0)
    expected = np.tanh(np.concatenate([hidden, np.zeros((2, 3))], 1) @ values[4] + values[5])
    np.testing.assert_allclose(o, expected, 1e-5)
    with pytest.raises(ValueError, match="must be > 0"):
        rnn.EmbeddingWrapper(cell, 0, 3)
    with pytest.raises(ValueError, match="output_size must be > 0"):
        rnn.OutputProjectionWrapper(cell, 0)


def test_drawn_classes_end_with_the_end_token():
    seq2seq = tf.contrib.seq2seq
    cell = tf.contrib.rnn.BasicRNNCell(4)
    helper = seq2seq.SampleEmbeddingHelper(lambda ids: tf.one_hot(ids, 4), [0, 1, 2], 3, softmax_temperature=2.0)
    decoder = seq2seq.BasicDecoder(cell, helper, cell.zero_state(3, tf.float32))
    outputs, _, lengths = seq2seq.dynamic_decode(decoder, output_time_major=True, maximum_iterations=20)
    session = started()
    for _ in range(3):
        classes, counts = session.run([outputs.sample_id, lengths])
        assert len(classes) == counts.max()
        for row, count in zip(classes.T, counts, strict=True):
            assert not np.any(row[: count - 1] == 3)
            assert count == 20 or row[count - 1] == 3


def test_old_losses_are_the_new_ones_with_their_arguments_turned():
    p, y = np.abs(RANDOM.normal(size=(4, 3))).astype(np.float32), RANDOM.integers(0, 2, (4, 3)).astype(np.float32)
    old, new = tf.contrib.losses, tf.losses
    pairs = [
        (old.mean_squared_error(p, y), new.mean_squared_error(y, p)),
        (old.absolute_difference(p, y, 2.0), new.absolute_difference(y, p, 2.0)),
        (old.hinge_loss(p, y), new.hinge_loss(y, p)),
        (old.cosine_distance(p, y, dim=1), new.cosine_distance(y, p, axis=1)),
        (old.sigmoid_cross_entropy(p, y), new.sigmoid_cross_entropy(y, p)),
        (old.sparse_softmax_cross_entropy(p, [0, 1, 2, 0]), new.sparse_softmax_cross_entropy([0, 1, 2, 0], p)),
        (old.compute_weighted_loss(p, 0.5), new.compute_weighted_loss(p, 0.5)),
    ]
    for one, other in started().run(pairs):
        assert one == other
