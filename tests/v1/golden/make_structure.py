"""Makes structure.npz: names, shapes, values and gradients that TensorFlow has for the cases of structure_cases.py.

Run with a Python that has TensorFlow 2.15: `python tests/v1/golden/make_structure.py`.
"""

from __future__ import annotations

import json
import pathlib
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
import tensorflow.compat.v1 as tf  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import structure_cases as cases  # noqa: E402

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)


def leaves(tree):
    """The fetched values of a nest in order."""
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in leaves(tree[key])]
    if isinstance(tree, list | tuple):
        return [x for item in tree for x in leaves(item)]
    return [tree]


def main():
    """Run every case, and write the file."""
    arrays, told = {}, {}
    for name, build in cases.CASES.items():
        with tf.Graph().as_default(), tf.Session() as session:
            fetched, fed = build(tf)
            session.run(tf.global_variables_initializer())
            session.run(tf.local_variables_initializer())
            for variable in tf.global_variables():
                if variable.dtype.base_dtype == tf.float32:
                    variable.load(cases.numbers(variable.op.name, variable.shape.as_list()), session)
            told[name] = {
                "variables": [[v.name, v.shape.as_list()] for v in tf.global_variables()],
                "trainable": [v.name for v in tf.trainable_variables()],
                "shapes": [x.shape.as_list() if x.shape.ndims is not None else None for x in leaves(fetched)],
                "losses": len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)),
                "updates": len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)),
            }
            for place, value in enumerate(leaves(session.run(fetched, fed))):
                arrays[f"{name}/{place}"] = np.asarray(value)
    here = pathlib.Path(__file__).parent
    np.savez_compressed(here / "structure.npz", **arrays)
    (here / "structure.json").write_text(json.dumps(told, indent=1) + "\n")


main()
