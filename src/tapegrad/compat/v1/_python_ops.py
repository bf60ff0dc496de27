"""Operations that act on Python's world: functions of the user's, prints, and checks while a graph runs."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from . import errors
from ._arguments import plain
from ._array import identity
from ._graph import get_default_graph
from ._infer import Kind, constant_value
from ._missing import NotCoveredError
from ._nodes import convert, node, operands
from ._operation import Operation, Tensor
from ._variables import no_op

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Assert",
    "Print",
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_integer",
    "assert_less",
    "assert_less_equal",
    "assert_negative",
    "assert_non_negative",
    "assert_non_positive",
    "assert_none_equal",
    "assert_positive",
    "assert_rank",
    "assert_rank_at_least",
    "assert_rank_in",
    "assert_scalar",
    "assert_type",
    "numpy_function",
    "py_func",
    "py_function",
]


# --------------------------------------------------------------------------------------------------
# The user's functions


def py_func(
    func: Callable[..., Any], inp: Sequence[Any], Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """What a function of NumPy's arrays gives: a tensor, or a list of them for a list of dtypes. Without a gradient.

    Their shapes are unknown while the graph is built; `set_shape` tells them. A run that calls it is not compiled.
    """
    several = isinstance(Tout, list | tuple)
    kinds = [dtypes.as_dtype(dtype) for dtype in (Tout if several else [Tout])]
    known = [Kind(None, kind.dtype) for kind in kinds]

    def call(*values: Any) -> Any:
        result = func(*[plain(value)[()] if np.ndim(value) == 0 else plain(value).copy() for value in values])
        results = list(result) if several and isinstance(result, list | tuple) else [] if result is None else [result]
        if len(results) != len(kinds):
            raise ValueError(f"py_func: {_named(func)} was to give {len(kinds)} values, and gave {len(results)}")
        return [_of_kind(func, value, kind) for value, kind in zip(results, kinds, strict=True)]

    found = node("PyFunc", call, inp, name, outputs=len(kinds), python=True, sample=lambda *_: known)
    if several:
        return found
    return found[0] if kinds else found


def _named(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", repr(func))


def _of_kind(func: Callable[..., Any], value: Any, kind: dtypes.DType) -> Any:
    if kind == dtypes.string:
        from ._values import array_of

        return array_of(value, kind)
    array = np.asarray(value)
    exact = isinstance(value, np.ndarray | np.generic)
    if array.dtype != kind.dtype and (exact or not np.can_cast(array.dtype, kind.dtype, "same_kind")):
        raise ValueError(
            f"py_func: {_named(func)} was to give {kind.name}, and gave {array.dtype}; convert it with astype, or "
            "change Tout"
        )
    return array.astype(kind.dtype, copy=False)


def numpy_function(func: Callable[..., Any], inp: Sequence[Any], Tout: Any, name: str | None = None) -> Any:
    """As `py_func`."""
    return py_func(func, inp, Tout, name=name)


def py_function(func: Callable[..., Any], inp: Sequence[Any], Tout: Any, name: str | None = None) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError("tf.py_function, which runs eagerly, is not covered; tf.py_func gets NumPy's arrays")


# --------------------------------------------------------------------------------------------------
# Prints


def Print(
    input_: Any,
    data: Sequence[Any],
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`input_`; each run that needs it prints `message` and the values of `data` to standard error.

    `first_n` runs do, and of each value the first `summarize` elements are shown (3 by default).
    """
    count = itertools.count()

    def show(*values: Any) -> tuple[()]:
        if first_n is None or first_n < 0 or next(count) < first_n:
            parts = "".join(f"[{_shown(plain(value), 3 if summarize is None else summarize)}]" for value in values)
            print(f"{message or ''}{parts}", file=sys.stderr, flush=True)
        return ()

    graph = get_default_graph()
    with graph.name_scope(name or "Print") as scope:
        told = _acting(graph, "Print", show, data, None)
        with graph.control_dependencies([told]):
            return identity(input_, scope)


def _acting(graph: Any, kind: str, act: Callable[..., Any], inputs: Sequence[Any], name: str | None) -> Operation:
    """An operation that acts and gives nothing."""
    return graph.add(kind, act, [convert(x) for x in inputs], name, outputs=0, python=True)  # type: ignore[no-any-return]


def _shown(value: Any, most: int) -> str:
    """Elements in a row, as many as `most`, in brackets for each dimension."""
    if value.ndim == 0:
        element = value[()]
        if isinstance(element, bytes):
            return element.decode(errors="replace")
        return f"{element:.9g}" if value.dtype.kind == "f" else str(element)
    left = value.size if most < 0 else most
    flat = [_shown(np.asarray(element), most) for element in value.ravel()[:left]]
    rest = "..." if value.size > left else ""
    if value.ndim == 1:
        return " ".join(flat) + rest
    rows, width = [], value.size // max(len(value), 1)
    for row in value:
        if left <= 0:
            break
        rows.append(f"[{_shown(row, min(left, width))}]")
        left -= width
    return "".join(rows) + rest


def _laid_out(value: Any, most: int, depth: int = 1) -> str:
    """A row a line, of long dimensions the first and the last `most` elements."""
    if value.ndim == 0:
        return f'"{_shown(value, 1)}"' if isinstance(value[()], bytes) else _shown(value, 1)
    places = list(range(len(value)))
    parts = [_laid_out(np.asarray(value[place]), most, depth + 1) for place in places[: most if most >= 0 else None]]
    if 0 <= most < len(value):
        parts += ["..."] * (len(value) > 2 * most)
        parts += [
            _laid_out(np.asarray(value[place]), most, depth + 1) for place in places[max(most, len(value) - most) :]
        ]
    return f"[{(' ' if value.ndim == 1 else chr(10) * (value.ndim - 1) + ' ' * depth).join(parts)}]"


