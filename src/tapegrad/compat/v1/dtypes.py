"""Kinds of numbers, and going from one to another: `tf.dtypes`."""

from __future__ import annotations

from ._clipping import saturate_cast
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
from ._math import cast
from ._missing import not_covered
from ._string_ops import as_string

__all__ = [
    "DType", "as_dtype", "as_string", "bool", "cast", "complex64", "complex128", "double", "float16", "float32",
    "float64", "half", "int8", "int16", "int32", "int64", "saturate_cast", "string", "uint8", "uint16", "uint32",
    "uint64",
]  # fmt: skip

__getattr__ = not_covered(__name__)
