"""What TensorFlow 2.15's compat.v1 gives for `distributions_cases`: run by an interpreter that has it, from here."""

import json
from pathlib import Path

import distributions_cases as cases
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

rows, shapes = cases.sizes(tf)
with tf.Session() as sess:
    values = {name: [x.tolist() for x in sess.run(found)] for name, found in cases.values(tf).items()}
    sizes = [size.tolist() for size in sess.run(shapes, {rows: np.zeros((5, 2))})]
Path(__file__).with_name("distributions.json").write_text(json.dumps({"values": values, "sizes": sizes}) + "\n")
