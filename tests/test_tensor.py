"""What a Tensor is and does by itself: how it is made, shown, changed, copied, and how it collects gradients."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.errors import BackwardError, DTypeError, LostGradientError, ShapeError

rng = np.random.default_rng(5)


@pytest.fixture
def x() -> Tensor:
    return tg.tensor([1.0, 2.0, 3.0], requires_grad=True)


@pytest.fixture
def default_float64():
    tg.set_default_dtype(np.float64)
    yield
    tg.set_default_dtype(np.float32)


def is_same(ours: Any, theirs: Any) -> bool:
    """Whether a Tensor holds what NumPy gave, bit for bit."""
    value = ours._array
    return type(value) is type(theirs) and value.dtype == theirs.dtype and np.array_equal(value, theirs, equal_nan=True)


# --------------------------------------------------------------------------------------------------
# Creation


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, np.float32),
        (1.5, np.float32),
        ([1, 2], np.float32),
        ([[1.0], [2.0]], np.float32),
        ((1, 2.5), np.float32),
        ([], np.float32),
        (True, np.bool),
        ([True, False], np.bool),
        (np.arange(3), np.int64),
        (np.arange(3, dtype=np.uint8), np.uint8),
        (np.ones(3, np.float16), np.float16),
        (np.ones(3), np.float64),
        (np.ones(3, np.longdouble), np.longdouble),
        (np.float64(1.5), np.float64),
        (np.int16(3), np.int16),
        (np.zeros((0, 3)), np.float64),
    ],
)
def test_numbers_take_the_default_dtype_and_arrays_keep_theirs(data, dtype):
    for t in (tg.tensor(data), tg.asarray(data)):
        assert type(t) is Tensor
        assert t.dtype == dtype
        np.testing.assert_array_equal(t.numpy(), data)
        assert not t.requires_grad
        assert t.is_leaf
        assert t.grad is None


def test_the_default_dtype_can_be_set(default_float64):
    assert tg.get_default_dtype() == np.float64
    for t in (tg.tensor(1), tg.zeros(2), tg.ones(2), tg.full(2, 3), tg.arange(3), tg.linspace(0, 1, 3), tg.eye(2)):
        assert t.dtype == np.float64
    assert tg.tensor(np.ones(2, np.float32)).dtype == np.float32


def test_only_floating_point_dtypes_are_defaults():
    with pytest.raises(DTypeError, match="expected a floating-point dtype, got int64"):
        tg.set_default_dtype(np.int64)
    assert tg.get_default_dtype() == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.bool, "f4", float, int])
def test_a_dtype_can_be_asked_for(dtype):
    for t in (tg.tensor([0, 1], dtype), tg.asarray([0, 1], dtype), tg.asarray(tg.tensor([0, 1]), dtype)):
        assert is_same(t, np.array([0, 1], dtype))


@pytest.mark.parametrize("data", [1j, [1j, 2.0], "text", ["a"], object(), [None], np.array([1, "a"], object)])
def test_what_is_not_real_is_refused(data):
    for make in (tg.tensor, tg.asarray):
        with pytest.raises(DTypeError, match="expected real numbers or booleans, got"):
            make(data)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="inhomogeneous shape"):
        tg.tensor([[1.0], [2.0, 3.0]])


def test_integers_have_no_gradient():
    message = "only floating-point tensors have gradients, and this one is int64; convert it first"
    with pytest.raises(DTypeError, match=message):
        tg.tensor(np.arange(3), requires_grad=True)
    t = tg.tensor(np.arange(3))
    with pytest.raises(DTypeError, match=message):
        t.requires_grad = True
    assert not t.requires_grad


def test_tensor_copies_and_asarray_shares():
    a = np.array([1.0, 2.0])
    copied, shared = tg.tensor(a), tg.asarray(a)
    a[0] = 9.0
    assert copied.tolist() == [1.0, 2.0]
    assert shared.tolist() == [9.0, 2.0]
    assert tg.asarray(shared) is shared
    assert tg.asarray(shared, np.float64) is shared


def test_asarray_with_a_dtype_records_the_cast(x):
    y = tg.asarray(x, np.float64)
    assert y.dtype == np.float64
    (y * y).sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_making_a_tensor_of_a_recorded_one_would_lose_its_gradient(x):
    for t in (x, x * 2):
        with pytest.raises(LostGradientError, match=r"tapegrad.tensor\(t\) would lose.*t.detach\(\)"):
            tg.tensor(t)
        assert tg.asarray(t) is t
    with pytest.raises(LostGradientError, match=r"tapegrad\.stack to collect"):
        tg.tensor([x, x])
    with tg.no_grad():
        assert tg.tensor(x).tolist() == [1.0, 2.0, 3.0]
    assert tg.tensor(x.detach(), requires_grad=True).requires_grad
    assert tg.tensor([tg.tensor([1.0]), tg.tensor([2.0])]).tolist() == [[1.0], [2.0]]


def test_the_class_takes_arrays_only():
    assert Tensor(np.ones(2), requires_grad=True).requires_grad
    assert Tensor(np.float32(2.0)).dtype == np.float32
    with pytest.raises(TypeError, match=r"expected a NumPy array, got list; use tapegrad.tensor"):
        Tensor([1.0])


def test_creation_is_numpys():
    f4 = np.float32
    assert is_same(tg.zeros((2, 3)), np.zeros((2, 3), f4))
    assert is_same(tg.zeros(3, np.int32), np.zeros(3, np.int32))
    assert is_same(tg.ones(()), np.ones((), f4))
    assert is_same(tg.full((2, 1), 2.5), np.full((2, 1), 2.5, f4))
    assert is_same(tg.full(2, [3, 4], np.int64), np.array([3, 4]))
    assert is_same(tg.arange(3), np.arange(3, dtype=f4))
    assert is_same(tg.arange(1, 2, 0.25), np.arange(1, 2, 0.25, f4))
    assert is_same(tg.arange(5, 0, -2, dtype=int), np.array([5, 3, 1]))
    assert is_same(tg.linspace(-1, 1, 5), np.linspace(-1, 1, 5, dtype=f4))
    assert is_same(tg.eye(2, 3), np.eye(2, 3, dtype=f4))
    for make in (tg.zeros, tg.ones, lambda size, **kw: tg.full(size, 7, **kw)):
        assert make(2, requires_grad=True).requires_grad


# --------------------------------------------------------------------------------------------------
# Showing


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: tg.tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
        (lambda: tg.tensor(2.0), "tensor(2.)"),
        (lambda: tg.tensor(np.array([1.0, 2.5])), "tensor([1. , 2.5], dtype=float64)"),
        (lambda: tg.tensor(np.array([1, 2])), "tensor([1, 2])"),
        (lambda: tg.tensor(np.array([1, 2], np.int8)), "tensor([1, 2], dtype=int8)"),
        (lambda: tg.tensor(np.array([1, 2], np.uint64)), "tensor([1, 2], dtype=uint64)"),
        (lambda: tg.tensor([True, False]), "tensor([ True, False])"),
        (lambda: tg.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: tg.tensor([1.0], requires_grad=True) * 2, "tensor([2.], op=multiply)"),
        (lambda: np.exp(tg.zeros(1, float, requires_grad=True)), "tensor([1.], dtype=float64, op=exp)"),
        (lambda: tg.zeros((0,)), "tensor([])"),
        (lambda: tg.zeros((0, 3)), "tensor([], shape=(0, 3))"),
        (lambda: tg.zeros((2, 0), int), "tensor([], shape=(2, 0))"),
        (lambda: tg.tensor([[1.0], [2.0]]), "tensor([[1.],\n        [2.]])"),
    ],
)
def test_repr(made, text):
    assert repr(made()) == text


def test_repr_knows_the_default_dtype(default_float64):
    assert repr(tg.tensor(1.0)) == "tensor(1.)"
    assert repr(tg.tensor(1.0, np.float32)) == "tensor(1., dtype=float32)"


def test_a_large_tensor_is_shown_in_few_lines():
    assert len(repr(tg.zeros((500, 500))).splitlines()) < 10


def test_text_and_format_are_those_of_the_values(x):
    assert str(x) == "[1. 2. 3.]" == f"{x}" == format(x)
    assert f"{x.sum():.2f}" == "6.00"
    assert f"{tg.tensor(np.array(7)):03d}" == "007"
    assert f"{x.sum()}" == "6.0"
    with pytest.raises(ValueError, match="format"):
        f"{x:.2f}"


# --------------------------------------------------------------------------------------------------
# Out


def test_items_are_python_numbers(x):
    assert type(x.sum().item()) is float
    assert type(tg.tensor(np.array(3)).item()) is int
    assert type(tg.tensor(True).item()) is bool
    assert x.item(1) == 2.0
    assert tg.tensor([[1.0, 2.0]]).item(0, 1) == 2.0
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert x.sum().tolist() == 6.0
    with pytest.raises(ValueError, match="can only convert an array of size 1"):
        x.item()


def test_numpy_is_a_read_only_view(x):
    value = x.numpy()
    assert type(value) is np.ndarray
    assert np.shares_memory(value, x._array)
    with pytest.raises(ValueError, match="read-only"):
        value[0] = 9.0
    assert x._array.flags.writeable
    assert type(x.sum().numpy()) is np.ndarray


@pytest.mark.parametrize("change", ["assign_", "+=", "*=", "[]"])
def test_yesterdays_value_stays(x, change):
    yesterday = x.numpy()
    detached = x.detach()
    with tg.no_grad():
        if change == "assign_":
            x.assign_([7.0, 8.0, 9.0])
        elif change == "+=":
            x += 6.0
        elif change == "*=":
            x *= tg.tensor([7.0, 4.0, 3.0])
        else:
            x[:] = [7.0, 8.0, 9.0]
    assert x.tolist() == [7.0, 8.0, 9.0]
    assert yesterday.tolist() == detached.tolist() == [1.0, 2.0, 3.0]
    assert x.is_leaf
    assert x.requires_grad


def test_what_the_tape_keeps_does_not_change(x):
    y = (x * x).sum()
    with tg.no_grad():
        x *= 100.0
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("convert", [np.asarray, np.asanyarray, np.ascontiguousarray, np.atleast_1d])
def test_an_array_of_a_tensor_is_read_only(convert):
    t = tg.tensor([1.0, 2.0])
    array = convert(t)
    array = array if isinstance(array, np.ndarray) else array.numpy()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 9.0
    assert t.tolist() == [1.0, 2.0]


def test_a_copy_of_a_tensor_is_writable():
    t = tg.tensor([1.0, 2.0])
    for array in (np.array(t), np.array(t, np.float64), np.array(t, copy=True)):
        array[0] = 9.0
    assert t.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.array(t, np.float64, copy=False)
    assert np.shares_memory(np.array(t, copy=False), t._array)
    assert np.asarray(t, np.int64).dtype == np.int64


def test_facts(x):
    t = tg.zeros((2, 3, 4))
    assert (t.shape, t.ndim, t.size, t.dtype, t.nbytes) == ((2, 3, 4), 3, 24, np.float32, 96)
    assert t.T.shape == (4, 3, 2)
    assert t.mT.shape == (2, 4, 3)
    assert len(t) == 2
    assert [places.tolist() for places in tg.tensor([0.0, 3.0]).nonzero()] == [[1]]


# --------------------------------------------------------------------------------------------------
# Python's protocols


def test_hash_is_by_identity_and_equality_by_element(x):
    other = tg.tensor([1.0, 2.0, 3.0])
    assert len({x, other, x}) == 2
    assert {x: "here"}[x] == "here"
    assert type(x == other) is Tensor
    assert (x == other).tolist() == [True, True, True]
    assert not (x == other).requires_grad


@pytest.mark.parametrize("other", [None, "a", ["a", "b", "c"], 2.0, np.float64(2), [1, 2, 4], np.array([1, 2, 4])])
@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_equality_with_anything_is_numpys(x, compare, other):
    expected = compare(x._array, other)
    for result in (compare(x, other), compare(other, x)):
        assert is_same(result, expected)


def test_equality_of_numbers_with_anything():
    t = tg.tensor(2.0)
    assert t != None  # noqa: E711
    assert t != "a"
    assert t == 2
    assert np.float32(2.0) == t


def test_shapes_that_do_not_compare():
    with pytest.raises(ShapeError, match="equal: shapes"):
        tg.ones(3) == tg.ones(2)  # noqa: B015


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_comparison_with_what_has_no_order(x, compare):
    for other in (None, "a", object()):
        with pytest.raises(TypeError):
            compare(x, other)
    assert compare(x, 2.0).tolist() == compare(x._array, 2.0).tolist()
    assert compare(2.0, x).tolist() == compare(2.0, x._array).tolist()
    assert compare([1, 3, 2], x).tolist() == compare(np.array([1, 3, 2]), x._array).tolist()


def test_iteration_gives_recorded_parts(x):
    first, second, third = x
    (first * second + third).backward()
    assert x.grad.tolist() == [2.0, 1.0, 1.0]
    assert [row.shape for row in tg.zeros((2, 0))] == [(0,), (0,)]
    assert next(reversed(tg.tensor([1.0, 2.0]))).item() == 2.0
    for number in (tg.tensor(1.0), tg.ones(2).sum()):
        with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
            iter(number)
        with pytest.raises(TypeError):
            len(number)


def test_contains(x):
    assert 2.0 in x
    assert 5.0 not in x
    assert tg.tensor(2.0) in x
    assert np.float32(3.0) in x
    assert x.sum() not in x
    assert tg.tensor([1.0, 9.0, 9.0]) in x  # as NumPy has it: some element is equal
    assert 6.0 in x.sum()


def test_truth(x):
    assert x.sum()
    assert not tg.tensor(0.0)
    assert tg.tensor([True])
    with pytest.raises(ValueError, match="more than one element is ambiguous"):
        bool(x)


def test_integer_tensors_are_indices(x):
    two = tg.tensor(np.array(2))
    assert "abc"[two] == "c"
    assert list(range(two)) == [0, 1]
    assert operator.index(two) == 2
    assert x[two].item() == 3.0
    with pytest.raises(TypeError):
        operator.index(tg.tensor(2.0))


def test_numbers_out_of_what_is_not_recorded(x):
    t = tg.tensor(2.5)
    assert (float(t), int(t), complex(t)) == (2.5, 2, 2.5 + 0j)
    for convert in (float, int, complex):
        with pytest.raises(LostGradientError, match=r"would lose the gradient.*t.item\(\)"):
            convert(x.sum())
        with tg.no_grad():
            assert convert(x.sum()) == 6
        assert convert(x.sum().detach()) == 6


# --------------------------------------------------------------------------------------------------
# Operators: on either side, with everything

ARITHMETIC = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
OTHERS = {
    "int": 3,
    "float": 2.5,
    "bool": True,
    "float32": np.float32(2.5),
    "float64": np.float64(2.5),
    "int8": np.int8(3),
    "array0d": np.array(2.5),
    "array32": np.array([1.5, 2.5, 0.5], np.float32),
    "array64": np.array([1.5, 2.5, 0.5]),
    "ints": np.array([2, 1, 3]),
    "column": np.array([[1.5], [2.5]]),
    "list": [1.5, 2.5, 0.5],
    "tuple": (1, 2, 3),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("name", [*ARITHMETIC, "divmod"])
def test_operators_on_either_side_are_numpys(name, other, dtype):
    op = divmod if name == "divmod" else getattr(operator, name)
    array = np.array([1.25, -0.5, 2.0], dtype)
    leaf = tg.tensor(array, requires_grad=True)
    with np.errstate(all="ignore"):
        for ours, theirs in ((op(leaf, other), op(array, other)), (op(other, leaf), op(other, array))):
            pairs = zip(ours, theirs, strict=True) if name == "divmod" else [(ours, theirs)]
            for y, expected in pairs:
                assert type(y) is Tensor
                assert is_same(y, expected)
                assert y.requires_grad == (name != "floordiv" and y is not ours[0])


@pytest.mark.parametrize("other", [OTHERS["list"], OTHERS["tuple"], np.array([1.5, 2.5, 0.5], np.float32)], ids=type)
@pytest.mark.parametrize("name", [*ARITHMETIC, "matmul"])
def test_lists_are_arrays_for_the_rules_too(name, other):
    """A rule computes with what it keeps, and lists do not compute."""
    op = getattr(operator, name)
    for first in (True, False):
        grads = []
        for operand in (other, np.asarray(other)):
            leaf = tg.tensor(np.array([1.25, 0.5, 2.0]), requires_grad=True)
            y = op(leaf, operand) if first else op(operand, leaf)
            if y.requires_grad:
                y.backward(np.asarray(np.random.default_rng(1).standard_normal(y.shape)))
            grads.append(leaf.grad)
        assert grads[0] is grads[1] is None or np.array_equal(grads[0]._array, grads[1]._array)


@pytest.mark.parametrize("name", ["and_", "or_", "xor", "lshift", "rshift"])
def test_bitwise_operators_on_either_side(name):
    op = getattr(operator, name)
    array, other = np.array([1, 5, 6]), np.array([3, 1, 2])
    assert is_same(op(tg.tensor(array), 2), op(array, 2))
    assert is_same(op(2, tg.tensor(array)), op(2, array))
    assert is_same(op(tg.tensor(array), tg.tensor(other)), op(array, other))
    assert is_same(op(other, tg.tensor(array)), op(other, array))
    with pytest.raises(TypeError):
        op(tg.tensor([1.0]), 2)


def test_unary_operators():
    array = np.array([1.0, -2.0])
    t = tg.tensor(array)
    assert is_same(-t, -array)
    assert is_same(+t, +array)
    assert is_same(abs(t), abs(array))
    assert is_same(~tg.tensor([True, False]), np.array([False, True]))


@pytest.mark.parametrize("other", [None, "a", object(), {}], ids=["None", "str", "object", "dict"])
def test_what_arithmetic_refuses(x, other):
    for op in (operator.add, operator.mul, operator.matmul, operator.pow):
        with pytest.raises((TypeError, ValueError)):
            op(x, other)
        with pytest.raises((TypeError, ValueError)):
            op(other, x)


def test_an_error_says_which_op_and_what_it_got(x):
    with pytest.raises(TypeError) as caught:
        x + None
    assert caught.value.__notes__ == ["in add of float32 (3,)"]
    assert caught.value.__cause__ is None


# --------------------------------------------------------------------------------------------------
# In place

IN_PLACE = ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("other", [2, 1.5, np.array([1.5, 2.5, 0.5]), np.array([[1.5, 2.5, 0.5]])], ids=np.shape)
def test_in_place_operators_are_numpys(name, other, dtype):
    """All names see the new value, the dtype stays, and an impossible shape is an error."""
    op = getattr(operator, name)
    array = np.array([1.25, -0.5, 2.0], dtype)
    t = tg.tensor(array)
    alias, before = t, t.numpy()
    with np.errstate(all="ignore"):
        try:
            op(array, other)
        except ValueError:
            with pytest.raises(ShapeError, match=r"= y: the result has shape \(1, 3\), but x has shape \(3,\)"):
                op(t, other)
            return
        t = op(t, other)
    assert t is alias
    assert is_same(t, array)
    assert before.tolist() == [1.25, -0.5, 2.0]


@pytest.mark.parametrize("name", ["iand", "ior", "ixor", "ilshift", "irshift"])
def test_in_place_bits(name):
    op = getattr(operator, name)
    array = np.array([1, 5, 6])
    t = tg.tensor(array)
    alias = t
    t = op(t, np.array([3, 1, 2]))
    assert t is alias
    assert is_same(t, op(array, np.array([3, 1, 2])))


def test_in_place_matrix_product():
    array, w = rng.standard_normal((2, 3)), rng.standard_normal((3, 3))
    t = tg.tensor(array)
    alias = t
    t @= w
    assert t is alias
    assert is_same(t, array @ w)


@pytest.mark.parametrize(
    ("array", "other", "message"),
    [
        (np.array([1, 2]), 1.5, "x /= y: the result is float64, which x, int64, cannot hold"),
        (np.array([1, 2]), np.array([2, 2]), "x /= y: the result is float64, which x, int64, cannot hold"),
    ],
)
def test_in_place_keeps_the_kind_of_dtype(array, other, message):
    t = tg.tensor(array)
    with pytest.raises(DTypeError, match=message):
        t /= other
    assert t.tolist() == [1, 2]


def test_in_place_on_a_leaf_is_refused_while_recording(x):
    for name, symbol in [("iadd", r"\+"), ("ipow", r"\*\*"), ("imatmul", "@"), ("ifloordiv", "//")]:
        with pytest.raises(BackwardError, match=rf"x {symbol}= y: x is a leaf.*y = x {symbol} \.\.\..*no_grad\(\)"):
            getattr(operator, name)(x, x)
    with tg.no_grad():
        alias = x
        x -= 1.0
    assert alias is x
    assert x.tolist() == [0.0, 1.0, 2.0]
    assert x.is_leaf
    assert x.requires_grad


def test_in_place_records(x):
    y = x * 1.0
    alias = y
    y += x
    y *= y
    y[1:2].sum().backward()
    assert alias is y
    assert y.tolist() == [4.0, 16.0, 36.0]
    assert x.grad.tolist() == [0.0, 16.0, 0.0]
    plain = tg.zeros(3)
    plain += x
    assert plain.requires_grad


def test_in_place_on_a_recorded_tensor_under_no_grad_would_lose_its_gradient(x):
    y = x * 2
    with tg.no_grad(), pytest.raises(LostGradientError, match=r"x \+= y: x was recorded.*y = x \+ \.\.\."):
        y += 1.0
    assert y.tolist() == [2.0, 4.0, 6.0]
    assert y.requires_grad


def test_scalars_are_immutable_as_numpys_are(x):
    """`total = s; total += 1` leaves `s`, which NumPy's own scalars do, too."""
    for s in (x.sum(), x.detach().sum(), x[0], x.detach()[0]):
        value = s.item()
        total = s
        total += 1.0
        assert (s.item(), total.item()) == (value, value + 1.0)
    total = np.sum(np.ones(2, np.float32))
    ours = tg.tensor(np.ones(2, np.float32)).sum()
    total += np.float64(0.1)
    ours += np.float64(0.1)
    assert is_same(ours, total)
    ours += np.ones(3)
    assert ours.shape == (3,)


