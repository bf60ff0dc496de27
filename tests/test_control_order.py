"""Gradients through `cond`, `while_loop` and `scan`, compiled and by themselves: every bit, signs of zeros included.

Random functions: a chain of steps, each of which takes what the last one gave and something from a pool of Tensors. A
step may be a choice or a loop, whose own steps take from the same pool. So everything in the pool is used before such
a group, in it, more than once, and after it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from static_runs import bits

import tapegrad as tg

SIZE = 3
POOL = 4  # the argument, and three parameters

OPS: dict[str, Any] = {
    "product": lambda v, u: v * u,
    "sum": lambda v, u: v + u * 0.3,
    "wave": lambda v, u: np.sin(v) * np.tanh(u),
    "quotient": lambda v, u: v / (1 + u * u),
    "cut": lambda v, u: np.maximum(v, 0) - np.maximum(u, 0),
    "choice": lambda v, u: np.where(u > 0, v, u),
    "square": lambda v, u: v * v - u,
    "slices": lambda v, u: v[::-1] * u[0] + u[1:2],
    "several": lambda v, u: v + u[[0, 0, 2]] + u[[2, 2, 2]],
}

ops = st.tuples(st.sampled_from(sorted(OPS)), st.sampled_from(sorted(OPS)), st.integers(0, POOL - 1))
gives = st.sampled_from(["one", "twice", "with the operand", "with one of the pool", "with one that nobody uses"])


def groups(steps: Any) -> Any:
    chains = st.lists(steps, max_size=3)
    places = st.integers(0, POOL - 1)
    return st.one_of(
        st.tuples(st.just("cond"), places, chains, gives),
        st.tuples(st.just("while_loop"), places, chains, gives),
        st.tuples(st.just("scan"), places, chains, gives),
    )


steps = st.recursive(ops, groups, max_leaves=6)
functions = st.lists(steps, min_size=1, max_size=4)
numbers = st.integers(0, 10**6)


def run(chain: Any, value: Any, pool: list[Any], other: bool = False) -> Any:
    """What the steps of `chain` make of `value`; `other` takes another op at each step, of the same Tensors."""
    for step in chain:
        if step[0] in GROUPS:
            value = GROUPS[step[0]](value, pool, step[1], step[2], step[3], other)
        else:
            value = OPS[step[1 if other else 0]](value, pool[step[2]])
    return value


def result(value: Any, operand: Any, pool: list[Any], give: str) -> tuple[Any, Any]:
    second = {
        "one": lambda: value * 2,
        "twice": lambda: value,
        "with the operand": lambda: operand,
        "with one of the pool": lambda: pool[1],
        "with one that nobody uses": lambda: np.tanh(operand),
    }
    return value, second[give]()


def joined(outputs: Any, give: str) -> Any:
    return outputs[0] if give == "with one that nobody uses" else outputs[0] * 0.5 + outputs[1] + outputs[0]


def cond(value: Any, pool: list[Any], place: int, chain: Any, give: str, other: bool) -> Any:
    def branch(which: bool) -> Any:
        return lambda v, u: result(run(chain, v, [*pool[:place], u, *pool[place + 1 :]], which), v, pool, give)

    outputs = tg.cond(pool[0].sum() > 0, branch(other), branch(not other), value, pool[place])
    return joined(outputs, give)


def while_loop(value: Any, pool: list[Any], place: int, chain: Any, give: str, other: bool) -> Any:
    turns = 1 + (pool[0] > 0).sum()

    def body(n: Any, v: Any, _: Any) -> Any:
        v = np.tanh(v)
        return n + 1, *result(run(chain, v, pool, other), v, pool, give)

    _, *outputs = tg.while_loop(lambda n, v, w: n < turns, body, np.int64(0), value, pool[place])
    return joined(outputs, give) + pool[place] * 0.1


def scan(value: Any, pool: list[Any], place: int, chain: Any, give: str, other: bool) -> Any:
    def body(v: Any, x: Any) -> Any:
        return result(run(chain, np.tanh(v), [*pool[:place], x, *pool[place + 1 :]], other) + x, v, pool, give)

    last, every = tg.scan(body, value, tg.stack([pool[place], pool[1], pool[place] * 0.7]))
    return last + (every * 0.1).sum(0)


GROUPS = {"cond": cond, "while_loop": while_loop, "scan": scan}


def made(function: Any, number: int, order: int, dtype: Any) -> Any:
    """A step that gives the value of a function and its gradients, by parameters and by the argument."""
    draw = np.random.default_rng(number)
    parameters = [tg.tensor(draw.normal(size=SIZE).astype(dtype), requires_grad=True) for _ in range(POOL - 1)]
    cotangent = (draw.normal(size=SIZE) * draw.integers(0, 2, SIZE)).astype(dtype) * draw.choice([-1, 1])
    other = draw.normal(size=SIZE).astype(dtype)

    def loss(x: Any) -> Any:
        pool = [x, *parameters]
        value = run(function, x * parameters[0] + parameters[2], pool)
        return ((value * cotangent + parameters[1]) * parameters[0] + parameters[2] * x).sum()

    def step(x: Any) -> Any:
        for parameter in parameters:
            parameter.grad = None
        x = tg.asarray(x)
        value, slope = tg.value_and_grad(loss)(x)
        (loss(x) if order == 1 else (slope * other).sum()).backward()
        return value.detach(), slope.detach(), [p.grad for p in parameters]

    return step


def arguments(number: int, dtype: Any) -> list[np.ndarray]:
    draw = np.random.default_rng(number + 1)
    x = draw.normal(size=SIZE).astype(dtype)
    return [x, -x, draw.normal(size=SIZE).astype(dtype), np.zeros(SIZE, dtype)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=40)
@given(function=functions, number=numbers)
def test_gradients_have_the_bits_of_the_function_by_itself(dtype: Any, function: Any, number: int) -> None:
    step = made(function, number, 1, dtype)
    fast = tg.compile(made(function, number, 1, dtype), fuse=False)
    with np.errstate(all="ignore"):
        for x in arguments(number, dtype):
            bits(fast(x), step(x))
    assert len(fast.programs) == 1


@settings(max_examples=30)
@given(function=functions, number=numbers)
def test_gradients_of_gradients_are_those_of_the_function_by_itself(function: Any, number: int) -> None:
    """The first ones to the last bit, though they are recorded; the second ones to the last digits."""
    step = made(function, number, 2, np.float64)
    fast = tg.compile(made(function, number, 2, np.float64), fuse=False)
    with np.errstate(all="ignore"):
        for x in arguments(number, np.float64):
            *ours, second = fast(x)
            *theirs, expected = step(x)
            bits(ours, theirs)
            for a, b in zip(second, expected, strict=True):
                a, b = (np.zeros(SIZE) if g is None else g.numpy() for g in (a, b))
                np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7 * max(1, np.abs(b).max()))


def agree(make: Any, *calls: Any) -> None:
    """What `make` makes, by itself and compiled, has the same bits at each call."""
    step, fast = make(), tg.compile(make(), fuse=False)
    for x in calls:
        bits(fast(x), step(x))


@settings(max_examples=20)
@given(number=numbers)
def test_an_operand_that_is_given_twice_and_used_from_outside(number: int) -> None:
    draw = np.random.default_rng(number)
    start = draw.normal(size=SIZE)

    def make() -> Any:
        w = tg.tensor(start, requires_grad=True)

        def step(x: Any) -> Any:
            w.grad = None
            y = tg.cond(x.sum() > 0, lambda a, b: a * x + b * w + a * w, lambda a, b: np.sin(a) * w - b * x * a, w, w)
            (y * w + w * x).sum().backward()
            return w.grad

        return step

    agree(make, *(draw.normal(size=SIZE) for _ in range(4)))


@settings(max_examples=20)
@given(number=numbers)
def test_a_result_that_was_there_before(number: int) -> None:
    """An operand as it is, one Tensor at two places, and the operands of a loop of no turns."""
    draw = np.random.default_rng(number)
    start = draw.normal(size=SIZE)

    def make() -> Any:
        w = tg.tensor(start, requires_grad=True)

        def step(x: Any) -> Any:
            w.grad = None
            first, second, third = tg.cond(
                x.sum() > 0, lambda w: (w, w, w * x), lambda w: ((y := w * x), w * 2, y), w * x
            )
            looped = tg.while_loop(lambda v: v.sum() < 0, lambda v: np.abs(v) * x * x + w * w, w * x)
            (first * w + second * third + first * x + second * w + looped * looped * w).sum().backward()
            return first.detach(), w.grad

        return step

    agree(make, *(draw.normal(size=SIZE) for _ in range(4)))


def test_what_the_other_branch_uses_changes_no_sign_of_zero() -> None:
    def make() -> Any:
        w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)

        def step(x: Any) -> Any:
            w.grad = None
            before = (w * np.array([-0.0, 0.0, 1.0])).sum()
            y = tg.cond(x.sum() > 0, lambda: x * w, lambda: x * 2)
            (before + y.sum()).backward()
            early = w.grad
            w.grad = None
            y = tg.cond(x.sum() > 0, lambda: x * w, lambda: x * 2)
            ((w * np.array([-0.0, 0.0, 1.0])).sum() + y.sum()).backward()
            return early, w.grad

        return step

    agree(make, *(np.full(3, x) for x in (-1.0, 1.0, -1.0, -0.0)))


def test_what_was_not_used_has_zeros_in_a_program_and_nothing_by_itself() -> None:
    def branch(w: Any, x: Any) -> Any:
        return tg.cond(x.sum() > 0, lambda: x * w, lambda: x * 2)

    def turns(w: Any, x: Any) -> Any:
        return tg.while_loop(lambda v: v.sum() > 0, lambda v: v * w - 9, x)

    for function in (branch, turns):
        w = tg.tensor([1.0, 2.0], requires_grad=True)

        def step(x: Any, function: Any = function, w: Any = w) -> Any:
            w.grad = None
            function(w, x).sum().backward()
            return w.grad

        fast = tg.compile(step, fuse=False)
        for _ in range(3):
            assert fast(np.full(2, -1.0)).tolist() == [0, 0]
        with pytest.raises(tg.BackwardError, match="nothing was recorded"):
            step(tg.asarray(np.full(2, -1.0)))
