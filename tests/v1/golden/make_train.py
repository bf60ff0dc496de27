"""What TensorFlow 2.15's compat.v1 gives for `train_cases`: run by an interpreter that has it, from this folder."""

import json
from pathlib import Path

import tensorflow.compat.v1 as tf
import train_cases as cases

tf.disable_v2_behavior()


def alone(function, make):
    with tf.Graph().as_default():
        return function(tf, make)


golden = {
    "optimizers": {name: alone(cases.train, make) for name, make in cases.OPTIMIZERS.items()},
    "schedules": {name: alone(cases.scheduled, make) for name, make in cases.SCHEDULES.items()},
}
Path(__file__).with_name("train.json").write_text(json.dumps(golden) + "\n")