def test_0_d_arrays_are_mutable_as_numpys_are():
    t = tg.tensor(1.0)
    alias = t
    t += 1.0
    t += np.float64(1.0)
    assert alias is t
    assert is_same(t, np.array(3.0, np.float32))
    w = tg.tensor(1.0, requires_grad=True)
    alias = w
    for _ in range(2):
        with tg.no_grad():
            w -= 0.25
    assert alias is w
    assert is_same(w, np.array(0.5, np.float32))


def test_what_was_sliced_keeps_its_value():
    """The one difference from NumPy: no array is written into, so a part and the whole do not change together."""
    t = tg.tensor([1.0, 2.0])
    part = t[:1]
    part += 10.0
    assert (part.tolist(), t.tolist()) == ([11.0], [1.0, 2.0])


# --------------------------------------------------------------------------------------------------
# Item assignment


def test_item_assignment_is_refused_where_it_would_lose_a_gradient(x):
    remedy = r"t = tapegrad.index_update\(t, key, value\), or tapegrad.index_add\(t, key, value\) for \+="
    with pytest.raises(LostGradientError, match=remedy):
        x[0] = 1.0
    with pytest.raises(LostGradientError, match=remedy):
        (x * 2)[0] = 1.0
    with pytest.raises(LostGradientError, match=remedy):
        x[0] += 1.0
    plain = tg.zeros(3)
    with pytest.raises(LostGradientError, match=remedy):
        plain[0] = x[0]
    y = x * 2
    with tg.no_grad(), pytest.raises(LostGradientError, match=r"t was recorded.*t\.detach"):
        y[0] = 1.0
    assert (x.tolist(), y.tolist(), plain.tolist()) == ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    "key",
    [0, -1, slice(1), ..., None, (slice(None), 1), [0, 1, 0], np.array([True, False]), (np.array([0, 1]), [1, 2])],
    ids=repr,
)
def test_item_assignment_to_what_is_not_recorded_is_numpys(key):
    array = rng.standard_normal((2, 3))
    t = tg.tensor(array)
    alias, before = t, t.numpy()
    for value in (5.0, np.float32(2.5), np.array([7.0]), tg.tensor(9.0)):
        t[key] = value
        array[key] = value.numpy() if isinstance(value, Tensor) else value
        assert is_same(t, array)
    assert alias is t
    assert not np.array_equal(before, array)


