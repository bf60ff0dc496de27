"""The machine for small steps: programs of it against the same programs without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.ops.indexing import scatter_op
from tapegrad.static import compile, trace
from tapegrad.static.machine import mechanised
from tapegrad.static.replay import Replay

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1.0, -1.0, 88.7, 89.5, -87.4, -103.9, -104.5],
                   np.float32)  # fmt: skip


def both(function: Any, *arrays: Any) -> tuple[list[Any], list[Any], Any]:
    """What a program gives by itself and on the machine, and the second program."""
    program = trace(function, *arrays)
    other = mechanised(program)
    return Replay(program)(list(arrays)), Replay(other)(list(arrays)), other


def names(program: Any) -> list[str]:
    return [entry.name for entry in program.entries]


def close(expected: list[Any], got: list[Any], tolerance: float = 1e-6) -> None:
    assert len(expected) == len(got)
    for a, b in zip(expected, got, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        largest = np.max(np.abs(a), initial=0, where=np.isfinite(a))
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * max(float(largest), 1e-30))


def drawn(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


UNARY = [tg.negative, tg.abs, tg.square, tg.exp, tg.log, tg.tanh, tg.sigmoid, tg.relu]


@pytest.mark.parametrize("function", UNARY, ids=lambda f: f.__name__)
def test_functions_of_one_number(function):
    """To three units in the last place, and at special values as NumPy's own."""
    x = np.concatenate([SPECIAL, drawn(900), 40 * drawn(900, seed=1), 0.01 * drawn(900, seed=2)])
    with np.errstate(all="ignore"):
        (expected,), (got,), program = both(lambda x: (function(x) * 1.5 + 0.0) / 1.5, x)
        exact = np.asarray(function(x.astype(np.float64)))
    assert names(program) == ["machine", "part"]
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(expected))
    normal = np.isfinite(expected) & (np.abs(exact) > 1e-37)
    assert np.max(np.abs(got[normal] - exact[normal]) / np.abs(exact[normal])) < 5e-7
    tiny = np.isfinite(expected) & ~normal
    assert np.max(np.abs(got[tiny] - expected[tiny]), initial=0) < 1e-37


def test_roots():
    x = np.abs(drawn(40))
    (expected,), (got,), program = both(lambda x: tg.sqrt(x) + 1 + x, x)
    assert "machine" in names(program)
    np.testing.assert_array_equal(got, expected)


BINARY = [tg.add, tg.subtract, tg.multiply, tg.divide, tg.maximum, tg.minimum]


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_arithmetic_has_the_bits_of_numpy_broadcast_in_any_way(function):
    shapes = [(6, 5), (5,), (1,), (), (6, 1), (1, 5), (3, 6, 5), (3, 1, 5), (3, 1, 1)]
    with np.errstate(all="ignore"):
        for one in shapes:
            for two in shapes:
                x, y = drawn(*one), drawn(*two, seed=1)
                if one:
                    x.flat[:1] = np.nan

                def steps(x, y):
                    z = function(x, y)
                    return z * 2.0 - z, function(y, x) + x

                expected, got, program = both(steps, x, y)
                assert names(program)[0] == "machine"
                for a, b in zip(expected, got, strict=True):
                    np.testing.assert_array_equal(a, b)


PLACES = st.sampled_from(["array", "row", "column", "one", "part", "turned"])


@example(100, 30, 3, ("part", "column"))
@given(st.integers(2, 150), st.integers(1, 40), st.integers(0, 9), st.tuples(PLACES, PLACES))
def test_rows_of_any_length_and_operands_of_every_kind(rows, columns, apart, places):
    """Rows that fit into a vector are done otherwise than longer ones; neighbours of a part must stay as they are."""
    shapes = {
        "array": (rows, columns), "row": (columns,), "column": (rows, 1), "one": (1, 1),
        "part": (rows, columns + apart), "turned": (columns, rows),
    }  # fmt: skip
    arrays = [drawn(*shapes[place], seed=seed) for seed, place in enumerate(places)]

    def opened(x: Any, kind: str) -> Any:
        return x[:, apart:] if kind == "part" else x.T if kind == "turned" else x

    def steps(x, y):
        z = opened(x, places[0]) * opened(y, places[1]) + np.zeros((rows, columns), np.float32)
        joined = tg.concat([z, opened(x, places[0]) - z], axis=1)
        return joined + 1.0, tg.concat([z[1:], z[:1]], axis=0) * opened(y, places[1]), joined.sum(0)

    expected, got, program = both(steps, *arrays)
    if rows * 2 * columns <= 4096:
        assert "machine" in names(program)
    for a, b in zip(expected[:2], got, strict=False):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-5, atol=1e-4)


