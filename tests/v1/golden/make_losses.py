"""What TensorFlow 2.15's compat.v1 gives for `losses_cases`: run by an interpreter that has it, from this folder."""

import json
from pathlib import Path

import losses_cases as cases
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def alone(function, make):
    with tf.Graph().as_default():
        return function(tf, make)


golden = {
    "losses": {name: alone(cases.losses, make) for name, make in cases.LOSSES.items()},
    "metrics": {name: alone(cases.metrics, make) for name, make in cases.METRICS.items()},
}
Path(__file__).with_name("losses.json").write_text(json.dumps(golden) + "\n")