def test_item_assignment_casts_as_numpy_does_and_takes_tensors_as_keys():
    t = tg.tensor(np.arange(3))
    t[tg.tensor([True, False, False])] = 2.7
    t[tg.tensor(np.array([1]))] = 5
    assert is_same(t, np.array([2, 5, 2]))
    with pytest.raises(IndexError):
        t[3] = 1
    with pytest.raises(ValueError, match="broadcast"):
        t[:2] = [1, 2, 3]


# --------------------------------------------------------------------------------------------------
# Gradients


def test_gradients_add_up(x):
    (x * x).sum().backward()
    first = x.grad
    (3 * x).sum().backward()
    assert first.tolist() == [2.0, 4.0, 6.0]
    assert x.grad.tolist() == [5.0, 7.0, 9.0]
    x.grad = None
    assert x.grad is None


def test_a_gradient_can_be_set(x):
    x.grad = [1, 2, 3]
    assert is_same(x.grad, np.array([1, 2, 3], np.float32))
    given = np.ones(3, np.float32)
    x.grad = given
    given[0] = 9.0
    assert is_same(x.grad, np.ones(3, np.float32))
    x.grad = tg.tensor(np.ones(3))
    assert is_same(x.grad, np.ones(3, np.float32))
    x.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(ShapeError, match=r"grad: expected the tensor's shape \(3,\), got \(2,\)"):
        x.grad = [1.0, 2.0]


