"""Makes operations.json: what TensorFlow has for the cases of operations_cases.py.

Names, static shapes, dtypes and values of what a case gives, and gradients of a weighted sum of it for what is fed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf
from operations_cases import CASES, Case

HERE = Path(__file__).parent
tf.disable_v2_behavior()


def weights(shape):
    """Weights that tell the elements of a result apart."""
    return np.cos(np.arange(int(np.prod(shape)))).reshape(shape).astype(np.float32)


def run(case: Case):
    """A case's outputs and gradients, as JSON has them."""
    with tf.Graph().as_default(), tf.Session() as sess:
        fed = [
            tf.placeholder(a.dtype, [None if i == 0 and not case.known else n for i, n in enumerate(a.shape)])
            for a in case.arrays
        ]
        built = case.build(tf, *fed)
        outputs = list(built) if isinstance(built, (list, tuple)) else [built]
        feeds = dict(zip(fed, case.arrays, strict=True))
        values = sess.run(outputs, feeds)
        grads = []
        floats = [
            (t, v) for t, v in zip(outputs, values, strict=True) if t.dtype == tf.float32 and np.isfinite(v).all()
        ]
        sources = [x for x in fed if x.dtype == tf.float32]
        if floats and sources:
            total = tf.add_n([tf.reduce_sum(t * weights(np.shape(v))) for t, v in floats])
            try:
                found = tf.gradients(total, sources)
            except LookupError:  # TensorFlow has no gradient for one of the operations
                found = []
            for g in found:
                g = tf.convert_to_tensor(g) if g is not None else None
                grads.append(None if g is None else sess.run(g, feeds).tolist())
        return {
            "outputs": [
                {
                    "name": t.name,
                    "dtype": t.dtype.base_dtype.name,
                    "shape": None if t.shape.ndims is None else t.shape.as_list(),
                    "value": np.asarray(v).tolist(),
                }
                for t, v in zip(outputs, values, strict=True)
            ],
            "gradients": grads,
        }


if __name__ == "__main__":
    made, failed = {}, []
    for name, case in CASES.items():
        try:
            made[name] = run(case)
        except Exception as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise SystemExit("\n".join(failed))
    # Nine digits tell all numbers of single precision apart.
    short = json.loads(json.dumps(made), parse_float=lambda digits: float(f"{float(digits):.9g}"))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in short.items())
    (HERE / "operations.json").write_text("{\n" + lines + "\n}\n")