def test_views_copies_and_joints():
    x = drawn(6, 8)

    def steps(x):
        left, right = x[:, 2:5], x[::2, 1]
        joined = tg.concat([left.T, x[:3, :6]], axis=1)  # (3, 12)
        return (
            joined * 2,
            right + 1.0,
            tg.reshape(x, (4, 12)) + joined[0],
            x[..., None] * x[:, None, :],
            x[-1, ::-1] - 1,
        )

    expected, got, program = both(steps, x)
    assert names(program).count("machine") == 1
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


KEYS = [
    (slice(1, 4),), (slice(None), slice(2, 7)), (slice(None, None, -1), slice(None, None, 3)), (2,), (-1, slice(1, 3)),
    (2, 3), (..., slice(5, None)), (None, slice(2)), (slice(None), None, 4), (...,),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_parts_that_are_put_in_or_added_to(key):
    """Whose bits are NumPy's; keys of integers alone tell one number."""
    x = drawn(6, 8)
    value = drawn(*x[key].shape, seed=1)

    def steps(x, value):
        y, z = x * 2.0, value * 3.0
        part = scatter_op(z, onto=(6, 8), key=key if len(key) > 1 else key[0])
        return part + 1.0, tg.index_add(y, key, z), tg.index_add(part, key, 0.5 * z[..., :1] if z.ndim else z), y - 1.0

    expected, got, program = both(steps, x, value)
    assert "scatter" not in names(program)
    assert "index_add" not in names(program)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_part_of_nothing_is_left_to_numpy():
    def steps(x):
        y = tg.index_add(x * 2.0, slice(0, 0), np.ones((1, 8), np.float32))
        return y * 3.0 - 1.0, y

    expected, got, program = both(steps, drawn(6, 8))
    assert "index_add" in names(program)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_arrays_are_stacked(axis):
    x = drawn(5, 7)

    def steps(x):
        return tg.stack([x * 2.0, x, x.T.T - 1.0, tg.broadcast_to(x[2], (5, 7))], axis) + 0.5, tg.stack([x[0], x[1]])

    expected, got, program = both(steps, x)
    assert names(program) == ["machine", "part", "part"]
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


@given(st.integers(2, 40), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99)), max_size=30))
def test_a_result_over_an_operand_leaves_all_others_as_they_are(size, choices):
    """What is read turned round, or in part, or by two steps, is read before it is written over."""

    def steps(x):
        made = [x * 2.0, x + 1.0]
        for kind, one, two in choices:
            a, b = made[-1 - one % min(4, len(made))], made[-1 - two % min(4, len(made))]
            made.append(
                [
                    lambda a, b: a + b, lambda a, b: a * b.T, lambda a, b: a - a[::-1], lambda a, b: a[:, ::-1] * 0.5,
                    lambda a, b: tg.maximum(a[:1], b), lambda a, b: a * (b > 0), lambda a, b: tg.relu(a),
                    lambda a, b: b - a[:, :1], lambda a, b: -b, lambda a, b: tg.concat([a[1:], a[:1]]) - a * a,
                ][kind](a, b)
            )  # fmt: skip
        return made[-1] * 0.5, made[-1].T + 1.0

    with np.errstate(all="ignore"):
        expected, got, program = both(steps, drawn(size, size))
    assert names(program)[0] == "machine"
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.booleans(), st.booleans())
@settings(max_examples=40)
def test_products(rows, depth, columns, transpose_x, transpose_y):
    x, y = drawn(rows, depth), drawn(depth, columns, seed=1)

    def steps(x, y):
        a = tg.swapaxes(x, 0, 1) if transpose_x else x
        b = tg.swapaxes(y, 0, 1) if transpose_y else y
        return (a @ b) + 0.5, a * 2.0

    arrays = (np.ascontiguousarray(x.T) if transpose_x else x, np.ascontiguousarray(y.T) if transpose_y else y)
    expected, got, program = both(steps, *arrays)
    assert "matmul" not in names(program)
    close(expected, got, 1e-6 * max(1, depth**0.5))


