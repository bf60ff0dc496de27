"""Cases of scopes, layers, cells and loops: each builds a graph with `tf` and gives what is to be fetched.

The golden script runs them with TensorFlow, the tests with tapegrad. Every variable is set to `numbers` of its name
before anything is fetched, so that no case depends on how initial values are drawn.
"""

from __future__ import annotations

import zlib

import numpy as np


def numbers(name, shape):
    """Numbers between -0.5 and 0.5 that depend on a name and a place alone; for variances, 1 more."""
    count = int(np.prod(shape, dtype=np.int64))
    start = zlib.crc32(name.encode()) % 1000
    values = np.sin(np.arange(start, start + count) * 1.7) / 2
    return (values + ("variance" in name)).reshape(shape).astype(np.float32)


X = numbers("x", (4, 5, 3))  # 4 examples of 5 steps of 3 features
ROWS = numbers("rows", (4, 6))
IMAGES = numbers("images", (2, 7, 6, 3))
LENGTHS = np.array([5, 2, 3, 1], np.int32)

CASES = {}


def case(function):
    """Enter a case under the name of its function."""
    CASES[function.__name__] = function
    return function


def gradients(tf, value):
    """The gradients of a sum of squares for all trained variables."""
    return tf.gradients(tf.reduce_sum(tf.square(value)), tf.trainable_variables())


# --------------------------------------------------------------------------------------------------
# Recurrent networks


