"""What TensorFlow 2.15's compat.v1 gives for `data_cases`: run by an interpreter that has it, from this folder."""

import json
from pathlib import Path

import data_cases as cases
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def alone(make):
    with tf.Graph().as_default():
        return cases.elements(tf, make)


golden = {name: alone(make) for name, make in cases.CASES.items()}
Path(__file__).with_name("data.json").write_text(json.dumps(golden) + "\n")
