"""Every kind of NumPy's indices, drawn by Hypothesis, against NumPy and against loops that scatter one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.errors import DTypeError, KinkError, LostGradientError
from tapegrad.testing import check_gradients, strategies


@st.composite
def arrays_with_keys(draw: st.DrawFn, count: int = 1, min_side: int = 0) -> tuple[np.ndarray, list[Any]]:
    x = draw(strategies.arrays(strategies.shapes(min_side=min_side), unique=True))
    return x, [draw(strategies.indices(x.shape)) for _ in range(count)]


def cotangent(shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.random.default_rng(0).standard_normal(shape))


def places(shape: tuple[int, ...], key: Any) -> Any:
    """Which elements an index names, counted in the flattened array."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)[key]


def scattered(shape: tuple[int, ...], key: Any, g: np.ndarray) -> np.ndarray:
    """The gradient of `x[key]`: each element of `g` is added where it was taken from."""
    flat = np.zeros(np.prod(shape, dtype=int))
    for place, value in zip(np.ravel(places(shape, key)), np.ravel(g), strict=True):
        flat[place] += value
    return flat.reshape(shape)


@given(arrays_with_keys())
def test_getitem(drawn):
    x, (key,) = drawn
    t = tg.tensor(x, requires_grad=True)
    y = t[key]
    np.testing.assert_array_equal(y.numpy(), x[key])
    assert y.dtype == x.dtype
    g = cotangent(y.shape)
    y.backward(g)
    np.testing.assert_allclose(t.grad.numpy(), scattered(x.shape, key, g), rtol=1e-14, atol=1e-14)


@given(arrays_with_keys(count=3))
def test_several_getitems_of_one_tensor_add_up(drawn):
    x, keys = drawn
    t = tg.tensor(x, requires_grad=True)
    parts = [t[key] for key in keys]
    gs = [cotangent(y.shape) for y in parts]
    loss = sum((y * g).sum() for y, g in zip(parts, gs, strict=True)) + (t * 2).sum()
    loss.backward()
    expected = 2 + sum(scattered(x.shape, key, g) for key, g in zip(keys, gs, strict=True))
    np.testing.assert_allclose(t.grad.numpy(), expected, rtol=1e-13, atol=1e-13)


@given(arrays_with_keys(count=2, min_side=1))
def test_second_order_of_getitem(drawn):
    x, (a, b) = drawn
    try:
        check_gradients(lambda x: (x[a] ** 2).sum() * (x[b] ** 3).sum() + x[a].sum(), x / 4)
    except KinkError:  # near a zero of x, the slope of x ** 3 is all step and no slope
        reject()


@given(arrays_with_keys(), st.integers(0, 2))
def test_index_add(drawn, broadcast):
    x, (key,) = drawn
    shape = np.shape(x[key])[min(broadcast, np.ndim(x[key])) :]
    value = cotangent(shape)
    t, v = tg.tensor(x, requires_grad=True), tg.tensor(value, requires_grad=True)
    y = tg.index_add(t, key, v)
    np.testing.assert_allclose(y.numpy(), x + scattered(x.shape, key, np.broadcast_to(value, np.shape(x[key]))))
    g = cotangent(y.shape) + 0.5
    y.backward(g)
    np.testing.assert_array_equal(t.grad.numpy(), g)
    lead = len(np.shape(x[key])) - len(shape)
    np.testing.assert_allclose(v.grad.numpy(), g[key].sum(axis=tuple(range(lead))), rtol=1e-13, atol=1e-13)


@given(arrays_with_keys(), st.integers(0, 2))
def test_index_update(drawn, broadcast):
    x, (key,) = drawn
    shape = np.shape(x[key])[min(broadcast, np.ndim(x[key])) :]
    value = 10 + cotangent(shape)
    t, v = tg.tensor(x, requires_grad=True), tg.tensor(value, requires_grad=True)
    y = tg.index_update(t, key, v)
    expected = x.copy()
    expected[key] = value
    np.testing.assert_array_equal(y.numpy(), expected)

    g = cotangent(y.shape) + 0.5
    y.backward(g)
    # Element by element, in order: who writes last stays.
    writer: dict[int, int] = {}
    for order, place in enumerate(np.ravel(places(x.shape, key))):
        writer[int(place)] = order
    to_x = np.ravel(g).copy()
    to_value = np.zeros(np.size(x[key]))
    for place, order in writer.items():
        to_value[order] = to_x[place]
        to_x[place] = 0
    lead = len(np.shape(x[key])) - len(shape)
    np.testing.assert_array_equal(t.grad.numpy(), to_x.reshape(x.shape))
    expected = to_value.reshape(np.shape(x[key])).sum(axis=tuple(range(lead)))
    np.testing.assert_allclose(v.grad.numpy(), expected, rtol=1e-13, atol=1e-13)


