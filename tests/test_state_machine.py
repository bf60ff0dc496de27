"""Random programs: whatever a user does to Tensors, in any order, compared with `naive_autograd` after every step."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import naive_autograd as naive
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

import tapegrad as tg
from tapegrad import Tensor
from tapegrad.errors import BackwardError, LostGradientError, ShapeError
from tapegrad.testing import strategies

SHAPES = [(), (3,), (1, 3), (2, 1), (2, 3)]  # any two broadcast together
KEY = np.array([0, 2, 2, 1, 0])

# Ours, and the same for complex arrays. Where a function has a kink, both choose alike.
UNARY: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (np.sin, np.sin),
    (np.tanh, np.tanh),
    (np.exp, np.exp),
    (np.negative, np.negative),
    (np.square, np.square),
    (lambda x: 1 / (1 + x * x), lambda x: 1 / (1 + x * x)),
    (lambda x: 2 - x * 0.5, lambda x: 2 - x * 0.5),
    (tg.relu, lambda x: np.where(np.real(x) > 0, x, 0)),
    (abs, lambda x: x * np.sign(np.real(x))),
    (np.ravel, np.ravel),
    (np.sum, np.sum),
    (np.mean, np.mean),
    (np.transpose, np.transpose),
    (lambda x: np.sum(x, axis=-1, keepdims=True) if x.ndim else x + 0, lambda x: np.sum(x, axis=-1, keepdims=True)),
    (lambda x: x[..., None], lambda x: x[..., None]),
    (lambda x: x.reshape(-1)[KEY % x.size].sum(), lambda x: x.reshape(-1)[KEY % x.size].sum()),
    (lambda x: tg.softmax(x, axis=None), lambda x: np.exp(x) / np.sum(np.exp(x))),
    (
        lambda x: np.max(x),
        lambda x: np.sum(np.where(np.real(x) == np.max(np.real(x)), x, 0)) / np.sum(np.real(x) == np.max(np.real(x))),
    ),
    (lambda x: np.stack([x, x * x]).prod(axis=0), lambda x: x * x * x),
]

BINARY: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (np.add, np.add),
    (np.subtract, np.subtract),
    (np.multiply, np.multiply),
    (lambda x, y: x / (y * y + 1), lambda x, y: x / (y * y + 1)),
    (
        np.maximum,
        lambda x, y: np.where(np.real(x) == np.real(y), (x + y) / 2, np.where(np.real(x) > np.real(y), x, y)),
    ),
    (lambda x, y: np.where(x > 0, x, y), lambda x, y: np.where(np.real(x) > 0, x, y)),
    (np.vdot, lambda x, y: np.dot(np.ravel(x), np.ravel(y))),
    (lambda x, y: np.concatenate([x, y], axis=None).mean(), lambda x, y: np.mean(np.append(np.ravel(x), np.ravel(y)))),
    (lambda x, y: np.einsum("...,...->...", x, y), np.multiply),
]

IN_PLACE = [
    (operator.iadd, np.add),
    (operator.isub, np.subtract),
    (operator.imul, np.multiply),
]


# A function, which of the last values it takes, and what is done to its result.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(UNARY + BINARY),
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from(["nothing", "nothing", "nothing", "retain_grad", "hook", "change"]),
    ),
    min_size=1,
    max_size=12,
)


def fit(which: Any, pairs: Any) -> bool:
    """Whether a function takes arguments of these shapes."""
    shapes = [p.node.value.shape for p in pairs]
    if which[0] is np.vdot:
        return len({p.node.value.size for p in pairs}) == 1
    try:
        return len(np.broadcast_shapes(*shapes)) <= 4
    except ValueError:
        return False


def is_moderate(value: Any) -> bool:
    """Whether values are small enough to compare, and few enough to differentiate one by one."""
    return np.size(value) <= 36 and np.abs(value).max(initial=0) <= 100


class Pair:
    """A Tensor, and what it should be."""

    def __init__(self, tensor: Tensor, node: naive.Node, leaf: bool) -> None:
        self.tensor = tensor
        self.node = node
        self.leaf = leaf
        self.receiver = naive.Receiver()
        if leaf and node.wanted:
            node.receivers.append(self.receiver)


class Programs(RuleBasedStateMachine):
    """What a user can do."""

    pairs = Bundle("pairs")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Pair] = []

    def made(self, tensor: Tensor, node: naive.Node) -> Pair:
        pair = Pair(tensor, node, leaf=not node.parents)
        self.all.append(pair)
        return pair

    # Making Tensors

    @initialize(target=pairs, x=strategies.arrays((2, 3), low=-2, high=2), y=strategies.arrays((3,), low=-2, high=2))
    def start(self, x: np.ndarray, y: np.ndarray) -> Any:
        return multiple(self.create(x, True), self.create(y, True))

    @rule(
        target=pairs,
        x=st.sampled_from(SHAPES).flatmap(lambda s: strategies.arrays(s, low=-2, high=2)),
        wanted=st.booleans(),
    )
    def create(self, x: np.ndarray, wanted: bool) -> Pair:
        return self.made(tg.tensor(x, requires_grad=wanted), naive.Node(x, wanted))

    @rule(target=pairs, x=pairs)
    def detach(self, x: Pair) -> Pair:
        return self.made(x.tensor.detach(), naive.Node(x.node.value))

    @rule(target=pairs, x=pairs, y=pairs, steps=STEPS, recording=st.sampled_from([True, True, True, False]))
    def compute(self, x: Pair, y: Pair, steps: Any, recording: bool) -> Any:
        """Compute something from two Tensors and from what was computed on the way, and add it all up."""
        known = [x, y]
        for which, i, j, then in steps:
            first, second = known[-1 - i % len(known)], known[-1 - j % len(known)]
            pairs = (first, second) if which in BINARY else (first,)
            if fit(which, pairs) and is_moderate(which[1](*(p.node.value for p in pairs))):
                made = self.call(which, recording, *pairs)
                known.append(made)
                if then == "retain_grad":
                    self.retain_grad(made)
                elif then == "hook":
                    self.register_hook(made, -0.5, True)
                elif then == "change":
                    self.change_in_place(IN_PLACE[0], made, first)
        total = self.call((np.mean, np.mean), recording, x)
        for pair in known[1:]:
            total = self.call((lambda t, x: t + x.mean(), lambda t, x: t + x.mean()), recording, total, pair)
        return multiple(*known[2:], total)

    def call(self, which: Any, recording: bool, *pairs: Pair) -> Pair:
        ours, theirs = which
        if recording:
            return self.made(ours(*(p.tensor for p in pairs)), naive.apply(theirs, *(p.node for p in pairs)))
        with tg.no_grad():
            return self.made(ours(*(p.tensor for p in pairs)), naive.Node(theirs(*(p.node.value for p in pairs))))

    # Changing them

    @rule(target=pairs, which=st.sampled_from(IN_PLACE), x=pairs, y=pairs)
    def change_in_place(self, which: Any, x: Pair, y: Pair) -> Any:
        ours, theirs = which
        if not fit(which, (x, y)) or not is_moderate(theirs(x.node.value, y.node.value)):
            return multiple()
        shape = np.broadcast_shapes(x.node.value.shape, y.node.value.shape)
        if x.leaf and x.node.wanted:
            with pytest.raises(BackwardError, match="x is a leaf that requires a gradient"):
                ours(x.tensor, y.tensor)
            return multiple()
        immutable = isinstance(x.tensor._array, np.generic)  # as NumPy's scalars are
        if shape != x.node.value.shape and not immutable:
            with pytest.raises(ShapeError, match="but x has shape"):
                ours(x.tensor, y.tensor)
            return multiple()
        node = naive.apply(theirs, x.node, y.node)
        result = ours(x.tensor, y.tensor)
        if immutable:
            assert result is not x.tensor
            return self.made(result, node)
        assert result is x.tensor
        if x.receiver in x.node.receivers:  # whoever waits for the gradient of x waits for that of its new value
            x.node.receivers.remove(x.receiver)
            node.receivers.append(x.receiver)
        x.node, x.leaf = node, not node.parents
        return multiple()

    @rule(which=st.sampled_from(IN_PLACE), x=pairs, scale=st.sampled_from([0.5, 1.0, -0.25]))
    def change_in_place_under_no_grad(self, which: Any, x: Pair, scale: float) -> None:
        """What an optimizer does: the leaf stays the leaf that it is, with another value."""
        ours, theirs = which
        if isinstance(x.tensor._array, np.generic):
            return
        with tg.no_grad():
            if not x.leaf:
                with pytest.raises(LostGradientError, match="under no_grad its gradient would no longer be that"):
                    ours(x.tensor, scale)
                return
            x.tensor = ours(x.tensor, scale)
        x.node.value = np.asarray(theirs(x.node.value, scale))

    @rule(x=pairs)
    def retain_grad(self, x: Pair) -> None:
        if not x.node.wanted:
            with pytest.raises(BackwardError, match="nothing is recorded for this tensor"):
                x.tensor.retain_grad()
            return
        x.tensor.retain_grad()
        if x.receiver not in x.node.receivers:
            x.node.receivers.append(x.receiver)

    @rule(x=pairs, scale=st.sampled_from([None, -1.0, 0.5]), keep=st.sampled_from([True, True, False]))
    def register_hook(self, x: Pair, scale: float | None, keep: bool) -> None:
        if not x.node.wanted:
            return

        def hook(g: Any) -> Any:
            return None if scale is None else g * scale

        remove = x.tensor.register_hook(hook)
        if keep:
            x.node.hooks.append(hook)
        else:
            remove()

    @rule(x=pairs)
    def clear_grad(self, x: Pair) -> None:
        x.tensor.grad = None
        x.receiver.grad = None

    @rule(x=consumes(pairs))
    def forget(self, x: Pair) -> None:
        self.all.remove(x)
        if not x.leaf:
            x.node.receivers = [r for r in x.node.receivers if r is not x.receiver]

    # Walking back

    @rule(x=pairs, seed=st.integers(0, 99), retain=st.booleans())
    def backward(self, x: Pair, seed: int, retain: bool) -> None:
        g = np.asarray(np.random.default_rng(seed).standard_normal(x.node.value.shape))
        if not x.node.wanted:
            with pytest.raises(BackwardError, match="nothing was recorded for this tensor"):
                x.tensor.backward(g, retain_graph=retain)
            return
        try:
            naive.backward(x.node, g, retain)
        except naive.Released:
            with pytest.raises(BackwardError, match="was released by an earlier backward"):
                x.tensor.backward(g, retain_graph=retain)  # and nothing has changed
            return
        x.tensor.backward(g, retain_graph=retain)

    @precondition(lambda self: self.all)
    @rule(back=st.integers(0, 3), seed=st.integers(0, 99), retain=st.booleans())
    def backward_of_the_latest(self, back: int, seed: int, retain: bool) -> None:
        self.backward(self.all[-1 - back % len(self.all)], seed, retain)

    @rule(x=pairs, y=pairs, seed=st.integers(0, 99))
    def second_backward_adds_to_the_first(self, x: Pair, y: Pair, seed: int) -> None:
        for pair, retain in ((x, True), (y, True), (x, False)):
            self.backward(pair, seed, retain)

    @invariant()
    def everything_is_as_it_should_be(self) -> None:
        for pair in self.all:
            np.testing.assert_allclose(pair.tensor.numpy(), pair.node.value, rtol=1e-9, atol=1e-9)
            assert pair.tensor.shape == pair.node.value.shape
            assert pair.tensor.requires_grad == pair.node.wanted
            assert pair.tensor.is_leaf == pair.leaf
            grad, expected = pair.tensor.grad, pair.receiver.grad
            assert (grad is None) == (expected is None)
            if grad is not None:
                scale = 1e-9 * max(1.0, np.abs(expected).max(initial=0))
                np.testing.assert_allclose(grad.numpy(), expected, rtol=1e-9, atol=scale)


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(max_examples=2 * settings().max_examples, stateful_step_count=30)
