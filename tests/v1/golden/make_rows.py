"""What TensorFlow 2.15's compat.v1 gives for `rows_cases`: run by an interpreter that has it, from this folder."""

import json
from pathlib import Path

import rows_cases as cases
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def alone(function, *arguments):
    with tf.Graph().as_default():
        return function(tf, *arguments)


golden = {
    "optimizers": {name: alone(cases.train, make) for name, make in cases.OPTIMIZERS.items()},
    "routes": {name: alone(cases.train, cases.OPTIMIZERS["momentum"], route) for name, route in cases.ROUTES.items()},
    "gradients": alone(cases.gradients),
}
Path(__file__).with_name("rows.json").write_text(json.dumps(golden) + "\n")
