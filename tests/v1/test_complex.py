"""Complex numbers, Fourier transforms, second derivatives and nests, beside TensorFlow's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from v1.golden import complex_cases as cases

import tapegrad.compat.v1 as tf

GOLDEN = json.loads((Path(__file__).parent / "golden" / "complex.json").read_text())


@pytest.mark.parametrize("name", cases.RUN)
def test_values_shapes_dtypes_and_kinds(name):
    for found, expected in zip(cases.run(tf, name), GOLDEN[name], strict=True):
        assert found[0] == expected[0]
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-5)
        if name not in ("of_reals", "where"):  # sizes that depend on lengths, and on what is true
            assert found[2] == expected[2]
        assert found[3] == expected[3]
        if name in ("complex", "fourier"):
            assert found[4].lower() == expected[4].lower().removeprefix("complex") or found[4] == expected[4]


def test_nests():
    found = cases.nests(tf)
    assert json.loads(json.dumps(found)) == GOLDEN["nests"]
    assert found[1]["b"][1] == (4, 9)
    with pytest.raises(ValueError, match="Structure had 2 elements, but flat_sequence had 1 elements"):
        tf.nest.pack_sequence_as([1, 2], [1])
    with pytest.raises(ValueError, match="don't have the same nested structure"):
        tf.nest.map_structure(lambda x, y: x, [1, 2], [1])
    with pytest.raises(TypeError, match="different types"):
        tf.nest.assert_same_structure([1], (1,))


def test_what_cannot_be_is_told():
    with pytest.raises(TypeError, match="real and imag have incorrect types: int32 int32"):
        tf.complex(1, 2)
    with pytest.raises(TypeError, match="expected complex64 or complex128, got float32"):
        tf.fft(tf.constant([1.0]))
    with pytest.raises(ValueError, match="expected 3 numbers along the last dimension"):
        tf.cross(tf.zeros([2]), tf.zeros([2]))
    x = tf.placeholder(tf.float32, [None])
    with pytest.raises(ValueError, match="hessians: expected an x whose shape is known"):
        tf.hessians(tf.reduce_sum(x * x), x)


def test_a_version_has_a_name():
    assert tf.VERSION in tf.GIT_VERSION
    assert tf.debugging.assert_equal is tf.assert_equal