def test_sums_and_means():
    x = drawn(50, 7)

    def steps(x):
        y = x * 2.0
        return y.sum(), y.sum(0), y.sum(1), y.mean(), y.mean(0), y.mean(axis=1, keepdims=True), y[:, :3].sum(0)

    expected, got, program = both(steps, x)
    assert names(program).count("machine") == 1
    close(expected, got)


def test_a_mask_stays_in_the_machine_and_a_truth_that_is_handed_on_does_not():
    x = drawn(30)

    def masked(x):
        y = x * 2.0
        return y * (y > 0) + 1.0

    (expected,), (got,), program = both(masked, x)
    assert names(program) == ["machine", "part"]
    np.testing.assert_array_equal(got, expected)

    def told(x):
        y = x * 2.0
        return y > 0, tg.exp(y) + 1.0, y - 1.0

    expected, got, program = both(told, x)
    assert got[0].dtype == bool
    np.testing.assert_array_equal(expected[0], got[0])
    close(expected[1:], got[1:])


def test_what_is_not_small_not_float32_or_not_known_stays_as_it_is():
    large, double = drawn(200, 200), drawn(5).astype(np.float64)

    def steps(large, double):
        return large * 2.0 + large * 3.0 - 1.0, double * 2.0 + double * 3.0 - 1.0

    expected, got, program = both(steps, large, double)
    assert "machine" not in names(program)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_results_are_the_callers_own():
    x = drawn(20)
    step = compile(lambda x: tg.tanh(x * 2.0 + 1.0) * x)
    results = [np.array(step(x * i)) for i in range(5)]
    kept = [step(x * i) for i in range(5)]
    for result, one in zip(results[2:], kept[2:], strict=True):
        np.testing.assert_array_equal(result, one)
    assert not any(np.shares_memory(a, b) for a in kept for b in kept if a is not b)


def test_an_input_may_lie_in_memory_in_any_way():
    step = compile(lambda x: tg.tanh(x * 2.0 + 1.0) * x)
    base = drawn(10, 12)
    expected = np.tanh(base * 2 + 1) * base
    for _ in range(3):
        np.testing.assert_allclose(step(base), expected, rtol=1e-6)
        np.testing.assert_allclose(step(np.asfortranarray(base)), expected, rtol=1e-6)
        np.testing.assert_allclose(step(np.repeat(base, 2, 1)[:, ::2]), expected, rtol=1e-6)


def test_a_recurrent_network_trains_as_without():
    """An unrolled network of some two hundred entries is a few, and follows the eager run."""
    x = np.random.default_rng(0).integers(0, 2, (100, 8, 2)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, 2, (100, 8)).astype(np.float32)
    losses = []
    for compiled in (False, True):
        parameters = [
            tg.tensor(a, requires_grad=True)
            for a in (0.3 * drawn(10, 8), np.zeros(8, np.float32), drawn(8, 1), np.zeros(1, np.float32))
        ]
        optimizer = optim.SGD(parameters, lr=0.5, momentum=0.9)

        def step(x, y, parameters=parameters, optimizer=optimizer):
            w, b, o, c = parameters
            optimizer.zero_grad()
            state, outputs = tg.zeros((100, 8)), []
            for t in range(8):
                state = tg.tanh(tg.concat([x[:, t], state], 1) @ w + b)
                outputs.append(tg.sigmoid(state @ o + c))
            loss = ((tg.concat(outputs, 1) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = compile(step) if compiled else step
        losses.append([run(x, y).item() for _ in range(30)])
        if compiled:
            assert names(run.programs[0]).count("machine") == 1, str(run.programs[0])
            assert len(run.programs[0].entries) < 30
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-6)


def test_a_model_with_a_loss_of_classes():
    tg.random.seed(0)
    model = nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 5))
    x, labels = drawn(16, 12), np.arange(16) % 5

    def loss(x, labels):
        return nn.functional.cross_entropy(model(x), labels)

    run = compile(loss)
    for _ in range(3):
        np.testing.assert_allclose(run(x, labels).item(), loss(x, labels).item(), rtol=1e-6)


