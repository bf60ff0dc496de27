"""Programs: what they are keyed by, what may not be frozen in them, and what they leave as it is."""

from __future__ import annotations

import dataclasses
import gc
import threading
import warnings
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from static_runs import bits, compare
from test_state_machine import BINARY, SHAPES, UNARY

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.testing import strategies

HERE = r"test_static\.py:\d+"


def compiled(function: Any) -> Any:
    return tg.compile(function, fuse=False)


# Random graphs


@settings(max_examples=60)
@given(
    x=strategies.arrays((2, 3), low=-2, high=2),
    y=st.sampled_from(SHAPES).flatmap(lambda shape: strategies.arrays(shape, low=-2, high=2)),
    steps=st.lists(
        st.tuples(st.sampled_from(UNARY + BINARY), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=10
    ),
    seed=st.integers(0, 99),
)
def test_random_graphs_replay_bit_for_bit(x: Any, y: Any, steps: Any, seed: int) -> None:
    def made() -> Any:
        w = tg.tensor(np.random.default_rng(seed).normal(size=(2, 3)), requires_grad=True)

        def step(x: Any, y: Any) -> Any:
            w.grad = None
            known = [tg.asarray(x), tg.asarray(y), w]
            known[0].requires_grad = True
            for which, i, j in steps:
                first, second = known[-1 - i % len(known)], known[-1 - j % len(known)]
                if fits(which, first, second):
                    known.append(which[0](first, second) if which in BINARY else which[0](first))
            total = sum(t.mean() for t in known)
            total.backward()
            return [t.detach() for t in known], known[0].grad, w.grad

        return step, [w]

    with np.errstate(all="ignore"):
        compare(made, [(x, y), (-x, y * 0.5), (x * 0.5, -y), (x, y)])


def fits(which: Any, x: Any, y: Any) -> bool:
    if max(x.ndim, y.ndim) > 3 or max(x.size, y.size) > 100:
        return False
    if which not in BINARY:
        return True
    if which[0] is np.vdot:
        return bool(x.size == y.size)
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return True


def test_slices_that_are_added_up_keep_the_sign_of_zero() -> None:
    def step(x: Any) -> Any:
        x = tg.asarray(x)
        x.requires_grad = True
        (x[1] * 0.0 + x[2] * 0.0 + x[0] * -0.0 + x[0] * -0.0).sum().backward()
        return x.grad

    x = np.ones((3, 2))
    assert np.signbit(step(x).numpy()[0]).all()
    bits(compiled(step)(x), step(x))


# What makes a program of its own


def test_shapes_dtypes_and_python_values_make_programs() -> None:
    @compiled
    def step(x: Any, scale: float, how: str = "sum") -> Any:
        return getattr(x * scale, how)()

    x = np.arange(6.0)
    for arguments in [(x, 2.0), (x.reshape(2, 3), 2.0), (x.astype(np.float32), 2.0), (x, 2), (x, 3.0), (x, True)]:
        assert step(*arguments) == (arguments[0] * arguments[1]).sum()
    assert step(x, 2.0, "max") == 10
    assert step(x, 2.0, how="max") == 10
    assert len(step.programs) == 8
    step(x, 2.0)
    assert len(step.programs) == 8


@pytest.mark.parametrize(("first", "second"), [(0.0, -0.0), (1, True), (1, 1.0), (float("nan"), 1.0)])
def test_numbers_that_are_equal_and_not_the_same_are_told_apart(first: Any, second: Any) -> None:
    step = compiled(lambda x, number: np.copysign(x, number) * (2 if isinstance(number, bool) else 1))
    for number in (first, second, first, second):
        bits(step(np.ones(2), number), np.copysign(np.ones(2), number) * (2 if isinstance(number, bool) else 1))
    assert len(step.programs) == 2


def test_containers_of_arguments_are_told_apart() -> None:
    @compiled
    def step(tree: Any, other: Any = None) -> Any:
        if isinstance(tree, dict):
            return tree.get("a", 0) - tree.get("b", 0)
        return tree[0] + tree[1] if other is None else tree[0] * other

    x, y = np.array(3.0), np.array(4.0)
    trees = [({"a": x, "b": y},), ({"b": x, "a": y},), ({"c": x, "b": y},), ([x, y],), ((x, y),), ((x,), y)]
    for _ in range(3):
        assert [float(step(*tree)) for tree in trees] == [-1, 1, -4, 7, 7, 12]


@dataclasses.dataclass
class Pair:
    x: Any
    y: Any


def test_results_are_containers_too() -> None:
    step = compiled(lambda pair: {"pair": Pair(pair.y, pair.x + pair.y), "name": "sum", "none": None, "n": 3})
    for scale in (1.0, 2.0, 3.0):
        out = step(Pair(np.ones(2) * scale, np.arange(2.0)))
        assert (out["name"], out["none"], out["n"]) == ("sum", None, 3)
        bits(out["pair"].y, np.ones(2) * scale + np.arange(2.0))


def test_one_array_given_twice_is_two_arguments() -> None:
    step = compiled(lambda x, y: x - 2 * y)
    x = np.arange(3.0)
    bits(step(x, x), x - 2 * x)
    bits(step(x, x), x - 2 * x)
    bits(step(x, np.ones(3)), x - 2)


def test_arrays_go_in_and_come_out_as_the_function_itself_would_give_them() -> None:
    w = tg.tensor([2.0, 3.0])
    step = compiled(lambda x, y: (np.sin(x), x * w, tg.asarray(y), tg.random.uniform(2), tg.grad(lambda x: x.sum())(x)))
    x = np.ones(2, np.float32)
    for _ in range(3):
        assert [type(y) for y in step(x, x)] == [np.ndarray, tg.Tensor, tg.Tensor, tg.Tensor, np.ndarray]
        assert [type(y) for y in step(tg.asarray(x), x)] == [tg.Tensor] * 5


def test_the_cache_is_bounded_and_says_so() -> None:
    step = compiled(lambda x, rate: x * rate)
    x = np.ones(2)
    for place in range(16):
        step(x, float(place))
    with pytest.warns(UserWarning, match="traced for more than 16 kinds of arguments") as warned:
        [step(x, 16.0), step(x, 17.0)]
    assert len(warned) == 1  # and no more of it
    assert len(step.programs) == 16
    step(x, 17.0)  # is still there
    assert len(step.programs) == 16


@pytest.mark.parametrize(
    "make", [lambda: tg.compile(3), lambda: tg.compile(np.tanh, fuse="yes"), lambda: tg.compile(fuse=1)]
)
def test_what_cannot_be_compiled_is_refused_at_once(make: Any) -> None:
    with pytest.raises(TypeError, match="compile: expected"):
        make()


def test_recording_or_not_makes_another_program() -> None:
    w = tg.tensor([2.0], requires_grad=True)

    @compiled
    def step(x: Any) -> Any:
        y = (x * w).sum()
        return y.requires_grad

    x = np.ones(1)
    assert step(x) is True
    with tg.no_grad():
        assert step(x) is False
    assert step(x) is True


def test_a_parameter_as_an_argument_is_that_parameter() -> None:
    v, w = (tg.tensor([number], requires_grad=True) for number in (2.0, 3.0))

    @compiled
    def step(parameter: Any) -> Any:
        parameter.grad = None
        (parameter * parameter).sum().backward()

    for _ in range(3):
        step(v)
        step(w)
        assert (v.grad.item(), w.grad.item()) == (4.0, 6.0)
    assert len(step.programs) == 2


def test_an_argument_that_was_recorded_is_refused() -> None:
    w = tg.tensor([2.0], requires_grad=True)
    with pytest.raises(tg.LostGradientError, match="an argument was recorded, and no gradient flows through a program"):
        compiled(lambda x: x * 2)(w * 3)


def test_arguments_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(TypeError, match="expected arrays, Tensors, numbers and strings as arguments, got set"):
        compiled(lambda x: 1)({1, 2})


# What may not be frozen


def test_a_captured_array_that_changes_is_found_at_the_second_call() -> None:
    data = {"x": np.ones(3)}
    step = compiled(lambda scale: (data["x"] * scale).sum())
    two = np.float32(2)
    assert step(two) == 6
    data["x"] = np.full(3, 2.0)
    with pytest.raises(tg.TraceError, match=rf"a constant of the program is not what it was: .* at .*{HERE}"):
        step(two)


def test_a_captured_array_that_is_written_into_is_found_at_the_second_call() -> None:
    x = np.ones(3)
    step = compiled(lambda scale: (x * 3 + scale).sum())
    two = np.float32(2)
    assert step(two) == 15
    x[0] = 5
    with pytest.raises(tg.TraceError, match="a constant of the program is not what it was"):
        step(two)


def test_constants_are_listed_with_their_lines() -> None:
    x = np.arange(3.0)
    program = tg.trace(lambda scale: (tg.asarray(x) * scale).sum() + tg.tensor([1.0, 2.0]), np.ones(3))
    assert [c.array.tolist() for c in program.constants] == [[0, 1, 2], [1, 2]]
    assert all("test_static.py:" in c.line for c in program.constants)


def test_a_branch_of_python_is_found_at_the_second_call() -> None:
    flags = [True]
    step = compiled(lambda x: np.sin(x) if flags[0] else np.cos(x))
    x = np.ones(2)
    step(x)
    flags[0] = False
    with pytest.raises(tg.TraceError, match=rf"did something else: cos at .*{HERE} in the place of sin at .*{HERE}"):
        step(x)


def test_a_loop_of_python_is_found_at_the_second_call() -> None:
    count = [2]

    @compiled
    def step(x: Any) -> Any:
        for _ in range(count[0]):
            x = np.sin(x)
        return x

    x = np.ones(2)
    step(x)
    count[0] = 3
    with pytest.raises(tg.TraceError, match="the function ran 3 ops, where its program has 2"):
        step(x)


def test_a_number_of_python_is_found_at_the_second_call() -> None:
    scale = [2.0]
    step = compiled(lambda x: x * scale[0])
    x = np.ones(2)
    step(x)
    scale[0] = 3.0
    with pytest.raises(tg.TraceError, match=rf"multiply at .*{HERE} was given 3.0 in the place of 2.0.*as an argument"):
        step(x)


def test_a_nan_of_python_is_the_same_at_the_second_call() -> None:
    step = compiled(lambda x, other: tg.where(x > 0, x * float("nan"), other))
    for _ in range(3):
        assert np.isnan(step(np.ones(2), float("nan"))).all()


def test_arrays_of_other_classes_are_arrays() -> None:
    total = compiled(lambda x: x.sum())
    masked = np.ma.array(np.arange(3.0), mask=[0, 1, 0])
    assert [float(total(masked)) for _ in range(4)] == [3.0] * 4
    first = compiled(lambda x: x[0] * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.matrix([[0.0, 1.0], [2.0, 3.0]])
    for _ in range(4):
        np.testing.assert_array_equal(first(matrix), [0.0, 2.0])


def test_what_a_gradient_of_a_gradient_multiplies_by_is_no_constant() -> None:
    w = tg.tensor(np.eye(3, dtype=np.float32), requires_grad=True)

    def penalised(x: Any) -> Any:
        w.grad = None
        slopes = tg.grad(lambda w: tg.tanh(x @ w).sum())(w)
        (slopes**2).sum().backward()
        return w.grad

    def inner(x: Any) -> Any:
        return tg.grad(lambda a: (tg.grad(lambda b: ((b @ x[:1]) ** 2).sum())(a) ** 2).sum())(x)

    rng = np.random.default_rng(0)
    for function, shape in ((penalised, (4, 3)), (inner, (7, 1))):
        fast = compiled(function)
        for _ in range(4):
            x = rng.normal(size=shape).astype(np.float32)
            got, expected = fast(x), function(tg.asarray(x))
            np.testing.assert_array_equal(np.asarray(got), np.asarray(expected))
        (program,) = fast.programs
        assert all(np.ndim(constant.array) == 0 or not np.any(constant.array - 1) for constant in program.constants)


# Gradients that would be lost


def test_a_gradient_does_not_stop_in_silence_at_the_result_of_a_program() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    forward = compiled(lambda x: (x * w, (x * w).detach(), w.detach() * x))
    for _ in range(4):
        product, *others = forward(np.array([10.0, 20.0], np.float32))
        loss = product.sum() + (w**2).sum()
        with pytest.raises(tg.LostGradientError, match=r"a result of a compiled function.*Compile the whole step"):
            loss.backward()
        assert w.grad is None
        with pytest.raises(tg.LostGradientError, match="would lose the gradient"):
            float(product.sum())
        np.testing.assert_array_equal(product.detach(), [10, 40])
        for other in others:
            assert not other.requires_grad
        with tg.no_grad():
            assert not forward(np.array([10.0, 20.0], np.float32))[0].requires_grad


def test_a_parameter_that_is_a_result_loses_no_gradient_either() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    fast = compiled(lambda x: (w, w.detach()))
    for _ in range(4):
        parameter, plain = fast(np.ones(2, np.float32))
        assert not plain.requires_grad
        with pytest.raises(tg.LostGradientError, match="a result of a compiled function"):
            (parameter * 2).sum().backward()


def test_a_result_whose_backward_pass_was_in_the_program_is_a_plain_one() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def step(x: Any) -> Any:
        w.grad = None
        loss = (x * w).sum()
        loss.backward()
        return loss, w.grad

    fast = compiled(step)
    for _ in range(4):
        loss, gradient = fast(np.array([10.0, 20.0], np.float32))
        assert float(loss) == 50
        assert not gradient.requires_grad


def test_reading_a_recorded_value_is_told_as_reading_a_traced_one() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    for read in (float, int, complex, np.asarray, bool):
        with pytest.raises(tg.TraceError, match=rf"at .*{HERE}: the value of a Tensor is not known"):
            compiled(lambda x, read=read: x * read((w * x).sum()))(np.ones(2, np.float32))


def test_hooks_that_come_and_go_make_other_programs() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def step(x: Any) -> None:
        w.grad = None
        (x * w).sum().backward()

    fast, x = compiled(step), np.ones(2, np.float32)
    for _ in range(3):
        fast(x)
    remove = w.register_hook(lambda g: g * 2)
    for _ in range(3):
        fast(x)
        np.testing.assert_array_equal(w.grad, [2, 2])
    remove()
    fast(x)
    np.testing.assert_array_equal(w.grad, [1, 1])


def test_who_wants_to_see_every_op_sees_them() -> None:
    fast = compiled(lambda x: tg.log(x) * 2)
    for _ in range(3):
        fast(tg.ones(2))
    with np.errstate(all="ignore"), pytest.raises(tg.NaNError, match="log"), tg.detect_nan():
        fast(tg.tensor([-1.0, 1.0]))
    with tg.profile() as profile:
        fast(tg.ones(2))
    assert "log" in str(profile)


def test_a_replay_that_fails_leaves_parameters_and_their_optimizer_as_they_were() -> None:
    w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    optimizer = optim.Momentum([w], lr=0.1)

    def step(x: Any, i: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return w[i] * 2

    fast, x = compiled(step), np.ones(3, np.float32)
    for _ in range(3):
        fast(x, np.array([0, 1]))
    before = w.numpy(), np.array(optimizer.state[0]["velocity"])
    with pytest.raises(IndexError):
        fast(x, np.array([0, 7]))
    np.testing.assert_array_equal(w.numpy(), before[0])
    np.testing.assert_array_equal(optimizer.state[0]["velocity"], before[1])
    fast(x, np.array([0, 2]))
    assert not np.array_equal(w.numpy(), before[0])


def test_a_value_of_python_that_is_a_result_is_found_at_the_second_call() -> None:
    calls: list[int] = []

    def step(x: Any) -> Any:
        calls.append(1)
        return x * 2, len(calls)

    fast = compiled(step)
    fast(np.ones(2))
    with pytest.raises(tg.TraceError, match=r"other values of Python: \[None, 2\] in the place of \[None, 1\]"):
        fast(np.ones(2))


def test_random_numbers_of_numpy_are_found_at_the_second_call() -> None:
    rng = np.random.default_rng(0)
    step = compiled(lambda x: x * (rng.random(3) < 0.5) / 0.5 + rng.random(3))
    step(np.ones(3))
    with pytest.raises(tg.TraceError, match="a constant of the program is not what it was"):
        step(np.ones(3))


def test_masks_are_drawn_anew_at_each_call() -> None:
    step = compiled(lambda x: nn.functional.dropout(x, 0.5))
    x = np.ones(64, np.float32)
    masks = [step(x) for _ in range(5)]
    assert len({mask.numpy().tobytes() for mask in masks}) == 5


def test_every_draw_of_tapegrad_random_is_drawn_anew() -> None:
    def made() -> Any:
        def step(x: Any) -> Any:
            draws = [getattr(tg.random, name)((3,)) for name in ("uniform", "normal", "truncated_normal", "bernoulli")]
            return [d * x for d in draws], x[tg.random.permutation(3)], x[tg.random.integers(0, 3, (4,))]

        return step, []

    compare(made, [(tg.tensor([1.0, 2.0, 3.0]),)] * 5)


@pytest.mark.parametrize("draw", [lambda: tg.random.seed(1), lambda: tg.random.set_state(tg.random.get_state())])
def test_the_stream_is_not_set_in_a_program(draw: Any) -> None:
    def step(x: Any) -> Any:
        draw()
        return x + tg.random.uniform(2)

    with pytest.raises(tg.TraceError, match=rf"tapegrad\.random\.se\w+ at .*{HERE} cannot be in a program"):
        compiled(step)(np.ones(2))


def test_a_generator_is_entered_around_the_call() -> None:
    def drawn(x: Any) -> Any:
        with tg.random.Generator(1):
            return x + tg.random.uniform(2)

    with pytest.raises(tg.TraceError, match="enter it around the call"):
        compiled(drawn)(np.ones(2))
    step = compiled(lambda x: x + tg.random.uniform(2))
    for _ in range(3):
        with tg.random.Generator(1):
            expected = np.ones(2) + tg.random.uniform(2)
        with tg.random.Generator(1):
            bits(step(np.ones(2)), expected)


READS = {
    "bool": lambda t: bool(t),
    "if": lambda t: 1 if t else 0,
    "float": float,
    "int": int,
    "complex": complex,
    "index": lambda t: [1, 2, 3][t.astype(np.int64)],
    "range": lambda t: range(t.astype(np.int64)),
    "item": lambda t: t.item(),
    "tolist": lambda t: t.tolist(),
    "numpy": lambda t: t.numpy(),
    "asarray": lambda t: np.asarray(t),
    "array of Tensors": lambda t: np.array([t, t]),
    "tensor of Tensors": lambda t: tg.tensor([t, t]),
    "contains": lambda t: 1.0 in t,
    "nonzero": lambda t: t.nonzero(),
    "argsort": lambda t: np.argsort(t),
    "searchsorted": lambda t: np.searchsorted(np.arange(3.0), t),
    "allclose": lambda t: np.allclose(t, 1.0),
    "format": lambda t: f"{t:.3f}",
    "math": lambda t: __import__("math").exp(t),
    "mask": lambda t: tg.asarray(np.arange(3.0))[t > np.arange(3.0)],
    "repeat": lambda t: np.repeat(np.arange(3.0), t.astype(np.int64)),
    "add.at": lambda t: np.add.accumulate(t),
}


@pytest.mark.parametrize("how", READS)
def test_reading_a_value_into_python_is_refused(how: str) -> None:
    step = compiled(lambda x: [READS[how](x * 1.5), None][1])
    x = np.float64(2.0) if how != "add.at" else np.ones(3)
    with pytest.raises(tg.TraceError, match=rf"{HERE}: the value of a Tensor is not known while its program is traced"):
        step(x)


def test_the_value_of_a_constant_may_be_read() -> None:
    step = compiled(lambda x: x * tg.tensor([2.0, 3.0]).max().detach() * float(tg.tensor(2.0)))
    for _ in range(3):
        bits(step(np.ones(2)), (np.ones(2) * tg.tensor(3.0)) * 2.0)


def test_a_value_cannot_be_written_into_a_constant() -> None:
    def step(x: Any) -> Any:
        t = tg.zeros(3)
        t[1] = 2.0
        t[0] = x
        return t

    with pytest.raises(tg.TraceError, match=r"t\[key\] = value at"):
        compiled(step)(np.float32(1))


def test_a_constant_may_be_written_into() -> None:
    def step(x: Any) -> Any:
        t = tg.zeros(3)
        t[1] = 2.0
        return t * x

    fast = compiled(step)
    for n in range(3):
        bits(fast(np.float32(n)), step(np.float32(n)))


def test_indices_that_are_state_are_read_at_each_call() -> None:
    def made() -> Any:
        order = tg.tensor(np.array([2, 0, 1]))

        def step(x: Any) -> Any:
            taken = x[order], np.take(x, order), tg.index_add(x, order, x), tg.embedding(x[:, None], order)
            order.assign_((order + 1) % 3)
            return taken

        return step, [order]

    compare(made, [(tg.tensor([1.0, 2.0, 3.0]),)] * 5)


def test_a_state_that_is_read_by_python_is_refused() -> None:
    count = tg.tensor(0.0)

    @compiled
    def step(x: Any) -> Any:
        count.assign_(count + 1)
        return x if count.item() > 2 else -x

    with pytest.raises(tg.TraceError, match=r"t\.item\(\) at"):
        step(np.ones(2))


def test_a_tensor_that_is_rebound_is_found_at_the_second_call() -> None:
    class Stateful:
        hidden = tg.tensor([0.0, 0.0])

    @compiled
    def step(x: Any) -> Any:
        Stateful.hidden = (Stateful.hidden + x).detach()
        return Stateful.hidden

    step(np.ones(2))
    with pytest.raises(tg.TraceError, match=rf"read another Tensor of shape \(2,\) than before at .*{HERE}.*assign_"):
        step(np.ones(2))


def test_a_tensor_that_was_recorded_outside_is_refused() -> None:
    w = tg.tensor([2.0], requires_grad=True)
    h = w * 2
    with pytest.raises(tg.TraceError, match=rf"recorded outside of the function, used at .*{HERE}.*t\.detach\(\)"):
        compiled(lambda x: (x * h).sum().backward())(np.ones(1))


def test_cleaning_up_keeps_every_bit() -> None:
    zeros = np.array([-0.0, 0.0, np.nan, np.inf])
    step = compiled(
        lambda x: (
            x + 0,
            0.0 + x,
            x * 0,
            x * 1,
            1.0 * x,
            x / 1,
            x - 0,
            x - (-0.0),
            0 - x,
            x**1,
            x - x,
            x / x,
            np.negative(-x),
        )
    )
    with np.errstate(all="ignore"):
        expected = step(zeros), step(zeros)
        x = zeros
        bits(
            expected[0],
            (
                x + 0,
                0.0 + x,
                x * 0,
                x * 1,
                1.0 * x,
                x / 1,
                x - 0,
                x - (-0.0),
                0 - x,
                x**1,
                x - x,
                x / x,
                np.negative(-x),
            ),
        )
        bits(step(zeros), expected[0])
        bits(step(zeros[::-1].copy()), [y[::-1].copy() for y in expected[0]])


def test_comparisons_of_single_numbers_are_not_taken_for_each_other() -> None:
    step = compiled(lambda x, y: (tg.where(x > 0, 1.0, 2.0), tg.where(y > 0, 3.0, 4.0), x > y, y > x))
    for x, y in [(1.0, 1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)]:
        found = [np.asarray(r).item() for r in step(np.float64(x), np.float64(y))]
        assert found == [1.0 if x > 0 else 2.0, 3.0 if y > 0 else 4.0, x > y, y > x]


# What belongs to the caller


def test_results_are_the_callers_own() -> None:
    step = compiled(lambda x: (x * 2, x * 2, x * 1, np.zeros(3), x))
    x = np.arange(3.0)
    kept = [[np.array(y) for y in step(x)] for _ in range(3)]
    held = []
    for _ in range(3):
        results = step(x)
        held.append(results)
        for place, y in enumerate(results[:4]):
            y[...] = 100 + place
    assert x.tolist() == [0, 1, 2]
    for results in held:
        assert [y[0] for y in results[:4]] == [100, 101, 102, 103]
    bits(step(x)[:4], kept[0][:4])


def in_place(x: Any) -> Any:
    x += 1
    return x


@pytest.mark.parametrize("change", [in_place, lambda x: x.assign_(x + 1)])
def test_arguments_are_not_changed(change: Any) -> None:
    with pytest.raises(tg.TraceError, match=rf"changing an argument at .*{HERE} cannot be in a program: .* x = x \+ y"):
        compiled(change)(tg.zeros(2))


def test_results_that_are_held_are_not_overwritten_by_the_next_call() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    moves = optim.SGD([w], 0.1)

    @compiled
    def step(x: Any) -> Any:
        moves.zero_grad()
        y = w * x
        y.sum().backward()
        moves.step()
        return y, w.grad, w.detach()

    held = [step(np.full(2, float(n))) for n in range(6)]
    value = np.array([1.0, 2.0], np.float32)
    for n, (y, g, after) in enumerate(held):
        np.testing.assert_allclose(y.numpy(), value * n, rtol=1e-6)
        assert g.tolist() == [n, n]
        value = after.numpy()


def test_a_value_seen_yesterday_stays() -> None:
    w = tg.tensor([1.0], requires_grad=True)
    step = compiled(lambda: [w.assign_(w.detach() * 2), None][1])
    seen = []
    for _ in range(5):
        seen.append(w.numpy())
        step()
    assert [float(s[0]) for s in seen] == [1, 2, 4, 8, 16]


# State


def test_a_tensor_is_state() -> None:
    def made() -> Any:
        count, total = tg.tensor(0.0), tg.zeros(2)

        def step(x: Any) -> Any:
            nonlocal total
            count.assign_(count + 1)
            total += x
            return total / count

        return step, [count]

    compare(made, [(np.full(2, n, np.float32),) for n in range(5)])


def test_state_that_two_tensors_share_is_told_apart_when_they_part() -> None:
    def made() -> Any:
        w = tg.tensor([1.0, 2.0])
        average = w.detach()

        def step(x: Any) -> Any:
            moved = average * 0.5 + w * 0.5
            w.assign_(w + x)
            average.assign_(moved)
            return moved

        return step, [w, average]

    compare(made, [(np.ones(2, np.float32),)] * 5, programs=2)


def test_a_target_that_is_copied_now_and_then() -> None:
    def made() -> Any:
        w, target = tg.tensor([1.0, 2.0]), tg.tensor([0.0, 0.0])

        def step(x: Any, copy: bool) -> Any:
            w.assign_(w + x)
            if copy:
                target.assign_(w)
            return w - target

        return step, [w, target]

    compare(made, [(np.ones(2, np.float32), n % 2 == 0) for n in range(9)], programs=None)


def test_tracing_puts_all_state_back() -> None:
    tg.random.seed(3)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Dropout(0.5), nn.Linear(4, 2))
    moves = optim.Adam(model.parameters(), 0.1)
    x = np.ones((4, 3), np.float32)

    def step(x: Any) -> Any:
        moves.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        moves.step()
        return loss

    step(x)
    before = [(n, t.numpy(), None if t.grad is None else t.grad.numpy()) for n, t in model._state()]
    kept, draws = [dict(s) for s in moves.state], tg.random.get_state()
    program = tg.trace(step, x)
    assert len(program.entries) > 20
    for (name, value, gradient), (_, tensor) in zip(before, model._state(), strict=True):
        assert value.tobytes() == tensor.numpy().tobytes(), name
        assert gradient is None or gradient.tobytes() == tensor.grad.numpy().tobytes()
    bits(kept, [dict(s) for s in moves.state])
    assert tg.random.get_state() == draws


def test_an_exception_while_tracing_leaves_things_usable() -> None:
    w = tg.tensor([1.0], requires_grad=True)
    wrong = [True]

    @compiled
    def step(x: Any) -> Any:
        y = (w * x).sum()
        if wrong[0]:
            raise KeyError("x")
        return y

    with pytest.raises(KeyError):
        step(np.ones(1))
    wrong[0] = False
    for n in range(3):
        assert step(np.full(1, n)).item() == n
    assert (w * 2).requires_grad
    with pytest.raises(tg.TraceError, match="float"):
        tg.trace(lambda x: float(x), np.ones(()))
    assert float(tg.tensor(2.0)) == 2.0


def test_an_exception_in_a_replay_is_that_of_the_function() -> None:
    table = nn.Embedding(4, 2)
    step = compiled(lambda ids: table(ids).sum())
    for _ in range(3):
        step(np.array([1, 2]))
    with pytest.raises(IndexError, match="embedding: expected ids from 0 to 3, the rows of the table, got 4"):
        step(np.array([1, 4]))
    assert step(np.array([1, 3])).item() == pytest.approx(table.weight.numpy()[[1, 3]].sum(), rel=1e-6)


@pytest.mark.parametrize("bad", [3, -1])
def test_labels_are_checked_in_a_replay(bad: int) -> None:
    step = compiled(lambda x, labels: nn.functional.cross_entropy(x, labels))
    x = np.eye(2, 3)
    for call in range(3):
        step(x, np.array([0, call % 3]))
    with pytest.raises(IndexError, match=f"softmax_cross_entropy: labels run from .* to .*{bad}" if bad > 0 else "-1"):
        step(x, np.array([0, bad]))


def test_an_exception_at_the_second_call_puts_the_state_back() -> None:
    total = tg.tensor(0.0)
    flags = [True]

    @compiled
    def step(x: Any) -> Any:
        total.assign_(total + (x if flags[0] else -x))
        return total

    one = np.float32(1)
    step(one)
    flags[0] = False
    with pytest.raises(tg.TraceError):
        step(one)
    flags[0] = True
    assert step(one).item() == total.item()


def test_programs_inside_of_programs_are_parts_of_them() -> None:
    inner = compiled(lambda x: np.sin(x) * 2)
    outer = compiled(lambda x: inner(x) + 1)
    for n in range(4):
        bits(outer(np.full(2, float(n))), np.sin(np.full(2, float(n))) * 2 + 1)
    assert inner.programs == []
    with pytest.raises(tg.TraceError, match="a program is being traced already"):
        tg.trace(lambda x: tg.trace(np.sin, x), np.ones(2))


def test_methods_are_compiled_for_each_object() -> None:
    class Scaled:
        def __init__(self, scale: float) -> None:
            self.scale = tg.tensor(scale)

        @tg.compile(fuse=False)
        def step(self, x: Any) -> Any:
            """Docstring."""
            self.scale.assign_(self.scale + 1)
            return x * self.scale

    a, b = Scaled(1.0), Scaled(10.0)
    x = np.float32(1)
    assert [int(o.step(x).item()) for o in (a, b, a, b, a, b)] == [2, 11, 3, 12, 4, 13]
    assert len(Scaled.step.programs) == 2
    assert Scaled.step.__doc__ == "Docstring."


def test_a_model_may_be_compiled_itself() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    fast = compiled(model)
    for n in range(3):
        x = np.full((2, 3), n, np.float32)
        bits(fast(x), model(x).detach())


def test_several_threads_call_one_function() -> None:
    step = compiled(lambda x: (np.tanh(x) * 3).sum(axis=-1))
    errors: list[BaseException] = []
    at_once = threading.Barrier(4)

    def work(seed: int) -> None:
        try:
            rng = np.random.default_rng(seed)
            at_once.wait()
            for n in range(40):
                x = rng.normal(size=(1 + n % 3, 4))
                bits(step(x), (np.tanh(x) * 3).sum(axis=-1))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(step.programs) == 3


def test_another_thread_is_not_traced() -> None:
    found = []

    def step(x: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(float(tg.tensor(2.0) * 3)))
        thread.start()
        thread.join()
        return x * 2

    program = tg.trace(step, np.ones(2))
    assert found == [6.0]
    assert [entry.name for entry in program.entries] == ["multiply"]


def test_what_is_compiled_keeps_nothing_alive_but_what_it_needs() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    @compiled
    def step(x: Any) -> Any:
        return (w * x).sum()

    class Array(np.ndarray):
        """That weak references can refer to."""

    x = tg.tensor(np.ones(2))
    ref = weakref.ref(x)
    for _ in range(3):
        step(x)
    del x
    gc.collect()
    assert ref() is None


def test_transforms_run_in_programs() -> None:
    def made() -> Any:
        w = tg.tensor([1.0, 2.0, 3.0])

        def loss(w: Any, x: Any) -> Any:
            return (np.tanh(w * x) ** 2).sum()

        def step(x: Any) -> Any:
            value, slope = tg.value_and_grad(loss)(w, x)
            w.assign_(w - slope * 0.1)
            second = tg.hvp(lambda w: loss(w, x), w, tg.ones(3))
            _, along = tg.jvp(lambda w: loss(w, x), (w,), (tg.ones(3),))
            return value, second, along, tg.checkpoint(loss)(w, x), tg.hessian(lambda w: loss(w, x))(w)

        return step, [w]

    compare(made, [(np.full(3, n / 4, np.float32),) for n in range(4)])


@pytest.mark.filterwarnings("ignore:grad. the result does not depend")
@pytest.mark.parametrize("tensors", [False, True])
def test_gradients_of_what_does_not_move_are_zeros_in_programs(tensors: bool) -> None:
    def made() -> Any:
        def step(x: Any) -> Any:
            x = tg.tensor(x) if tensors else x
            return tg.grad(lambda w: np.floor(w).sum())(x), tg.jacobian(lambda w: w[:0])(x), x * 2

        return step, []

    compare(made, [(np.full(3, n / 4, np.float32),) for n in range(4)])
    run = tg.compile(made()[0])
    for _ in range(3):
        assert {type(leaf) for leaf in run(np.ones(3))} == {tg.Tensor if tensors else np.ndarray}


def test_a_checkpointed_function_draws_once_in_a_program() -> None:
    def made() -> Any:
        w = tg.tensor(np.ones(8), requires_grad=True)

        def step(x: Any) -> Any:
            w.grad = None
            out = tg.checkpoint(lambda w: np.tanh(nn.functional.dropout(w, 0.5) * x).sum())(w)
            out.backward()
            return out, w.grad

        return step, [w]

    compare(made, [(np.full(8, n / 4),) for n in range(4)])


def test_second_order_in_a_program() -> None:
    def made() -> Any:
        w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)

        def step(x: Any) -> Any:
            w.grad = None
            y = (np.sin(w) * x).sum()
            y.backward(create_graph=True)
            penalty = (w.grad * w.grad).sum() + 2.0 * y
            w.grad = None
            penalty.backward()
            return penalty, w.grad

        return step, [w]

    compare(made, [(np.full(3, n / 4, np.float32),) for n in range(4)])


def test_hooks_and_kept_gradients_are_in_the_program() -> None:
    def made() -> Any:
        w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
        w.register_hook(lambda g: g * 2)

        def step(x: Any) -> Any:
            w.grad = None
            y = w * x
            y.retain_grad()
            (y * y).sum().backward()
            return y.grad, w.grad

        return step, [w]

    compare(made, [(np.full(3, n / 4, np.float32),) for n in range(4)])


def test_functions_without_arguments_and_without_results() -> None:
    w = tg.tensor(1.0)
    step = compiled(lambda: [w.assign_(w * 2), None][1])
    for _ in range(4):
        assert step() is None
    assert w.item() == 16


def test_a_program_can_be_read() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    program = tg.trace(lambda x: (w * x).sum(), np.ones(2, np.float32))
    text = str(program)
    assert all(part in text for part in ("= argument", "parameter", "multiply(", "return %"))
    assert text.count("test_static.py:") == len(program.entries)
    assert "digraph" in program.to_dot()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step = compiled(lambda x: (w * x).sum())
        step(np.ones(2, np.float32))
    assert "needed:" in step.programs[0].explain()


@pytest.mark.parametrize("fuse", [False, True])
def test_a_program_takes_no_more_memory_than_the_run_itself(fuse):
    """The old gradient is dropped before the new one is made, and what is large after its last use."""
    import tracemalloc

    w = tg.tensor(np.ones(1 << 18, np.float32), requires_grad=True)

    def step() -> Any:
        w.grad = None
        loss = tg.exp(w).sum()
        loss.backward()
        return loss

    def peak(run: Any) -> int:
        for _ in range(4):
            run()
        tracemalloc.start()
        try:
            run()
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            run()
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()

    assert peak(tg.compile(step, fuse=fuse)) <= 1.02 * peak(step)


@pytest.mark.parametrize(
    "function",
    {
        "take": lambda x, at: tg.take(x, at, 0),
        "along": lambda x, at: tg.take_along_axis(x, at[:, None], 0),
        "embedding": lambda x, at: tg.embedding(x, at),
        "bag": lambda x, at: tg.embedding_bag(x, at, np.array([0, 1]), mode="sum"),
        "index_add": lambda x, at: tg.index_add(x, at, np.ones((3, 10), np.float32)),
        "index_update": lambda x, at: tg.index_update(x, at, np.ones((3, 10), np.float32)),
        "cross entropy": lambda x, at: tg.softmax_cross_entropy(x[:3], at),
    }.items(),
    ids=lambda item: item[0],
)
def test_places_that_are_given_are_not_frozen_where_the_array_is_a_constant(function):
    x = np.random.default_rng(0).standard_normal((10, 10)).astype(np.float32)
    run = tg.compile(lambda at: function[1](x, at))
    for at in ([1, 2, 3], [1, 2, 3], [1, 2, 3], [4, 9, 0]):
        np.testing.assert_array_equal(np.asarray(run(np.array(at))), np.asarray(function[1](x, np.array(at))))
    assert len(run.programs) == 1
