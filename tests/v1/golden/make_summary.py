"""What TensorFlow 2.15's compat.v1 gives for `summary_cases`: run by an interpreter that has it, from this folder."""

import json
from pathlib import Path

import summary_cases as cases
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def alone(make):
    with tf.Graph().as_default(), tf.Session() as session:
        tensor = make(tf)
        return {"name": tensor.name, "summary": session.run(tensor).hex()}


golden = {name: alone(make) for name, make in cases.CASES.items()}
Path(__file__).with_name("summary.json").write_text(json.dumps(golden, indent=1) + "\n")