def rnn_case(name, make, time_major=False, lengths=False, features=3):
    """A cell in dynamic_rnn, with the gradients of its weights."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 5, 3] if not time_major else [5, None, 3], name="x")
        outputs, state = tf.nn.dynamic_rnn(
            make(tf), x, dtype=tf.float32, time_major=time_major, sequence_length=LENGTHS if lengths else None
        )
        fed = X if not time_major else X.transpose(1, 0, 2)
        return {"outputs": outputs, "state": state, "gradients": gradients(tf, outputs)}, {x: fed}

    build.__name__ = name
    case(build)


rnn_case("basic_rnn", lambda tf: tf.nn.rnn_cell.BasicRNNCell(4))
rnn_case("basic_rnn_lengths", lambda tf: tf.nn.rnn_cell.BasicRNNCell(4), lengths=True)
rnn_case("gru", lambda tf: tf.nn.rnn_cell.GRUCell(4))
rnn_case("gru_time_major", lambda tf: tf.nn.rnn_cell.GRUCell(4, activation=tf.sigmoid), time_major=True)
rnn_case("basic_lstm", lambda tf: tf.nn.rnn_cell.BasicLSTMCell(4, forget_bias=0.3))
rnn_case("basic_lstm_one_state", lambda tf: tf.nn.rnn_cell.BasicLSTMCell(4, state_is_tuple=False), lengths=True)
rnn_case("lstm", lambda tf: tf.nn.rnn_cell.LSTMCell(4))
rnn_case("lstm_peepholes", lambda tf: tf.nn.rnn_cell.LSTMCell(4, use_peepholes=True, cell_clip=0.2), lengths=True)
rnn_case("lstm_projected", lambda tf: tf.nn.rnn_cell.LSTMCell(4, num_proj=3, proj_clip=0.1, use_peepholes=True))
rnn_case("lstm_one_state", lambda tf: tf.nn.rnn_cell.LSTMCell(4, num_proj=3, state_is_tuple=False))
rnn_case(
    "stacked",
    lambda tf: tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(4), tf.nn.rnn_cell.GRUCell(3)]),
    lengths=True,
)
rnn_case(
    "stacked_one_state",
    lambda tf: tf.nn.rnn_cell.MultiRNNCell(
        [tf.nn.rnn_cell.BasicLSTMCell(4, state_is_tuple=False) for _ in range(2)], state_is_tuple=False
    ),
)
rnn_case("residual", lambda tf: tf.nn.rnn_cell.ResidualWrapper(tf.nn.rnn_cell.BasicLSTMCell(3)))
rnn_case("kept", lambda tf: tf.nn.rnn_cell.DropoutWrapper(tf.nn.rnn_cell.GRUCell(3), output_keep_prob=1.0))


@case
def initial_state(tf):
    x = tf.placeholder(tf.float32, [None, 5, 3])
    cell = tf.nn.rnn_cell.LSTMCell(4, state_is_tuple=True)
    start = cell.zero_state(tf.shape(x)[0], tf.float32)
    first, state = tf.nn.dynamic_rnn(cell, x, initial_state=start, scope="decoder")
    with tf.variable_scope("decoder", reuse=True):
        output, state = cell(x[:, 0], state)
    return {"first": first, "output": output, "state": state, "gradients": gradients(tf, output)}, {x: X}


@case
def static(tf):
    x = tf.placeholder(tf.float32, [None, 5, 3])
    outputs, state = tf.nn.static_rnn(
        tf.nn.rnn_cell.BasicLSTMCell(4), tf.unstack(x, 5, 1), dtype=tf.float32, sequence_length=LENGTHS
    )
    return {"outputs": outputs, "state": state, "gradients": gradients(tf, outputs[2])}, {x: X}


def bidirectional_case(lengths):
    def build(tf):
        x = tf.placeholder(tf.float32, [None, None, 3])
        outputs, states = tf.nn.bidirectional_dynamic_rnn(
            tf.nn.rnn_cell.GRUCell(4), tf.nn.rnn_cell.GRUCell(2), x, lengths, dtype=tf.float32
        )
        both = tf.concat(outputs, 2)
        return {"outputs": outputs, "states": states, "gradients": gradients(tf, both)}, {x: X}

    build.__name__ = "bidirectional" if lengths is None else "bidirectional_lengths"
    case(build)


bidirectional_case(None)
bidirectional_case(LENGTHS)


@case
def static_bidirectional(tf):
    x = tf.placeholder(tf.float32, [None, 5, 3])
    cells = tf.nn.rnn_cell.BasicLSTMCell(4), tf.nn.rnn_cell.BasicLSTMCell(4)
    outputs, forward, backward = tf.nn.static_bidirectional_rnn(*cells, tf.unstack(x, 5, 1), dtype=tf.float32)
    return {"outputs": outputs, "states": (forward, backward), "gradients": gradients(tf, outputs[-1])}, {x: X}


@case
def cells_by_hand(tf):
    x = tf.placeholder(tf.float32, [None, 3])
    cell = tf.nn.rnn_cell.GRUCell(4)
    state = cell.zero_state(4, tf.float32)
    _, state = cell(x, state)
    second, state = cell(x, state)
    other, _ = tf.nn.rnn_cell.GRUCell(2)(x, tf.zeros([4, 2]))
    return {"second": second, "other": other}, {x: X[:, 0]}


# --------------------------------------------------------------------------------------------------
# Layers


def layer_case(name, values, shape, make):
    """A layer, or several, on a placeholder; with the gradients of what is trained, and of the input."""

    def build(tf):
        x = tf.placeholder(tf.float32, shape)
        y = make(tf, x)
        of_input = tf.gradients(tf.reduce_sum(tf.square(y)), x)
        trained = gradients(tf, y) if tf.trainable_variables() else []
        return {"y": y, "gradients": trained, "input": of_input}, {x: values}

    build.__name__ = name
    case(build)


def two_dense(tf, x):
    regularizer = lambda w: 0.1 * tf.reduce_sum(tf.square(w))  # noqa: E731
    y = tf.layers.dense(x, 5, tf.nn.tanh, kernel_regularizer=regularizer, name="first")
    y = tf.layers.dense(y, 4, activation=tf.sigmoid, use_bias=False)
    y = tf.layers.dense(y, 3)
    with tf.variable_scope("inner"):
        y = tf.layers.dense(y, 3)
        y = tf.layers.Dense(3)(y)
    return tf.layers.dense(y, 2, bias_initializer=tf.ones_initializer(), trainable=False)


layer_case("dense", ROWS, [None, 6], two_dense)
layer_case("dense_of_sequences", X, [None, None, 3], lambda tf, x: tf.layers.dense(x, 4))


def reused(tf, x):
    first = tf.layers.dense(x, 3, name="shared", kernel_regularizer=lambda w: tf.reduce_sum(w))
    second = tf.layers.dense(x * 2, 3, name="shared", reuse=True, kernel_regularizer=lambda w: tf.reduce_sum(w))
    with tf.variable_scope("outer", reuse=tf.AUTO_REUSE):
        third = tf.layers.dense(x, 3, name="inner")
        fourth = tf.layers.dense(x + 1, 3, name="inner")
    layer = tf.layers.Dense(3)
    return first + second + third + fourth + layer(x) + layer(x)


layer_case("dense_reused", ROWS, [None, 6], reused)

CONVOLUTIONS = {
    "conv2d": lambda tf, x: tf.layers.conv2d(x, 4, 3),
    "conv2d_same": lambda tf, x: tf.layers.conv2d(x, 4, [3, 2], (2, 2), "same", activation=tf.nn.tanh),
    "conv2d_dilated": lambda tf, x: tf.layers.conv2d(x, 4, 2, dilation_rate=2, use_bias=False, name="wide"),
    "conv2d_transpose": lambda tf, x: tf.layers.conv2d_transpose(x, 4, 3, strides=(2, 1), padding="same"),
    "conv2d_transpose_valid": lambda tf, x: tf.layers.conv2d_transpose(x, 2, [3, 2], 3),
    "separable": lambda tf, x: tf.layers.separable_conv2d(x, 4, 3, depth_multiplier=2, padding="same"),
    "conv1d": lambda tf, x: tf.layers.conv1d(x[:, 0], 4, 3, padding="same"),
    "conv3d": lambda tf, x: tf.layers.conv3d(x[:, :, :, :, None], 4, 2, padding="same"),
    "max_pooling": lambda tf, x: tf.layers.max_pooling2d(x, 2, 2),
    "max_pooling_same": lambda tf, x: tf.layers.max_pooling2d(x, [3, 2], (2, 1), padding="same"),
    "average_pooling": lambda tf, x: tf.layers.average_pooling2d(x, 3, 2, "same"),
    "max_pooling1d": lambda tf, x: tf.layers.max_pooling1d(x[:, 0], 2, 2),
    "network": lambda tf, x: tf.layers.dense(
        tf.layers.flatten(tf.layers.max_pooling2d(tf.layers.conv2d(x, 4, 3, padding="same"), 2, 2)), 3
    ),
}
for _name, _make in CONVOLUTIONS.items():
    layer_case(_name, IMAGES, [None, 7, 6, 3], _make)


def normalization_case(title, values, training, fed=False, **arguments):
    """Batch normalization in training or not, with what the moving averages become."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, *values.shape[1:]])
        on = tf.placeholder(tf.bool, []) if fed else training
        y = tf.layers.batch_normalization(x, training=on, **arguments)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        found = {"y": y, "gradients": gradients(tf, y), "input": tf.gradients(tf.reduce_sum(y**3), x)}
        with tf.control_dependencies([*updates, y, *found["gradients"]]):
            found["averages"] = [v.read_value() for v in tf.global_variables() if "moving" in v.name]
        return found, {x: values} | ({on: training} if fed else {})

    build.__name__ = title
    case(build)


