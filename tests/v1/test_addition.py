"""The recurrent network that adds numbers follows TensorFlow's losses, and in the end adds without a mistake."""

from __future__ import annotations

import json
import pathlib
import sys
import warnings

import numpy as np

import tapegrad.compat.v1 as tf

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
import addition_script  # noqa: E402


def test_losses_follow_tensorflow_for_130_epochs_and_all_sums_come_out_right():
    golden = json.loads((GOLDEN / "addition.json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the oldest spellings
        found, outputs = addition_script.losses(tf, 500)
    np.testing.assert_allclose(found[:130], golden, rtol=0, atol=1e-6)
    _, sums = addition_script.examples()
    assert np.array_equal(outputs > 0.5, sums > 0.5)
