"""TensorFlow's inner modules that scripts import from, `tensorflow.python.ops.array_ops` and the like.

Each is one of the public modules, since a public module has all its names. What is not in the table is not covered.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

from ._missing import ROOT, NameNotCoveredError

__all__: list[str] = []

#: Where the names of an inner module, or an inner name, are: below the root, which is called "".
PLACES = {
    **dict.fromkeys(
        [
            "framework.constant_op", "framework.dtypes", "framework.function", "framework.ops",
            "framework.random_seed", "framework.sparse_tensor",
            "ops.array_ops", "ops.check_ops", "ops.clip_ops", "ops.confusion_matrix", "ops.control_flow_ops",
            "ops.data_flow_ops", "ops.functional_ops", "ops.gradients", "ops.gradients_impl", "ops.io_ops",
            "ops.linalg_ops", "ops.logging_ops", "ops.lookup_ops", "ops.map_fn", "ops.math_ops",
            "ops.parsing_ops", "ops.random_ops", "ops.script_ops", "ops.sparse_ops", "ops.special_math_ops",
            "ops.state_ops", "ops.string_ops", "ops.tensor_array_ops", "ops.variable_scope", "ops.variables",
            "client.session", "util.deprecation",
        ],
        "",
    ),
    **dict.fromkeys(
        [
            "ops.candidate_sampling_ops", "ops.ctc_ops", "ops.embedding_ops", "ops.nn", "ops.nn_impl", "ops.nn_ops",
            "ops.rnn", "ops.gen_nn_ops",
        ],
        "nn",
    ),
    "estimator.estimator": "estimator",
    "tools.inspect_checkpoint": "_inspect_checkpoint",
    "estimator.inputs.numpy_io": "estimator.inputs",
    "estimator.inputs.pandas_io": "estimator.inputs",
    "estimator.model_fn": "estimator",
    "feature_column.feature_column": "feature_column",
    "framework.errors": "errors",
    "framework.errors_impl": "errors",
    "framework.tensor_shape.Dimension": "Dimension",
    "framework.tensor_shape.TensorShape": "TensorShape",
    "framework.tensor_shape.scalar": "_inner.scalar",
    "framework.tensor_util.constant_value": "_infer.constant_value",
    "keras": "keras",
    "layers.base": "layers",
    "layers.convolutional": "layers",
    "layers.core": "layers",
    "layers.layers": "layers",
    "layers.normalization": "layers",
    "layers.pooling": "layers",
    "layers.utils.smart_cond": "_inner.smart_cond",
    "lib.io.file_io": "gfile",
    "lib.io.tf_record": "python_io",
    "ops.image_ops": "image",
    "ops.init_ops": "initializers",
    "ops.losses.losses": "losses",
    "ops.losses.losses_impl": "losses",
    "ops.metrics": "metrics",
    "ops.metrics_impl": "metrics",
    "ops.rnn_cell": "nn.rnn_cell",
    "ops.rnn_cell_impl": "nn.rnn_cell",
    "ops.seq2seq": "contrib.legacy_seq2seq",
    "platform.app": "app",
    "platform.flags": "flags",
    "platform.gfile": "gfile",
    "platform.tf_logging": "logging",
    "summary.summary": "summary",
    "training.moving_averages.ExponentialMovingAverage": "train.ExponentialMovingAverage",
    "training.moving_averages.assign_moving_average": "_inner.assign_moving_average",
    **dict.fromkeys(
        [
            "training.adagrad", "training.adam", "training.basic_session_run_hooks", "training.coordinator",
            "training.gradient_descent", "training.input", "training.learning_rate_decay", "training.momentum",
            "training.monitored_session", "training.optimizer", "training.queue_runner", "training.rmsprop",
            "training.saver", "training.session_run_hook", "training.training", "training.training_util",
        ],
        "train",
    ),
    "util.compat": "compat",
}  # fmt: skip


class Folder(types.ModuleType):
    """A module that has other modules of the table, and nothing else."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{__name__}.{path}")
        self.__path__: list[str] = []
        self._at = path
        sys.modules[self.__name__] = self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _found(f"{self._at}.{name}")
        setattr(self, name, value)
        return value


def _found(path: str) -> Any:
    """What the table has at `path`; raises AttributeError where it has nothing."""
    inside = any(place.startswith(f"{path}.") for place in PLACES)
    if inside and path not in PLACES:
        return Folder(path)
    if path not in PLACES:
        folder, _, name = path.rpartition(".")
        raise NameNotCoveredError(f"{__name__}.{folder}".strip("."), name)
    value: Any = importlib.import_module(ROOT)
    for name in filter(None, PLACES[path].split(".")):
        found = getattr(value, name, None)
        value = importlib.import_module(f"{value.__name__}.{name}") if found is None else found
    return value


__path__: list[str] = []  # so that `import tensorflow.python.ops` looks here


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _found(name)
