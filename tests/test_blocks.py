"""Large elementwise steps, block by block: programs with them against the same programs without."""

from __future__ import annotations

import warnings
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
    with np.errstate(all="ignore"):
        program = trace(function, *arrays)
    by_machine = Replay(needed(blocked(program)))(list(arrays))
    monkeypatch.setattr(blocks, "_WORTH", 0)
    made = []
    kernel = fused.kernel
    monkeypatch.setattr(fused, "kernel", lambda *parts: made.append(parts) or kernel(*parts))
    by_kernel = Replay(needed(blocked(program)))(list(arrays))
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


@pytest.mark.parametrize("size", [1 << 15 | 1, 40_007, 1 << 16])
def test_results_that_go_past_the_caches_have_the_same_bits(monkeypatch, size):
    monkeypatch.setattr(blocks, "_RECYCLED", 1)
    x, one = drawn(size), drawn(1, seed=2)

    def steps(x, one):
        y = tg.tanh(x) * one
        return y, tg.exp(y) + x, (y * y).sum()

    by_machine, by_kernel = with_kernel(monkeypatch, steps, x, one)
    for expected, got in zip(by_machine, by_kernel, strict=True):
        assert_same_numbers(got, expected)
        assert not np.ndim(got) or got.ctypes.data % 64 == 0


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


# Sums and means of all numbers


def assert_close(got: Any, expected: Any) -> None:
    """Equal to one part in a million."""
    assert np.asarray(got).dtype == np.float32
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


