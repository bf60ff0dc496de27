"""What TensorFlow 2.15's compat.v1 gives for `gradients_cases`: run by an interpreter that has it, from this folder."""

import json
from pathlib import Path

import gradients_cases as cases
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
golden = {name: cases.run(tf, name) for name in cases.RUN}
Path(__file__).with_name("gradients.json").write_text(json.dumps(golden) + "\n")
