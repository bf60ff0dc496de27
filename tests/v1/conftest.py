"""Every test of TensorFlow 1's names begins with an empty graph."""

import pathlib

import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._growth import GrowingGraphWarning


@pytest.fixture(autouse=True)
def empty_graph():
    tf.reset_default_graph()
    with tf.Graph().as_default():
        yield


def pytest_collection_modifyitems(items):
    """Tests may build something before each run, as scripts should not."""
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(f"ignore::{GrowingGraphWarning.__module__}.GrowingGraphWarning"))
