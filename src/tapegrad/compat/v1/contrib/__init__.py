"""What came with TensorFlow 1 beside its core, as far as scripts of layers and recurrent networks use it."""

from __future__ import annotations

import importlib
from typing import Any

_PARTS = {"framework", "keras", "layers", "legacy_seq2seq", "losses", "metrics", "rnn", "seq2seq"}
_NEAREST = {
    "boosted_trees": "scikit-learn has trees",
    "data": "tf.data",
    "eager": "tapegrad itself computes at once",
    "estimator": "tf.estimator",
    "factorization": "scikit-learn has clusters",
    "image": "tf.image",
    "learn": "tf.estimator",
    "lookup": "a Python dict",
    "opt": "tf.train",
    "slim": "tf.contrib.layers",
    "summary": "tf.summary",
    "tensor_forest": "scikit-learn has trees",
    "training": "tf.train",
}


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        if name == "keras":
            return importlib.import_module("..keras", __name__)
        return importlib.import_module(f".{name}", __name__)
    near = f"; the nearest that is: {_NEAREST[name]}" if name in _NEAREST else ""
    raise AttributeError(f"tf.contrib.{name} is not covered{near} (tf.contrib has {', '.join(sorted(_PARTS))})")
