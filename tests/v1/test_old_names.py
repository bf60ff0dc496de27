"""Spellings from before TensorFlow 1: they work as they did, and are told once."""

import warnings

import numpy as np
import pytest

import tapegrad.compat.v1 as tf

X, Y = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32), np.array([[4.0, 0.5], [2.0, 1.0]], np.float32)
LABELS = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)

PAIRS = {
    "concat": (lambda: tf.concat(1, [X, Y]), lambda: tf.concat([X, Y], 1)),
    "concat_tuple": (lambda: tf.concat(0, (X, Y)), lambda: tf.concat([X, Y], 0)),
    "split": (lambda: tf.split(1, 2, X), lambda: tf.split(X, 2, 1)),
    "split_names": (lambda: tf.split(split_dim=0, num_split=2, value=X), lambda: tf.split(X, 2, 0)),
    "pack": (lambda: tf.pack([X, Y]), lambda: tf.stack([X, Y])),
    "unpack": (lambda: tf.unpack(tf.constant(X)), lambda: tf.unstack(tf.constant(X))),
    "mul": (lambda: tf.mul(X, Y), lambda: tf.multiply(X, Y)),
    "sub": (lambda: tf.sub(X, Y), lambda: tf.subtract(X, Y)),
    "neg": (lambda: tf.neg(X), lambda: tf.negative(X)),
    "inv": (lambda: tf.inv(X), lambda: tf.reciprocal(X)),
    "select": (lambda: tf.select(X > 2, X, Y), lambda: tf.where(X > 2, X, Y)),
    "batch_matmul": (lambda: tf.batch_matmul(X, Y, adj_y=True), lambda: tf.matmul(X, Y, transpose_b=True)),
    "softmax_loss": (
        lambda: tf.nn.softmax_cross_entropy_with_logits(X, LABELS),
        lambda: tf.nn.softmax_cross_entropy_with_logits(labels=LABELS, logits=X),
    ),
    "softmax_loss_half": (
        lambda: tf.nn.softmax_cross_entropy_with_logits(X, labels=LABELS),
        lambda: tf.nn.softmax_cross_entropy_with_logits(labels=LABELS, logits=X),
    ),
    "sigmoid_loss": (
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(X, LABELS),
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=LABELS, logits=X),
    ),
    "sigmoid_loss_targets": (
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(X, targets=LABELS),
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=LABELS, logits=X),
    ),
    "sparse_loss": (
        lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(X, [1, 0]),
        lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0], logits=X),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_old_and_new_give_the_same_and_the_old_is_told_once(name):
    old, new = PAIRS[name]
    tf.warn_of_old_names(True)
    with pytest.warns(tf.OldNameWarning, match=r"^tf\..* is tf\..* since TensorFlow 1") as told:
        first = old()
    assert [warning.filename for warning in told] == [__file__]
    second, expected = old(), new()  # warnings are errors here: these two say nothing
    for one, again, other in zip(*tf.Session().run([[first], [second], [expected]]), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(again, other)


@pytest.mark.parametrize(
    ("name", "collection"),
    [("initialize_all_variables", "variables"), ("initialize_local_variables", "local_variables")],
)
def test_initializers(name, collection):
    tf.warn_of_old_names(True)
    v = tf.Variable(3.0, collections=[collection])
    sess = tf.Session()
    with pytest.warns(tf.OldNameWarning, match=name):
        sess.run(getattr(tf, name)())
    assert sess.run(v) == 3
    with pytest.warns(tf.OldNameWarning, match="tf.all_variables is tf.global_variables"):
        assert tf.all_variables() == ([v] if collection == "variables" else [])


def test_no_word_of_it_when_switched_off():
    tf.warn_of_old_names(False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        tf.mul(X, Y)
        tf.concat(1, [X, Y])
    tf.warn_of_old_names(True)
    assert told == []


def test_new_spellings_are_not_taken_for_old_ones():
    x = tf.constant(X)
    tf.concat([x, x], 1)
    tf.concat(values=[x, x], axis=1)
    tf.split(x, 2, 1)
    tf.split(x, [1, 1], axis=0)
    tf.split(value=x, num_or_size_splits=2, axis=1)


def test_an_argument_under_two_names():
    with pytest.raises(ValueError, match="'axis' and 'reduction_indices' are one argument"):
        tf.reduce_sum(X, axis=1, reduction_indices=1)


def test_what_is_missing_is_told():
    with pytest.raises(ValueError, match="both labels and logits must be provided"):
        tf.nn.softmax_cross_entropy_with_logits(labels=LABELS)
