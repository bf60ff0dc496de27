"""`tf.distributions` against TensorFlow, and what is drawn against the probabilities."""

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import distributions_cases as cases

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "distributions.json").read_text())


def run(fetches, feeds=None):
    with tf.Session() as sess:
        return sess.run(fetches, feeds)


def test_values_are_tensorflows():
    found = run(cases.values(tf))
    assert list(found) == list(GOLDEN["values"])
    for name, arrays in found.items():
        for place, (array, expected) in enumerate(zip(arrays, GOLDEN["values"][name], strict=True)):
            np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6, err_msg=f"{name} {place}")


def test_sizes_are_tensorflows():
    rows, shapes = cases.sizes(tf)
    assert [size.tolist() for size in run(shapes, {rows: np.zeros((5, 2))})] == GOLDEN["sizes"]


def test_draws_follow_the_probabilities():
    d = tf.distributions
    tf.set_random_seed(3)
    normal, uniform = d.Normal([1.0, -2.0], [0.5, 3.0]), d.Uniform(-1.0, [2.0, 5.0])
    coin, classes = d.Bernoulli(probs=[0.2, 0.7]), d.Categorical(probs=[[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    drawn = run([one.sample(20000) for one in (normal, uniform, coin, classes)])
    np.testing.assert_allclose(drawn[0].mean(0), [1, -2], atol=0.08)
    np.testing.assert_allclose(drawn[0].std(0), [0.5, 3.0], rtol=0.03)
    np.testing.assert_allclose(drawn[1].mean(0), [0.5, 2.0], atol=0.06)
    assert drawn[1].min() >= -1
    assert drawn[1].max() < 5
    np.testing.assert_allclose(drawn[2].mean(0), [0.2, 0.7], atol=0.02)
    shares = [np.bincount(column, minlength=3) / 20000 for column in drawn[3].T]
    np.testing.assert_allclose(shares, [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], atol=0.02)
    assert [array.dtype for array in drawn] == [np.float32, np.float32, np.int32, np.int32]


def test_draws_and_logarithms_are_differentiated():
    mean = tf.Variable([2.0, 3.0])
    normal = tf.distributions.Normal(mean, 2.0)
    through, score = tf.gradients(normal.sample(4), mean)[0], tf.gradients(normal.log_prob([4.0, 1.0]), mean)[0]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(sess.run(through), [4, 4])
        np.testing.assert_allclose(sess.run(score), [0.5, -0.5])


def test_what_does_not_go_together_is_told():
    d = tf.distributions
    with pytest.raises(ValueError, match="probs or logits"):
        d.Categorical()
    with pytest.raises(ValueError, match="probs or logits"):
        d.Bernoulli([0.1], [0.2])
    with pytest.raises(NotCoveredError, match="type Normal and distribution_b type Uniform"):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Uniform())
