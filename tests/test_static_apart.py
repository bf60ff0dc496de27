"""Nobody who writes into arrays of their own, given or gotten, changes what a program does, holds or gave before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.static.apart import apart

JUNK = 777.0


@pytest.fixture(params=[False, True], ids=["plain", "fused"])
def compiled(request: Any) -> Any:
    return tg.compile(fuse=request.param)


def ruined(*results: Any) -> None:
    """Write into what the caller may write into."""
    for result in results:
        if type(result) is np.ndarray:
            result[...] = JUNK


def test_results_of_the_first_call_are_not_the_constants_of_the_program(compiled):
    run = compiled(lambda x: (x * 2, np.zeros(3)))
    for _ in range(4):
        double, zeros = run(np.ones(3))
        np.testing.assert_array_equal(double, [2, 2, 2])
        np.testing.assert_array_equal(zeros, [0, 0, 0])
        ruined(double, zeros)


def test_a_constant_that_is_used_and_given_stays_as_it_is(compiled):
    def function(x):
        mask = np.ones(3)
        return x * mask, mask

    run = compiled(function)
    for _ in range(4):
        product, mask = run(np.ones(3))
        np.testing.assert_array_equal(product, mask)
        ruined(product, mask)


def test_gradients_of_zeros_are_new_ones_each_time(compiled):
    run = compiled(lambda a, b: tg.grad(lambda pair: (pair[0] ** 2).sum())((a, b)))
    for _ in range(4):
        of_a, of_b = run(np.ones(3), np.ones(3))
        np.testing.assert_array_equal(of_a, [2, 2, 2])
        np.testing.assert_array_equal(of_b, [0, 0, 0])
        ruined(of_a, of_b)


def test_a_gradient_is_not_the_batch_that_it_was_computed_from(compiled):
    w = tg.tensor(np.ones(4, np.float32), requires_grad=True)

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    run, batch = compiled(step), np.empty(4, np.float32)
    for _ in range(3):
        w.grad = None
        for k in range(3):
            batch[:] = k + 1
            run(batch)
        batch[:] = JUNK
        np.testing.assert_array_equal(w.grad, [6, 6, 6, 6])


@pytest.mark.parametrize("value", [lambda x: x, lambda x: x * 1.0, lambda x: tg.reshape(x, (3, 2)).reshape(6)])
def test_a_tensor_that_was_assigned_an_argument_has_its_own_value(compiled, value):
    kept = tg.zeros((6,))

    def keep(x):
        kept.assign_(value(x))
        return x.sum()

    run = compiled(keep)
    for _ in range(4):
        batch = np.ones(6, np.float32)
        run(batch)
        batch[:] = JUNK
        np.testing.assert_array_equal(kept, np.ones(6))


def test_a_tensor_that_was_assigned_what_is_given_too_has_its_own_value(compiled):
    kept = tg.zeros((6,))

    def keep(x):
        y = x + 1
        kept.assign_(y)
        return y, y.reshape(2, 3)

    run = compiled(keep)
    for _ in range(4):
        results = run(np.ones(6, np.float32))
        ruined(*results)
        np.testing.assert_array_equal(kept, np.full(6, 2))


def test_results_that_are_held_stay_when_the_batch_changes(compiled):
    run, batch, held = compiled(lambda x: tg.reshape(x * 1.0, (2, 3))), np.zeros(6, np.float32), []
    for k in range(5):
        batch[:] = k
        held.append(run(batch))
    assert [result[0, 0] for result in held] == [0, 1, 2, 3, 4]
    ruined(*held)
    np.testing.assert_array_equal(batch, np.full(6, 4))


def test_tensors_that_are_given_do_not_lie_in_arguments_either(compiled):
    run, x = compiled(lambda x: x * tg.tensor(1.0)), np.ones(3, np.float32)
    held = [run(x) for _ in range(4)]
    x[:] = JUNK
    for each in held:
        np.testing.assert_array_equal(each, [1, 1, 1])


def test_results_that_are_views_of_one_another_are_apart(compiled):
    run = compiled(lambda x: (x + 1, (x + 1).reshape(-1), tg.swapaxes(x + 1, 0, 1)))
    for _ in range(4):
        first, *others = run(np.zeros((2, 2), np.float32))
        ruined(first)
        for other in others:
            np.testing.assert_array_equal(other, np.ones(other.shape))


def test_an_op_of_the_users_own_may_give_its_argument_or_a_view_of_it(compiled):
    same = tg.primitive(lambda x: x, lambda g: g, name="same")
    half = tg.primitive(lambda x: x[:2], lambda g: np.concatenate([g, np.zeros(2, g.dtype)]), name="half")
    run, x = compiled(lambda x: (same(x), half(x))), np.ones(4)
    for _ in range(4):
        x[:] = 1
        results = run(x)
        ruined(*results)
        np.testing.assert_array_equal(x, [1, 1, 1, 1])


def test_what_lies_in_a_buffer_of_another_kind_is_found(compiled):
    memory = bytearray(np.ones(6, np.float32).tobytes())
    x = np.frombuffer(memory, np.float32)
    assert apart(x[2:4], [x]) is not x
    run = compiled(lambda x: tg.reshape(x, (2, 3)))
    held = [run(x) for _ in range(4)]
    x[:] = JUNK
    for each in held:
        np.testing.assert_array_equal(each, np.ones((2, 3)))


VIEWS = [
    lambda x: tg.reshape(x, (3, 2)),
    lambda x: tg.reshape(x, (6,)),
    lambda x: tg.reshape(x, (2, 3)),
    lambda x: x * 1.0,
    lambda x: x - 0.0,
    lambda x: x * 2.0,
    lambda x: x[...],
    lambda x: x[::-1],
    lambda x: tg.swapaxes(x, 0, -1),
    lambda x: tg.broadcast_to(x, (2, *x.shape))[1],
    lambda x: tg.tanh(x),
]


@given(st.data())
@settings(max_examples=60)
def test_whatever_is_overwritten_later_calls_are_right(data):
    """Against the function itself, which computes everything anew from fresh arrays."""
    plan = [
        (data.draw(st.sampled_from(VIEWS)), data.draw(st.integers(0, 1 + i)))
        for i in range(data.draw(st.integers(1, 6)))
    ]
    given_back = data.draw(st.lists(st.integers(0, 1 + len(plan)), min_size=1, max_size=4))
    kept_place = data.draw(st.integers(0, 1 + len(plan)))
    constant = np.arange(6.0, dtype=np.float32).reshape(2, 3)

    def function(x, kept):
        values = [x, x + tg.asarray(np.array(constant))]
        for view, place in plan:
            values.append(view(values[place]))
        kept.assign_(tg.reshape(values[kept_place], (6,)))
        return [values[place] for place in given_back]

    fuse = data.draw(st.booleans())
    kept, expected_kept = tg.zeros((6,)), tg.zeros((6,))
    run = tg.compile(lambda x: function(x, kept), fuse=fuse)
    batch = np.empty((2, 3), np.float32)
    for call in range(4):
        batch[...] = np.random.default_rng(call).standard_normal((2, 3))
        expected = function(batch.copy(), expected_kept)
        expected = [np.array(each) for each in expected]
        results = run(batch)
        for got, right in zip(results, expected, strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-6)
        before = batch.copy()
        arrays = [result for result in results if type(result) is np.ndarray]
        for number, result in enumerate(arrays):
            assert not any(np.shares_memory(result, other) for other in arrays[number + 1 :])
        ruined(*arrays)
        np.testing.assert_array_equal(batch, before)
        batch[...] = JUNK
        np.testing.assert_allclose(kept, expected_kept, rtol=1e-6)


def test_order_in_memory_is_as_without_a_program():
    ones, rng = np.ones((8, 16), np.float32), np.random.default_rng(0)
    w = tg.tensor(np.ones((8, 16), np.float32), requires_grad=True)

    def function(x):
        w.grad = None
        (tg.tanh(w / x) * ones).sum().backward()
        sums = (x * ones).sum(), (x * 1.0).sum(), (tg.negative(x) * ones).sum()
        return *sums, (x / 1.0 - 0.0).sum(axis=0), w.grad.sum()

    run = tg.compile(function, fuse=False)
    for k in range(12):
        x = rng.normal(size=(32 if k % 3 else 16, 8)).astype(np.float32).T
        x = x[:, ::2] if k % 3 else x
        for got, right in zip(run(x), function(tg.asarray(x)), strict=True):
            assert np.asarray(got).tobytes() == np.asarray(right).tobytes()