def test_only_leaves_keep_gradients_unless_asked(x):
    y = x * 2
    z = y * y
    y.retain_grad()
    y.retain_grad()
    z.sum().backward()
    assert y.grad.tolist() == [4.0, 8.0, 12.0]
    assert z.grad is None
    with pytest.raises(BackwardError, match="retain_grad: nothing is recorded for this tensor"):
        tg.ones(3).retain_grad()


def test_a_kept_gradient_is_that_of_the_latest_value(x):
    y = x * 2
    y.retain_grad()
    y *= y
    y *= 10.0
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0, 1.0]
    assert x.grad.tolist() == [80.0, 160.0, 240.0]


def test_two_tensors_share_no_gradient(x):
    """One array may be the gradient of several tensors; changing one of them leaves the others."""
    w = tg.tensor([1.0, 1.0, 1.0], requires_grad=True)
    (x + w).sum().backward()
    x.grad += 1.0
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert w.grad.tolist() == [1.0, 1.0, 1.0]


def test_hooks_see_and_replace_gradients(x):
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    remove = y.register_hook(lambda g: seen.append(g.tolist()))
    z = (y * [1.0, 2.0, 3.0]).sum()
    z.backward(retain_graph=True)
    assert seen == [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]
    assert x.grad.tolist() == [20.0, 40.0, 60.0]
    remove()
    remove()
    z.backward()
    assert seen == [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [1.0, 2.0, 3.0]]


