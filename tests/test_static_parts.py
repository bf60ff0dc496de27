"""Gradients of arrays that were taken apart: in a program one sum of all parts, with the bits of the run itself."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.ops.indexing import add_parts_op

KEYS = [
    0, -1, 2, slice(None), slice(1, 4), slice(None, None, -1), slice(0, 5, 2), (slice(None), 1),
    (Ellipsis, slice(0, 2)),
    (2, 1), None, np.array([0, 3, 0]), (slice(None), np.array([2, 2])), np.array([True, False, True, True, False]),
]  # fmt: skip


def _bytes(tree: Any) -> list[bytes]:
    return [np.asarray(each.numpy() if isinstance(each, tg.Tensor) else each).tobytes() for each in tree]


@given(st.data())
@settings(max_examples=80)
def test_programs_add_parts_in_the_order_of_the_run_itself(data):
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    order = data.draw(st.integers(1, 2))
    plan = data.draw(st.lists(st.one_of(st.sampled_from(range(len(KEYS))), st.just(-1)), min_size=1, max_size=7))
    weights = np.random.default_rng(data.draw(st.integers(0, 9))).standard_normal(7).astype(dtype)
    w = tg.tensor(np.zeros((5, 3), dtype), requires_grad=True)

    def loss(w: Any, x: Any) -> Any:
        total = (w * x).sum()
        for weight, which in zip(weights, plan, strict=False):
            part = w * w if which < 0 else w[KEYS[which]]
            total = total + (tg.tanh(part) * part * weight).sum()
        return total

    def step(x: Any) -> Any:
        w.grad = None
        if order == 1:
            loss(w, x).backward()
        else:
            (tg.grad(loss)(w, x) ** 2).sum().backward()
        return w.grad

    run = tg.compile(step, fuse=False)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((5, 3)).astype(dtype)
        w.assign_(x[::-1].copy())
        expected = _bytes([step(tg.asarray(x))])
        assert _bytes([run(x)]) == expected


@given(st.lists(st.sampled_from(range(len(KEYS))), min_size=1, max_size=5), st.integers(0, 99))
def test_the_op_adds_each_part_and_hands_back_each_gradient(chosen, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((5, 3))
    keys = [KEYS[which] for which in chosen]
    parts = [rng.standard_normal(x[key].shape) for key in keys]
    tensors = [tg.tensor(each, requires_grad=True) for each in (x, *parts)]
    result = add_parts_op(*tensors, keys=keys)
    expected = x.copy()
    for key, part in zip(keys, parts, strict=True):
        np.add.at(expected, key, part)
    np.testing.assert_allclose(result.detach(), expected, rtol=1e-14, atol=1e-14)
    cotangent = rng.standard_normal(x.shape)
    result.backward(cotangent)
    for tensor, slope in zip(tensors, [cotangent, *(cotangent[key] for key in keys)], strict=True):
        np.testing.assert_array_equal(tensor.grad, slope)


def test_tracing_a_loop_over_an_array_takes_no_array_for_each_turn():
    x = np.random.default_rng(0).standard_normal((100, 50, 50)).astype(np.float32)
    w = tg.tensor(x, requires_grad=True)

    def step(g: Any) -> Any:
        w.grad = None
        total = tg.zeros((50, 50), dtype=np.float32)
        for part in tg.unstack(w):
            total = tg.tanh(total + part)
        (total * g).sum().backward()
        return w.grad

    run = tg.compile(step, fuse=False)
    g = np.ones((50, 50), np.float32)
    for _ in range(2):  # the run that is traced, and the one that is compared
        tracemalloc.start()
        try:
            run(g)
            assert tracemalloc.get_traced_memory()[1] < 25 * x.nbytes  # and not some for each of the 100
        finally:
            tracemalloc.stop()
