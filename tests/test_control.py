"""`cond`, `while_loop` and `scan`: values and gradients of every order against Python's own `if` and `for`."""

from __future__ import annotations

import functools
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from static_runs import bits, compare

import tapegrad as tg
from tapegrad import nn
from tapegrad.testing import check_gradients, strategies

if TYPE_CHECKING:
    from collections.abc import Callable


def compiled(function: Any) -> Any:
    return tg.compile(function, fuse=False)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


# The same function by control flow and by Python


def chosen(x: Any, y: Any) -> Any:
    return tg.cond(x.sum() > 0, lambda x, y: np.sin(x) * y, lambda x, y: x * x - np.exp(y), x, y)


def chosen_by_python(x: Any, y: Any) -> Any:
    return np.sin(x) * y if x.sum() > 0 else x * x - np.exp(y)


def doubled(x: Any, y: Any) -> Any:
    """Both grow until the first is large: how often that takes depends on the values."""
    return tg.while_loop(lambda x, y: np.abs(x).sum() < 20, lambda x, y: (x * 1.5 + np.tanh(y), y * x), x, y)


def doubled_by_python(x: Any, y: Any) -> Any:
    while np.abs(x).sum() < 20:
        x, y = x * 1.5 + np.tanh(y), y * x
    return x, y


def summed(x: Any, y: Any) -> Any:
    """x (L, n) one after the other, y (n,) being carried."""
    return tg.scan(lambda h, x: (np.tanh(h * 0.5 + x), {"h": h * x, "x": x}), y, x)


def summed_by_python(x: Any, y: Any) -> Any:
    rows: list[Any] = []
    for place in range(x.shape[0]):
        y, row = np.tanh(y * 0.5 + x[place]), {"h": y * x[place], "x": x[place]}
        rows.append(row)
    return y, {key: np.stack([row[key] for row in rows]) for key in ("h", "x")}


PAIRS = {
    "cond": (chosen, chosen_by_python, (3,), (3,)),
    "while_loop": (doubled, doubled_by_python, (2,), (2,)),
    "scan": (summed, summed_by_python, (4, 2), (2,)),
}
each = pytest.mark.parametrize("name", PAIRS)


def total(tree: Any) -> Any:
    """One number of all leaves, in which each element counts by another weight."""
    leaves = tg._pytree.flatten(tree)[0]
    return sum((y * np.cos(np.arange(y.size, dtype=y.dtype).reshape(y.shape))).sum() for y in leaves)


