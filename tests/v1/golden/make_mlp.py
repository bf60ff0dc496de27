"""Makes mlp.json: the test accuracies that TensorFlow has for mlp_script.py on MNIST, after each step.

Run with a Python that has TensorFlow 2.15: `python tests/v1/golden/make_mlp.py FOLDER`, where the folder has the four
files of MNIST.
"""

from __future__ import annotations

import json
import pathlib
import sys

import tensorflow.compat.v1 as tf

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import mlp_script  # noqa: E402

tf.disable_v2_behavior()
found = mlp_script.accuracies(tf, sys.argv[1])
(HERE / "mlp.json").write_text(json.dumps([round(accuracy, 4) for accuracy in found]) + "\n")
