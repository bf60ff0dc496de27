"""Names of operations and variables, shared variables, and what is said about those that are not there."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._missing import NotCoveredError


def names():
    return [v.name for v in tf.global_variables()]


def test_names_are_those_of_tensorflow():
    """As TensorFlow 2.15's compat.v1 gave them for the same lines."""
    with tf.variable_scope("a") as a:
        assert tf.get_variable("w", [2]).name == "a/w:0"
        assert (tf.ones([2]) + 1).name == "a/add:0"
        with tf.variable_scope("b"):
            assert tf.get_variable("w", [2]).name == "a/b/w:0"
        with tf.name_scope("c"):
            assert tf.get_variable("v", [2]).name == "a/v:0"
            assert tf.Variable(1.0, name="v").name == "a/c/v:0"
    with tf.variable_scope("a"):
        assert (tf.ones([2]) + 1).name == "a_1/add:0"
        assert tf.get_variable("u", [2]).name == "a/u:0"
    with tf.variable_scope("d"), tf.variable_scope(a):
        assert tf.get_variable_scope().name == "a"
        assert (tf.ones([2]) + 1).name == "d/a/add:0"
    with tf.variable_scope(None, default_name="e") as first, tf.variable_scope(None, "f"):
        assert tf.get_variable("w", [2]).name == "e/f/w:0"
    with tf.variable_scope(None, default_name="e") as second:
        pass
    assert (first.name, second.name) == ("e", "e_1")
    opened = []
    with tf.variable_scope("p") as p:
        with tf.variable_scope(None, "d") as d:
            opened.append(d.name)
        with tf.variable_scope(p), tf.variable_scope(None, "d") as d:
            opened.append(d.name)
        with tf.variable_scope(None, "d") as d:
            opened.append(d.name)
    with tf.variable_scope("p"), tf.variable_scope(None, "d") as d:
        opened.append(d.name)
    assert opened == ["p/d", "p/d_1", "p/d_1", "p/d"]
    assert tf.get_variable("top", [2]).name == "top:0"
    assert tf.Variable(1.0).name == "Variable:0"
    assert tf.Variable(1.0).name == "Variable_1:0"
    assert tf.Variable(lambda: tf.zeros([1]), name="made").initial_value.name.startswith("made/Initializer/")
    with tf.name_scope(None):
        assert tf.no_op("root").name == "root"
    with tf.name_scope(None, "default", [1]) as scope:
        assert scope == "default/"
    with tf.name_scope(None, "default", [1]) as scope:
        assert scope == "default_1/"


def test_a_variable_that_exists_is_an_error_that_names_its_line():
    tf.get_variable("w", [2, 3])  # here
    with pytest.raises(ValueError, match=r"Variable w already exists, disallowed(?s:.*)test_scopes\.py:\d+") as error:
        tf.get_variable("w", [2, 3])
    line = int(str(error.value).strip().rpartition(":")[2])
    with open(__file__) as file:
        assert "# here" in file.read().splitlines()[line - 1]


def test_a_variable_that_does_not_exist_is_an_error_that_names_the_nearest():
    with tf.variable_scope("layer"):
        tf.get_variable("weights", [2])
    with tf.variable_scope("layer", reuse=True), pytest.raises(ValueError) as error:  # noqa: PT011  # its words follow
        tf.get_variable("weight", [2])
    assert "Variable layer/weight does not exist, or was not created with tf.get_variable()" in str(error.value)
    assert "The nearest that exists is layer/weights, defined at" in str(error.value)


