"""Large elementwise steps, block by block: programs with them against the same programs without."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.kernels import fused
from tapegrad.static import blocks, trace
from tapegrad.static.blocks import blocked
from tapegrad.static.passes import needed
from tapegrad.static.replay import Replay
from tapegrad.static.runs import Addresses


def drawn(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def both(function: Any, *arrays: Any) -> tuple[list[Any], list[Any], list[str]]:
    """What a program gives by itself and in blocks, and the names of the second one's entries."""
    program = trace(function, *arrays)
    other = needed(blocked(program))
    return Replay(program)(list(arrays)), Replay(other)(list(arrays)), [entry.name for entry in other.entries]


@pytest.mark.parametrize("shape", [(40000,), (250, 300), (3, 100, 151), (70000, 1), (4, 5, 20, 100)])
def test_arithmetic_has_the_bits_of_numpy(shape):
    x, y = drawn(*shape), drawn(*shape, seed=1)

    def steps(x, y):
        z = x * y + 2.0
        return tg.maximum(z, x) / (tg.abs(y) + 1.0) - z, z * (z > 0)

    expected, got, names = both(steps, x, y)
    assert names == ["blocks", "part", "part"]
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_rows_columns_and_single_numbers_are_broadcast():
    x, row, column, one = drawn(300, 200), drawn(200), drawn(300, 1), drawn(1)

    def steps(x, row, column, one):
        return tg.relu(x + row) * column - one, (row - x) / (column * column + 1.0) + x

    expected, got, names = both(steps, x, row, column, one)
    assert names.count("blocks") == 1
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_functions_are_close_and_a_run_goes_on_past_other_entries():
    x, w = drawn(260, 260), drawn(260, 260, seed=1)

    def steps(x, w):
        y = tg.tanh(x * 2.0)
        total = (x @ w).sum()
        return tg.exp(-y) * tg.sigmoid(y) + x, total

    expected, got, names = both(steps, x, w)
    assert names.count("blocks") == 1
    assert names.count("matmul") == 1
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(got[1], expected[1])


OPS = [tg.add, tg.subtract, tg.multiply, tg.maximum, tg.minimum]


@given(st.data())
@settings(max_examples=25)
def test_random_graphs(data):
    shape = data.draw(st.sampled_from([(33000,), (190, 180), (9, 60, 70)]))
    others = [(), shape[-1:], (*shape[:-1], 1)]
    inputs = [drawn(*shape)] + [drawn(*data.draw(st.sampled_from([shape, *others])), seed=i) for i in range(1, 4)]
    plan = [
        (data.draw(st.sampled_from(OPS)), data.draw(st.integers(0, 3 + i)), data.draw(st.integers(0, 3 + i)))
        for i in range(data.draw(st.integers(2, 12)))
    ]

    def steps(*arrays):
        values = list(arrays)
        for op, i, j in plan:
            values.append(op(op(values[0], values[i]), values[j]))
        return values[-1], values[len(values) // 2 + 1]

    expected, got, names = both(steps, *inputs)
    assert "blocks" in names
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_bits_do_not_depend_on_the_number_of_threads():
    x = drawn(900, 333)
    count = tg.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            tg.set_num_threads(threads)
            results.append(both(lambda x: tg.tanh(x * 3.0) + x, x)[1][0].tobytes())
    finally:
        tg.set_num_threads(count)
    assert len(set(results)) == 1


def test_what_is_small_or_not_float32_stays_as_it_is():
    small, double = drawn(30), drawn(300, 300).astype(np.float64)
    expected, got, names = both(lambda a, b: (a * 2.0 + a, b * 2.0 + b), small, double)
    assert "blocks" not in names
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_step_is_left_to_numpy_unless_it_is_very_large():
    assert both(lambda x: tg.relu(x), drawn(200, 200))[2] == ["relu"]
    assert both(lambda x: tg.relu(x), drawn(1000, 1000))[2] == ["blocks", "part"]


def test_rows_too_long_for_a_block_are_left_alone():
    x, row = drawn(2, 40_000), drawn(40_000)
    program = trace(lambda x, row: tg.exp(x * row) + row, x, row)
    assert "blocks" not in [entry.name for entry in needed(blocked(program)).entries]


def with_kernel(monkeypatch: Any, function: Any, *arrays: Any) -> tuple[list[Any], list[Any]]:
    """What a program gives in blocks by the machine, and by a kernel of its own."""
    replay = Replay(needed(blocked(trace(function, *arrays))))
    by_machine = replay(list(arrays))
    monkeypatch.setattr(blocks, "_WORTH", 0)
    made = []
    kernel = fused.kernel
    monkeypatch.setattr(fused, "kernel", lambda *parts: made.append(parts) or kernel(*parts))
    by_kernel = Replay(needed(blocked(trace(function, *arrays))))(list(arrays))
    assert len(made) == 1
    return by_machine, by_kernel


def assert_same_numbers(got: Any, expected: Any) -> None:
    """Bit for bit, except that NaN has many."""
    got, expected = (np.where(np.isnan(x), np.float32(np.nan), x) for x in (got, expected))
    assert got.tobytes() == expected.tobytes()


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 88.9, -104.5, 0.625, 3e38], np.float32)