@given(arrays_with_keys(min_side=1))
def test_the_functional_assignments_are_right_at_second_order(drawn):
    x, (key,) = drawn
    value = cotangent(np.shape(x[key]))
    check_gradients(lambda x, v: tg.index_update(x, key, v) ** 2, x / 4, value)
    check_gradients(lambda x, v: tg.index_add(x, key, v) ** 2, x / 4, value)


def wrapped(key: Any) -> Any:
    """The index with Tensors for its arrays."""
    if isinstance(key, tuple):
        return tuple(map(wrapped, key))
    return tg.tensor(key, dtype=key.dtype) if isinstance(key, np.ndarray) else key


@given(arrays_with_keys())
def test_tensors_serve_as_indices(drawn):
    x, (key,) = drawn
    t = tg.tensor(x, requires_grad=True)
    np.testing.assert_array_equal(t[wrapped(key)].numpy(), x[key])
    np.testing.assert_array_equal(tg.index_update(t, wrapped(key), 7.0).numpy(), tg.index_update(x, key, 7.0))


@given(st.data())
def test_take_along_axis(data):
    x = data.draw(strategies.arrays(strategies.shapes(min_dims=1), unique=True))
    axis = data.draw(strategies.axis(x.ndim))
    order = np.argsort(x, axis=axis)
    t = tg.tensor(x, requires_grad=True)
    y = np.take_along_axis(t, order, axis)
    np.testing.assert_array_equal(y.numpy(), np.sort(x, axis=axis))
    g = cotangent(y.shape)
    y.backward(g)
    expected = np.zeros(x.shape)
    np.put_along_axis(expected, order, g, axis)
    np.testing.assert_array_equal(t.grad.numpy(), expected)


def test_floats_are_no_indices():
    t = tg.tensor(np.arange(4.0), requires_grad=True)
    with pytest.raises(DTypeError, match="index: expected integers or booleans, got a tensor of float64"):
        t[tg.tensor([1.0], dtype=np.float64)]
    with pytest.raises(IndexError):
        t[np.array([1.0])]


def test_item_assignment_names_the_functions_that_can_be_recorded():
    t = tg.tensor(np.arange(4.0), requires_grad=True)
    plain = tg.tensor(np.arange(4.0))
    for target, value in [(t, 0.0), (t * 2, 0.0), (plain, t[0])]:
        with pytest.raises(LostGradientError, match=r"tapegrad\.index_update\(t, key, value\)"):
            target[1] = value


def test_item_assignment_outside_of_a_graph_gives_the_tensor_a_new_array():
    plain = tg.tensor(np.arange(4.0))
    before = plain.numpy()
    plain[1:3] = 9
    plain[tg.tensor([0], dtype=int)] = tg.tensor([5.0])
    np.testing.assert_array_equal(plain.numpy(), [5, 9, 9, 3])
    np.testing.assert_array_equal(before, [0, 1, 2, 3])
    leaf = tg.tensor(np.arange(4.0), requires_grad=True)
    with tg.no_grad():
        leaf[0] = 7
    assert leaf.numpy()[0] == 7
    assert leaf.requires_grad


def test_iteration_length_and_membership():
    x = np.arange(6.0).reshape(3, 2)
    t = tg.tensor(x, requires_grad=True)
    assert len(t) == 3
    rows = list(t)
    assert all(type(row) is Tensor for row in rows)
    a, b, c = t
    (a * 1 + b * 10 + c * 100).sum().backward()
    np.testing.assert_array_equal(t.grad.numpy(), [[1, 1], [10, 10], [100, 100]])
    assert 3.0 in t
    assert 7.0 not in t
    with pytest.raises(TypeError, match=r"iteration over a 0-d tensor; t\.item\(\) gives its number"):
        iter(t[0, 0])
