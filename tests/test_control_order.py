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
        if order == 1:
            value, slope = tg.value_and_grad(loss)(x)
            loss(x).backward()
        else:
            value, slope = tg.value_and_grad(loss)(x)
            (slope * other).sum().backward()
        return value.detach(), slope.detach(), [p.grad for p in parameters]

    return step


def arguments(number: int, dtype: Any) -> list[np.ndarray]:
    draw = np.random.default_rng(number + 1)
    x = draw.normal(size=SIZE).astype(dtype)
    return [x, -x, draw.normal(size=SIZE).astype(dtype), np.zeros(SIZE, dtype)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=60)
@given(function=functions, number=numbers)
def test_gradients_have_the_bits_of_the_function_by_itself(dtype: Any, function: Any, number: int) -> None:
    step = made(function, number, 1, dtype)
    fast = tg.compile(made(function, number, 1, dtype), fuse=False)
    with np.errstate(all="ignore"):
        for x in arguments(number, dtype):
            bits(fast(x), step(x))