def print_tensors(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that prints tensors and strings to standard error, or to `output_stream`, as `print` does."""
    stream, end = kwargs.get("output_stream", sys.stderr), kwargs.get("end", "\n")
    separator, most = kwargs.get("sep", " "), kwargs.get("summarize", 3)
    graph = get_default_graph()
    tensors = [x for x in inputs if isinstance(x, Tensor) or hasattr(x, "_as_graph_element")]

    def show(*values: Any) -> tuple[()]:
        given = iter(values)
        parts = []
        for x in inputs:
            if isinstance(x, Tensor) or hasattr(x, "_as_graph_element"):
                parts.append(_laid_out(plain(next(given)), 3 if most is None else most))
            else:
                parts.append(str(x))
        print(separator.join(parts), end=end, file=stream, flush=True)
        return ()

    return _acting(graph, "PrintV2", show, tensors, kwargs.get("name"))


# --------------------------------------------------------------------------------------------------
# Checks


def Assert(condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None) -> Operation:
    """An operation that raises InvalidArgumentError, with the values of `data`, unless `condition` holds."""
    most = 3 if summarize is None else summarize

    def check(condition: Any, *values: Any) -> tuple[()]:
        if not plain(condition).all():
            raise ValueError("assertion failed: " + " ".join(f"[{_shown(plain(value), most)}]" for value in values))
        return ()

    return _acting(get_default_graph(), "Assert", check, [condition, *data], name)


def _comparison(function: str, symbol: str, holds: Callable[[Any, Any], Any]) -> Callable[..., Operation]:
    def call(
        x: Any,
        y: Any,
        data: Any = None,
        summarize: int | None = None,
        message: str | None = None,
        name: str | None = None,
    ) -> Operation:
        first, second = operands(x, y)
        text = f"{message or ''} Condition x {symbol} y did not hold.".strip()

        def check(x: Any, y: Any, *values: Any) -> tuple[()]:
            x, y = plain(x), plain(y)
            if not np.all(holds(x, y)):
                shown = "; ".join(f"{label} = [{_shown(value, 3)}]" for label, value in (("x", x), ("y", y)))
                more = "".join(f" [{_shown(plain(value), 3)}]" for value in values)
                raise ValueError(f"assertion failed: [{text}] {shown}{more}")
            return ()

        known = [constant_value(value) for value in (first, second)]
        if all(value is not None for value in known) and not np.all(holds(*known)):
            raise errors.InvalidArgumentError(None, None, f"{text} x: {known[0]}, y: {known[1]}")
        return _acting(get_default_graph(), "Assert", check, [first, second, *(data or [])], name or function)

    call.__name__ = call.__qualname__ = function
    return call


assert_equal = _comparison("assert_equal", "==", np.equal)
assert_none_equal = _comparison("assert_none_equal", "!=", np.not_equal)
assert_less = _comparison("assert_less", "<", np.less)
assert_less_equal = _comparison("assert_less_equal", "<=", np.less_equal)
assert_greater = _comparison("assert_greater", ">", np.greater)
assert_greater_equal = _comparison("assert_greater_equal", ">=", np.greater_equal)


def _sign(function: str, compare: Callable[..., Operation]) -> Callable[..., Operation]:
    def call(
        x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
    ) -> Operation:
        return compare(x, 0, data, summarize, message, name or function)

    call.__name__ = call.__qualname__ = function
    return call


assert_negative = _sign("assert_negative", assert_less)
assert_positive = _sign("assert_positive", assert_greater)
assert_non_negative = _sign("assert_non_negative", assert_greater_equal)
assert_non_positive = _sign("assert_non_positive", assert_less_equal)


def _ranks(function: str, wanted: str, fits: Callable[[int, Any], bool]) -> Callable[..., Operation]:
    def call(
        x: Any,
        rank: Any,
        data: Any = None,
        summarize: int | None = None,
        message: str | None = None,
        name: str | None = None,
    ) -> Operation:
        tensor = convert(x)
        have = tensor.shape.ndims
        if have is not None:
            if not fits(have, rank):
                raise ValueError(
                    f"{message or ''} Tensor {tensor.name} must have rank {wanted}{rank}.  Received rank {have}, shape "
                    f"{tensor.shape}".strip()
                )
            return no_op(name)

        def check(x: Any) -> tuple[()]:
            if not fits(np.ndim(x), rank):
                raise ValueError(
                    f"{message or ''} Tensor {tensor.name} must have rank {wanted}{rank}, got {np.shape(x)}"
                )
            return ()

        return _acting(get_default_graph(), "Assert", check, [tensor], name or function)

    call.__name__ = call.__qualname__ = function
    return call


assert_rank = _ranks("assert_rank", "", lambda have, rank: have == rank)
assert_rank_at_least = _ranks("assert_rank_at_least", "at least ", lambda have, rank: have >= rank)
assert_rank_in = _ranks("assert_rank_in", "in ", lambda have, ranks: have in ranks)


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """`tensor`, if it has no dimensions; raises ValueError if it is known to have some."""
    value = convert(tensor)
    assert_rank(value, 0, message=message)
    return value


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Raise TypeError unless `tensor` has a dtype."""
    value, wanted = convert(tensor), dtypes.as_dtype(tf_type)
    if value.dtype != wanted:
        raise TypeError(f"{message or ''} {value.name} must be of type {wanted!r}; got {value.dtype!r}".strip())
    return no_op(name)


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Raise TypeError unless `x` are whole numbers."""
    value = convert(x)
    if not value.dtype.is_integer:
        raise TypeError(f'{message or ""} Expected "x" to be integer type.  Found: {value.dtype!r}'.strip())
    return no_op(name)