def arguments(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    _, _, first, second = PAIRS[name]
    return normal(*first, seed=seed), normal(*second, seed=seed + 100)


@each
@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_values_and_gradients_are_those_of_python(name: str, seed: int) -> None:
    ours, theirs, *_ = PAIRS[name]
    x, y = arguments(name, seed)
    bits(tg.value_and_grad(lambda x, y: total(ours(x, y)), (0, 1))(x, y),
         tg.value_and_grad(lambda x, y: total(theirs(x, y)), (0, 1))(x, y))  # fmt: skip


@each
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    ours, *_ = PAIRS[name]
    check_gradients(lambda x, y: total(ours(x, y)), *arguments(name, 5))


def everything(function: Any) -> Any:
    """Values, gradients of the first and the second order, products with Jacobians, of one function."""

    def step(x: Any, y: Any) -> Any:
        x, y = tg.asarray(x), tg.asarray(y)
        loss = lambda x, y: total(function(x, y))  # noqa: E731
        value, (gx, gy) = tg.value_and_grad(loss, (0, 1))(x, y)
        _, along = tg.jvp(loss, (x, y), (x * 0.5, y + 1))
        second = tg.hvp(lambda x: loss(x, y), x, x * 0.3)
        _, pullback = tg.vjp(function, x, y)
        pulled = pullback(tg._pytree.tree_map(lambda leaf: np.sin(leaf.detach()), function(x, y)))
        return function(x, y), value, gx, gy, along, second, pulled

    return step


@each
def test_a_program_has_the_values_of_every_order(name: str) -> None:
    ours, theirs, *_ = PAIRS[name]
    fast, expected = compiled(everything(ours)), everything(theirs)
    signs = []
    for seed in (0, 1, 2, 3, 4, 5, 0):
        x, y = arguments(name, seed)
        signs.append(x.sum() > 0)
        for a, b in zip(*(tg._pytree.flatten(f(x, y))[0] for f in (fast, expected)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)
    assert len(set(signs)) == 2  # both branches
    assert len(fast.programs) == 1


@each
def test_backward_in_a_program_with_parameters_that_are_captured(name: str) -> None:
    ours = PAIRS[name][0]

    def made() -> Any:
        w = tg.tensor(normal(2, seed=9), requires_grad=True)
        moves = tg.optim.SGD([w], 0.01)

        def step(x: Any, y: Any) -> Any:
            moves.zero_grad()
            if name == "cond":
                out = tg.cond(x.sum() > 0, lambda: np.sin(x[:2]) * w, lambda: (x[:2] - w) * y[:2] * w)
            elif name == "while_loop":
                out = tg.while_loop(lambda x, n: (x * w).sum() + n < 9, lambda x, n: (x + w * w + y, n + 1), x, 0)
            else:
                out = tg.scan(lambda h, x: (np.tanh(h * w + x), h * w), y, x)
            loss = total(out)
            loss.backward()
            moves.step()
            return loss.detach(), tg._pytree.tree_map(lambda y: y.detach(), out), w.grad, w.detach()

        return step, [w]

    assert ours is not None
    calls = [arguments(name, seed) for seed in (0, 1, 2, 3, 4)]
    compare(made, calls)


def test_only_the_chosen_function_runs() -> None:
    ran: list[str] = []

    def noting(name: str) -> Any:
        def function(x: Any) -> Any:
            ran.append(name)
            return x * (1 if name == "true" else -1)

        return function

    step = compiled(lambda x: tg.cond(x > 0, noting("true"), noting("false"), x))
    for _ in range(2):
        step(np.float64(1))
    ran.clear()
    assert step(np.float64(3)) == 3
    assert ran == ["true"]
    assert step(np.float64(-3)) == 3
    assert ran == ["true", "false"]
    ran.clear()
    assert tg.cond(tg.tensor(-3.0) > 0, noting("true"), noting("false"), 2.0) == -2.0
    assert ran == ["false"]


def test_a_branch_may_give_its_operand_as_it_is() -> None:
    def step(x: Any, y: Any) -> Any:
        z = tg.cond(x.sum() > 0, lambda x, y: x, lambda x, y: y, x, y)
        return z * 2 + x, z

    fast = compiled(step)
    for x, y in [(1.0, 5.0), (2.0, 5.0), (-1.0, 5.0), (-2.0, 3.0), (1.0, 1.0)]:
        x, y = np.full(2, x), np.full(2, y)
        bits(fast(x, y), (np.where(x > 0, x, y) * 2 + x, np.where(x > 0, x, y)))


def test_a_choice_inside_of_a_loop_inside_of_a_choice() -> None:
    def collatz(x: Any) -> Any:
        """How many steps lead to 1."""
        return tg.cond(
            x > 0,
            lambda x: tg.while_loop(
                lambda x, n: x > 1,
                lambda x, n: (tg.cond(x % 2 == 0, lambda x: x / 2, lambda x: 3 * x + 1, x), n + 1),
                x,
                np.int64(0),
            )[1],
            lambda x: tg.tensor(np.int64(-1)),
            x,
        )

    fast = compiled(collatz)
    for _ in range(2):
        assert [int(np.asarray(fast(np.float64(n)))) for n in (6, 7, 1, -2, 27)] == [8, 16, 0, -1, 111]
    assert [int(collatz(tg.tensor(float(n)))) for n in (6, 7, 1, -2, 27)] == [8, 16, 0, -1, 111]
    assert len(fast.programs) == 1


def test_what_the_other_branch_of_an_inner_choice_uses_is_found() -> None:
    def step(x: Any, y: Any) -> Any:
        h = x * 2
        return tg.cond(x.sum() > 0, lambda: tg.cond(y.sum() > 0, lambda: x, lambda: h), lambda: -x)

    fast = compiled(step)
    for x, y, expected in [(1.0, 1.0, 1.0), (2.0, 1.0, 2.0), (3.0, -1.0, 6.0), (-4.0, 1.0, 4.0), (5.0, -1.0, 10.0)]:
        assert fast(np.full(2, x), np.full(2, y)).tolist() == [expected] * 2


def test_a_recurrent_cell_is_scanned() -> None:
    tg.random.seed(0)
    cell, layer = nn.RNNCell(3, 4), nn.RNN(3, 4)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(layer, f"{name}_l0").assign_(getattr(cell, name).detach())
    x = normal(5, 2, 3).astype(np.float32)

    def step(x: Any) -> Any:
        for parameter in cell.parameters():
            parameter.grad = None

        def forward(h: Any, x: Any) -> Any:
            h = cell(x, h)
            return h, h

        last, every = tg.scan(forward, np.zeros((2, 4), np.float32), x)
        (every * every).sum().backward()
        return last, every, [p.grad for p in cell.parameters()]

    fast = compiled(step)
    out, _ = layer(x)
    (out * out).sum().backward()
    expected = [g.numpy() for g in step(x)[2]]
    for run in (step, fast, fast, fast):
        _, every, gradients = run(x)
        bits([g.numpy() for g in gradients], expected)
        np.testing.assert_allclose(every.detach().numpy(), out.detach().numpy(), rtol=1e-5, atol=1e-6)
        for name, gradient in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), gradients, strict=True):
            np.testing.assert_allclose(
                gradient.numpy(), getattr(layer, f"{name}_l0").grad.numpy(), rtol=1e-4, atol=1e-5
            )


