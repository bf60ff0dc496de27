"""Addition of two 7-bit numbers by a recurrent network, least significant bit first, in the oldest spellings.

`tf.concat(1, values)` and `tf.unpack` are those of TensorFlow 0.x; for a TensorFlow that has lost them, `modern` puts
today's in their place.
"""

from __future__ import annotations

import numpy as np

BITS, UNITS, EXAMPLES = 8, 8, 100


def examples():
    """Bits of the numbers (100, 8, 2) and of their sums (100, 8)."""
    numbers = np.random.RandomState(0).randint(0, 2**7, (EXAMPLES, 2))
    places = np.arange(BITS)
    x = (numbers[:, None, :] >> places[:, None]) & 1
    y = (numbers.sum(1)[:, None] >> places) & 1
    return x.astype(np.float32), y.astype(np.float32)


def weights():
    """The first values of all variables, by name."""
    draw = np.random.RandomState(1)
    return {
        "cell/W": (draw.randn(2 + UNITS, UNITS) * 0.1).round(3).astype(np.float32),
        "cell/b": np.zeros(UNITS, np.float32),
        "output/W": (draw.randn(UNITS, 1) * 0.1).round(3).astype(np.float32),
        "output/b": np.zeros(1, np.float32),
    }


def modern(tf):
    """A TensorFlow with the names that the script uses."""

    class Modern:
        def __getattr__(self, name):
            return getattr(tf, name)

        unpack = staticmethod(lambda value, axis: tf.unstack(value, axis=axis))
        concat = staticmethod(lambda axis, values: tf.concat(values, axis))
        initialize_all_variables = staticmethod(tf.global_variables_initializer)

    return Modern()


def losses(tf, epochs):
    """The loss of every epoch, each of one batch of all examples, and the outputs at the end."""
    x = tf.placeholder(tf.float32, [EXAMPLES, BITS, 2])
    y = tf.placeholder(tf.float32, [EXAMPLES, BITS])
    with tf.variable_scope("cell"):
        tf.get_variable("W", [2 + UNITS, UNITS], initializer=tf.truncated_normal_initializer(0.0, 0.1, seed=1))
        tf.get_variable("b", [UNITS], initializer=tf.constant_initializer(0.0))
    with tf.variable_scope("output"):
        last = tf.get_variable("W", [UNITS, 1], initializer=tf.truncated_normal_initializer(0.0, 0.1, seed=1))
        bias = tf.get_variable("b", [1], initializer=tf.constant_initializer(0.0))

    def cell(bits, state):
        with tf.variable_scope("cell", reuse=True):
            w = tf.get_variable("W", [2 + UNITS, UNITS])
            b = tf.get_variable("b", [UNITS], initializer=tf.constant_initializer(0.0))
        return tf.nn.tanh(tf.matmul(tf.concat(1, (bits, state)), w) + b)

    state = tf.zeros([EXAMPLES, UNITS])
    outputs = []
    for bits in tf.unpack(x, axis=1):
        state = cell(bits, state)
        outputs.append(tf.nn.sigmoid(tf.matmul(state, last) + bias))
    output = tf.reshape(tf.concat(1, outputs), [EXAMPLES, BITS])
    loss = tf.reduce_mean(tf.square(output - y))
    step = tf.train.MomentumOptimizer(1.0, 0.95).minimize(loss)
    with tf.Session() as session:
        session.run(tf.initialize_all_variables())
        start = weights()
        for variable in tf.trainable_variables():
            variable.load(start[variable.op.name], session)
        bits, sums = examples()
        found = [float(session.run([loss, step], {x: bits, y: sums})[0]) for _ in range(epochs)]
        return found, session.run(output, {x: bits})
