"""Makes addition.json: the losses that TensorFlow has for addition_script.py, in float32, over 130 epochs.

Run with a Python that has TensorFlow 2.15: `python tests/v1/golden/make_addition.py`.
"""

from __future__ import annotations

import json
import pathlib
import sys

import tensorflow.compat.v1 as tf

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import addition_script  # noqa: E402

tf.disable_v2_behavior()
found, _ = addition_script.losses(addition_script.modern(tf), 130)
(HERE / "addition.json").write_text(json.dumps(found) + "\n")