@pytest.mark.parametrize("size", [1 << 15 | 1, 40_007])
def test_a_kernel_of_its_own_has_the_bits_of_the_machine(monkeypatch, size):
    x, y, one = drawn(size), drawn(size, seed=1), drawn(1, seed=2)
    x[: SPECIAL.size], y[-SPECIAL.size :] = SPECIAL, SPECIAL
    x[100 : 100 + SPECIAL.size] = y[100 : 100 + SPECIAL.size] = SPECIAL

    def steps(x, y, one):
        compared = [x > y, x >= y, x < y, x <= y]
        chosen = tg.maximum(x, y) * compared[0] - tg.minimum(y, x) * compared[1] + compared[2] * y + compared[3] * x
        functions = tg.exp(x) + tg.log(y), tg.tanh(x) * one, tg.sigmoid(x) / (tg.sqrt(tg.abs(y)) + 0.5)
        return chosen, *functions, tg.relu(x - y), -(x**2) * -3.0, tg.maximum(functions[1], x), functions[2] + 1.25

    with np.errstate(all="ignore"):
        by_machine, by_kernel = with_kernel(monkeypatch, steps, x, y, one)
    for expected, got in zip(by_machine, by_kernel, strict=True):
        assert_same_numbers(got, expected)


@pytest.mark.parametrize("seed", range(4))
def test_random_graphs_by_a_kernel_of_their_own(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    inputs = [drawn(190, 180, seed=i) for i in range(3)]
    plan = [(rng.integers(len(OPS)), rng.integers(3 + i), rng.integers(3 + i)) for i in range(12)]

    def steps(*arrays):
        values = list(arrays)
        for op, i, j in plan:
            values.append(tg.tanh(OPS[op](values[i], values[j])) + values[j])
        return values[-1], values[-4]

    by_machine, by_kernel = with_kernel(monkeypatch, steps, *inputs)
    for expected, got in zip(by_machine, by_kernel, strict=True):
        assert_same_numbers(got, expected)


def test_a_run_gets_a_kernel_when_it_has_been_busy_for_a_while(monkeypatch):
    made = []
    monkeypatch.setattr(fused, "kernel", lambda *parts: made.append(parts) or (lambda *arguments: None))
    monkeypatch.setattr(blocks, "_WORTH", 5 * 2 * 40_000)
    x, row = drawn(200, 200), drawn(200)
    replay = Replay(needed(blocked(trace(lambda x: tg.exp(x) + x, x))))
    for _ in range(5):
        replay([x])
    assert not made
    for _ in range(3):
        replay([x])
    assert len(made) == 1
    broadcast = Replay(needed(blocked(trace(lambda x, row: tg.exp(x) + row, x, row))))
    for _ in range(8):
        broadcast([x, row])
    assert len(made) == 1


def test_a_run_for_which_no_kernel_can_be_made_goes_on(monkeypatch):
    def fail(*parts):
        raise OSError("no memory for code")

    monkeypatch.setattr(fused, "kernel", fail)
    monkeypatch.setattr(blocks, "_WORTH", 0)
    x = drawn(200, 200)
    replay = Replay(needed(blocked(trace(lambda x: tg.exp(x) * x, x))))
    with pytest.warns(RuntimeWarning, match="no kernel could be made of 2 elementwise steps"):
        first = replay([x])
    np.testing.assert_array_equal(first[0], replay([x])[0])
    np.testing.assert_allclose(first[0], np.exp(x) * x, rtol=1e-6)


def test_arrays_of_an_interrupted_run_stay_where_helpers_may_still_write():
    array = np.zeros(4, np.float32)
    alive = weakref.ref(array)
    with pytest.raises(KeyboardInterrupt), Addresses(np.zeros(1, np.float32), [array], []):
        raise KeyboardInterrupt
    del array
    assert alive() is not None
    Addresses._abandoned.clear()
    assert alive() is None