SUMS = [tg.sum, tg.mean]
SHAPES = [(32_769,), (40_007,), (250, 300), (3, 100, 151), (70_001, 1), (1, 66_000), (4, 5, 20, 100), (65_536 + 1024,)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_of_all_numbers_are_close_to_those_in_double_precision(monkeypatch, shape, keepdims):
    x, y = np.abs(drawn(*shape)), np.abs(drawn(*shape, seed=1))
    every = tuple(range(-len(shape), 0))

    def steps(x, y):
        z = x * y + 0.5
        sums = [op(z, axis=axis, keepdims=keepdims) for op in SUMS for axis in (None, every)]
        return *sums, tg.mean(x, keepdims=keepdims), z / y, tg.sum(z * y, keepdims=keepdims)

    _, _, names = both(steps, x, y)
    assert names == ["blocks", *["part"] * 7]
    u, v = x.astype(np.float64), y.astype(np.float64)
    z = u * v + 0.5
    expected = [op(z, keepdims=keepdims) for op in (np.sum, np.sum, np.mean, np.mean)]
    expected += [u.mean(keepdims=keepdims), z / v, (z * v).sum(keepdims=keepdims)]
    by_machine, by_kernel = with_kernel(monkeypatch, steps, x, y)
    for got, other, exact in zip(by_machine, by_kernel, expected, strict=True):
        assert_close(got, exact)
        assert_same_numbers(other, got)
    if not keepdims:
        assert type(by_machine[0]) is type(by_kernel[0]) is np.float32


def test_dimensions_of_one_number_need_not_be_named():
    x = np.abs(drawn(1, 40_000, 1))
    _, got, names = both(lambda x: tg.mean(tg.relu(x) * x, axis=1), x)
    assert names == ["blocks", "part"]
    assert_close(got[0], np.mean(x.astype(np.float64) ** 2, axis=1))


@pytest.mark.parametrize("others", [[(200,)], [(300, 1)], [(200,), (300, 1), ()]])
def test_sums_of_what_rows_and_columns_are_broadcast_onto(others):
    x = np.abs(drawn(300, 200))
    arrays = [np.abs(drawn(*shape, seed=i + 1)) for i, shape in enumerate(others)]

    def steps(x, *arrays):
        for array in arrays:
            x = x * array + 0.25
        return tg.sum(x), tg.mean(x, keepdims=True), x

    _, got, names = both(steps, x, *arrays)
    assert names.count("blocks") == 1
    z = x.astype(np.float64)
    for array in arrays:
        z = z * array + 0.25
    assert_close(got[0], z.sum())
    assert_close(got[1], z.mean(keepdims=True))


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_random_graphs_with_sums(data):
    shape = data.draw(st.sampled_from([(33000,), (190, 180), (9, 60, 70)]))
    inputs = [np.abs(drawn(*shape, seed=i)) + np.float32(0.5) for i in range(2)]
    # An op on two values, or a sum of one, which is a value for later ops.
    plan = [
        (data.draw(st.sampled_from([tg.add, tg.maximum, tg.sum, tg.mean])), data.draw(st.integers(0, 1 + i)),
         data.draw(st.integers(0, 1 + i)))
        for i in range(data.draw(st.integers(2, 10)))
    ]  # fmt: skip

    def steps(*arrays):
        values = list(arrays)
        for op, i, j in plan:
            keepdims = values[i].ndim == values[j].ndim > 0
            values.append(op(values[i], keepdims=keepdims) if op in SUMS else op(values[i], values[j]))
        return tuple(values[2:])

    program = trace(steps, *inputs)
    got = Replay(needed(blocked(program)))(inputs)
    expected = Replay(program)(inputs)
    for a, b in zip(expected, got, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(b, a, rtol=1e-5)  # NumPy's sums of float32, too, are rounded


def test_what_reads_a_sum_is_in_another_run():
    x = np.abs(drawn(300, 200))

    def steps(x):
        y = x * x + 1.0
        z = y - tg.mean(y)
        return tg.mean(tg.square(z)), z / tg.sqrt(tg.mean(z * z, keepdims=True))

    _, got, names = both(steps, x)
    assert names.count("blocks") == 2
    assert names[-1] == "divide"  # one step
    y = x.astype(np.float64) ** 2 + 1
    z = y - y.mean()
    np.testing.assert_allclose(got[0], np.mean(z * z), rtol=1e-6)
    np.testing.assert_allclose(got[1], z / np.sqrt(np.mean(z * z)), rtol=1e-5, atol=1e-5)


def test_a_loss_and_its_gradient_are_one_run(monkeypatch):
    x, y = drawn(512, 130), drawn(512, 130, seed=1)
    parameter = tg.tensor(x, requires_grad=True)

    def step(y):
        parameter.grad = None
        difference = parameter - y
        loss = tg.mean(difference**2) * 0.5 + 0.25 * tg.sum(difference * difference * 2.0)
        loss.backward()
        return loss, parameter.grad

    difference = x.astype(np.float64) - y
    loss = np.mean(difference**2) * 0.5 + 0.5 * (difference**2).sum()
    gradient = difference / difference.size + difference
    for worth in (1 << 60, 0):
        monkeypatch.setattr(blocks, "_WORTH", worth)
        compiled = tg.compile(step)
        for _ in range(4):
            got = compiled(y)
            assert_close(got[0].numpy(), loss)
            np.testing.assert_allclose(got[1].numpy(), gradient, rtol=1e-6, atol=1e-7)
        names = [entry.name for entry in compiled.programs[0].entries]
        assert names.count("blocks") == 1, compiled.programs[0]


def test_what_is_done_to_a_loss_comes_after_the_run_in_order():
    x, y = np.abs(drawn(300, 200)), np.abs(drawn(300, 200, seed=1))

    def steps(x, y):
        total = tg.sum(x * y + 1.0)
        scaled = total * 0.5
        again = tg.sqrt(scaled + 1.0) / total
        z = x / y
        return scaled, again, z, tg.mean(z * x)

    _, got, names = both(steps, x, y)
    assert names[:5] == ["blocks", *["part"] * 3, "multiply"]
    assert "blocks" not in names[1:]
    u, v = x.astype(np.float64), y.astype(np.float64)
    total = (u * v + 1).sum()
    exact = [total / 2, np.sqrt(total / 2 + 1) / total, u / v, np.mean(u / v * u)]
    for a, b in zip(got, exact, strict=True):
        assert_close(a, b)


def test_the_gradient_of_a_loss_that_is_not_linear_is_broadcast_in_the_run():
    x = np.abs(drawn(300, 200)) + np.float32(0.5)

    def loss(x):
        return tg.sqrt(tg.mean(x * x * x + 1.0))

    program = trace(lambda x: tg.value_and_grad(loss)(x), x)
    other = needed(blocked(program))
    assert "broadcast_to" not in [entry.name for entry in other.entries]
    value, gradient = Replay(other)([x])
    u = x.astype(np.float64)
    exact = np.sqrt(np.mean(u**3 + 1))
    assert_close(value, exact)
    np.testing.assert_allclose(gradient, 3 * u * u / (2 * exact * u.size), rtol=2e-6)


def test_a_broadcast_number_that_is_handed_on_stays_a_view():
    x, one = drawn(300, 200), np.abs(drawn(1))

    def steps(x, one):
        wide = tg.broadcast_to(one * 2.0, (300, 200))
        return wide, x * wide + 1.0, tg.sum(wide)

    expected, got, names = both(steps, x, one)
    assert names.count("broadcast_to") == names.count("blocks") == 1
    assert got[0].strides == (0, 0)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])
    assert_close(got[2], one[0] * 2.0 * 60_000)


def test_the_sum_of_a_broadcast_number():
    x, one = drawn(300, 200), np.abs(drawn(1))

    def steps(x, one):
        wide = tg.broadcast_to(one * 2.0, (300, 200))
        return x * wide + 1.0, tg.sum(wide)

    expected, got, names = both(steps, x, one)
    assert names.count("blocks") == 1
    np.testing.assert_array_equal(got[0], expected[0])
    assert_close(got[1], one[0] * 2.0 * 60_000)


