"""TensorFlow 1's names, for old scripts: `import tapegrad.compat.v1 as tf`.

A graph of calls that are put off, and sessions that run it with tapegrad's ops. docs/tf1.md lists what is covered.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import _missing, _operators, errors
from ._array import *
from ._array import range_of as range
from ._array import shape_of as shape
from ._array import size_of as size
from ._array import tuple_of as tuple
from ._choices import *
from ._clipping import *
from ._config import *
from ._control import *
from ._default_session import get_default_session
from ._diagonals import *
from ._dtypes import (
    DType,
    as_dtype,
    complex64,
    complex128,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from ._dtypes import bool_ as bool
from ._gradients import gradients, hessians
from ._graph import Graph, get_default_graph, reset_default_graph
from ._initializers import *
from ._linear_algebra import *
from ._math import *
from ._nodes import constant
from ._nodes import convert as convert_to_tensor
from ._old_names import *
from ._operation import Operation, Tensor
from ._placeholders import placeholder, placeholder_with_default
from ._python_ops import *
from ._python_ops import print_tensors as print
from ._random_ops import *
from ._reductions import *
from ._scatter import *
from ._scopes import *
from ._segments import *
from ._session import InteractiveSession, Session
from ._sets import *
from ._shapes import Dimension, TensorShape
from ._slicing import *
from ._slicing import slice_of as slice
from ._sparse import *
from ._string_ops import *
from ._variables import (
    GraphKeys,
    Variable,
    assign,
    assign_add,
    assign_sub,
    global_variables,
    global_variables_initializer,
    group,
    is_variable_initialized,
    local_variables,
    local_variables_initializer,
    model_variables,
    moving_average_variables,
    no_op,
    report_uninitialized_variables,
    trainable_variables,
    variables_initializer,
)

__version__ = VERSION = "1.15.5"  # of the TensorFlow whose names these are
GIT_VERSION, COMPILER_VERSION = f"v{VERSION}", "numba"
newaxis = None

# Imported when first asked for, so that a script pays for what it uses.
_PARTS = {
    "app", "compat", "contrib", "data", "debugging", "distributions", "dtypes", "estimator", "examples",
    "feature_column", "flags", "gfile", "image", "initializers", "io", "keras", "layers", "linalg", "logging",
    "losses", "math", "metrics", "nest", "nn", "python", "python_io", "queue", "random", "signal", "sparse",
    "spectral", "strings", "summary", "test", "train",
}  # fmt: skip

_FROM = {
    "AggregationMethod": "_behaviour", "Event": "summary", "FIFOQueue": "_queues",
    "FixedLenFeature": "_records_parsing", "FixedLenSequenceFeature": "_records_parsing",
    "FixedLengthRecordReader": "_readers", "IdentityReader": "_readers", "IndexedSlices": "_slices",
    "NoGradient": "_custom_gradients", "NotDifferentiable": "_custom_gradients", "PaddingFIFOQueue": "_queues",
    "QueueBase": "_queues", "RandomShuffleQueue": "_queues", "ReaderBase": "_readers",
    "RegisterGradient": "_custom_gradients", "Summary": "summary", "TFRecordReader": "_readers",
    "TextLineReader": "_readers", "UnconnectedGradients": "_behaviour", "VarLenFeature": "_records_parsing",
    "VariableAggregation": "_behaviour", "VariableSynchronization": "_behaviour", "WholeFileReader": "_readers",
    "add_check_numerics_ops": "_behaviour", "angle": "_complex", "argsort": "_ordering",
    "assert_variables_initialized": "_behaviour", "complex": "_complex", "conj": "_complex",
    "custom_gradient": "_custom_gradients", "depth_to_space": "_blocks", "dimension_value": "_behaviour",
    "disable_control_flow_v2": "_behaviour", "disable_eager_execution": "_behaviour",
    "disable_resource_variables": "_behaviour", "disable_tensor_equality": "_behaviour",
    "disable_v2_behavior": "_behaviour", "disable_v2_tensorshape": "_behaviour",
    "enable_resource_variables": "_behaviour", "ensure_shape": "_behaviour", "executing_eagerly": "_behaviour",
    "extract_image_patches": "_blocks", "fft": "_complex", "fft2d": "_complex", "fft3d": "_complex",
    "get_static_value": "_behaviour", "histogram_summary": "_old_summaries", "ifft": "_complex",
    "ifft2d": "_complex", "ifft3d": "_complex", "imag": "_complex", "image_summary": "_old_summaries",
    "is_tensor": "_behaviour", "merge_all_summaries": "_old_summaries", "merge_summary": "_old_summaries",
    "parse_example": "_records_parsing", "parse_single_example": "_records_parsing",
    "parse_single_sequence_example": "_sequence_examples", "real": "_complex", "repeat": "_ordering",
    "resource_variables_enabled": "_behaviour", "roll": "_ordering", "scalar_summary": "_old_summaries",
    "searchsorted": "_ordering", "sort": "_ordering", "space_to_depth": "_blocks", "sparse_add": "_sparse_parts",
    "sparse_concat": "_sparse_parts", "sparse_reshape": "_sparse_parts", "sparse_retain": "_sparse_parts",
    "sparse_softmax": "_sparse_parts", "sparse_transpose": "_sparse_parts", "tables_initializer": "_behaviour",
    "unravel_index": "_ordering",
}  # fmt: skip

_not_there = _missing.not_covered(__name__)


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FROM:
        return getattr(importlib.import_module(f"{__name__}.{_FROM[name]}"), name)
    return _not_there(name)
