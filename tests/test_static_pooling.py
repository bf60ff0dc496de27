"""relu and max pooling in one entry: the same values and gradients, only where nothing else reads what is between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.static import trace
from tapegrad.static.pooling import pooled
from tapegrad.static.replay import Replay


def drawn(*shape: int, seed: int = 0) -> Any:
    """Numbers with many ties and zeros."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32) / 2


@given(st.integers(1, 7), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["SAME", "VALID"]), st.integers(0, 99))
def test_values_and_gradients_are_the_same(height, size, strides, padding, seed):
    height = max(height, size)
    x = drawn(2, height, height + 1, 3, seed=seed)

    def step(x: Any) -> Any:
        t = tg.tensor(np.zeros(x.shape, np.float32), requires_grad=True)
        out = tg.max_pool(tg.relu(x + t), size, strides=strides, padding=padding)
        (out * out).sum().backward()
        return out, t.grad

    program = trace(step, x)
    other = pooled(program)
    names = [entry.name for entry in other.entries]
    assert {"max_pool", "max_pool_gradient"} <= set(names)
    assert not {"relu", "greater"} & set(names)
    for mine, expected in zip(Replay(other)([x]), Replay(program)([x]), strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("number", [np.inf, np.nan])
def test_what_is_no_number_goes_where_it_went(number):
    x = drawn(2, 6, 6, 3)
    x[0, 1, 1] = number

    def step(x: Any, g: Any) -> Any:
        t = tg.tensor(np.zeros(x.shape, np.float32), requires_grad=True)
        tg.max_pool(tg.relu(x + t), 2).backward(g)
        return t.grad

    g = drawn(2, 3, 3, 3, seed=1)
    g[1, 2] = number
    program = trace(np.errstate(invalid="ignore")(step), x, g)
    with np.errstate(invalid="ignore"):
        (mine,), (expected,) = Replay(pooled(program))([x, g]), Replay(program)([x, g])
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(mine, expected)


def test_without_a_gradient():
    x = drawn(1, 4, 4, 2)
    program = trace(lambda x: tg.max_pool(tg.relu(x), 2), x)
    other = pooled(program)
    assert [entry.name for entry in other.entries] == ["max_pool"]
    np.testing.assert_array_equal(Replay(other)([x])[0], Replay(program)([x])[0])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [result for y in [tg.relu(x)] for result in (tg.max_pool(y, 2), y)],
        lambda x: [tg.max_pool(y, 2) + tg.max_pool(y, 3, strides=2, padding="SAME") for y in [tg.relu(x)]],
        lambda x: tg.avg_pool(tg.relu(x), 2),
    ],
)
def test_relu_stays_where_it_is_read_elsewhere(function):
    program = trace(function, drawn(1, 4, 4, 2))
    assert pooled(program) is program