def test_a_hook_of_a_leaf_sees_the_whole_gradient_of_each_pass(x):
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x + x * x).sum().backward()
    (x + x * x).sum().backward()
    assert seen == [[3.0, 5.0, 7.0]] * 2
    assert x.grad.tolist() == [6.0, 10.0, 14.0]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        lambda g: [1, 2, 3],
        lambda g: np.array([1.0, 2.0, 3.0]),
        lambda g: tg.tensor(np.array([1, 2, 3])),
        lambda g: tg.tensor([1.0, 2.0, 3.0]),
        lambda g: tg.tensor([1.0, 2.0, 3.0], requires_grad=True) * 1,
    ],
)
def test_what_a_hook_answers_becomes_a_gradient_of_the_right_dtype(x, answer, create_graph):
    y = x * 2
    y.register_hook(answer)
    y.sum().backward(create_graph=create_graph)
    assert is_same(x.grad, np.array([2.0, 4.0, 6.0], np.float32))


def test_a_hook_may_answer_a_number_for_a_number():
    w = tg.tensor(2.0, requires_grad=True)
    w.register_hook(lambda g: 3)
    (w * w).backward()
    assert w.grad.dtype == np.float32
    assert w.grad.item() == 3.0


def test_an_array_that_a_hook_answers_may_be_changed_later(x):
    answer = np.ones(3, np.float32)
    x.register_hook(lambda g: answer)
    x.sum().backward()
    answer[:] = 9.0
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_a_hook_cannot_change_the_shape(x):
    x.register_hook(lambda g: g[:2])
    message = r"register_hook: the hook gave a gradient of shape \(2,\) for a tensor of shape \(3,\)"
    with pytest.raises(ShapeError, match=message):
        x.sum().backward()
    with pytest.raises(BackwardError, match="register_hook: nothing is recorded"):
        tg.ones(3).register_hook(print)


