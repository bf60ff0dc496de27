"""Every row of `op_table`, forward and backward, in a program: a replay gives the bits that the function gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from op_table import OTHERS, ROWS, Row, Sample, is_array
from static_runs import bits

import tapegrad as tg
from tapegrad import Tensor
from tapegrad._pytree import flatten

EVERY = [*ROWS, *OTHERS]


def given(row: Row, sample: Sample) -> Sample:
    """The sample with lists for arrays that decide on the shape of the result, which a program must know."""
    if row.name == "repeat":
        x, repeats, *others = sample.arguments
        return replace(sample, arguments=(x, repeats.tolist() if is_array(repeats) else repeats, *others))
    if row.name == "[]":
        x, key = sample.arguments
        parts = key if isinstance(key, tuple) else (key,)
        parts = tuple(part.nonzero()[0] if is_array(part) and part.dtype == bool else part for part in parts)
        return replace(sample, arguments=(x, parts))
    return sample


def arrays_in(value: Any) -> list[np.ndarray]:
    """The arrays of a sample's argument, also in lists and in tuples, which are indices."""
    if isinstance(value, list | tuple):
        return [a for item in value for a in arrays_in(item)]
    return [value] if is_array(value) else []


def filled(value: Any, new: Any) -> Any:
    """The argument with the next of `new` in the place of each array."""
    if isinstance(value, list | tuple):
        return type(value)([filled(item, new) for item in value])
    return next(new) if is_array(value) else value


def others(array: np.ndarray) -> np.ndarray:
    """The same numbers in another order, so that they are in the domain of the function."""
    return array.reshape(-1)[::-1].reshape(array.shape).copy()


def step_of(row: Row, sample: Sample) -> Callable[..., Any]:
    """The function of a sample and its gradient, of all arrays of the sample, indices too, and of a seed."""

    def step(arrays: list[Any], cotangents: Any) -> Any:
        tensors = [tg.asarray(a) for a in arrays]
        for tensor in tensors:
            if row.differentiable and tensor.dtype.kind == "f":
                tensor.requires_grad = True
        new = iter(tensors)
        result = row.ours(*[filled(a, new) for a in sample.arguments], **sample.parameters)
        outputs = [y for y in flatten(result)[0] if isinstance(y, Tensor)]
        values = [y.detach() for y in outputs]
        if cotangents is not None:
            for y, g in zip(outputs, cotangents, strict=True):
                if y.requires_grad:
                    y.backward(g, retain_graph=True)
        return values, [t.grad for t in tensors if t.grad is not None]

    return step


def cotangents_of(outputs: list[Any], rng: np.random.Generator) -> list[np.ndarray]:
    return [np.asarray(rng.normal(size=y.shape), y.dtype if y.dtype.kind == "f" else float) for y in outputs]


@pytest.mark.parametrize("row", EVERY, ids=str)
def test_a_replay_gives_the_bits_of_the_function(row: Row) -> None:
    rng = np.random.default_rng(1)
    for sample in row.samples:
        try:
            with np.errstate(all="ignore"):
                check(row, sample, rng)
        except BaseException as error:
            error.add_note(f"of {row}({sample})")
            raise


def check(row: Row, sample: Sample, rng: np.random.Generator) -> None:
    sample = given(row, sample)
    first = arrays_in(list(sample.arguments))
    step = step_of(row, sample)
    cotangents = cotangents_of(step(first, None)[0], rng)
    second = [others(a) for a in first]
    try:
        expected = step(second, cotangents)
    except (IndexError, ValueError):  # as indices, another order makes no sense
        second = first
        expected = step(second, cotangents)
    compiled = tg.compile(step, fuse=False)
    bits(compiled(first, cotangents), step(first, cotangents))
    bits(compiled(second, cotangents), expected)
    bits(compiled(second, cotangents), expected)
    bits(compiled(first, cotangents), step(first, cotangents))
    assert len(compiled.programs) == 1
