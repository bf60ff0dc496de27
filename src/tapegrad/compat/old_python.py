"""Names that NumPy and Python dropped since the years of TensorFlow 1, put back for a script of that time."""

from __future__ import annotations

import ast
import builtins
import collections
import collections.abc
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

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
#: Methods of arrays, which cannot be put back where they were: the class is NumPy's own.
_METHODS: dict[str, Callable[..., Any]] = {
    "itemset": lambda array, *given: _set(array, *given),
    "newbyteorder": lambda array, order="S": array.view(array.dtype.newbyteorder(order)),
    "ptp": np.ptp,
    "tostring": lambda array, order="C": array.tobytes(order) if isinstance(array, np.ndarray) else array.tobytes(),
}
_CALL = "__old_method__"
_CONTAINERS = ("Callable", "Iterable", "Iterator", "Mapping", "MutableMapping", "MutableSequence", "Sequence", "Set")


def _set(array: Any, *given: Any) -> None:
    """`array.itemset(value)`, or with a place before it: its number, or a tuple of numbers."""
    *place, value = given
    where = place[0] if place else ()
    (array if isinstance(where, tuple) else array.flat)[where] = value


_of_text = np.fromstring


def _numbers_in(string: Any, dtype: Any = float, count: int = -1, *, sep: str = "") -> Any:
    """`np.fromstring`, which took bytes as numbers, too."""
    if sep:
        return _of_text(string, dtype, count, sep=sep)
    data = string.encode("latin-1") if isinstance(string, str) else string
    return np.frombuffer(data, dtype, count).copy()


class _OldMethods(ast.NodeTransformer):
    """Lets calls of methods that arrays once had go by `old_method`."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        method = node.func
        if isinstance(method, ast.Attribute) and method.attr in _METHODS:
            name = ast.Name(_CALL, ast.Load())
            node.func = ast.Call(name, [method.value, ast.Constant(method.attr)], [])
            ast.copy_location(node.func, method)
            ast.fix_missing_locations(node.func)
        return node


def compiled(source: str, script: str) -> Any:
    """The code of a script, in which arrays have the methods of that time.

    Raises:
        SyntaxError: if it is no Python of today.
    """
    tree = compile(source, script, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    return compile(_OldMethods().visit(tree), script, "exec", dont_inherit=True)


def old_method(value: Any, name: str) -> Any:
    """A method of a value; of an array that has it no more, what does the same."""
    if not hasattr(value, name) and hasattr(value, "tobytes"):
        return lambda *arguments, **keywords: _METHODS[name](value, *arguments, **keywords)
    return getattr(value, name)


def put_back() -> None:
    """Give NumPy, `time` and `collections` their old names in this process, and NumPy its old way to print numbers."""
    setattr(builtins, _CALL, old_method)
    for name, value in _NUMPY.items():
        if name not in vars(np):
            setattr(np, name, value)
    np.fromstring = _numbers_in  # type: ignore[assignment]  # which has overloads
    for name in _CONTAINERS:
        setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(time, "clock"):
        time.clock = time.process_time  # type: ignore[attr-defined]
    np.set_printoptions(legacy="1.25")  # [0.5], where NumPy 2 prints [np.float32(0.5)]
