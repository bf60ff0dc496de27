"""Losses and metrics follow TensorFlow's: values, gradients, names."""

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import losses_cases as cases

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "losses.json").read_text())


@pytest.mark.parametrize("name", cases.LOSSES)
def test_losses(name):
    found, expected = cases.losses(tf, cases.LOSSES[name]), GOLDEN["losses"][name]
    assert found["name"] == expected["name"]
    for case, pair in expected["values"].items():
        for ours, theirs in zip(found["values"][case], pair, strict=True):
            assert np.shape(ours) == np.shape(theirs)
            np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-6, err_msg=case)


@pytest.mark.parametrize("name", cases.METRICS)
def test_metrics(name):
    found, expected = cases.metrics(tf, cases.METRICS[name]), GOLDEN["metrics"][name]
    np.testing.assert_allclose(found["values"], expected["values"], rtol=2e-6, atol=1e-6)
    assert found["names"] == expected["names"]


def test_the_total_loss():
    with pytest.raises(ValueError, match="no loss in the collection"):
        tf.losses.get_total_loss()
    first = tf.losses.mean_squared_error([1.0], [3.0])
    tf.losses.add_loss(tf.constant(0.5))
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, tf.constant(0.25))
    assert tf.losses.get_losses()[0] is first
    with tf.Session() as session:
        assert session.run([tf.losses.get_total_loss(), tf.losses.get_regularization_loss()]) == [4.75, 0.25]
        assert session.run(tf.losses.get_total_loss(add_regularization_losses=False)) == 4.5


def test_refusals():
    with pytest.raises(ValueError, match="must have one shape"):
        tf.losses.mean_squared_error([[1.0], [2.0]], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="Invalid Reduction"):
        tf.losses.mean_squared_error([1.0], [1.0], reduction="average")
    with pytest.raises(NotCoveredError, match="ROC with trapezoidal is"):
        tf.metrics.auc([1.0], [1.0], curve="PR")
