"""tf.contrib against NumPy: layers, sequences to sequences, decoders, losses."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

sys.path.insert(0, str(pathlib.Path(__file__).parent / "golden"))
from structure_cases import IMAGES, LENGTHS, ROWS, X, numbers

layers, seq2seq, legacy = tf.contrib.layers, tf.contrib.seq2seq, tf.contrib.legacy_seq2seq


def started():
    """A session in which every variable has the numbers of its name, and these by name."""
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    values = {v.op.name: numbers(v.op.name, v.shape.as_list()) for v in tf.global_variables() if v.dtype == tf.float32}
    for variable in tf.global_variables():
        if variable.op.name in values:
            variable.load(values[variable.op.name], session)
    return session, values


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def cross_entropy(logits, classes):
    flat = softmax(logits.reshape(-1, logits.shape[-1]))
    return -np.log(flat[np.arange(len(flat)), np.ravel(classes)]).reshape(np.shape(classes))


def basic_cell(x, state, w, b):
    return np.tanh(np.concatenate([x, state], 1) @ w + b)


def names():
    return [v.op.name for v in tf.global_variables()]


def test_fully_connected_is_relu_of_a_product():
    x = tf.placeholder(tf.float32, [None, 6])
    y = layers.fully_connected(x, 4, weights_regularizer=layers.l2_regularizer(0.5))
    z = layers.fully_connected(y, 3, activation_fn=None, scope="last")
    again = layers.fully_connected(y, 3, activation_fn=None, scope="last", reuse=True)
    other = layers.linear(y, 2)
    assert names() == ["fully_connected/weights", "fully_connected/biases", "last/weights", "last/biases",
                       "fully_connected_1/weights", "fully_connected_1/biases"]  # fmt: skip
    assert [v.op.name for v in tf.model_variables()] == names()
    session, v = started()
    hidden = np.maximum(ROWS @ v["fully_connected/weights"] + v["fully_connected/biases"], 0)
    last = hidden @ v["last/weights"] + v["last/biases"]
    np.testing.assert_allclose(session.run(z, {x: ROWS}), last, 1e-5)
    np.testing.assert_allclose(session.run(again, {x: ROWS}), last, 1e-5)
    expected = hidden @ v["fully_connected_1/weights"] + v["fully_connected_1/biases"]
    np.testing.assert_allclose(session.run(other, {x: ROWS}), expected, 1e-5)
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    np.testing.assert_allclose(session.run(loss), 0.25 * (v["fully_connected/weights"] ** 2).sum(), 1e-5)


def test_convolution_pooling_and_flatten():
    x = tf.placeholder(tf.float32, [None, 7, 6, 3])
    y = layers.conv2d(x, 4, 1)
    y = layers.convolution2d(y, 2, [3, 3], stride=2, activation_fn=None, biases_initializer=None)
    flat = layers.flatten(layers.max_pool2d(y, 2))
    assert names() == ["Conv/weights", "Conv/biases", "Conv_1/weights"]
    assert y.shape.as_list() == [None, 4, 3, 2]
    assert flat.shape.as_list() == [None, 4]
    session, v = started()
    hidden = np.maximum(IMAGES @ v["Conv/weights"][0, 0] + v["Conv/biases"], 0)
    padded = np.pad(hidden, [(0, 0), (1, 1), (0, 1), (0, 0)])
    expected = np.zeros((2, 4, 3, 2), np.float32)
    for i in range(4):
        for j in range(3):
            window = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            expected[:, i, j] = np.tensordot(window, v["Conv_1/weights"], 3)
    np.testing.assert_allclose(session.run(y, {x: IMAGES}), expected, 1e-4, 1e-5)
    pooled = expected[:, :4, :2].reshape(2, 2, 2, 1, 2, 2).max((2, 4)).reshape(2, -1)
    np.testing.assert_allclose(session.run(flat, {x: IMAGES}), pooled, 1e-4, 1e-5)


def test_stack_repeat_and_arg_scope():
    x = tf.placeholder(tf.float32, [None, 6])
    with tf.contrib.framework.arg_scope([layers.fully_connected], activation_fn=tf.nn.tanh, biases_initializer=None):
        y = layers.stack(x, layers.fully_connected, [5, 4], scope="fc")
        layers.repeat(y, 2, layers.fully_connected, 3, activation_fn=None)
    layers.fully_connected(y, 2)
    weights = [f"{n}/weights" for n in ("fc/fc_1", "fc/fc_2", "Repeat/fully_connected_1", "Repeat/fully_connected_2")]
    assert names() == [*weights, "fully_connected/weights", "fully_connected/biases"]
    session, v = started()
    expected = np.tanh(np.tanh(ROWS @ v[weights[0]]) @ v[weights[1]])
    np.testing.assert_allclose(session.run(y, {x: ROWS}), expected, 1e-5)
    with pytest.raises(ValueError, match="is not decorated"), tf.contrib.framework.arg_scope([np.sin]):
        pass


@pytest.mark.parametrize("in_place", [False, True])
def test_batch_norm_moves_its_averages(in_place):
    x = tf.placeholder(tf.float32, [None, 6])
    where = {"updates_collections": None} if in_place else {}
    y = layers.batch_norm(x, decay=0.9, scale=True, **where)
    assert names() == [f"BatchNorm/{n}" for n in ("gamma", "beta", "moving_mean", "moving_variance")]
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert len(updates) == (0 if in_place else 2)
    session, v = started()
    value, _ = session.run([y, updates], {x: ROWS})
    mean, variance = ROWS.mean(0), ROWS.var(0)
    expected = (ROWS - mean) / np.sqrt(variance + 0.001) * v["BatchNorm/gamma"] + v["BatchNorm/beta"]
    np.testing.assert_allclose(value, expected, 1e-4, 1e-5)
    moved = session.run({v.op.name: v for v in tf.global_variables()})
    for name, new in (("moving_mean", mean), ("moving_variance", variance)):
        np.testing.assert_allclose(moved[f"BatchNorm/{name}"], 0.9 * v[f"BatchNorm/{name}"] + 0.1 * new, 1e-5)


def test_a_layer_with_a_normalizer_has_no_bias():
    x = tf.placeholder(tf.float32, [None, 6])
    layers.fully_connected(x, 4, normalizer_fn=layers.batch_norm, normalizer_params={"is_training": False})
    assert names() == ["fully_connected/weights"] + [
        f"fully_connected/BatchNorm/{n}" for n in ("beta", "moving_mean", "moving_variance")
    ]


def test_layer_norm_unit_norm_one_hot_and_dropout():
    x = tf.placeholder(tf.float32, [None, 6])
    y = layers.layer_norm(x)
    session, v = started()
    centred = ROWS - ROWS.mean(1, keepdims=True)
    expected = centred / ROWS.std(1, keepdims=True) * v["LayerNorm/gamma"] + v["LayerNorm/beta"]
    np.testing.assert_allclose(session.run(y, {x: ROWS}), expected, 1e-4, 1e-5)
    lengths = np.linalg.norm(session.run(layers.unit_norm(x, 1), {x: ROWS}), axis=1)
    np.testing.assert_allclose(lengths, 1, 1e-4)
    assert session.run(layers.one_hot_encoding([2, 0], 3)).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert np.array_equal(session.run(layers.dropout(x, 0.5, is_training=False), {x: ROWS}), ROWS)
    dropped = session.run(layers.dropout(x, 0.5), {x: ROWS})
    assert np.all((dropped == 0) | np.isclose(dropped, ROWS * 2))


def test_embed_sequence():
    ids = np.array([[1, 2], [0, 2]])
    y = layers.embed_sequence(ids, 3, 4, scope="words")
    again = layers.embed_sequence(ids, 3, 4, scope="words", reuse=True)
    assert names() == ["words/embeddings"]
    session, v = started()
    for value in session.run([y, again]):
        assert np.array_equal(value, v["words/embeddings"][ids])


def test_optimize_loss_is_a_step_of_the_optimizer():
    w = tf.get_variable("w", [3])
    step = tf.contrib.framework.get_or_create_global_step()
    loss = tf.reduce_sum(tf.square(w))
    train = layers.optimize_loss(loss, step, 0.1, "SGD", clip_gradients=1.0)
    session, v = started()
    start = v["w"]
    assert session.run(train) == pytest.approx((start**2).sum(), 1e-5)
    gradient = 2 * start
    clipped = gradient * min(1, 1 / np.linalg.norm(gradient))
    np.testing.assert_allclose(session.run(w), start - 0.1 * clipped, 1e-5)
    assert session.run(step) == 1
    with pytest.raises(ValueError, match="Optimizer name"):
        layers.optimize_loss(loss, step, 0.1, "Best")


# --------------------------------------------------------------------------------------------------
# Sequences to sequences


def test_sequence_losses():
    logits, targets, weights = numbers("l", (4, 5, 3)), np.arange(20).reshape(4, 5) % 3, np.abs(numbers("w", (4, 5)))
    losses = cross_entropy(logits, targets) * weights
    session = tf.Session()

    def of(**how):
        return session.run(seq2seq.sequence_loss(logits, targets, weights, **how))

    assert of() == pytest.approx(losses.sum() / weights.sum(), 1e-5)
    np.testing.assert_allclose(of(average_across_batch=False), losses.sum(1) / weights.sum(1), 1e-5)
    np.testing.assert_allclose(of(average_across_timesteps=False), losses.sum(0) / weights.sum(0), 1e-5)
    np.testing.assert_allclose(of(average_across_timesteps=False, average_across_batch=False), losses, 1e-5)
    lists = [[a[:, t] for t in range(5)] for a in (logits, targets, weights)]
    by_example = losses.sum(1) / weights.sum(1)
    np.testing.assert_allclose(session.run(legacy.sequence_loss_by_example(*lists)), by_example, 1e-5)
    assert session.run(legacy.sequence_loss(*lists)) == pytest.approx(by_example.mean(), 1e-5)
    twice = legacy.sequence_loss(*lists, softmax_loss_function=lambda labels, logits: 2 * tf.to_float(labels))
    assert session.run(twice) == pytest.approx(((2 * targets * weights).sum(1) / weights.sum(1)).mean(), 1e-5)
    with pytest.raises(ValueError, match="Lengths of logits"):
        legacy.sequence_loss_by_example(lists[0], lists[1][1:], lists[2])


def test_rnn_decoder_feeds_its_outputs_back():
    cell = tf.nn.rnn_cell.BasicRNNCell(3)
    inputs = [tf.constant(X[:, t]) for t in range(3)]
    outputs, state = legacy.rnn_decoder(inputs, cell.zero_state(4, tf.float32), cell, lambda y, i: y * i)
    assert names() == ["rnn_decoder/basic_rnn_cell/kernel", "rnn_decoder/basic_rnn_cell/bias"]
    session, v = started()
    w, b = v.values()
    h = basic_cell(X[:, 0], np.zeros((4, 3), np.float32), w, b)
    expected = [h]
    for i in (1, 2):
        h = basic_cell(h * i, h, w, b)
        expected.append(h)
    np.testing.assert_allclose(session.run(outputs), expected, 1e-4, 1e-6)
    np.testing.assert_allclose(session.run(state), h, 1e-4, 1e-6)


@pytest.mark.parametrize("feed", [False, True, "placeholder"])
def test_embedding_rnn_seq2seq(feed):
    before, after = [np.array([1, 2]), np.array([0, 3])], [np.array([0, 0]), np.array([4, 1]), np.array([2, 2])]
    fed = tf.placeholder(tf.bool, []) if feed == "placeholder" else feed
    cell = tf.nn.rnn_cell.BasicRNNCell(3)
    outputs, _ = legacy.embedding_rnn_seq2seq(before, after, cell, 4, 5, 6, feed_previous=fed)
    session, v = started()
    prefix = "embedding_rnn_seq2seq"
    encoder = [v[f"{prefix}/rnn/embedding_wrapper/{n}"] for n in
               ("embedding", "basic_rnn_cell/kernel", "basic_rnn_cell/bias")]  # fmt: skip
    inner = f"{prefix}/embedding_rnn_decoder/"
    table = v[inner + "embedding"]
    wrapper = inner + "rnn_decoder/output_projection_wrapper/"
    cell_w, cell_b, w, b = (v[wrapper + n] for n in ("basic_rnn_cell/kernel", "basic_rnn_cell/bias", "kernel", "bias"))
    for is_fed in [False, True] if feed == "placeholder" else [feed]:
        h = np.zeros((2, 3), np.float32)
        for ids in before:
            h = basic_cell(encoder[0][ids], h, *encoder[1:])
        expected = []
        for ids in after:
            if is_fed and expected:
                ids = expected[-1].argmax(1)
            h = basic_cell(table[ids], h, cell_w, cell_b)
            expected.append(h @ w + b)
        values = session.run(outputs, {fed: is_fed} if feed == "placeholder" else None)
        np.testing.assert_allclose(values, expected, 1e-4, 1e-6)


def test_attention_decoder_looks_at_states_that_fit():
    states = numbers("states", (4, 5, 2))
    cell = tf.nn.rnn_cell.BasicRNNCell(3)
    inputs = [tf.constant(X[:, t]) for t in range(2)]
    start = tf.constant(numbers("start", (4, 3)))
    outputs, _ = legacy.attention_decoder(inputs, start, tf.constant(states), cell, output_size=4)
    session, v = started()
    v = {name.removeprefix("attention_decoder/"): value for name, value in v.items()}
    h, attended, expected = numbers("start", (4, 3)), np.zeros((4, 2), np.float32), []
    for t in range(2):
        x = np.concatenate([X[:, t], attended], 1) @ v["kernel"] + v["bias"]
        h = basic_cell(x, h, v["basic_rnn_cell/kernel"], v["basic_rnn_cell/bias"])
        wanted = h @ v["Attention_0/kernel"] + v["Attention_0/bias"]
        fits = (v["AttnV_0"] * np.tanh(states @ v["AttnW_0"][0, 0] + wanted[:, None])).sum(2)
        attended = (softmax(fits)[:, :, None] * states).sum(1)
        both = np.concatenate([h, attended], 1)
        expected.append(both @ v["AttnOutputProjection/kernel"] + v["AttnOutputProjection/bias"])
    np.testing.assert_allclose(session.run(outputs), expected, 1e-4, 1e-6)


def test_buckets_share_their_variables_and_train():
    before = [tf.placeholder(tf.int32, [None]) for _ in range(3)]
    after = [tf.placeholder(tf.int32, [None]) for _ in range(4)]
    weights = [tf.placeholder(tf.float32, [None]) for _ in range(4)]

    def model(encoder_inputs, decoder_inputs):
        cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.GRUCell(3) for _ in range(2)])
        return legacy.embedding_attention_seq2seq(encoder_inputs, decoder_inputs, cell, 5, 6, 4)

    outputs, losses = legacy.model_with_buckets(before, after, after[1:] + after[:1], weights, [(2, 3), (3, 4)], model)
    assert [len(o) for o in outputs] == [3, 4]
    assert len(set(names())) == len(names())
    step = tf.train.AdamOptimizer(0.05).minimize(losses[0])
    session = tf.Session()
    tf.set_random_seed(0)
    session.run(tf.global_variables_initializer())
    fed = {x: [i % 5, (i + 1) % 5] for i, x in enumerate([*before, *after])} | {w: [1, 1] for w in weights}
    first = session.run(losses[0], fed)
    for _ in range(30):
        session.run(step, fed)
    assert session.run(losses[0], fed) < first / 2
    with pytest.raises(ValueError, match="Length of encoder_inputs"):
        legacy.model_with_buckets(before[:1], after, after, weights, [(2, 3)], model)


# --------------------------------------------------------------------------------------------------
# Decoders


def test_decoding_training_data_is_dynamic_rnn():
    x = tf.constant(X)
    cell = tf.nn.rnn_cell.GRUCell(4)
    layer = tf.layers.Dense(2, use_bias=False)
    start = cell.zero_state(4, tf.float32)
    decoder = seq2seq.BasicDecoder(cell, seq2seq.TrainingHelper(x, LENGTHS), start, layer)
    decoded, state, lengths = seq2seq.dynamic_decode(decoder, impute_finished=True)
    with tf.variable_scope("decoder", reuse=True):
        expected, last = tf.nn.dynamic_rnn(cell, x, LENGTHS, start)
    expected = tf.tensordot(expected, layer.kernel, 1)
    loss = tf.reduce_sum(tf.square(decoded.rnn_output))
    gradient = tf.gradients(loss, tf.trainable_variables()[0])
    wanted = tf.gradients(tf.reduce_sum(tf.square(expected)), tf.trainable_variables()[0])
    session, _ = started()
    for _ in range(4):
        values = session.run([decoded.rnn_output, state, lengths, gradient, decoded.sample_id])
    np.testing.assert_allclose(values[0], session.run(expected), 1e-4, 1e-6)
    np.testing.assert_allclose(values[1], session.run(last), 1e-4, 1e-6)
    assert values[2].tolist() == LENGTHS.tolist()
    np.testing.assert_allclose(values[3], session.run(wanted), 1e-4, 1e-5)
    assert values[4].shape == (4, 5)


def test_greedy_decoding_follows_the_likeliest_class():
    table = numbers("table", (5, 3))
    cell = tf.nn.rnn_cell.BasicRNNCell(5)
    helper = seq2seq.GreedyEmbeddingHelper(tf.constant(table), [0, 1], 3)
    decoder = seq2seq.BasicDecoder(cell, helper, cell.zero_state(2, tf.float32))
    outputs, _, lengths = seq2seq.dynamic_decode(decoder, maximum_iterations=6)
    session, v = started()
    w, b = v.values()
    h, ids, ended, expected, count = np.zeros((2, 5), np.float32), np.array([0, 1]), np.zeros(2, bool), [], [0, 0]
    while not ended.all() and len(expected) < 6:
        h = basic_cell(table[ids], h, w, b)
        ids = h.argmax(1)
        expected.append(ids)
        count = np.where(ended, count, len(expected))
        ended = ended | (ids == 3)
    assert session.run(outputs.sample_id).tolist() == np.transpose(expected).tolist()
    assert session.run(lengths).tolist() == count.tolist()


# --------------------------------------------------------------------------------------------------
# Losses, metrics and what is not there


def test_losses_and_metrics_take_predictions_first():
    predictions, labels = numbers("p", (4, 3)), numbers("q", (4, 3))
    session = tf.Session()
    loss = tf.contrib.losses.log_loss(np.abs(predictions), np.abs(labels))
    p, q = np.abs(predictions), np.abs(labels)
    expected = -(q * np.log(p + 1e-7) + (1 - q) * np.log(1 - p + 1e-7)).mean()
    assert session.run(loss) == pytest.approx(expected, 1e-4)
    assert session.run(tf.contrib.losses.softmax_cross_entropy(predictions, np.eye(4, 3))) == pytest.approx(
        -(np.log(softmax(predictions)) * np.eye(4, 3)).sum(1).mean(), 1e-4
    )
    assert session.run(tf.contrib.losses.get_total_loss()) > 0
    precision, update = tf.contrib.metrics.streaming_precision([1, 1, 0, 1], [1, 0, 0, 0])
    session.run(tf.local_variables_initializer())
    session.run(update)
    assert session.run(precision) == pytest.approx(1 / 3)
    assert session.run(tf.contrib.metrics.accuracy([1, 1, 0], [1, 0, 0])) == pytest.approx(2 / 3)


def test_what_is_not_covered_says_so():
    with pytest.raises(AttributeError, match=r"tf\.contrib\.slim is not covered(?s:.*)tf\.contrib\.layers has most"):
        _ = tf.contrib.slim
    with pytest.raises(AttributeError, match=r"fully_conected is not covered(?s:.*)layers\.fully_connected"):
        _ = tf.contrib.layers.fully_conected
    assert tf.contrib.data is tf.data
    assert tf.contrib.keras is tf.keras
    with pytest.raises(NotCoveredError, match="batch_weights"):
        layers.batch_norm(tf.constant(ROWS), renorm=True)
