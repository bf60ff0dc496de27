"""The passes one by one: what each leaves out, what it must leave alone, and that no bit of a replay is another."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from static_runs import bits

import tapegrad as tg
from tapegrad.static import Program, trace
from tapegrad.static.passes import folded, needed, shared, tidied, tidy
from tapegrad.static.replay import Replay

SPECIAL = np.array([-0.0, 0.0, 1.5, -2.0, np.nan, -np.nan, np.inf, -np.inf, 5e-324])


def names(program: Program) -> list[str]:
    return [entry.name for entry in program.entries]


def replayed(program: Program, *arrays: Any) -> tuple[Any, Any]:
    """What a replay gives, and where it leaves the random numbers."""
    tg.random.seed(0)
    with np.errstate(all="ignore"):
        return Replay(program)(list(arrays)), tg.random.get_state()


def same(before: Program, after: Program, *arrays: Any) -> None:
    """Both programs give the same bits, in the same order in memory, and draw as many numbers."""
    (ours, ours_state), (theirs, theirs_state) = replayed(after, *arrays), replayed(before, *arrays)
    bits(ours, theirs)
    assert [np.asarray(y).strides for y in ours] == [np.asarray(y).strides for y in theirs]
    assert ours_state == theirs_state


def traced(function: Any, *arrays: Any) -> Program:
    with np.errstate(all="ignore"):
        return trace(function, *arrays)


# needed


def test_needed_leaves_out_what_nobody_reads():
    def function(x: Any) -> Any:
        _ = np.exp(np.sin(x)) * 2  # a chain
        return x + 1

    program = traced(function, SPECIAL)
    after = needed(program)
    assert names(program) == ["sin", "exp", "multiply", "add"]
    assert names(after) == ["add"]
    same(program, after, SPECIAL)


def test_needed_leaves_out_state_and_constants_that_nobody_reads():
    w, v = tg.tensor([1.0]), tg.tensor([2.0])

    def function(x: Any) -> Any:
        _ = w * np.array([3.0])
        return v * np.array([4.0]) * x

    after = needed(traced(function, np.ones(1)))
    assert [cell.tensor for cell in after.state.values()] == [v]
    assert [constant.array.tolist() for constant in after.constants] == [[4.0]]


def test_needed_keeps_arguments_results_and_what_is_written():
    w = tg.tensor([1.0, 2.0])

    def function(x: Any, y: Any) -> Any:
        w.assign_(w * 3)
        return y, np.ones(2)

    program = traced(function, np.ones(2), np.ones(2))
    after = needed(program)
    assert after.arguments == program.arguments
    assert after.results == program.results
    assert names(after) == ["multiply"]
    Replay(after)([np.ones(2), np.ones(2)])
    assert w.tolist() == [3.0, 6.0]


def test_needed_keeps_draws_that_nobody_reads():
    def function(x: Any) -> Any:
        _ = tg.random.normal(3) * 2
        return x + tg.random.uniform(2)

    program = traced(function, np.ones(2))
    after = needed(program)
    assert names(after) == ["random", "random", "add"]
    same(program, after, np.ones(2))


def test_needed_keeps_the_steps_of_optimizers():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = tg.optim.Momentum([w], lr=0.5)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        w.assign_(x * 0)  # so that nobody reads what the step gave
        return x

    after = needed(traced(step, np.ones(2)))
    assert "update" in names(after)


# shared


def test_shared_computes_once_what_is_there_twice():
    program = traced(lambda x: (np.exp(x * 2) + np.exp(x * 2), np.sum(x, axis=0) - np.sum(x, axis=0)), SPECIAL)
    after = shared(program)
    assert names(after) == ["multiply", "exp", "add", "sum", "subtract"]
    same(program, after, SPECIAL)


def test_shared_results_are_told_by_every_place():
    program = traced(lambda x: [np.exp(x), np.exp(x), {"a": np.exp(x)}], SPECIAL)
    after = shared(program)
    assert len(after.entries) == 1
    assert len(set(after.results)) == 1
    same(program, after, SPECIAL)


def test_shared_state_is_written_from_the_one_that_stays():
    w = tg.tensor(np.zeros(1))

    def function(x: Any) -> Any:
        y = x * 2
        w.assign_(x * 2)
        return y

    after = shared(traced(function, np.ones(1)))
    assert names(after) == ["multiply"]
    Replay(after)([np.full(1, 3.0)])
    assert w.tolist() == [6.0]


DIFFERENT = {
    "the order of operands": lambda x: (x + x[::-1], x[::-1] + x),
    "the op": lambda x: (x + 2, x * 2),
    "the axis": lambda x: (x.reshape(3, 3).sum(0), x.reshape(3, 3).sum(1)),
    "whole numbers and fractions": lambda x: (np.arange(3) * tg.asarray(2), np.arange(3) * tg.asarray(2.0)),
    "the sign of zero": lambda x: (x * 0.0, x * -0.0),
    "one and True": lambda x: (tg.sum(x, axis=0, keepdims=True), tg.sum(x, axis=0, keepdims=False)),
    "the dtype": lambda x: (x.astype(np.float32), x.astype(np.float16)),
    "slices": lambda x: (x[1:3], x[1:4], x[1:4:2], x[1:-5]),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_shared_leaves_alone_what_differs_in(name):
    program = traced(DIFFERENT[name], SPECIAL)
    after = shared(program)
    assert len(set(after.results)) == len(set(program.results)) == len(program.results)
    same(program, after, SPECIAL)


def test_shared_tells_numbers_that_are_equal_apart():
    program = traced(lambda x: (x * 1, x * 1.0, x * True), np.arange(3))
    after = shared(program)
    assert len(after.entries) == 3
    assert [y.dtype.kind for y in replayed(after, np.arange(3))[0]] == ["i", "f", "i"]
    same(program, after, np.arange(3))


def test_shared_leaves_draws_alone():
    program = traced(lambda x: (tg.random.uniform(3), tg.random.uniform(3), x), np.ones(3))
    after = shared(program)
    assert names(after) == ["random", "random"]
    same(program, after, np.ones(3))
    one, other, _ = replayed(after, np.ones(3))[0]
    assert (one != other).all()


@pytest.mark.parametrize("each", [shared, tidied], ids=lambda each: each.__name__)
def test_effects_are_run_each_time(each):
    """Also where they are the same function of the same values."""
    program = traced(lambda x: (x * 1.0, x * 1.0), np.float64(2))
    entries = tuple([dataclasses.replace(entry, effect=True) for entry in program.entries])
    assert each(dataclasses.replace(program, entries=entries)).entries == entries


def test_shared_goes_by_functions_and_not_by_their_names():
    double, triple = (tg.primitive(f, lambda g: g, name="same") for f in (lambda x: x * 2, lambda x: x * 3))
    program = traced(lambda x: (double(x), triple(x)), np.ones(2))
    assert len(shared(program).entries) == 2


# folded


def test_folded_computes_what_depends_on_constants():
    c = np.arange(6.0).reshape(2, 3)

    def function(x: Any) -> Any:
        return x + np.exp(tg.asarray(c)).T.sum(axis=0) * 2

    program = traced(function, np.ones(2))
    after = folded(program)
    assert names(after) == ["add"]
    assert names(program)[-1] == "add"
    assert len(program.entries) == 5
    same(program, after, np.ones(2))
    assert after.constants[-1].line == program.entries[-2].line


def test_folded_keeps_the_bits_and_the_order_in_memory():
    c = SPECIAL.reshape(3, 3)
    program = traced(lambda x: (np.negative(tg.asarray(c).T) * 0.5, x), np.ones(1))
    after = folded(program)
    assert names(after) == []
    same(program, after, np.ones(1))


def test_folded_leaves_state_draws_and_arguments_alone():
    w = tg.tensor(np.ones(2))
    program = traced(lambda x: (w * 2, tg.random.uniform(2) * 2, x * 2), np.ones(2))
    after = folded(program)
    assert names(after) == ["multiply", "random", "multiply", "multiply"]
    same(program, after, np.ones(2))
    w.assign_(np.full(2, 7.0))
    assert replayed(after, np.ones(2))[0][0].tolist() == [14.0, 14.0]


def test_folded_leaves_effects_of_constants_alone():
    program = traced(lambda x: (x, np.exp(tg.asarray(np.ones(2)))), np.ones(2))
    entries = tuple([dataclasses.replace(entry, effect=True) for entry in program.entries])
    assert len(entries) == 1
    assert folded(dataclasses.replace(program, entries=entries)).entries == entries


def test_folded_takes_variables_inside_of_parameters_into_account():
    at = np.array([1, 0])
    program = traced(lambda x, i: (tg.take(x, at), tg.take(tg.asarray(np.arange(3.0)), i)), np.ones(3), at)
    after = folded(program)
    assert [entry.name for entry in after.entries].count("getitem") == 2
    same(program, after, np.arange(3.0), np.array([0, 0]))


# tidied

# Left alone where the order of an array in memory is not known, or may be that of the other one.
ARRAYS = {"x * ones", "x / ones", "x - zeros", "x ** 1", "x ** 1.0"}
UNCHANGED: dict[str, Any] = {
    "x * 1.0": lambda x: x * 1.0,
    "1.0 * x": lambda x: 1.0 * x,
    "x / 1.0": lambda x: x / 1.0,
    "x - 0.0": lambda x: x - 0.0,
    "x ** 1": lambda x: x**1,
    "x ** 1.0": lambda x: x**1.0,
    "x * ones": lambda x: x * np.ones(x.shape, np.float32),
    "x / ones": lambda x: x / np.ones(x.shape),
    "x - zeros": lambda x: x - np.zeros(x.shape),
    "reshape": lambda x: x.reshape(x.shape),
}
CHANGED: dict[str, Any] = {
    "x + 0.0": lambda x: x + 0.0,
    "0.0 + x": lambda x: 0.0 + x,
    "x - -0.0": lambda x: x - -0.0,
    "0.0 - x": lambda x: 0.0 - x,
    "x * 0.0": lambda x: x * 0.0,
    "0.0 / x": lambda x: 0.0 / x,
    "x * -1.0": lambda x: x * -1.0,
    "x / -1.0": lambda x: x / -1.0,
    "1.0 / x": lambda x: 1.0 / x,
    "1.0 - x": lambda x: 1.0 - x,
    "1.0 ** x": lambda x: 1.0**x,
    "x ** 0": lambda x: x**0,
    "x ** -1": lambda x: x**-1,
    "x - x": lambda x: x - x,
    "x / x": lambda x: x / x,
    "-(-x)": lambda x: np.negative(np.negative(x)),
    "one of two": lambda x: x * np.array([1.0, 1 + 2**-52]).reshape((2,) + (1,) * x.ndim),
    "another shape": lambda x: x * np.ones((2, *x.shape)),
    "another reshape": lambda x: x.reshape(1, *x.shape),
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_tidied_leaves_out_steps_that_change_nothing(name):
    """They are between others, since an argument may be changed later."""
    for x in (SPECIAL, np.float64(1.5)):
        program = traced(lambda x: np.tanh(UNCHANGED[name](np.negative(x))), x)
        assert len(program.entries) == 3
        if np.ndim(x) and name in ARRAYS:
            continue
        assert names(tidied(program)) == ["negative", "tanh"]
        same(program, tidied(program), x)


@pytest.mark.parametrize("name", UNCHANGED)
def test_tidied_leaves_out_more_where_later_sums_may_round(name):
    program = traced(lambda x: np.tanh(UNCHANGED[name](x)), SPECIAL)
    after = tidied(program, every_bit=False)
    assert names(after) == ["tanh"]
    same(program, after, SPECIAL)


@pytest.mark.parametrize("every_bit", [True, False])
@pytest.mark.parametrize("name", CHANGED)
def test_tidied_leaves_alone_what_may_change_a_bit(name, every_bit):
    for x in (SPECIAL, np.float64(1.5)):
        program = traced(CHANGED[name], x)
        after = tidied(program, every_bit=every_bit)
        assert names(after) == names(program)
        same(program, after, x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * np.float64(1.0),  # of another dtype
        lambda x: x * np.ones(3),
        lambda x: x - np.zeros(3),
        lambda x: x / np.ones((3, 1), np.float32),
    ],
)
def test_tidied_leaves_alone_what_has_another_dtype_or_shape(function):
    x = np.arange(3, dtype=np.float32)
    program = traced(function, x)
    for every_bit in (True, False):
        after = tidied(program, every_bit=every_bit)
        assert names(after) == names(program)
        same(program, after, x)


def test_tidied_leaves_alone_what_is_not_known_to_be_one():
    w = tg.tensor(np.ones(3))
    program = traced(lambda x, y: (x * w, x * y, x - (y - 1), x * tg.random.uniform(3)), np.ones(3), np.ones(3))
    for every_bit in (True, False):
        assert names(tidied(program, every_bit=every_bit)) == names(program)


def test_tidied_goes_by_functions_and_not_by_their_names():
    twice = tg.primitive(lambda x, *, shape: x * 2, lambda g: g * 2, name="reshape")
    program = traced(lambda x: twice(x, shape=(3,)), np.ones(3))
    assert names(tidied(program, every_bit=False)) == ["reshape"]


ORDERS = {
    "the product with ones": lambda x: np.sum(x * np.ones((129, 67))),
    "of an argument's transpose": lambda x: np.sum(x.T * np.ones((67, 129)), axis=1),
    "a quotient": lambda x: np.mean(x / np.ones((129, 67)) * 1.5),
    "a difference": lambda x: np.sum(x - np.zeros((129, 67)), axis=1),
    "a power": lambda x: np.sum((x.T) ** 1),
    "a product behind it": lambda x: (x * np.ones((129, 67))) @ np.linspace(0, 1, 67),
    "the result itself": lambda x: x * np.ones((129, 67)),
    "a reshape": lambda x: np.sum(x.reshape(129, 67).reshape(-1) * 1.0),
    "a part": lambda x: x[:, ::2] * 1.0,
    "what is turned": lambda x: np.sum(x[:, ::-1] / 1.0, axis=1),
    "ones that lie otherwise": lambda x: np.sum(x * np.ones((67, 129)).T),
}


@pytest.mark.parametrize("name", ORDERS)
def test_no_bit_changes_whatever_the_order_of_arguments_in_memory(name):
    x = np.random.default_rng(0).standard_normal((129, 67))
    program = traced(ORDERS[name], x)
    after = tidied(program)
    for order in "CF":
        same(program, after, np.asarray(x, order=order))
    same(program, after, np.repeat(x, 2, axis=1)[:, ::2])


# All of them, on random programs

VALUES = st.lists(st.sampled_from([*SPECIAL.tolist(), 0.25, 3.0]), min_size=6, max_size=6)
C = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
STEPS: list[Any] = [
    lambda x, y: x * 1.0,
    lambda x, y: x / 1.0,
    lambda x, y: x - 0.0,
    lambda x, y: x + 0.0,
    lambda x, y: x**1,
    lambda x, y: x * 0.0,
    lambda x, y: x * C,
    lambda x, y: x - (tg.asarray(C) - 1),
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: np.maximum(x, y),
    lambda x, y: tg.where(x > y, x, y),
    lambda x, y: np.tanh(x),
    lambda x, y: np.negative(x),
    lambda x, y: x.reshape(2, 3),
    lambda x, y: x.reshape(3, 2).T,
    lambda x, y: x.reshape(3, 2).reshape(2, 3),
    lambda x, y: x[:, ::-1],
    lambda x, y: tg.concat([x[:1], y[1:]]),
    lambda x, y: x + x.sum(axis=0),
    lambda x, y: x * np.exp(tg.asarray(C) * 2),
    lambda x, y: x + tg.random.normal((2, 3)),
    lambda x, y: tg.asarray(C),
]
PASSES = [folded, tidied, shared, needed, tidy]


@pytest.mark.parametrize("each", PASSES, ids=lambda each: each.__name__)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12),
    VALUES,
    st.integers(1, 3),
    st.booleans(),
)
def test_random_programs_keep_every_bit(each, steps, values, kept, turned):
    x = np.array(values).reshape(3, 2).T if turned else np.array(values).reshape(2, 3)
    w = tg.tensor(np.array(values[::-1]).reshape(2, 3))

    def function(x: Any) -> Any:
        known = [tg.asarray(x), w]
        for step, first, second in steps:
            known.append(step(known[-1 - first % len(known)], known[-1 - second % len(known)]))
        return known[-kept:]

    program = traced(function, x)
    after = each(program)
    assert len(after.entries) <= len(program.entries)
    same(program, after, x)
    same(program, after, np.ascontiguousarray(x))
    same(program, after, np.asfortranarray(x[::-1]))
    if each not in (tidied, tidy):  # which know more of the order in memory when steps are gone
        assert names(each(after)) == names(after)


def test_the_passes_together_are_all_of_them():
    def function(x: Any) -> Any:
        x = np.sin(x)
        y = x * np.exp(tg.asarray(np.zeros(())))
        _ = y * 3
        return np.tanh(y) + np.tanh(x)

    program = traced(function, np.float64(0.5))
    assert names(functools.reduce(lambda p, each: each(p), [folded, tidied, shared, needed], program)) == names(
        tidy(program)
    )
    assert names(tidy(program)) == ["sin", "tanh", "add"]
    same(program, tidy(program), np.asarray(0.5))


def test_several_arrays_made_of_constants_alone():
    def steps(x):
        carry, rows = tg.scan(lambda total, value: (total + value, total + value), np.float64(0), np.arange(5.0))
        return x + carry, rows

    for got, expected in zip(Replay(tidy(trace(steps, np.ones(5))))([np.ones(5)]), steps(np.ones(5)), strict=True):
        np.testing.assert_array_equal(got, expected)