def test_reuse():
    with tf.variable_scope("s") as scope:
        w = tf.get_variable("w", [2])
        scope.reuse_variables()
        assert tf.get_variable("w", [2]) is w
    with tf.variable_scope("s", reuse=True), tf.variable_scope(""):
        assert tf.get_variable_scope().reuse is True
    with tf.variable_scope(scope, reuse=True):
        assert tf.get_variable("w") is w
    for _ in range(2):
        with tf.variable_scope("t", reuse=tf.AUTO_REUSE):
            tf.get_variable("w", [3])
    assert names() == ["s/w:0", "t/w:0"]
    with tf.variable_scope("s", reuse=True):
        with pytest.raises(ValueError, match=r"specified shape \(3,\) and found shape \(2,\)"):
            tf.get_variable("w", [3])
        with pytest.raises(ValueError, match="specified dtype float64 and found dtype float32"):
            tf.get_variable("w", [2], tf.float64)
    with pytest.raises(ValueError, match="reuse=True cannot be used without"), tf.variable_scope(None, "d", reuse=True):
        pass
    with pytest.raises(TypeError, match="name_or_scope is required"), tf.variable_scope(None):
        pass


def test_what_a_new_variable_takes_from_its_scope():
    with tf.variable_scope("s", initializer=tf.constant_initializer(3.0), regularizer=tf.nn.l2_loss):
        v = tf.get_variable("v", [2])
        u = tf.get_variable("u", [2], initializer=tf.ones_initializer, regularizer=tf.no_regularizer, trainable=False)
    with tf.variable_scope("s", dtype=tf.float64):
        w = tf.get_variable("w", initializer=np.float32([1, 2]))
        x = tf.get_variable("x", [2])
    assert (w.dtype, x.dtype) == (tf.float32, tf.float64)
    assert u not in tf.trainable_variables()
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([v, u, w, loss])[0].tolist() == [3, 3]
        assert session.run(u).tolist() == [1, 1]
        assert session.run(loss) == 9
    assert tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, "s/v") == [v]


def test_shapes_and_starting_values_that_cannot_be():
    with pytest.raises(ValueError, match="must be fully defined"):
        tf.get_variable("a", [None, 2])
    with pytest.raises(ValueError, match="do not specify shape"):
        tf.get_variable("a", [2], initializer=[1.0, 2.0])
    with pytest.raises(NotCoveredError, match="partition"):
        tf.get_variable("a", [2], partitioner=len)
    assert names() == []


def test_a_custom_getter_is_called_in_the_place_of_get_variable():
    def halved(getter, name, *arguments, **keywords):
        return getter(name + "_half", *arguments, **keywords) * 0.5

    with tf.variable_scope("s", custom_getter=halved):
        v = tf.get_variable("v", [2], initializer=tf.ones_initializer())
    assert names() == ["s/v_half:0"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(v).tolist() == [0.5, 0.5]


def test_a_template_makes_its_variables_once():
    def scaled(x, by):
        return x * tf.get_variable("w", [], initializer=tf.constant_initializer(by))

    template = tf.make_template("scale", scaled, by=2.0)
    y = template(3.0) + template(4.0)
    other = tf.make_template("scale", scaled, by=5.0)(1.0)
    assert names() == ["scale/w:0", "scale_1/w:0"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([y, other]) == [14, 5]


def test_order_devices_and_local_variables():
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    with tf.control_dependencies([v.assign_add(1)]), tf.device("/gpu:0"), tf.container("c"), tf.colocate_with(v):
        read = tf.identity(v)
    local = tf.get_local_variable("l", [], initializer=tf.ones_initializer())
    assert tf.local_variables() == [local]
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        assert [session.run(read) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_old_names_are_told_once():
    tf.warn_of_old_names(True)
    with pytest.warns(UserWarning, match=r"tf\.op_scope is tf\.name_scope"), tf.op_scope([], None, "o") as scope:
        assert scope == "o/"
    with (
        pytest.warns(UserWarning, match=r"tf\.variable_op_scope is tf\.variable_scope"),
        tf.variable_op_scope([], None, "v") as opened,
    ):
        assert opened.name == "v"
    cell = tf.nn.rnn_cell.BasicRNNCell(2)
    with pytest.warns(UserWarning, match=r"tf\.nn\.rnn is tf\.nn\.static_rnn"):
        tf.nn.rnn(cell, [tf.zeros([3, 2])], dtype=tf.float32)