@pytest.mark.parametrize("number", [2.5, -0.0, np.inf, np.nan])
def test_a_constant_that_is_one_number_is_not_read_from_memory(monkeypatch, number):
    x = drawn(300, 200)
    constant = np.broadcast_to(np.float32(number), x.shape)

    def steps(x):
        return x * constant + x, tg.sum(x * constant), constant / (tg.abs(x) + 1.0)

    with np.errstate(all="ignore"):
        program = needed(blocked(trace(steps, x)))
    assert not program.values
    by_machine, by_kernel = with_kernel(monkeypatch, steps, x)
    with np.errstate(all="ignore"):
        assert_same_numbers(by_machine[0], x * constant + x)
        assert_same_numbers(by_machine[2], constant / (np.abs(x) + np.float32(1)))
    for expected, got in zip(by_machine, by_kernel, strict=True):
        assert_same_numbers(got, expected)


@pytest.mark.parametrize("size", [40_007, 33_793, 65_536 + 200])
@pytest.mark.parametrize("first", [0, 3 * 1024, -71])
def test_sums_by_a_kernel_have_the_bits_of_the_machine(monkeypatch, size, first):
    # Numbers beside large ones that cancel, so that even in double precision it shows in which order they are added.
    x = np.zeros(size, np.float32)
    part = x[first:][:1024]
    part[:] = drawn(part.size)
    plus, minus = np.random.default_rng(1).permutation(part.size)[: part.size // 4 * 2].reshape(2, -1)
    part[plus] *= 2.0**50
    part[minus] = -part[plus]

    def steps(x):
        y = x * 2.0 + x
        return tg.sum(y), tg.mean(y * -0.5), tg.sum(y * (y < 1.0))

    by_machine, by_kernel = with_kernel(monkeypatch, steps, x)
    for expected, got in zip(by_machine, by_kernel, strict=True):
        assert_same_numbers(got, expected)


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf], [np.inf, np.nan]])
@pytest.mark.parametrize("place", [0, 1023, 1024, 39_990])
def test_sums_of_what_is_not_finite(monkeypatch, values, place):
    x = np.abs(drawn(40_000))
    x[place : place + len(values)] = values

    def steps(x):
        y = x * 2.0 + 1.0
        return tg.sum(y), tg.mean(y), tg.mean(x, keepdims=True)

    with np.errstate(all="ignore"):
        expected = [np.sum(x), np.sum(x), np.sum(x, keepdims=True)]
    for by in with_kernel(monkeypatch, steps, x):  # a warning would be an error
        for got, exact in zip(by, expected, strict=True):
            assert_same_numbers(got, exact)


def test_a_sum_too_large_for_float32_is_infinite(monkeypatch):
    x = np.full(40_000, 1e36, np.float32)
    for by in with_kernel(monkeypatch, lambda x: (tg.sum(x * 2.0 + x), tg.mean(x * -2.0 - x)), x):
        assert by == [np.inf, -np.inf]


def test_zeros_of_either_sign_add_up_to_zero(monkeypatch):
    x = np.full(40_000, -0.0, np.float32)
    for by in with_kernel(monkeypatch, lambda x: (tg.sum(x * 2.0 * 3.0),), x):
        assert by == [0.0]


@pytest.mark.parametrize("worth", [1 << 60, 0])
def test_the_bits_of_sums_do_not_depend_on_the_number_of_threads(monkeypatch, worth):
    monkeypatch.setattr(blocks, "_WORTH", worth)
    x = drawn(900, 333)
    replay = Replay(needed(blocked(trace(lambda x: (tg.sum(tg.tanh(x * 3.0) + x), tg.mean(x * x)), x))))
    count = tg.get_num_threads()
    try:
        results = set()
        for threads in (1, 2, 5):
            tg.set_num_threads(threads)
            results |= {tuple(np.asarray(total).tobytes() for total in replay([x])) for _ in range(5)}
    finally:
        tg.set_num_threads(count)
    assert len(results) == 1


