"""Gradients of arrays taken apart: joined where the parts are the whole, and left alone where they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.static import trace
from tapegrad.static.joining import joined
from tapegrad.static.replay import Replay

X = np.random.default_rng(0).standard_normal((4, 6, 5)).astype(np.float32)


def gradient_of(*keys: Any) -> Any:
    """A function that gives the gradient of a sum over parts of an array, each weighted otherwise."""

    def function(x: Any) -> Any:
        t = tg.tensor(np.zeros(x.shape, np.float32), requires_grad=True)
        y = (x + t) * 1.5
        loss = sum((np.float32(n + 1) * y[key] ** 2).sum() for n, key in enumerate(keys))
        loss.backward()
        return t.grad

    return function


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ([np.s_[:2], np.s_[2:]], "concat"),
        ([np.s_[..., 3:], np.s_[..., :1], np.s_[..., 1:3]], "concat"),
        ([np.s_[:, 0:3, :], np.s_[:, 3:6]], "concat"),
        ([0, 2, 1, -1], "stack"),
        ([np.s_[:, 4], np.s_[:, 1], np.s_[:, 0], np.s_[:, 2], np.s_[:, 3], np.s_[:, 5]], "stack"),
    ],
)
def test_parts_that_are_the_whole(keys, name):
    program = trace(gradient_of(*keys), X)
    other = joined(program)
    names = [entry.name for entry in other.entries]
    assert names.count(name) == 1
    assert "scatter" not in names
    assert "index_add" not in names
    np.testing.assert_array_equal(Replay(other)([X])[0], Replay(program)([X])[0])


@pytest.mark.parametrize(
    "keys",
    [
        [np.s_[:2], np.s_[3:]],  # a gap
        [np.s_[:3], np.s_[2:]],  # an overlap
        [np.s_[::2], np.s_[1::2]],
        [np.s_[:2, :3], np.s_[2:, :3]],
        [np.s_[:, :2], np.s_[2:]],  # along two axes
        [0, np.s_[1:]],
        [np.s_[1:], np.s_[2:]],
        [np.array([0, 1]), np.s_[2:]],
    ],
)
def test_parts_that_are_not(keys):
    program = trace(gradient_of(*keys), X)
    other = joined(program)
    assert not {"concat", "stack"} & {entry.name for entry in other.entries}
    np.testing.assert_array_equal(Replay(other)([X])[0], Replay(program)([X])[0])


def test_a_part_that_is_there_twice_is_added():
    program = trace(gradient_of(np.s_[:2], np.s_[:2], np.s_[2:]), X)
    np.testing.assert_array_equal(Replay(joined(program))([X])[0], Replay(program)([X])[0])


def test_a_gradient_on_the_way_that_is_a_result_stays():
    def function(x: Any, g: Any) -> Any:
        first = tg.index_add(np.zeros((4, 2), np.float32), np.s_[:, :1], x)
        return first, tg.index_add(first, np.s_[:, 1:], g)

    program = trace(function, X[:, 0, :1], X[:, 1, :1])
    assert [entry.name for entry in joined(program).entries] == ["index_add", "index_add"]
