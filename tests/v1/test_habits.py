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
        moved = sess.run([v for v in tf.global_variables() if "moving_mean" in v.name][0])
    assert np.any(moved != 0)
