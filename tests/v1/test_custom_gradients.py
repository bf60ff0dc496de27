"""Gradients of a script's own, beside TensorFlow's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import gradients_cases as cases

import tapegrad.compat.v1 as tf

GOLDEN = json.loads((Path(__file__).parent / "golden" / "gradients.json").read_text())


@pytest.mark.parametrize("name", cases.RUN)
def test_values_and_gradients(name):
    for found, expected in zip(cases.run(tf, name), GOLDEN[name], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_training_goes_by_it():
    @tf.custom_gradient
    def backwards(x):
        return x, lambda dy: -dy

    w = tf.Variable(1.0)
    train = tf.train.GradientDescentOptimizer(0.5).minimize(backwards(w) * 2.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(6):
            session.run(train)
        assert session.run(w) == 7.0


def test_what_is_wrong_is_told():
    x = tf.constant([1.0])
    with pytest.raises(TypeError, match="op_type must be a string"):
        tf.RegisterGradient(3)
    with (
        pytest.raises(LookupError, match="gradient registry has no entry for: Nowhere"),
        tf.get_default_graph().gradient_override_map({"Identity": "Nowhere"}),
    ):
        tf.identity(x)
    tf.NotDifferentiable("TwiceGiven")
    with pytest.raises(KeyError, match="Registering two gradient with name 'TwiceGiven'"):
        tf.NotDifferentiable("TwiceGiven")
    with pytest.raises(TypeError, match="must be a dictionary"), tf.get_default_graph().gradient_override_map([]):
        pass
    with pytest.raises(ValueError, match="one gradient for each of 2 inputs, got 1"):
        tf.custom_gradient(lambda a, b: (a + b, lambda dy: dy))(x, x)
    with tf.get_default_graph().gradient_override_map({"Identity": "TwiceGiven"}):
        y = tf.identity(x)
    with tf.Session() as session:
        assert session.run(tf.gradients(y * 3.0 + x, x)[0]) == [1.0]