def test_a_hook_is_differentiated_with_create_graph(x):
    y = x * x
    y.register_hook(lambda g: g * x)
    y.sum().backward(create_graph=True)  # x * 2x
    gradient, x.grad = x.grad, None
    gradient.sum().backward()
    assert x.grad.tolist() == [4.0, 8.0, 12.0]


def test_detach_lets_go(x):
    y = (x * 2).detach()
    assert not y.requires_grad
    assert y.is_leaf
    (y * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_requires_grad_can_be_switched(x):
    t = tg.tensor([1.0])
    t.requires_grad = True
    t.requires_grad = True
    (t * 2).backward([1.0])
    assert t.grad.tolist() == [2.0]
    t.requires_grad = False
    assert not (t * 2).requires_grad
    assert t.grad.tolist() == [2.0]
    y = x * 2
    y.requires_grad = True
    with pytest.raises(BackwardError, match=r"this tensor was computed from others; t.detach\(\)"):
        y.requires_grad = False
    assert not y.is_leaf


def test_leaves_and_results(x):
    assert x.is_leaf
    assert not (x * 2).is_leaf
    assert (x > 2).is_leaf
    assert (x * 2).detach().is_leaf
    with tg.no_grad():
        assert (x * 2).is_leaf


def test_assign(x):
    before = x.numpy()
    assert x.assign_(np.array([4, 5, 6])) is x
    assert is_same(x, np.array([4.0, 5.0, 6.0], np.float32))
    assert x.is_leaf
    assert x.requires_grad
    assert before.tolist() == [1.0, 2.0, 3.0]
    given = np.zeros(3, np.float32)
    x.assign_(given)
    given[0] = 9.0
    assert x.tolist() == [0.0, 0.0, 0.0]
    other = tg.tensor(np.ones(3))
    x.assign_(other)
    other += 1.0
    assert x.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ShapeError, match=r"assign_: expected shape \(3,\), got \(2,\)"):
        x.assign_([1.0, 2.0])
    with pytest.raises(BackwardError, match="assign_: this tensor was computed from others"):
        (x * 2).assign_(x.detach())
    with pytest.raises(LostGradientError, match=r"assign_: the value was recorded.*v.detach\(\)"):
        tg.zeros(3).assign_(x * 2)
    with tg.no_grad():
        x.assign_(x * 2)
    assert x.tolist() == [2.0, 2.0, 2.0]


