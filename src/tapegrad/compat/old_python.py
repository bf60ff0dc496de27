"""Names that NumPy and Python dropped since the years of TensorFlow 1, put back for a script of that time."""

from __future__ import annotations

import builtins
import collections
import collections.abc
import time
from typing import Any

import numpy as np

_NUMPY: dict[str, Any] = {
    "Inf": np.inf, "Infinity": np.inf, "NaN": np.nan, "NAN": np.nan, "NINF": -np.inf, "PINF": np.inf,
    "NZERO": -0.0, "PZERO": 0.0, "infty": np.inf,
    "bool": builtins.bool, "complex": builtins.complex, "float": builtins.float, "int": builtins.int,
    "long": builtins.int, "object": builtins.object, "str": builtins.str, "unicode": builtins.str,
    "bool8": np.bool_, "cfloat": np.complex128, "complex_": np.complex128, "float_": np.float64, "int0": np.intp,
    "object0": np.object_, "singlecomplex": np.complex64, "string_": np.bytes_, "unicode_": np.str_,
    "alltrue": np.all, "cumproduct": np.cumprod, "product": np.prod, "round_": np.round, "sometrue": np.any,
    "in1d": np.isin, "row_stack": np.vstack, "mat": np.asmatrix, "trapz": getattr(np, "trapezoid", None),
    "asscalar": lambda a: np.asarray(a).item(),
    "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
    "rank": np.ndim,
}  # fmt: skip
_CONTAINERS = ("Callable", "Iterable", "Iterator", "Mapping", "MutableMapping", "MutableSequence", "Sequence", "Set")


def put_back() -> None:
    """Give NumPy, `time` and `collections` their old names in this process, and NumPy its old way to print numbers."""
    for name, value in _NUMPY.items():
        if name not in vars(np):
            setattr(np, name, value)
    for name in _CONTAINERS:
        setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(time, "clock"):
        time.clock = time.process_time  # type: ignore[attr-defined]
    np.set_printoptions(legacy="1.25")  # [0.5], where NumPy 2 prints [np.float32(0.5)]
