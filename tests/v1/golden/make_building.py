"""What TensorFlow 2.15's compat.v1 gives for `building_cases`: run by an interpreter that has it, from this folder."""

import json
from pathlib import Path

import building_cases as cases
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

golden = {name: cases.told(tf, name) for name in cases.CASES}
Path(__file__).with_name("building.json").write_text(json.dumps(golden, indent=1) + "\n")