normalization_case("normalized_rows", ROWS, True)
normalization_case("normalized_rows_later", ROWS + 1, False)
normalization_case("normalized_images", IMAGES, True, momentum=0.9, epsilon=0.01)
normalization_case("normalized_images_fed", IMAGES, True, fed=True)
normalization_case("normalized_images_fed_later", IMAGES, False, fed=True)
normalization_case("normalized_unfused", IMAGES, True, fused=False, scale=False)
normalization_case("normalized_plain", ROWS, True, center=False, name="bn")


# --------------------------------------------------------------------------------------------------
# Choices and loops


def choice_case(title, value):
    """A choice by a placeholder, with gradients through either branch."""

    def build(tf):
        x = tf.placeholder(tf.float32, [])
        w = tf.get_variable("w", [3])
        y = tf.cond(x > 0, lambda: tf.reduce_sum(w * w) * x, lambda: tf.reduce_sum(tf.exp(w)))
        pair = tf.cond(x > 1, lambda: (w, x), lambda: (w * 2, x + 1))
        single = tf.cond(x > 1, lambda: [w], lambda: [w + 1])
        cases = tf.case([(x > 2, lambda: w * 3), (x > 0.5, lambda: w * 4)], default=lambda: w * x)
        return {
            "y": y, "pair": pair, "single": single, "case": cases,
            "gradients": [tf.gradients(v, [w])[0] for v in (y, cases, pair[0])],
        }, {x: np.float32(value)}  # fmt: skip

    build.__name__ = title
    case(build)


