"""Sizes that are fed as numbers: a program for each, up to some."""

import numpy as np

import tapegrad.compat.v1 as tf


def build():
    size = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [None, 3])
    w = tf.Variable(tf.ones([3, 2]))
    y = tf.reduce_sum(tf.matmul(x, w) * tf.ones([size, 2])) + tf.to_float(size)
    return size, x, y, tf.gradients(y, w)[0]


def parts_of(sess):
    return [planned._parts for planned in sess._plans.values() if planned._parts is not None]


def test_a_size_that_is_fed_does_not_keep_a_run_from_being_compiled():
    size, x, y, g = build()
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    for count in [2, 2, 2, 2, 2]:
        value, gradient = sess.run([y, g], {x: np.ones((count, 3)), size: count})
        assert value == 7 * count
        np.testing.assert_array_equal(gradient, np.full((3, 2), count))
    (parts,) = parts_of(sess)
    assert not parts._refused
    assert parts._sizes == {(2,)}


def test_many_sizes_run_op_by_op():
    size, x, y, _ = build()
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    for count in range(2, 20):
        assert sess.run(y, {x: np.ones((1, 3)), size: count}) == 7 * count
    (parts,) = parts_of(sess)
    assert parts._refused


def test_a_number_that_is_no_size_has_one_program():
    step = tf.placeholder(tf.int32, [])
    sess, y = tf.Session(), tf.to_float(step) * 2
    for number in range(20):
        assert sess.run(y, {step: number}) == 2 * number
    (parts,) = parts_of(sess)
    assert parts._sizes is None
    assert not parts._refused