def test_sums_that_were_handed_out_stay():
    x, y = np.abs(drawn(300, 200)), np.abs(drawn(300, 200, seed=1))
    replay = Replay(needed(blocked(trace(lambda x: (tg.sum(x * x + x, keepdims=True), tg.mean(x * x)), x))))
    first = replay([x])
    before = [np.array(value) for value in first]
    replay([y])
    for a, b in zip(first, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sums_by_themselves_are_left_to_numpy():
    assert both(lambda x: tg.sum(x), drawn(1000, 1000))[2] == ["sum"]
    assert both(lambda x: (tg.sum(x), tg.mean(x)), drawn(1000, 1000))[2] == ["sum", "mean"]
    assert both(lambda x: tg.sum(x * x), drawn(200, 200))[2] == ["multiply", "sum"]
    assert both(lambda x: tg.sum(x * x), drawn(1000, 1000))[2] == ["blocks", "part"]


def test_sums_of_other_dtypes_and_of_small_arrays_stay_as_they_are():
    double, small, truths = drawn(300, 300).astype(np.float64), drawn(20, 20), drawn(300, 300) > 0

    def steps(double, small, truths):
        return tg.sum(double * 2.0 + 1.0), tg.mean(small * 2.0 + 1.0), tg.sum(truths), tg.mean(small[:0] * 2.0)

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the mean of nothing
        expected, got, names = both(steps, double, small, truths)
    assert "blocks" not in names
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_sum_that_nobody_reads_is_left_out():
    x = drawn(300, 200)

    def steps(x):
        y = x * x + 1.0
        tg.sum(y)
        return y / (x * x + 2.0)

    program = trace(steps, x)
    assert "sum" in [entry.name for entry in program.entries]
    np.testing.assert_array_equal(Replay(blocked(program))([x])[0], Replay(program)([x])[0])


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
    with pytest.warns(RuntimeWarning, match="no kernel could be made of elementwise steps"):
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


@given(st.data())
@settings(max_examples=40)
def test_sums_and_means_along_axes_are_part_of_a_run(data):
    shape = data.draw(st.sampled_from([(190, 180), (4000, 9), (9, 60, 70), (33, 1000), (2, 3, 6, 1000), (40, 1024)]))
    operand = data.draw(st.sampled_from([shape, (), shape[-1:], (*shape[:-1], 1)]))
    x, y = drawn(*shape, seed=data.draw(st.integers(0, 9))), drawn(*operand, seed=1)
    last = len(shape) - 1
    axes = st.sampled_from([-1, last, (last,), (-1,), None])
    plan = data.draw(st.lists(st.tuples(st.sampled_from(["sum", "mean"]), axes, st.booleans()), min_size=1, max_size=4))

    def steps(x, y):
        z = x * y + 0.5
        return z, *(getattr(z, name)(axis=axis, keepdims=keepdims) for name, axis, keepdims in plan)

    _, (z, *got), names = both(steps, x, y)
    assert names == ["blocks"] + ["part"] * (1 + len(plan))
    np.testing.assert_array_equal(z, x * y + np.float32(0.5))
    exact = z.astype(np.float64)
    for result, (name, axis, keepdims) in zip(got, plan, strict=True):
        expected = getattr(exact, name)(axis=axis, keepdims=keepdims)
        assert np.shape(result) == np.shape(expected)
        assert result.dtype == np.float32
        scale = getattr(np.abs(exact), name)(axis=axis, keepdims=keepdims)
        assert np.all(np.abs(result - expected) <= 2e-6 * scale)


def test_sums_along_other_axes_or_of_long_rows_are_numpys():
    x = drawn(40, 40, 40)
    assert both(lambda x: (x * 2.0 + x).sum(axis=1), x)[2] == ["blocks", "part", "sum"]
    assert both(lambda x: (x * 2.0 + x).sum(axis=0), x)[2] == ["blocks", "part", "sum"]
    assert both(lambda x: (x * 2.0 + x).sum(axis=-1), drawn(3, 20_000))[2] == ["blocks", "part", "sum"]
    assert both(lambda x: (x * 2.0 + x).sum(axis=(0, 1)), x)[2] == ["blocks", "part", "sum"]


def test_sums_along_axes_have_the_bits_of_any_number_of_threads_and_hand_on_no_shared_memory():
    x = drawn(900, 333)
    count = tg.get_num_threads()

    def steps(x):
        z = tg.tanh(x * 3.0) + x
        return z.mean(axis=1), z.sum(axis=1, keepdims=True)

    run = Replay(needed(blocked(trace(steps, x))))
    try:
        results = []
        for threads in (1, 2, 5):
            tg.set_num_threads(threads)
            results.append(run([x]))
    finally:
        tg.set_num_threads(count)
    for each in zip(*results, strict=True):
        assert len({array.tobytes() for array in each}) == 1
        assert not any(np.shares_memory(a, b) for a in each for b in each if a is not b)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_sums_along_axes_of_what_is_not_finite_or_too_large(value):
    x = np.abs(drawn(300, 200))
    x[7, 3:5] = value
    steps = [lambda x: (x * 2.0 + x).sum(axis=-1, keepdims=True), lambda x: (x * 2.0 + x).mean(axis=1)]
    with np.errstate(all="ignore"):
        for step in steps:
            expected, got, names = both(step, x)
            assert names == ["blocks", "part"]
            np.testing.assert_allclose(got[0], expected[0], rtol=1e-5)
