"""What is asked while a graph is built is answered as by TensorFlow: shapes, dtypes, names, errors; see golden/."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import building_cases as cases

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1._arguments import chosen, fixed, sizes_argument

GOLDEN = json.loads((Path(__file__).parent / "golden" / "building.json").read_text())


@pytest.mark.parametrize("name", cases.CASES)
def test_the_answer_is_tensorflows(name):
    assert json.loads(json.dumps(cases.told(tf, name))) == GOLDEN[name]


def test_python_may_iterate_over_a_tensor_of_known_size_and_a_dimension_is_a_key():
    rows = list(tf.constant([[1, 2], [3, 4]]))
    with tf.Session() as session:
        assert session.run(rows[1]).tolist() == [3, 4]
    assert {tf.Dimension(3): "here"}[tf.Dimension(3)] == "here"


def test_numpy_gets_no_array_of_a_tensor_and_a_copy_is_the_same_tensor():
    x = tf.constant([1.0])
    with pytest.raises(Exception, match="has no value before a session"):
        np.asarray(x)
    assert copy.deepcopy({"x": x})["x"] is x


def test_a_loop_is_within_itself_and_what_is_around_it():
    graph = tf.get_default_graph()
    with graph.open_frame() as outer, graph.open_frame() as inner:
        op = tf.constant(1).op
    assert op.frame_is_within(outer)
    assert op.frame_is_within(inner)
    assert not outer.within(inner)
    assert not tf.constant(1).op.frame_is_within(outer)


def test_an_argument_in_two_spellings_is_refused():
    assert chosen("f", axis=None, dim=2) == 2
    with pytest.raises(ValueError, match="'axis' and 'dim' are one argument"):
        chosen("f", axis=1, dim=2)


def test_arguments_that_must_be_known_are_numbers_of_anything_that_is_known():
    assert fixed(tf.TensorShape([2, None]), "shape") == [2, None]
    assert fixed([tf.Dimension(3), np.int64(4)], "shape") == [3, 4]
    assert fixed(tf.constant([1, 2]), "axis") == [1, 2]
    with pytest.raises(ValueError, match="axis must be known while the graph is built"):
        fixed(tf.placeholder(tf.int32), "axis")


def test_a_shape_argument_must_be_given_and_have_known_sizes():
    assert sizes_argument(np.array([2, 3])) == ([], (2, 3))
    assert sizes_argument(tf.Dimension(4)) == ([], (4,))
    for shape, told in ((None, "a shape must be given"), ([2, None], "unknown while the graph is built")):
        with pytest.raises(ValueError, match=told):
            sizes_argument(shape)


def test_the_dtype_is_known_where_the_rank_is_not():
    x = tf.placeholder(tf.uint8)
    found = [
        tf.cast(x, tf.float32),
        tf.equal(x, x),
        tf.shape(x),
        tf.argmax(x, 1),
        tf.image.convert_image_dtype(x, tf.float32),
    ]
    assert [y.dtype for y in found] == [tf.float32, tf.bool, tf.int32, tf.int64, tf.float32]
    assert [y.shape.ndims for y in (found[0], found[1])] == [None, None]
