"""Optimizers and schedules follow TensorFlow's: values, slots and names, eagerly and compiled."""

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import train_cases as cases

import tapegrad.compat.v1 as tf

GOLDEN = json.loads((Path(__file__).parent / "golden" / "train.json").read_text())


@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_training_follows_tensorflow(name):
    expected = GOLDEN["optimizers"][name]
    found = cases.train(tf, cases.OPTIMIZERS[name])
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=2e-5)
    assert list(found["values"]) == list(expected["values"])  # the names, in the order in which they were made
    for variable, value in expected["values"].items():
        np.testing.assert_allclose(found["values"][variable], value, rtol=5e-5, atol=1e-6, err_msg=variable)
    assert found["operation"] == expected["operation"]
    assert found["slots"] == expected["slots"]


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_schedules_follow_tensorflow(name):
    found, expected = cases.scheduled(tf, cases.SCHEDULES[name]), GOLDEN["schedules"][name]
    np.testing.assert_allclose(found["rates"], expected["rates"], rtol=3e-6, atol=1e-8)
    assert found["dtype"] == expected["dtype"]


def test_a_large_variable_moves_as_a_small_one():
    """Beyond some thousand numbers, eager steps are a compiled loop's."""
    w = tf.Variable(np.linspace(-1, 1, 40_000, dtype=np.float32), name="w")
    optimizer = tf.train.AdamOptimizer(0.01)
    train = optimizer.minimize(w * w)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        x = session.run(w)
        mean, square = np.zeros_like(x), np.zeros_like(x)
        for step in range(1, 6):
            session.run(train)
            g = 2 * x
            mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g * g
            x = x - 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * mean / (np.sqrt(square) + 1e-8)
            np.testing.assert_allclose(session.run(w), x, atol=2e-6)


def test_a_learning_rate_may_be_fed():
    w, rate = tf.Variable(1.0), tf.placeholder(tf.float32, [])
    train = tf.train.GradientDescentOptimizer(rate).minimize(3 * w)
    with tf.Session() as session:
        session.run(w.initializer)
        for fed, left in ((0.1, 0.7), (0.2, 0.1), (-1.0, 3.1), (0.5, 1.6), (0.0, 1.6)):
            session.run(train, {rate: fed})
            assert session.run(w) == pytest.approx(left)


def test_gradients_may_be_changed_in_between():
    w, b = tf.Variable([3.0, -4.0]), tf.Variable(1.0)
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(5 * w * w)
    assert pairs[1] == (None, b)
    train = optimizer.apply_gradients([(gradient * 0.01, variable) for gradient, variable in pairs[:1]])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(train) is None
        np.testing.assert_allclose(session.run(w), [2.7, -3.6], rtol=1e-6)


def test_a_constraint_holds_after_each_step():
    w = tf.Variable([0.2, -5.0], constraint=lambda x: tf.abs(x))
    train = tf.train.GradientDescentOptimizer(0.5).minimize(w)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for expected in ([0.3, 5.5], [0.2, 5.0], [0.3, 4.5], [0.2, 4.0]):
            session.run(train)
            np.testing.assert_allclose(session.run(w), expected, rtol=1e-5)


def test_refusals():
    w = tf.Variable(1.0)
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.minimize(tf.constant(1.0) * 2)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply_gradients([(None, w)])
    with pytest.raises(ValueError, match="No variables provided"):
        optimizer.apply_gradients([])
    with pytest.raises(ValueError, match="must be positive"):
        tf.train.AdagradOptimizer(0.1, initial_accumulator_value=0.0)
    with pytest.raises(ValueError, match="boundaries should be 1 less"):
        tf.train.piecewise_constant(w, [1.0], [1.0])
    with pytest.raises(ValueError, match="global_step is required"):
        tf.train.exponential_decay(0.1, None, 3, 0.5)


def test_the_count_of_steps():
    assert tf.train.get_global_step() is None
    step = tf.train.get_or_create_global_step()
    assert step is tf.train.get_global_step() is tf.train.get_or_create_global_step()
    assert (step.name, step.dtype) == ("global_step:0", tf.int64)
    with pytest.raises(ValueError, match="already exists"):
        tf.train.create_global_step()
    with tf.Session() as session:
        session.run(step.initializer)
        session.run([step.assign_add(3)])
        assert tf.train.global_step(session, step) == 3
    with tf.Graph().as_default():
        own = tf.Variable(0, name="global_step", trainable=False)  # as scripts made it
        assert tf.train.get_global_step() is own
