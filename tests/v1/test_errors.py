"""What a script is told when something is wrong: what, where it was built, and what to do."""

from __future__ import annotations

import inspect
import pathlib
import re
import warnings

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._growth import GrowingGraphWarning


def line_after(marker):
    """The line of this file below the one that has a comment, as messages tell it."""
    lines = pathlib.Path(__file__).read_text(encoding="utf-8").splitlines()
    return f"{__file__}:{next(i for i, line in enumerate(lines) if line.endswith(f'# {marker}')) + 2}"


def test_an_unfed_placeholder_is_told_with_its_line_and_what_needs_it():
    # placeholder
    x = tf.placeholder(tf.float32, [None, 3], name="images")
    other = tf.placeholder(tf.float32, [], name="other")
    total = tf.reduce_sum(x * 2.0, name="total")
    fine = tf.identity(other, name="fine")
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError) as caught:
        session.run([fine, total], {other: 1.0})
    text = str(caught.value)
    assert "You must feed a value for placeholder tensor 'images' with dtype float32 and shape (?, 3)" in text
    assert line_after("placeholder") in text
    assert "it is needed for 'total:0'" in text
    assert "fine" not in text
    assert isinstance(caught.value, tf.errors.OpError)
    assert caught.value.op is x.op


@pytest.mark.parametrize("value", [np.zeros((2, 4), np.float32), [[1.0] * 4], 3.0])
def test_a_fed_value_of_another_shape_is_told_with_both_shapes_and_the_line(value):
    # shape
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    with tf.Session() as session, pytest.raises(ValueError, match="Cannot feed value of shape") as caught:
        session.run(x, {x: value})
    text = str(caught.value)
    assert f"shape {np.shape(value)} for Tensor 'x:0', which has shape (?, 3)" in text
    assert line_after("shape") in text


def test_a_feed_that_is_no_tensor_of_the_graph_and_one_that_is_a_tensor_are_told():
    x = tf.placeholder(tf.float32, name="x")
    with tf.Session() as session:
        with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
            session.run(x, {"nothing:0": 1})
        with pytest.raises(TypeError, match=r"cannot be a tf\.Tensor object.*sess\.run\('Const:0'\)"):
            session.run(x, {x: tf.constant(1.0)})


def test_a_variable_that_exists_is_told_with_its_line():
    # variable
    tf.get_variable("W", [2])
    with pytest.raises(ValueError, match="Variable W already exists, disallowed") as caught:
        tf.get_variable("W", [2])
    assert line_after("variable") in str(caught.value)
    assert "reuse=True or reuse=tf.AUTO_REUSE" in str(caught.value)


def test_a_variable_that_does_not_exist_is_told_with_what_does():
    with tf.variable_scope("cell"):
        tf.get_variable("weights", [2])
    with (
        tf.variable_scope("cell", reuse=True),
        pytest.raises(ValueError, match="Variable cell/weight does not exist") as caught,
    ):
        tf.get_variable("weight", [2])
    assert "cell/weights" in str(caught.value).split("VarScope?")[1]


def test_a_shared_variable_of_another_shape_is_told_with_both_and_the_line():
    # shared
    tf.get_variable("W", [2, 3])
    with tf.variable_scope("", reuse=True), pytest.raises(ValueError, match="shape") as caught:
        tf.get_variable("W", [3, 2])
    text = str(caught.value)
    assert "(3, 2)" in text
    assert "(2, 3)" in text
    assert line_after("shared") in text


def test_a_variable_without_a_value_is_told_with_its_line_and_the_remedy():
    # initialized
    w = tf.Variable([1.0], name="w")
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError) as caught:
            session.run(w + 1.0)
        session.run(tf.global_variables_initializer())
        assert session.run(w + 1.0) == 2
    text = str(caught.value)
    assert "uninitialized value w" in text
    assert line_after("initialized") in text
    assert "tf.global_variables_initializer()" in text


def test_shapes_that_do_not_fit_are_told_with_the_operation_and_its_line():
    x = tf.placeholder(tf.float32, name="x")
    # product
    y = tf.matmul(x, tf.ones([3, 2]), name="product")
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError) as caught:
        session.run(y, {x: np.ones((2, 4))})
    text = str(caught.value)
    assert "[[product = MatMul, built at" in text
    assert line_after("product") in text
    assert "(2, 4)" in text


def test_a_loss_that_no_variable_leads_to_is_told_with_the_variables():
    w = tf.Variable(1.0, name="w")
    with pytest.raises(ValueError, match=r"No gradients provided for any variable.*w:0"):
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))
    del w
    with tf.Graph().as_default(), pytest.raises(ValueError, match="No variables to optimize"):
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))


def test_running_without_a_session_is_told():
    with pytest.raises(ValueError, match=r"no default session.*session=sess"):
        tf.constant(1.0).eval()


def test_a_tensor_as_a_condition_is_told_with_its_line():
    # condition
    x = tf.constant(True, name="x")
    with pytest.raises(TypeError, match=r"tf\.cond") as caught:
        bool(x)
    assert line_after("condition") in str(caught.value)


def test_a_closed_session_and_one_of_another_graph_are_told():
    x = tf.constant(1.0)
    session = tf.Session()
    session.close()
    with pytest.raises(RuntimeError, match="closed Session"):
        session.run(x)
    with tf.Session(graph=tf.Graph()) as other, pytest.raises(ValueError, match="is not an element of this graph"):
        other.run(x)


def test_a_graph_that_grows_in_a_loop_is_told_once_before_the_third_run():
    w = tf.Variable(2.0)
    told = []
    with tf.Session() as session, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run(w)
            session.run(tf.add(w, 1.0))  # the line
            told.append(len([item for item in caught if item.category is GrowingGraphWarning]))
    assert told == [0, 0, 1, 1, 1]
    (warning,) = caught
    assert warning.filename == __file__
    source = inspect.getsource(test_a_graph_that_grows_in_a_loop_is_told_once_before_the_third_run).splitlines()
    start = inspect.getsourcelines(test_a_graph_that_grows_in_a_loop_is_told_once_before_the_third_run)[1]
    assert warning.lineno == start + next(i for i, line in enumerate(source) if line.endswith("# the line"))
    assert re.search(r"this line builds 'Add_2' .* \d+ by now.*before the loop.*finalize", str(warning.message))


def test_a_graph_that_is_built_in_parts_is_not_told():
    with tf.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("error")
        session.run(tf.constant(1.0))
        session.run(tf.constant(2.0))
        session.run(tf.constant(3.0))
        x = tf.placeholder(tf.float32)
        for value in range(5):
            session.run(x, {x: value})


def test_a_finalized_graph_refuses_what_would_grow_it():
    graph = tf.get_default_graph()
    graph.finalize()
    with pytest.raises(RuntimeError, match="finalized"):
        tf.constant(1.0)