def test_backward_of_a_result_that_is_no_number(x):
    y = x * x
    with pytest.raises(BackwardError, match=r"a result of shape \(3,\) needs a cotangent of that shape"):
        y.backward()
    with pytest.raises(ShapeError, match=r"the cotangent has shape \(2,\), but the result has shape \(3,\)"):
        y.backward([1.0, 2.0])
    y.backward([1, 10, 100])
    assert is_same(x.grad, np.array([2.0, 40.0, 600.0], np.float32))


def test_a_cotangent_may_be_changed_later(x):
    g = np.ones(3, np.float32)
    (x + 0.0).backward(g)
    g[:] = 9.0
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_complex_results_are_not_differentiated(x):
    """The imaginary part was once dropped on the way back, with no more than a warning of NumPy's."""
    with pytest.raises(DTypeError, match="multiply: its gradient is complex64 for an argument of float32; only func"):
        np.abs(x * 1j).sum().backward()
    with pytest.raises(DTypeError, match="its gradient is object"):
        (x * np.array([1, 2, 3], object)).sum().backward()


# --------------------------------------------------------------------------------------------------
# Copies

COPIERS = {"copy": copy.copy, "deepcopy": copy.deepcopy} | {
    f"pickle{protocol}": lambda t, protocol=protocol: pickle.loads(pickle.dumps(t, protocol))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
}


