"""Loops in the machine's tables: what is rolled up, unrolled naively, is what it was, and gives the same bits."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import nn
from tapegrad.kernels.instructions import CODE, FIELDS, LENGTH, LOOP, TURNING, TURNS, A
from tapegrad.static import compile, machine
from tapegrad.static.machine import Steps
from tapegrad.static.rolled import rolled, told


def unrolled(code: Any) -> Any:
    """A table whose loops are written out."""
    rows: list[Any] = []
    p = 0
    while p < len(code):
        if code[p, CODE] == LOOP:
            length, turns = code[p, [LENGTH, TURNS]]
            turn, moves = np.array(rows[-length:]), code[p + 1 : p + 1 + length]
            for number in range(1, turns):
                rows += [*(turn + number * moves)]
            p += length
        else:
            rows.append(code[p])
        p += 1
    return np.array(rows, np.int64).reshape(-1, FIELDS)


def ends(code: Any) -> list[tuple[int, int]]:
    """How many rows a turn has, and how many turns there are, for each loop of a table."""
    return [(int(row[LENGTH]), int(row[TURNS])) for row in code if row[CODE] == LOOP]


def straight(rng: Any, length: int, kinds: int) -> Any:
    """Instructions of which few are of another kind than others."""
    rows = np.tile(np.arange(FIELDS), (length, 1))
    rows[:, CODE] = rng.integers(0, kinds, length)
    rows[:, TURNING] = rng.integers(0, 50, (length, len(TURNING)))
    return rows


def repeated(rng: Any, length: int, turns: int, kinds: int) -> Any:
    """Instructions that are repeated, each of which moves from turn to turn."""
    moves = np.zeros((length, FIELDS), np.int64)
    moves[:, TURNING] = rng.integers(-1, 2, (length, len(TURNING))) * rng.integers(0, 30)
    first = straight(rng, length, kinds)
    return np.concatenate([first + turn * moves for turn in range(turns)])


PARTS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 40)), max_size=5)


@given(PARTS, st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 3))
def test_a_table_that_is_rolled_up_and_unrolled_is_what_it_was(parts, seed, kinds, changes):
    rng = np.random.default_rng(seed)
    code = np.concatenate([straight(rng, 1, kinds), *(repeated(rng, *part, kinds) for part in parts)])
    for _ in range(changes):
        code[rng.integers(len(code)), rng.choice([*TURNING, A + 2])] += 1
    short = rolled(code)
    np.testing.assert_array_equal(unrolled(short), code)
    assert len(short) <= len(code)
    assert told(short).startswith(f"{len(code)} steps")


def test_a_repeated_segment_is_written_once():
    rng = np.random.default_rng(0)
    before, after = straight(rng, 7, 20), straight(rng, 5, 20)
    one, other = repeated(rng, 6, 50, 20), repeated(rng, 4, 30, 20)
    short = rolled(np.concatenate([before, one, after, other]))
    assert ends(short) == [(6, 50), (4, 30)]
    assert len(short) == 7 + 2 * 6 + 1 + 5 + 2 * 4 + 1
    assert told(short) == "432 steps, 6 of them 50 times, 4 of them 30 times"
    many = rolled(np.concatenate([repeated(rng, 9, 50, 20) for _ in range(5)]))
    assert told(many) == "2250 steps, 2250 of them in 5 loops"
    assert told(rolled(before)) == "7 steps"


def test_places_that_are_used_in_turn_make_a_longer_turn():
    code = straight(np.random.default_rng(0), 5, 20)
    other = code.copy()
    other[2, TURNING[1]] += 64
    assert ends(rolled(np.tile(np.concatenate([code, other]), (40, 1)))) == [(10, 40)]


def test_the_longer_turn_is_taken_and_not_what_is_repeated_in_it():
    rng = np.random.default_rng(0)
    inner = np.concatenate([straight(rng, 3, 20), np.tile(straight(rng, 1, 20), (9, 1))])
    assert ends(rolled(np.tile(inner, (30, 1)))) == [(12, 30)]


def test_what_differs_otherwise_is_no_loop():
    """Only arrays and starts may move, and as far each time; and a few turns are not worth it."""
    code = np.tile(straight(np.random.default_rng(0), 5, 20), (40, 1))
    turns = np.repeat(np.arange(40), 5)
    for field in range(FIELDS):
        moved = code.copy()
        moved[:, field] -= turns
        assert ends(rolled(moved)) == ([(5, 40)] if field in TURNING else [])
    code[:, TURNING[1]] += turns**2
    assert ends(rolled(code)) == []
    assert ends(rolled(repeated(np.random.default_rng(0), 5, 3, 20))) == []
    assert rolled(np.empty((0, FIELDS), np.int64)).shape == (0, FIELDS)


# Programs


def drawn(*shape: int, seed: int = 0) -> Any:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.5).astype(np.float32)


def machines(run: Any) -> list[Steps]:
    (program,) = run.programs
    return [entry.function for entry in program.entries if isinstance(entry.function, Steps)]


def replayed(run: Any, x: Any) -> list[Any]:
    """What the third call gives: from then on nothing but the program is run."""
    return [np.asarray(result.numpy()) for result in [run(x) for _ in range(3)][-1]]


def network(kind: str, steps: int, hidden: int, source: str, what: str) -> tuple[Any, Any]:
    """A network that is unrolled in time, with its backward pass, and what it is called with."""
    tg.random.seed(0)
    cell = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}[kind](3, hidden)
    parameters = list(cell.parameters())
    x = drawn(steps, 4, 3, seed=1)

    def step(x: Any) -> Any:
        for parameter in parameters:
            parameter.grad = None
        parts = tg.unstack(x) if source == "unstack" else x
        state: Any = np.zeros((4, hidden), np.float32)
        state = (state, state) if kind == "lstm" else state
        states, loss = [], 0.0
        for t in range(steps):
            state = cell(x[:, t] if source == "slices" else parts[t], state)
            states.append(state[0] if kind == "lstm" else state)
            if what == "every":
                loss = loss + (states[-1] * states[-1]).mean()
        if what != "every":
            loss = ((tg.stack(states, 1) if what == "stack" else states[-1]) ** 2).sum()
        loss.backward()
        return loss, *(parameter.grad for parameter in parameters), *(states if what == "states" else [])

    return step, [*x] if source == "list" else np.swapaxes(x, 0, 1).copy() if source == "slices" else x


@given(
    st.sampled_from(["rnn", "lstm", "gru"]), st.integers(1, 60), st.integers(1, 9),
    st.sampled_from(["slices", "unstack", "list"]), st.sampled_from(["last", "every", "stack", "states"]),
)  # fmt: skip
@settings(max_examples=20)
def test_a_rolled_program_has_the_bits_of_the_unrolled_one(kind, steps, hidden, source, what):
    step, x = network(kind, steps, hidden, source, what)
    run, straightly = compile(step), compile(step)
    with mock.patch.object(machine, "rolled", lambda code: code):
        expected = replayed(straightly, x)
    got = replayed(run, x)
    for one, other in zip(machines(run), machines(straightly), strict=True):
        np.testing.assert_array_equal(unrolled(one.code), other.code)
    assert steps < 40 or kind == "rnn" or any(ends(each.code) for each in machines(run))
    for a, b in zip(expected, got, strict=True):
        assert a.tobytes() == b.tobytes()
    by_itself = [np.asarray(result.numpy()) for result in step([*map(tg.asarray, x)] if source == "list" else x)]
    for a, b in zip(by_itself, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5 * max(1.0, float(np.max(np.abs(a)))))


@pytest.mark.parametrize("source", ["slices", "unstack", "list"])
@pytest.mark.parametrize(("kind", "what"), [("rnn", "last"), ("rnn", "every"), ("lstm", "stack"), ("gru", "states")])
def test_an_unrolled_network_is_two_loops(kind, what, source):
    """One forward and one backward, and little around them."""
    step, x = network(kind, 100, 8, source, what)
    run = compile(step)
    run(x)
    (steps,) = machines(run)
    loops = [turns for length, turns in ends(steps.code) if length > 1]
    assert len(loops) == 2
    assert min(loops) >= 45
    assert len(steps.code) < 250
    assert f"{ends(steps.code)[0][0]} of them {loops[0]} times" in run.programs[0].explain()


def test_results_and_inputs_of_each_turn_are_arrays_of_their_own():
    """The arrays themselves move from turn to turn, and each turn writes into its own."""

    def steps(x: Any) -> Any:
        y = np.zeros(5, np.float32)
        results = []
        for each in x:
            y = tg.tanh(each * 0.5 + y)
            results.append(y)
        return results

    x = [drawn(5, seed=seed) for seed in range(80)]
    run = compile(steps)
    results = [run(x) for _ in range(3)][-1]
    (steps_of_it,) = machines(run)
    assert len(steps_of_it.code) < 40
    assert [turns for _, turns in ends(steps_of_it.code)] == [79]
    y = np.zeros(5)
    for each, result in zip(x, results, strict=True):
        y = np.tanh(each * 0.5 + y)
        np.testing.assert_allclose(result, y, rtol=1e-5, atol=1e-6)
