"""Whatever NumPy calls it: functions with NumPy's parameter names, methods, and several names of one function."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from op_table import OTHERS, ROWS, leaves

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.ops._numpy import FUNCTIONS, PLAIN
from tapegrad.primitive import UFUNCS

REFERENCES = {row.reference for row in (*ROWS, *OTHERS)} | {np.var, np.std}  # whose rows rename `ddof`


def test_every_ufunc_that_records_is_in_the_op_table():
    assert [ufunc.__name__ for ufunc in UFUNCS if ufunc not in REFERENCES] == []


def test_every_function_that_records_is_in_the_op_table():
    assert [function.__name__ for function in FUNCTIONS if function not in REFERENCES] == []


def test_no_function_both_records_and_does_not():
    assert not PLAIN & set(FUNCTIONS)


def by_name(function: Any, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> dict[str, Any] | None:
    """A call with everything given by NumPy's own parameter names; None where NumPy has none for it."""
    bound = inspect.signature(function).bind(*arguments, **parameters)
    kinds = {p.kind for p in bound.signature.parameters.values()}
    if kinds & {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return None
    return dict(bound.arguments)


CASES = [
    (f"{row}({sample})", row.reference, sample.arguments, sample.parameters)
    for row in ROWS
    if row.reference in FUNCTIONS
    for sample in row.samples
    if by_name(row.reference, sample.arguments, sample.parameters)
]


def wrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [wrapped(item) for item in value]
    floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return tg.tensor(value, requires_grad=True) if floating else value


@pytest.mark.parametrize(("function", "arguments", "parameters"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_numpys_parameter_names_are_understood(function, arguments, parameters):
    with np.errstate(all="ignore"):
        expected = leaves(function(*arguments, **parameters))
        named = by_name(function, tuple(map(wrapped, arguments)), parameters)
        results = leaves(function(**named))
    for y, reference in zip(results, expected, strict=True):
        assert type(y) is Tensor
        np.testing.assert_array_equal(y.numpy(), reference)
        assert y.dtype == np.asarray(reference).dtype


x = np.array([[1.5, -2.25, 3.0], [0.5, 4.75, -1.0]])
integers = np.array([[3, 1, 2], [6, 5, 4]])

METHODS = [
    ("sum", (), {}),
    ("sum", (0,), {}),
    ("sum", (), {"axis": -1, "keepdims": True}),
    ("mean", (), {"axis": (0, 1)}),
    ("mean", (1,), {"keepdims": True}),
    ("prod", (), {"axis": 1}),
    ("var", (), {"axis": 0, "ddof": 1}),
    ("var", (1,), {"keepdims": True}),
    ("std", (), {"ddof": 1}),
    ("std", (), {"axis": 1, "keepdims": True}),
    ("max", (), {}),
    ("max", (0,), {}),
    ("min", (), {"axis": 1, "keepdims": True}),
    ("any", (), {"axis": 0}),
    ("all", (), {}),
    ("argmax", (), {}),
    ("argmax", (1,), {}),
    ("argmin", (), {"axis": 0, "keepdims": True}),
    ("clip", (-1.0, 2.0), {}),
    ("clip", (), {"min": 0.0}),
    ("clip", (), {"max": 1.0}),
    ("round", (), {}),
    ("round", (1,), {}),
    ("reshape", (3, 2), {}),
    ("reshape", ((3, 2),), {}),
    ("reshape", (-1,), {}),
    ("ravel", (), {}),
    ("flatten", (), {}),
    ("transpose", (), {}),
    ("transpose", (1, 0), {}),
    ("transpose", ((1, 0),), {}),
    ("swapaxes", (0, 1), {}),
    ("squeeze", (), {}),
    ("repeat", (2,), {}),
    ("repeat", ([1, 2],), {"axis": 0}),
    ("take", ([0, 2],), {"axis": 1}),
    ("dot", (x.T,), {}),
    ("copy", (), {}),
    ("astype", (np.float32,), {}),
    ("nonzero", (), {}),
    ("tolist", (), {}),
    ("item", (2,), {}),
    ("item", (1, 2), {}),
]


@pytest.mark.parametrize(
    ("name", "arguments", "parameters"), METHODS, ids=[f"{n}({a},{k})".replace("\n", "") for n, a, k in METHODS]
)
@pytest.mark.parametrize("array", [x, x.astype(np.float32), integers], ids=["float64", "float32", "int64"])
def test_methods_are_numpys(name, arguments, parameters, array):
    expected = getattr(array, name)(*arguments, **parameters)
    result = getattr(tg.tensor(array), name)(*arguments, **parameters)
    if isinstance(result, Tensor):
        assert result.dtype == expected.dtype
        result = result.numpy()
    np.testing.assert_array_equal(result, expected)


def test_properties_are_numpys():
    t = tg.tensor(x, requires_grad=True)
    np.testing.assert_array_equal(t.T.numpy(), x.T)
    np.testing.assert_array_equal(t.mT.numpy(), x.mT)
    assert (t.shape, t.ndim, t.size, t.dtype, t.nbytes, len(t)) == (x.shape, x.ndim, x.size, x.dtype, x.nbytes, len(x))


@pytest.mark.parametrize(
    "name", ["sum", "mean", "prod", "max", "min", "reshape", "ravel", "transpose", "repeat", "take"]
)
def test_methods_and_functions_are_one_op(name):
    arguments = {"reshape": (6,), "repeat": (2,), "take": ([1],)}.get(name, ())
    t = tg.tensor(x, requires_grad=True)
    method, function = getattr(t, name)(*arguments), getattr(np, name)(t, *arguments)
    assert method._entry.op is function._entry.op