@pytest.mark.parametrize("copier", COPIERS.values(), ids=COPIERS)
@pytest.mark.parametrize("array", [np.arange(3.0), np.float32(2.5), np.array(2.5), np.arange(6).reshape(2, 3).T])
def test_copies_have_the_value_and_a_life_of_their_own(copier, array):
    for wants in (False, True)[: 1 + (array.dtype.kind == "f")]:
        t = Tensor(array, requires_grad=wants)
        new = copier(t)
        assert type(new) is Tensor
        np.testing.assert_array_equal(new.numpy(), array, strict=True)
        assert new.requires_grad is wants
        assert new.is_leaf
        with tg.no_grad():
            new += 1
        np.testing.assert_array_equal(t.numpy(), array)
        if wants:
            (new * 2).sum().backward()
            assert new.grad is not None
            assert t.grad is None


@pytest.mark.parametrize("copier", COPIERS.values(), ids=COPIERS)
def test_what_was_computed_is_not_copied(x, copier):
    with pytest.raises(LostGradientError, match=r"a copy would lose; use t.detach\(\)"):
        copier(x * 2)
    assert copier((x * 2).detach()).tolist() == [2.0, 4.0, 6.0]


def test_deepcopy_takes_the_gradient_along_and_keeps_sharing(x):
    (x * x).sum().backward()
    first, second = copy.deepcopy([x, x])
    assert first is second
    assert first.grad.tolist() == [2.0, 4.0, 6.0]
    first.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_the_copy_method_is_recorded(x):
    y = x.copy()
    assert not np.shares_memory(y._array, x._array)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
