"""What TensorFlow 2.15's compat.v1 gives for `segments_cases`: run by an interpreter that has it, from here."""

import json
from pathlib import Path

import segments_cases as cases
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

with tf.Session() as sess:
    golden = {
        "segments": {kind: [x.tolist() for x in sess.run(cases.segments(tf, kind))] for kind in cases.KINDS},
        "boxes": [x.tolist() for x in sess.run(cases.boxes(tf))],
    }
Path(__file__).with_name("segments.json").write_text(json.dumps(golden) + "\n")
