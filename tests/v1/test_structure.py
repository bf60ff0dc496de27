"""Scopes, layers, cells and loops against TensorFlow: names, shapes, values and gradients; see golden/."""

from __future__ import annotations

import json
import pathlib
import sys

import numpy as np
import pytest

import tapegrad.compat.v1 as tf

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
import structure_cases as cases  # noqa: E402

TOLD = json.loads((GOLDEN / "structure.json").read_text())


@pytest.fixture(scope="module")
def arrays():
    """What TensorFlow computed."""
    with np.load(GOLDEN / "structure.npz") as file:
        return dict(file)


def leaves(tree):
    """The fetched values of a nest in order."""
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in leaves(tree[key])]
    if isinstance(tree, list | tuple):
        return [x for item in tree for x in leaves(item)]
    return [tree]


@pytest.mark.parametrize("name", cases.CASES)
def test_is_as_in_tensorflow(name, arrays):
    fetched, fed = cases.CASES[name](tf)
    told = TOLD[name]
    assert [[v.name, v.shape.as_list()] for v in tf.global_variables()] == told["variables"]
    assert [v.name for v in tf.trainable_variables()] == told["trainable"]
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == told["losses"]
    assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == told["updates"]
    for x, shape in zip(leaves(fetched), told["shapes"], strict=True):
        if shape is not None:  # what TensorFlow knows while the graph is built, we know too
            known = x.shape.as_list()
            assert all(size in (None, ours) for size, ours in zip(shape, known, strict=True)), (x, shape, known)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(tf.local_variables_initializer())
        before = {}
        for variable in tf.global_variables():
            if variable.dtype == tf.float32:
                before[variable] = cases.numbers(variable.op.name, variable.shape.as_list())
        for _ in range(5):  # op by op, while it compiles, and compiled
            for variable, value in before.items():
                variable.load(value, session)
            values = leaves(session.run(fetched, fed))
            for place, value in enumerate(values):
                golden = arrays[f"{name}/{place}"]
                assert np.shape(value) == golden.shape
                assert np.asarray(value).dtype == golden.dtype
                near = 2e-6 * max(1, np.abs(golden).max(initial=0))
                np.testing.assert_allclose(value, golden, 2e-5, near, err_msg=f"{name}: value {place}")
