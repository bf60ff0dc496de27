"""A recurrent network adds two 7-bit numbers, in the spellings of TensorFlow 0.x."""
from __future__ import print_function

import numpy as np
import tensorflow as tf

BITS, HIDDEN, BATCH, EPOCHS = 8, 8, 100, 500
rng = np.random.RandomState(0)


def batch():
    a, b = rng.randint(0, 128, BATCH), rng.randint(0, 128, BATCH)
    bits = lambda n: ((n[:, None] >> np.arange(BITS)) & 1).astype(np.float32)
    return np.stack([bits(a), bits(b)], 2), bits(a + b)


x = tf.placeholder("float", [BATCH, BITS, 2])
t = tf.placeholder("float", [BATCH, BITS])


def cell(inputs, h, reuse):
    with tf.variable_scope("cell", reuse=reuse):
        w = tf.get_variable("W", [2 + HIDDEN, HIDDEN],
                            initializer=tf.truncated_normal_initializer(mean=0., stddev=0.1, seed=1))
        b = tf.get_variable("b", [HIDDEN], initializer=tf.constant_initializer(0.0))
    return tf.nn.tanh(tf.matmul(tf.concat(1, (inputs, h)), w) + b)


def out(h, reuse):
    with tf.variable_scope("out", reuse=reuse):
        w = tf.get_variable("W", [HIDDEN, 1],
                            initializer=tf.truncated_normal_initializer(mean=0., stddev=0.1, seed=1))
        b = tf.get_variable("b", [1], initializer=tf.constant_initializer(0.0))
    return tf.nn.sigmoid(tf.matmul(h, w) + b)


h = tf.zeros([BATCH, HIDDEN])
outputs = []
for i, inputs in enumerate(tf.unpack(x, axis=1)):
    h = cell(inputs, h, i > 0)
    outputs.append(out(h, i > 0))
y = tf.reshape(tf.concat(1, outputs), [BATCH, BITS])
cost = tf.reduce_mean(tf.square(tf.sub(y, t)), reduction_indices=[0, 1])
train = tf.train.MomentumOptimizer(1.0, 0.95).minimize(cost)

sess = tf.Session()
sess.run(tf.initialize_all_variables())
for epoch in range(EPOCHS):
    a, b = batch()
    loss, _ = sess.run([cost, train], feed_dict={x: a, t: b})
    if epoch % 100 == 0:
        print(epoch, loss)
a, b = batch()
print("Bits right: %g" % np.mean((sess.run(y, {x: a}) > 0.5) == (b > 0.5)))
