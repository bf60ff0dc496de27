"""Operations against what TensorFlow gives: names, static shapes, dtypes, values and gradients.

Each case runs op by op, and again compiled.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import tapegrad.compat.v1 as tf

HERE = Path(__file__).parent / "golden"
sys.path.insert(0, str(HERE))
from operations_cases import CASES  # noqa: E402

sys.path.remove(str(HERE))
GOLDEN = json.loads((HERE / "operations.json").read_text())

# TensorFlow gives no gradient for these, where tapegrad has one or gives zeros.
ALSO_HERE = {
    "sign",
    "floor",
    "ceil",
    "round",
    "rint",
    "floordiv",
    "floordiv_broadcast",
    "round_halves",
    "image_from_hsv",
}


def weights(shape):
    return np.cos(np.arange(int(np.prod(shape)))).reshape(shape).astype(np.float32)


def listed(built):
    return list(built) if isinstance(built, list | tuple) else [built]


def test_the_golden_values_are_those_of_the_cases():
    assert list(CASES) == list(GOLDEN)


@pytest.mark.parametrize("name", CASES)
def test_tensorflow_gives_the_same(name):
    case, golden = CASES[name], GOLDEN[name]
    fed = [
        tf.placeholder(a.dtype, [None if i == 0 and not case.known else n for i, n in enumerate(a.shape)])
        for a in case.arrays
    ]
    outputs = listed(case.build(tf, *fed))
    assert len(outputs) == len(golden["outputs"])
    for out, expected in zip(outputs, golden["outputs"], strict=True):
        assert out.dtype.name == expected["dtype"]
        if case.names:
            assert out.name == expected["name"]
        if expected["shape"] is not None and out.shape.ndims is not None:
            assert len(expected["shape"]) == out.shape.ndims
            for ours, theirs in zip(out.shape.as_list(), expected["shape"], strict=True):
                assert ours == theirs or theirs is None, f"{out.shape}, expected {expected['shape']}"
        assert (expected["shape"] is None) or out.shape.ndims is not None

    sess, feeds = tf.Session(), dict(zip(fed, case.arrays, strict=True))
    floats = [
        (t, e["value"])
        for t, e in zip(outputs, golden["outputs"], strict=True)
        if e["dtype"] == "float32" and np.isfinite(e["value"]).all()
    ]
    sources = [x for x in fed if x.dtype == tf.float32]
    found = []
    if golden["gradients"]:
        total = tf.add_n([tf.reduce_sum(t * weights(np.shape(v))) for t, v in floats])
        found = tf.gradients(total, sources)
    wanted = [g for g in found if g is not None]
    for _ in range(4):  # the third run is compiled, the fourth replays
        values, gradients = sess.run([outputs, wanted], feeds)
        for value, expected in zip(values, golden["outputs"], strict=True):
            assert value.dtype.name == expected["dtype"]
            assert np.shape(value) == np.shape(expected["value"])
            np.testing.assert_allclose(value, np.array(expected["value"], value.dtype), 2e-5, 2e-6)
        pairs = iter(gradients)
        for g, expected in zip(found, golden["gradients"], strict=True):
            ours = None if g is None else next(pairs)
            if expected is None:
                assert ours is None or name in ALSO_HERE or not ours.any(), f"{name} has a gradient {ours}"
            else:
                assert ours is not None, f"{name} has no gradient, expected {expected}"
                np.testing.assert_allclose(ours, np.array(expected, np.float32), 1e-4, 1e-5)