def test_where_numba_is_off_or_fails_programs_run_without_kernels(monkeypatch):
    import numba

    from tapegrad.kernels import machine
    from tapegrad.static import runs

    x = drawn(20)
    expected = np.tanh(x * 2.0 + 1.0) * x
    with monkeypatch.context() as patched:
        patched.setattr(numba.config, "DISABLE_JIT", True)
        step = compile(lambda x: tg.tanh(x * 2.0 + 1.0) * x)
        np.testing.assert_array_equal([step(x) for _ in range(3)], [expected] * 3)
        assert "machine" not in names(step.programs[0])

    def broken(*arguments):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(machine, "execute", broken)
    monkeypatch.setattr(runs, "_machine", runs._machine.__wrapped__)
    step = compile(lambda x: tg.tanh(x * 2.0 + 1.0) * x)
    with pytest.warns(RuntimeWarning, match=r"could not be compiled .*no compiler.*replayed without them"):
        step(x)
    np.testing.assert_array_equal([step(x) for _ in range(3)], [expected] * 3)


def test_without_fusion_numba_is_never_started():
    import subprocess
    import sys

    code = """
    import sys, numpy as np, tapegrad as tg
    x = np.arange(20, dtype=np.float32)
    for fuse in (False, True):
        step = tg.compile(lambda x: tg.tanh(x * 2.0 + 1.0) * x, fuse=fuse)
        for _ in range(3):
            step(x)
        print("numba" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", "\n".join(line[4:] for line in code.splitlines())],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.split() == ["False", "True"]


def test_single_numbers_may_be_numpys_scalars():
    """Which have no memory of their own that lasts."""

    def steps(x, a, b):
        return x * a + b, (x - a) * b

    for shape in ((30,), (200, 300)):
        x, a, b = drawn(*shape), np.float32(0.9), np.float32(0.1)
        step, plain = compile(steps), compile(steps, fuse=False)
        for _ in range(5):
            for one, other in zip(step(x, a, b), plain(x, a, b), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(20,), (200, 300)])
def test_the_sign_of_zero_is_kept(shape):
    x = drawn(*shape)
    with np.errstate(all="ignore"):
        for fuse in (False, True):
            step = compile(lambda x: (x / 0.0, x / -0.0, x * 0.0, x * -0.0, -x * 2.0), fuse=fuse)
            for _ in range(3):
                results = step(x)
                for result, expected in zip(results, (x / 0.0, x / -0.0, x * 0.0, x * -0.0), strict=False):
                    np.testing.assert_array_equal(result, expected)
                    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


def test_ops_of_ones_own_are_not_taken_for_others_by_their_names():
    doubled = [tg.primitive(lambda x: x * 2, lambda g: g * 2, name=name) for name in ("reshape", "concat")]
    power = tg.primitive(lambda x, y: x + y, lambda g: g, None, name="pow")

    def steps(x):
        y = x + 1.0
        for op in doubled:
            y = op(y)
        return power(y, 1) * 2.0 + y, y

    x = drawn(20)
    expected, got, _ = both(steps, x)
    for fuse in (False, True):
        step = compile(steps, fuse=fuse)
        for result in (expected, got, *(step(x) for _ in range(3))):
            np.testing.assert_array_equal(result[0], ((x + 1) * 4 + 1) * 2 + (x + 1) * 4)
            np.testing.assert_array_equal(result[1], (x + 1) * 4)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_softmax_and_its_logarithm(name, axis):
    x = drawn(9, 7) * np.float32(30)

    def steps(x):
        y = getattr(tg, name)(x.T if axis == 1 else x, axis=axis)
        return y * 2.0 + 1.0, y

    _, _, program = both(steps, x)
    assert names(program).count("machine") == 1
    exact = np.exp(x.T.astype(np.float64) if axis == 1 else x.astype(np.float64))
    exact /= exact.sum(1, keepdims=True)
    run = compile(steps)
    for _ in range(3):
        got = run(x)[1]
    np.testing.assert_allclose(got, exact if name == "softmax" else np.log(exact), rtol=1e-5, atol=1e-6)


def test_cross_entropy_with_probabilities():
    x, labels = drawn(9, 7) * np.float32(30), np.abs(drawn(9, 7, seed=1))

    def steps(x, labels):
        return tg.softmax_cross_entropy(x * 1.0 + 0.5, labels) * 2.0

    run = compile(steps)
    for _ in range(3):
        got = run(x, labels)
    assert names(run.programs[0]).count("machine") == 1
    z = x.astype(np.float64) + 0.5
    exact = 2 * (labels * (np.log(np.exp(z).sum(1, keepdims=True)) - z)).sum(1)
    np.testing.assert_allclose(got, exact, rtol=1e-5)
