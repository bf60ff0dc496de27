"""Segments and boxes against TensorFlow."""

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import segments_cases as cases

import tapegrad.compat.v1 as tf

GOLDEN = json.loads((Path(__file__).parent / "golden" / "segments.json").read_text())


def agree(found, expected):
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-7)
        assert array.shape == np.shape(wanted)


@pytest.mark.parametrize("kind", cases.KINDS)
def test_segments_are_tensorflows(kind):
    tensors = cases.segments(tf, kind)
    assert [x.shape.as_list() for x in tensors] == [[None, 2], [7, 2], [6, 2], [2, 3, 2], [None]]
    with tf.Session() as sess:
        for _ in range(4):  # the later runs are compiled
            found = sess.run(tensors)
        agree(found, GOLDEN["segments"][kind])
    assert found[-1].dtype == np.int32


def test_boxes_are_tensorflows():
    tensors = cases.boxes(tf)
    assert tensors[0].shape.as_list() == [2, 7, 9, 1]
    assert tensors[-1].shape.as_list() == [None]
    with tf.Session() as sess:
        agree(sess.run(tensors), GOLDEN["boxes"])


def test_strong_hashes_depend_on_the_key():
    words = tf.constant([b"one", b"two", b"one"])
    with tf.Session() as sess:
        a, b = sess.run([tf.string_to_hash_bucket_strong(words, 1000, key) for key in ([1, 2], [1, 3])])
    assert a[0] == a[2] != a[1]
    assert a.tolist() != b.tolist()
    assert (a < 1000).all()
