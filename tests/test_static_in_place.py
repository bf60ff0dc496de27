"""Results that are written over operands: the same bits, less memory, and never over what is read again."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.static import trace
from tapegrad.static.in_place import _EXACT, in_place
from tapegrad.static.passes import tidy
from tapegrad.static.replay import Replay

OF_TWO = [tg.add, tg.subtract, tg.multiply, tg.maximum, tg.minimum, lambda x, y: x / (y * y + 1.0)]
OF_ONE = [
    tg.negative,
    tg.abs,
    tg.square,
    tg.tanh,
    tg.exp,
    lambda x: tg.sqrt(x * x),
    lambda x: x * 1.0,
    lambda x: x * np.ones(x.shape, np.float32),
    lambda x: x - 0.0,
    lambda x: x[::-1],
    lambda x: tg.swapaxes(x, 0, 1).swapaxes(1, 0),
    lambda x: tg.reshape(x, x.shape[::-1]).reshape(x.shape),
    lambda x: tg.swapaxes(x, 0, 1) if x.shape[0] == x.shape[1] else x,
]
LAYOUTS = [
    lambda x: x,
    np.asfortranarray,
    lambda x: np.repeat(x, 2, 0)[::2],
    lambda x: np.repeat(x, 2, 1)[:, ::2],
    lambda x: x[::-1, ::-1],
]


def drawn(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@given(st.data())
@settings(max_examples=100)
def test_random_graphs_have_every_bit(data):
    shape = data.draw(st.sampled_from([(140, 140), (130, 150)]))
    layouts = [data.draw(st.sampled_from(LAYOUTS)) for _ in range(2)]
    inputs = [layout(drawn(*shape, seed=i)) for i, layout in enumerate(layouts)]
    plan = [
        (
            data.draw(st.sampled_from(OF_TWO + OF_ONE)),
            data.draw(st.integers(0, 1 + i)),
            data.draw(st.integers(0, 1 + i)),
        )
        for i in range(data.draw(st.integers(2, 10)))
    ]
    held = data.draw(st.integers(0, 1 + len(plan)))

    def steps(*arrays):
        values = list(arrays)
        for op, i, j in plan:
            values.append(op(values[i], values[j]) if op in OF_TWO else op(values[i]))
        last = values[-1]
        return last, values[held], last.sum(), last.sum(axis=0), (last * 1.0).sum(), (values[held] / 1.0).sum(axis=1)

    with np.errstate(all="ignore"):
        expected = [np.asarray(each) for each in steps(*map(tg.asarray, inputs))]
        run = Replay(tidy(trace(steps, *inputs)))
        before = [array.tobytes() for array in inputs]
        first = run(inputs)
        kept = [np.asarray(each).tobytes() for each in first]
        second = run(inputs)
    for got in (first, second):
        for a, b in zip(got, expected, strict=True):
            assert np.array_equal(np.asarray(a), b, equal_nan=True)
            assert np.asarray(a).strides == b.strides
    assert [np.asarray(each).tobytes() for each in first] == kept
    assert [array.tobytes() for array in inputs] == before


def test_what_is_read_again_or_viewed_or_given_is_not_written_over():
    x = drawn(200, 200)

    def steps(x):
        a = x + 1.0
        b = a * 2.0  # a is read again
        c = a - b  # over b or a
        d = c[::-1]  # a view of c
        e = c + 1.0  # c is alive in d
        return e * 3.0 + d, tg.exp(e)

    program = tidy(trace(steps, x))
    over = in_place(program)
    names = {entry.out: entry.name for entry in program.entries}
    assert [names[variable] for variable in over] == ["subtract"]  # the one without views or later readers
    first = Replay(program)([x])
    for got, expected in zip(first, steps(tg.asarray(x)), strict=True):
        np.testing.assert_array_equal(got, np.asarray(expected))


def test_each_of_the_functions_is_written_over_its_operand():
    x = drawn(200, 200) + 3
    for function in _EXACT:
        steps = function if function.nin == 2 else lambda y, x, function=function: function(y) + x
        program = tidy(trace(lambda x, steps=steps: steps(x + 2.0, x), x))
        assert program.entries[1].out in in_place(program), function
        (got,) = Replay(program)([x])
        np.testing.assert_array_equal(got, steps(x + np.float32(2), x))


def test_small_arrays_and_other_dtypes_have_memory_of_their_own():
    assert not in_place(tidy(trace(lambda x: (x + 1.0) * 2.0, drawn(10, 10))))
    assert not in_place(tidy(trace(lambda x: (x + 1.0) > 2.0, drawn(200, 200))))
    assert len(in_place(tidy(trace(lambda x: (x + 1.0) * 2.0, drawn(200, 200))))) == 1


def test_a_long_chain_takes_one_array():
    x = drawn(1 << 18)

    def steps(x):
        y = x * 2.0
        for _ in range(6):
            y = (y + x) * 0.5
        return y

    run = tg.compile(steps, fuse=False)
    for _ in range(3):
        run(x)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run(x)
        assert tracemalloc.get_traced_memory()[1] - before < 1.1 * x.nbytes
    finally:
        tracemalloc.stop()
