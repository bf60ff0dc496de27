"""Initializers: shapes, dtypes, spreads, seeds, and the values of those that do not draw."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tapegrad.compat.v1 as tf


def first_value(initializer, shape, dtype=tf.float32):
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", shape, dtype, initializer)
        session.run(v.initializer)
        value = session.run(v)
    assert value.shape == tuple(shape)
    assert value.dtype == tf.as_dtype(dtype).as_numpy_dtype
    return value


def test_fixed_values():
    assert first_value(tf.zeros_initializer(), [2], tf.int32).tolist() == [0, 0]
    assert first_value(tf.ones_initializer, [2]).tolist() == [1, 1]
    assert first_value(tf.constant_initializer([1, 2, 3]), [2, 2]).tolist() == [[1, 2], [3, 3]]
    assert first_value(tf.initializers.identity(2.0), [2, 3]).tolist() == [[2, 0, 0], [0, 2, 0]]
    assert first_value(lambda shape, dtype=None, partition_info=None: tf.fill(shape, 7.0), [2]).tolist() == [7, 7]


@pytest.mark.parametrize(
    ("make", "shape", "deviation", "largest"),
    [
        (lambda s: tf.random_uniform_initializer(-2, 2, seed=s), [50, 60], 4 / math.sqrt(12), 2),
        (lambda s: tf.random_normal_initializer(0.0, 0.5, seed=s), [50, 60], 0.5, 5),
        (lambda s: tf.truncated_normal_initializer(0.0, 0.5, seed=s), [50, 60], 0.5 * 0.8796, 1),
        (lambda s: tf.glorot_uniform_initializer(seed=s), [50, 60], math.sqrt(2 / 110), math.sqrt(6 / 110)),
        (lambda s: tf.glorot_normal_initializer(seed=s), [50, 60], math.sqrt(2 / 110), 1),
        (lambda s: tf.contrib.layers.xavier_initializer(seed=s), [50, 60], math.sqrt(2 / 110), math.sqrt(6 / 110)),
        (lambda s: tf.contrib.layers.xavier_initializer(False, seed=s), [50, 60], math.sqrt(2 / 110), 1),
        (lambda s: tf.contrib.layers.variance_scaling_initializer(seed=s), [50, 60], math.sqrt(2 / 50), 1),
        (lambda s: tf.initializers.he_normal(seed=s), [5, 5, 8, 16], math.sqrt(2 / 200), 1),
        (lambda s: tf.initializers.he_uniform(seed=s), [5, 5, 8, 16], math.sqrt(2 / 200), math.sqrt(6 / 200)),
        (lambda s: tf.initializers.lecun_normal(seed=s), [50, 60], math.sqrt(1 / 50), 1),
        (lambda s: tf.initializers.lecun_uniform(seed=s), [50, 60], math.sqrt(1 / 50), math.sqrt(3 / 50)),
        (lambda s: tf.uniform_unit_scaling_initializer(seed=s), [50, 60], math.sqrt(1 / 50), math.sqrt(3 / 50)),
        (
            lambda s: tf.variance_scaling_initializer(3.0, "fan_out", "untruncated_normal", seed=s),
            [50, 60], math.sqrt(3 / 60), 2,
        ),
    ],
)  # fmt: skip
def test_draws(make, shape, deviation, largest):
    value = first_value(make(1), shape)
    assert abs(value).max() <= largest
    assert value.std() == pytest.approx(deviation, 0.06)
    assert abs(value.mean()) < 4 * deviation / math.sqrt(value.size)
    assert np.array_equal(value, first_value(make(1), shape))
    assert not np.array_equal(value, first_value(make(2), shape))


def test_orthogonal_columns_or_rows():
    tall, wide = (first_value(tf.orthogonal_initializer(2.0, seed=3), shape) for shape in ([6, 4], [2, 2, 7]))
    np.testing.assert_allclose(tall.T @ tall, 4 * np.eye(4), atol=1e-5)
    rows = wide.reshape(4, 7)
    np.testing.assert_allclose(rows @ rows.T, 4 * np.eye(4), atol=1e-5)


def test_a_variable_without_an_initializer_begins_as_glorot_says():
    value = first_value(None, [100, 100])
    assert abs(value).max() <= math.sqrt(6 / 200)
    assert value.std() == pytest.approx(math.sqrt(2 / 200), 0.06)
    assert first_value(None, [3], tf.int64).tolist() == [0, 0, 0]


def test_what_initializers_refuse():
    for arguments in ((0.0,), (1.0, "fan"), (1.0, "fan_in", "gamma")):
        with pytest.raises(ValueError, match=r"`scale`|`mode`|`distribution`"):
            tf.variance_scaling_initializer(*arguments)
    with pytest.raises(ValueError, match="two-dimensional"):
        tf.orthogonal_initializer()([3])
    with pytest.raises(ValueError, match="2D"):
        tf.initializers.identity()([3])


def test_regularizers():
    weights = tf.constant([[1.0, -2.0]])
    layers = tf.contrib.layers
    losses = [
        layers.l1_regularizer(0.5)(weights), layers.l2_regularizer(0.5)(weights),
        layers.l1_l2_regularizer(0.5, 0.5)(weights), layers.apply_regularization(layers.l2_regularizer(1.0), [weights]),
    ]  # fmt: skip
    with tf.Session() as session:
        assert session.run(losses) == [1.5, 1.25, 2.75, 2.5]
    assert layers.l1_regularizer(0.0)(weights) is None
    with pytest.raises(ValueError, match="scale must be"):
        layers.l2_regularizer(-1.0)