choice_case("choice_first", 3)
choice_case("choice_second", 0.7)
choice_case("choice_neither", -2)


@case
def counted_loop(tf):
    w = tf.get_variable("w", [3, 3])
    x = tf.placeholder(tf.float32, [None, 3])
    i, y = tf.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, tf.tanh(tf.matmul(y, w)) + y), [tf.constant(0), x])
    total = tf.reduce_sum(y)
    return {"i": i, "y": y, "gradients": tf.gradients(total, [w, x])}, {x: ROWS[:, :3]}


@case
def loop_by_values(tf):
    w = tf.get_variable("w", [3])
    x = tf.placeholder(tf.float32, [3])
    y = tf.while_loop(lambda y: tf.reduce_sum(y * y) < 50, lambda y: y * 1.5 + w, [x])
    return {"y": y, "gradients": tf.gradients(y, [w, x])}, {x: X[0, 0]}


@case
def growing_loop(tf):
    x = tf.placeholder(tf.float32, [1, 2])
    _, y = tf.while_loop(
        lambda i, y: i < 3,
        lambda i, y: [i + 1, tf.concat([y, y], 0)],
        [tf.constant(0), x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])],
    )
    most = tf.while_loop(lambda i: i < 100, lambda i: i + 2, [tf.constant(0)], maximum_iterations=7)
    return {"y": y, "gradient": tf.gradients(y, x), "most": most}, {x: [[1.0, 2.0]]}


@case
def loop_of_arrays(tf):
    x = tf.placeholder(tf.float32, [4, 6])
    rows = tf.TensorArray(tf.float32, 4, clear_after_read=False).unstack(x)
    out = tf.TensorArray(tf.float32, size=4)
    _, total, out = tf.while_loop(
        lambda i, total, out: i < 4,
        lambda i, total, out: (i + 1, total + rows.read(i), out.write(3 - i, rows.read(i) * total)),
        [0, tf.zeros([6]), out],
    )
    y = out.stack()
    return {"y": y, "total": total, "size": out.size(), "gradients": tf.gradients(y, [x])}, {x: ROWS}


@case
def rows_of_tensors(tf):
    w = tf.get_variable("w", [6])
    x = tf.placeholder(tf.float32, [None, 6])
    mapped = tf.map_fn(lambda row: tf.reduce_sum(row * w), x)
    pairs = tf.map_fn(lambda pair: (pair[0] + pair[1], tf.cast(tf.reduce_sum(pair[1]) > 0, tf.int32)), (x, x * 2),
                      dtype=(tf.float32, tf.int32))  # fmt: skip
    scanned = tf.scan(lambda a, row: a * 0.5 + row * w, x)
    begun = tf.scan(lambda a, row: a + tf.reduce_sum(row), x, initializer=tf.constant(1.0), reverse=True)
    folded = tf.foldl(lambda a, row: a * row + w, x)
    other = tf.foldr(lambda a, row: a - row, x, initializer=tf.zeros([6]))
    values = [mapped, *pairs, scanned, begun, folded, other]
    trained = [tf.gradients(v, [w, x]) for v in (mapped, scanned, folded)]
    return {"values": values, "gradients": trained}, {x: ROWS}
