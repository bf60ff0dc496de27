"""TensorFlow's names for NumPy's dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np


class DType:
    """A kind of number, such as `float32`: equal to NumPy's dtype, to its name and to itself."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name = name
        self._kind: np.dtype[Any] = np.dtype(kind)

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's type of scalars."""
        return self._kind.type

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype; that this exists lets `np.zeros(3, tf.float32)` work."""
        return self._kind

    @property
    def base_dtype(self) -> DType:
        """The dtype itself: a variable has the dtype of its value."""
        return self

    @property
    def is_floating(self) -> bool:
        """Whether these are floating-point numbers."""
        return self._kind.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether these are whole numbers."""
        return self._kind.kind in "iu"

    @property
    def is_bool(self) -> bool:
        """Whether these are truth values."""
        return self._kind.kind == "b"

    @property
    def is_complex(self) -> bool:
        """Whether these are complex numbers."""
        return self._kind.kind == "c"

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return self._kind.itemsize

    @property
    def min(self) -> Any:
        """The smallest number."""
        return np.finfo(self._kind).min if self.is_floating else np.iinfo(self._kind).min

    @property
    def max(self) -> Any:
        """The largest number."""
        return np.finfo(self._kind).max if self.is_floating else np.iinfo(self._kind).max

    def is_compatible_with(self, other: Any) -> bool:
        """Whether values of one fit where the other is expected."""
        return self == as_dtype(other)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self.name == other.name
        try:
            return other is not None and self == as_dtype(other)
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"


float16, float32, float64 = (DType(name, name) for name in ("float16", "float32", "float64"))
int8, int16, int32, int64 = (DType(name, name) for name in ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = (DType(name, name) for name in ("uint8", "uint16", "uint32", "uint64"))
complex64, complex128 = (DType(name, name) for name in ("complex64", "complex128"))
bool_ = DType("bool", np.bool_)
string = DType("string", object)
half, double = float16, float64

_ALL = (
    float32, float64, float16, int32, int64, int8, int16, uint8, uint16, uint32, uint64, bool_, string, complex64,
    complex128,
)  # fmt: skip
_BY_NAME = {dtype.name: dtype for dtype in _ALL} | {"float": float32, "double": float64, "int": int32, "half": float16}
_BY_NUMBER = {  # in TensorFlow's protocol buffers: some old scripts write 1 for float32
    1: float32, 2: float64, 3: int32, 4: uint8, 5: int16, 6: int8, 7: string, 8: complex64, 9: int64, 10: bool_,
    17: uint16, 18: complex128, 19: float16, 22: uint32, 23: uint64,
}  # fmt: skip
_BY_KIND = {dtype._kind: dtype for dtype in _ALL}


def as_dtype(value: Any) -> DType:
    """The DType of anything that names one: a DType, NumPy's dtype or type, Python's type, or a string."""
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and value.removesuffix("_ref") in _BY_NAME:
        return _BY_NAME[value.removesuffix("_ref")]
    if type(value) is int and value % 100 in _BY_NUMBER and value < 200:  # 101 is a reference to float32
        return _BY_NUMBER[value % 100]
    if value is float:
        return float32
    if value is int:
        return int32
    try:
        kind = np.dtype(value)
    except TypeError:
        kind = None
    if kind is not None and kind.kind in "SUO":
        return string
    if kind not in _BY_KIND:
        raise TypeError(f"Cannot convert value {value!r} to a TensorFlow DType.")
    return _BY_KIND[kind]