def test_state_that_the_step_has_moved_is_what_the_function_sees() -> None:
    def made() -> Any:
        w = tg.tensor([1.0, 2.0])

        def step(x: Any) -> Any:
            w.assign_(w + x)
            return tg.cond(x.sum() > 2, lambda: w * 2, lambda: w.detach() * 3)

        return step, [w]

    compare(made, [(np.full(2, n, np.float32),) for n in range(5)])


def test_indices_and_flags_are_captured() -> None:
    order, flag = tg.tensor(np.array([1, 0])), tg.tensor(np.array(True))

    def step(x: Any) -> Any:
        taken = tg.cond(x.sum() > 2, lambda: x[order], lambda: np.where(flag, x, -x))
        order.assign_(1 - order)
        flag.assign_(~flag)
        return taken

    fast = compiled(step)
    states = []
    for call in range(6):
        x = np.array([call, 1.0])
        expected = x[order.numpy()] if x.sum() > 2 else x if flag.item() else -x
        bits(fast(x), tg.asarray(expected))
        states.append((order.tolist(), flag.item()))
    assert states[0] != states[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_stay(dtype: Any) -> None:
    x, y = (a.astype(dtype) for a in arguments("scan", 0))
    for function in (summed, compiled(summed)):
        carry, rows = function(x, y)
        assert {carry.dtype, rows["h"].dtype, rows["x"].dtype} == {np.dtype(dtype)}


# Errors


BRANCHES = {
    "shapes": (lambda x: x[:2], tg.ShapeError, r"must have the same shapes, got \(2,\) and \(3,\)"),
    "dtypes": (lambda x: x > 0, tg.DTypeError, "must have the same dtypes, got bool and float64"),
    "containers": (lambda x: (x, x), tg.ShapeError, "must be the same containers of arrays"),
}


@pytest.mark.parametrize("kind", BRANCHES)
def test_branches_that_give_different_things(kind: str) -> None:
    function, error, message = BRANCHES[kind]
    step = compiled(lambda x: tg.cond(x.sum() > 0, function, lambda x: x, x))
    with pytest.raises(error, match=rf"cond: true_function and false_function {message}"):
        step(np.ones(3))


def test_a_predicate_is_one_number() -> None:
    with pytest.raises(tg.ShapeError, match=r"cond: expected one number as the predicate, got shape \(3,\)"):
        tg.cond(tg.ones(3) > 0, lambda: 1, lambda: 2)


@pytest.mark.parametrize("wrap", [lambda f: f, compiled], ids=["eager", "program"])
def test_state_that_changes_its_kind(wrap: Any) -> None:
    with pytest.raises(tg.ShapeError, match=r"while_loop: .* got \(2,\) and \(4,\)"):
        wrap(lambda x: tg.while_loop(lambda x: x.sum() < 9, lambda x: tg.concat([x, x]), x))(tg.ones(2))
    with pytest.raises(tg.DTypeError, match=r"while_loop: .* got float32 and float64"):
        wrap(lambda x: tg.while_loop(lambda x: x.sum() < 9, lambda x: x + np.ones(2), x))(tg.ones(2))
    with pytest.raises(tg.ShapeError, match="scan: the carry and what function gives must be the same containers"):
        wrap(lambda x: tg.scan(lambda h, x: ((h, h), x), x[0], x))(tg.ones(2))


@pytest.mark.parametrize("xs", [np.zeros((0, 2)), [np.zeros(2), np.zeros(3)], np.float64(1), []])
def test_scan_wants_arrays_of_one_length(xs: Any) -> None:
    with pytest.raises(tg.ShapeError, match="scan: expected arrays of one length"):
        tg.scan(lambda h, x: (h, x), 0.0, xs)


REFUSED = {
    "assign": (lambda w, x: w.assign_(x), "an assignment"),
    "draw": (lambda w, x: x + tg.random.uniform(2), "a random draw"),
    "backward": (lambda w, x: [(w * x).sum().backward(), x][1], "backward"),
    "seed": (lambda w, x: [tg.random.seed(0), x][1], r"tapegrad\.random\.seed"),
    "step": (lambda w, x: [tg.optim.SGD([w], 0.1).step(), x][1], "a step of an optimizer"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_function_cannot_do_in_a_program(what: str) -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    action, message = REFUSED[what]
    step = compiled(lambda x: tg.cond(x.sum() > 0, lambda: x, lambda: action(w, x)))
    with pytest.raises(tg.TraceError, match=rf"{message} at .*test_control\.py:\d+ cannot be in a function of cond"):
        step(np.ones(2, np.float32))
    assert w.tolist() == [1.0, 2.0]


@settings(max_examples=15)
@given(x=strategies.arrays((3,), low=-2, high=2), y=strategies.arrays((3,), low=-2, high=2))
def test_any_numbers_choose_as_python_does(x: Any, y: Any) -> None:
    fast = compiled(chosen)
    for call in [(x, y), (y, x), (-x, y), (x, -y)]:
        bits(fast(*call), chosen_by_python(*call))


# What the functions close over


def by_scan(f: Any, h: Any, x: Any) -> Any:
    return tg.scan(lambda h, row: (f(h + row), h), h, x)[0]


def by_while_loop(f: Any, h: Any, x: Any) -> Any:
    def turned(h: Any, turn: Any) -> Any:
        return f(h + x[0]), turn + 1

    return tg.while_loop(lambda h, turn: turn < 3, turned, h, np.zeros((), np.int64))[0]


def by_cond(f: Any, h: Any, x: Any) -> Any:
    return tg.cond(x.sum() > -100, lambda h: f(h + x[1]), lambda h: h, h)


@pytest.mark.parametrize("run", [by_scan, by_while_loop, by_cond])
@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("kind", ["in the function", "in one that it calls", "checkpoint"])
def test_a_variable_of_a_loop_of_python_is_what_it_was_in_its_turn(run: Any, fuse: bool, kind: str) -> None:
    weights = [tg.tensor(normal(2, 2, seed=k), requires_grad=True) for k in range(3)]

    def step(x: Any) -> Any:
        for w in weights:
            w.grad = None
        h = np.zeros((3, 2)) + x[0]
        for w in weights:
            inner = lambda z: np.tanh(z @ w)  # noqa: B023, E731
            if kind == "in the function":
                h = run(lambda z: np.tanh(z @ w), h, x)  # noqa: B023
            elif kind == "checkpoint":
                h = run(lambda z: tg.checkpoint(inner)(z), h, x)  # noqa: B023
            else:
                h = run(lambda z: inner(z), h, x)  # noqa: B023
        (h**2).sum().backward()
        return [w.grad for w in weights]

    x = normal(4, 3, 2)
    expected = [g.numpy() for g in step(tg.asarray(x))]
    fast = tg.compile(step, fuse=fuse)
    for _ in range(3):
        for got, gradient in zip(fast(x), expected, strict=True):
            np.testing.assert_allclose(got.numpy(), gradient, 1e-12)


class Holder:
    def __init__(self, w: Any) -> None:
        self.w = w


def by_attribute(run: Any, tensors: Any, h: Any) -> Any:
    holder = Holder(None)
    for w in tensors:
        holder.w = w
        h = run(lambda h: h + holder.w, h)
    return h


def by_item(run: Any, tensors: Any, h: Any) -> Any:
    items: dict[str, Any] = {}
    for w in tensors:
        items["w"] = w
        h = run(lambda h: h + items["w"], h)
    return h


def by_function_in_a_list(run: Any, tensors: Any, h: Any) -> Any:
    functions: list[Any] = [None]
    for w in tensors:
        functions[0] = lambda h: h + w  # noqa: B023
        h = run(lambda h: functions[0](h), h)
    return h


@pytest.mark.parametrize("lookup", [by_attribute, by_item, by_function_in_a_list])
@pytest.mark.parametrize("run", [by_scan, by_while_loop, by_cond])
@pytest.mark.parametrize("alike", [False, True])
def test_what_has_changed_by_the_end_of_the_program_is_an_error_and_moves_nothing(
    lookup: Any, run: Any, alike: bool
) -> None:
    tensors = [tg.tensor(np.zeros(2) if alike else normal(2, seed=k), requires_grad=True) for k in range(2)]
    moved = tg.tensor(1.0, requires_grad=True)
    x = normal(4, 3, 2)

    def forward(x: Any) -> Any:
        return (lookup(lambda f, h: run(f, h, x), tensors, np.zeros((3, 2)) + x[0]) ** 2).sum() * moved

    @tg.compile
    def step(x: Any) -> Any:
        loss = forward(x)
        loss.backward()
        moved.assign_(moved.detach() - 0.5)
        return loss.detach()

    says = "used another Tensor" if alike else "gave other values"
    for _ in range(2):
        with pytest.raises(tg.TraceError, match=f"at .*test_control.py:.* by the end of the program.*{says}"):
            step(x)
        assert moved.item() == 1.0
        assert moved.grad is None
    with pytest.raises(tg.TraceError, match="by the end of the program"):
        tg.trace(forward, x)
    with tg.no_grad(), pytest.raises(tg.TraceError, match="by the end of the program"):
        tg.compile(forward)(x)


def counted(x: Any) -> Any:
    turn = 0

    def counting(h: Any, row: Any) -> Any:
        nonlocal turn
        turn += 1
        return h + row * turn, h

    return tg.scan(counting, x[0], x)[0] * turn


def passed_on(x: Any) -> Any:
    now = x[0]

    def before(h: Any) -> Any:
        return np.tanh(h + now)

    def body(h: Any, row: Any) -> Any:
        nonlocal now
        now = row
        return before(h), h

    return tg.scan(body, x[0], x)[0]


def stopped_by_a_count(x: Any) -> Any:
    turn = 0

    def body(h: Any) -> Any:
        nonlocal turn
        turn += 1
        return np.sin(h) * turn

    return tg.while_loop(lambda h: turn < 4, body, x[0]) * turn


def stopped_by_what_a_helper_keeps(x: Any) -> Any:
    kept = x[0] * 0 + 8

    def halve() -> None:
        nonlocal kept
        kept = kept / 2

    def body(h: Any) -> Any:
        halve()
        return h + kept

    return tg.while_loop(lambda h: kept.sum() > 1, body, x[0])


def both_ways(x: Any) -> Any:
    turn = 0

    def one(h: Any) -> Any:
        nonlocal turn
        turn += 1
        return h * turn

    def other(h: Any) -> Any:
        nonlocal turn
        turn += 2
        return h / turn

    h = x[0]
    for row in x:
        h = tg.cond(row.sum() > 0, one, other, h)
    return h


def loop_in_a_loop(x: Any) -> Any:
    def outer(h: Any, row: Any) -> Any:
        turn = 0

        def body(h: Any) -> Any:
            nonlocal turn
            turn += 1
            return h + row * turn

        return tg.while_loop(lambda h: turn < 3, body, h), h

    return tg.scan(outer, x[0], x)[0]


@pytest.mark.parametrize(
    "function", [counted, passed_on, stopped_by_a_count, stopped_by_what_a_helper_keeps, both_ways]
)
def test_a_function_that_assigns_to_a_variable_around_it_is_refused(function: Any) -> None:
    x = normal(4, 2)
    expected = function(tg.asarray(x)).numpy()
    with pytest.raises(tg.TraceError, match=r"assigns to '(turn|now|kept)'.* at .*test_control.py:\d+ cannot be in a"):
        tg.compile(function)(x)
    np.testing.assert_array_equal(function(tg.asarray(x)).numpy(), expected)


def test_a_variable_that_was_assigned_to_while_tracing_is_as_it_was() -> None:
    turn = 0

    def counting(h: Any, row: Any) -> Any:
        nonlocal turn
        turn += 1
        return h + row * turn, h

    def step(x: Any) -> Any:
        return tg.scan(counting, np.zeros(2), x)[0]

    with pytest.raises(tg.TraceError, match="turn"):
        compiled(step)(normal(3, 2))
    assert turn == 0
    step(tg.asarray(normal(3, 2)))
    assert turn == 3


@pytest.mark.parametrize("fuse", [False, True])
def test_what_runs_inside_of_a_function_may_assign_to_its_variables(fuse: bool) -> None:
    w = tg.tensor(normal(2), requires_grad=True)

    def fold(h: Any, depth: int = 2, *, factor: float = 2.0) -> Any:  # which is in its own closure
        return h * factor if depth == 0 else fold(h, depth - 1)

    def step(x: Any) -> Any:
        w.grad = None
        y = fold(loop_in_a_loop(x * w))
        (y**2).sum().backward()
        return y.detach(), w.grad

    fast = tg.compile(step, fuse=fuse)
    for seed in range(4):
        x = normal(4, 2, seed=seed)
        for got, expected in zip(fast(x), step(tg.asarray(x)), strict=True):
            np.testing.assert_allclose(got.numpy(), expected.numpy(), 1e-12)


def test_a_compiled_function_is_a_part_of_what_runs_it() -> None:
    w = tg.tensor(normal(2), requires_grad=True)

    def cell(h: Any) -> Any:
        return np.tanh(h * w)

    def step(x: Any, inner: Any) -> Any:
        w.grad = None
        y = tg.scan(lambda h, row: (inner(h + row), h), np.zeros(2), x)[0]
        y.sum().backward()
        return y.detach(), w.grad

    x = normal(3, 2)
    inner = compiled(cell)
    fast = compiled(lambda x: step(x, inner))
    for _ in range(3):
        bits(list(fast(x)), list(step(x, cell)))
    assert not inner.programs


def test_what_is_kept_from_the_first_call_is_the_same_value_later() -> None:
    kept: list[Any] = []

    def mask() -> Any:
        if not kept:
            kept.append(np.array([1.0, 0.0]))
        return kept[0]

    def step(x: Any) -> Any:
        return tg.scan(lambda h, row: (h + row * mask(), h), np.zeros(2), x)[0]

    x = normal(3, 2)
    fast = compiled(step)
    for _ in range(3):
        np.testing.assert_array_equal(fast(x), x.sum(0) * [1, 0])


@pytest.mark.parametrize("kind", ["partial", "method"])
def test_methods_and_partial_functions_are_taken_as_they_are(kind: str) -> None:
    weights = [tg.tensor(normal(2, seed=k), requires_grad=True) for k in range(3)]

    def step(x: Any) -> Any:
        h = np.zeros(2)
        for w in weights:

            class Cell:
                def turn(self, h: Any, row: Any) -> Any:
                    return np.tanh(h * w + row), h  # noqa: B023

            turn = Cell().turn if kind == "method" else functools.partial(lambda h, row: (np.tanh(h * w + row), h))  # noqa: B023
            h = tg.scan(turn, h, x)[0]
        for w in weights:
            w.grad = None
        h.sum().backward()
        return [w.grad for w in weights]

    x = normal(3, 2)
    expected = step(tg.asarray(x))
    fast = compiled(step)
    for _ in range(3):
        for got, gradient in zip(fast(x), expected, strict=True):
            np.testing.assert_array_equal(got.numpy(), gradient.numpy())


def test_several_threads_replay_a_loop_that_uses_what_was_computed() -> None:
    w = tg.tensor(normal(3, 3))

    def step(x: Any) -> Any:
        scale = tg.asarray(x) * 2

        def cell(h: Any, row: Any) -> Any:
            return np.tanh(h @ w + row * scale.sum()), h

        return tg.scan(cell, np.zeros(3), x)[0]

    fast = compiled(step)
    inputs = [normal(4, 3, seed=k) for k in range(4)]
    expected = [step(x).numpy() for x in inputs]
    [fast(inputs[0]), fast(inputs[1])]

    def work(place: int) -> None:
        for _ in range(50):
            np.testing.assert_array_equal(np.asarray(fast(inputs[place])), expected[place])

    together(*(functools.partial(work, place) for place in range(len(inputs))))


def test_a_thread_that_records_is_not_disturbed_by_a_replay_in_another() -> None:
    w = tg.tensor(normal(3), requires_grad=True)

    def step(x: Any) -> Any:
        with tg.no_grad():
            return tg.scan(lambda h, row: (np.tanh(h * w + row), h), np.zeros(3), x)[0]

    fast = compiled(step)
    x = normal(4, 3)
    expected = [fast(x).numpy(), fast(x).numpy()][0]

    def replay() -> None:
        for _ in range(100):
            np.testing.assert_array_equal(fast(x).numpy(), expected)

    def record() -> None:
        for _ in range(3000):
            w.grad = None
            (w * 2).sum().backward()
            assert w.grad.tolist() == [2, 2, 2]

    together(replay, record)


def test_variables_that_threads_share_are_what_they_were_in_each() -> None:
    weights = [tg.tensor(normal(3, seed=k)) for k in range(3)]
    x = normal(4, 3)
    turn = threading.Lock()
    w: Any = None

    def cell(h: Any, row: Any) -> Any:
        return np.tanh(h * w + row), h

    def step(x: Any) -> Any:
        nonlocal w
        with turn:  # what the threads assign to themselves is theirs to guard
            h = x[0]
            for each in weights:
                w = each
                h = tg.scan(cell, h, x)[0]
            w = None
        return h

    expected = step(x).numpy()

    def work() -> None:
        for _ in range(10):
            fast = compiled(step)
            for _ in range(4):
                np.testing.assert_array_equal(np.asarray(fast(x)), expected)

    together(work, work)


def together(*work: Callable[[], None]) -> None:
    """Do all of the work in threads that take turns as often as they can."""
    errors: list[BaseException] = []
    at_once = threading.Barrier(len(work))

    def run(each: Callable[[], None]) -> None:
        try:
            at_once.wait()
            each()
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(each,)) for each in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []
