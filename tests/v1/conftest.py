"""Every test of TensorFlow 1's names begins with an empty graph."""

import pytest

import tapegrad.compat.v1 as tf


@pytest.fixture(autouse=True)
def empty_graph():
    tf.reset_default_graph()
    with tf.Graph().as_default():
        yield
