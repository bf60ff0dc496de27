"""Where a derivative is undefined, or a formula would overflow: the choices that the ops document."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tapegrad as tg

inf, nan = math.inf, math.nan

# What is called, its arguments, and the gradient for each of them when the cotangent is 1, 2, 3 ...
POINTS = {
    "relu at 0": (tg.relu, [[-1.0, 0.0, -0.0, 2.0]], [[0, 0, 0, 4]]),
    "abs at 0": (np.abs, [[0.0, -0.0, -2.0]], [[0, 0, -3]]),
    "fabs at 0": (np.fabs, [[0.0, -2.0]], [[0, -2]]),
    "copysign of 0": (lambda x: np.copysign(x, -1.0), [[0.0, 2.0]], [[0, -2]]),
    "max shares ties": (np.max, [[3.0, 1.0, 3.0]], [[0.5, 0, 0.5]]),
    "max shares ties along an axis": (
        lambda x: np.max(x, axis=1),
        [[[2.0, 2.0, 2.0], [0.0, 1.0, 0.0]]],
        [[[1 / 3, 1 / 3, 1 / 3], [0, 2, 0]]],
    ),
    "min shares ties": (np.min, [[[1.0, 2.0], [1.0, 1.0]]], [[[1 / 3, 0], [1 / 3, 1 / 3]]]),
    "maximum shares ties": (np.maximum, [[1.0, 2.0, 0.0], [1.0, 0.0, 3.0]], [[0.5, 2, 0], [0.5, 0, 3]]),
    "minimum shares ties": (np.minimum, [[1.0, 2.0, 0.0], [1.0, 0.0, 3.0]], [[0.5, 0, 3], [0.5, 2, 0]]),
    "fmax passes NaN over": (np.fmax, [[nan, 2.0, 1.0], [1.0, nan, 1.0]], [[0, 2, 1.5], [1, 0, 1.5]]),
    "fmin passes NaN over": (np.fmin, [[nan, 2.0, 1.0], [1.0, nan, 1.0]], [[0, 2, 1.5], [1, 0, 1.5]]),
    "clip: a bound belongs to the inside": (
        np.clip,
        [[0.0, 1.0, 0.5, -1.0, 3.0], [0.0] * 5, [1.0] * 5],
        [[1, 2, 3, 0, 0], [0, 0, 0, 4, 0], [0, 0, 0, 0, 5]],
    ),
    "clip: where the bounds cross, the upper one wins": (
        np.clip,
        [[0.0, 3.0, 1.5], [2.0] * 3, [1.0] * 3],
        [[0, 0, 0], [0, 0, 0], [1, 2, 3]],
    ),
    "where: nothing flows through what was not chosen": (
        lambda x, y: np.where(np.array([True, False]), x, y),
        [[1.0, nan], [inf, 2.0]],
        [[1, 0], [0, 2]],
    ),
    "nan_to_num": (np.nan_to_num, [[nan, inf, -inf, 1.0]], [[0, 0, 0, 4]]),
    "prod with one zero": (np.prod, [[2.0, 0.0, 3.0]], [[0, 6, 0]]),
    "prod with two zeros": (np.prod, [[2.0, 0.0, 0.0]], [[0, 0, 0]]),
    "prod along an axis, with zeros": (
        lambda x: np.prod(x, axis=0),
        [[[0.0, 2.0], [5.0, 0.0], [3.0, 0.0]]],
        [[[15, 0], [0, 0], [0, 0]]],
    ),
    "prod of one": (lambda x: np.prod(x, axis=1), [[[0.0], [2.0]]], [[[1], [2]]]),
    "power 0 of 0": (lambda x: x**0, [[0.0, 2.0]], [[0, 0]]),
    "power 1 of 0": (lambda x: x**1, [[0.0, 2.0]], [[1, 2]]),
    "power 2 of 0": (lambda x: x**2.0, [[0.0, 2.0]], [[0, 8]]),
    "powers of 0, as arrays": (
        np.power,
        [[0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 0.0]],
        [[0, 2, 0, 0], [0, 0, 0, 4 * math.log(2)]],
    ),
    "whole powers of negative numbers": (lambda x: x ** np.array([2.0, 3.0, 0.0]), [[-2.0, -2.0, -2.0]], [[-4, 24, 0]]),
    "norm of 0": (np.linalg.norm, [[0.0, 0.0]], [[0, 0]]),
    "norm of rows, one of them 0": (
        lambda x: np.linalg.norm(x, axis=1),
        [[[0.0, 0.0], [3.0, 4.0]]],
        [[[0, 0], [1.2, 1.6]]],
    ),
    "norm of order 1 at 0": (lambda x: np.linalg.norm(x, 1), [[0.0, -2.0]], [[0, -1]]),
    "norm of order 3 of 0": (lambda x: np.linalg.norm(x, 3), [[0.0, 0.0]], [[0, 0]]),
    "norm of order inf shares ties": (lambda x: np.linalg.norm(x, inf), [[2.0, -2.0, 1.0]], [[0.5, -0.5, 0]]),
    "hypot of 0": (np.hypot, [[0.0, 3.0], [0.0, 4.0]], [[0, 1.2], [0, 1.6]]),
    "std of equal elements": (np.std, [[2.0, 2.0, 2.0]], [[0, 0, 0]]),
    "std of equal rows": (lambda x: np.std(x, axis=1), [[[1.0, 1.0], [1.0, 3.0]]], [[[0, 0], [-1, 1]]]),
    "var of one": (lambda x: np.var(x, axis=1), [[[5.0], [7.0]]], [[[0], [0]]]),
    "logaddexp of -inf": (np.logaddexp, [[-inf, 0.0, -inf], [0.0, -inf, -inf]], [[0, 2, 0], [1, 0, 0]]),
    "logaddexp2 of -inf": (np.logaddexp2, [[-inf, 0.0, -inf], [0.0, -inf, -inf]], [[0, 2, 0], [1, 0, 0]]),
    "logaddexp of large numbers": (np.logaddexp, [[1e4, -1e4], [1e4, 0.0]], [[0.5, 0], [0.5, 2]]),
    "logsumexp of -inf": (tg.logsumexp, [[-inf, 0.0, 0.0]], [[0, 0.5, 0.5]]),
    "logsumexp of nothing but -inf": (tg.logsumexp, [[-inf, -inf]], [[0, 0]]),
    "logsumexp of large numbers": (tg.logsumexp, [[1e4, 1e4, -1e4]], [[0.5, 0.5, 0]]),
    "sigmoid of large numbers": (tg.sigmoid, [[1000.0, -1000.0, 0.0]], [[0, 0, 0.75]]),
    "softplus of large numbers": (tg.softplus, [[1000.0, -1000.0, 0.0]], [[1, 0, 1.5]]),
    "tanh of large numbers": (np.tanh, [[1000.0, -1000.0, 0.0]], [[0, 0, 3]]),
    "softmax with -inf": (tg.softmax, [[0.0, -inf, 0.0]], [[-0.5, 0, 0.5]]),
    "softmax of large numbers": (tg.softmax, [[1e4, 1e4, -1e4]], [[-0.25, 0.25, 0]]),
    "log_softmax of large numbers": (tg.log_softmax, [[1e4, 1e4, -1e4]], [[-2, -1, 3]]),
    "cross entropy of large logits": (
        lambda x: tg.softmax_cross_entropy(x, np.array([0, 2])),
        [[[1e4, 0.0, 0.0], [1e4, 0.0, 0.0]]],
        [[[0, 0, 0], [2, 0, -2]]],
    ),
    "cross entropy of large logits and probabilities": (
        lambda x: tg.softmax_cross_entropy(x, np.array([[0.5, 0.5, 0.0]])),
        [[[1e4, 0.0, 0.0]]],
        [[[0.5, -0.5, 0]]],
    ),
    "binary cross entropy of large logits": (
        lambda x: tg.sigmoid_cross_entropy(x, np.array([1.0, 1.0, 0.0])),
        [[1e4, -1e4, 1e4]],
        [[0, -2, 3]],
    ),
}


@pytest.mark.parametrize("what", POINTS)
def test_the_gradient_is_the_documented_one(what):
    function, arguments, expected = POINTS[what]
    inputs = [tg.tensor(np.array(x), requires_grad=True) for x in arguments]
    y = function(*inputs)
    y.backward(1.0 + np.arange(y.size).reshape(y.shape))
    for x, g in zip(inputs, expected, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), g, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("function", [lambda x, y: np.logaddexp(x, y), lambda x, y: tg.logsumexp(tg.stack([x, y]))])
def test_an_infinite_sum_has_no_finite_gradient_for_what_made_it_so(function):
    x, y = (tg.tensor(np.array(value), requires_grad=True) for value in (inf, 1.0))
    function(x, y).backward()
    assert math.isnan(x.grad.item())
    assert y.grad.item() == 0


def test_losses_of_large_logits_are_finite():
    logits = np.array([[1e4, 0.0, -1e4]])
    assert tg.softmax_cross_entropy(logits, np.array([2])) == [2e4]
    assert tg.softmax_cross_entropy(logits, np.array([0])) == [0]
    assert tg.sigmoid_cross_entropy(logits, np.array([[0.0, 0.0, 1.0]])).tolist() == [[1e4, math.log(2), 1e4]]


def test_a_large_logit_costs_no_digits():
    near = np.array([1e8, 1e8 - 1.0])
    expected = math.log1p(math.exp(-1.0))
    assert math.isclose(tg.softmax_cross_entropy(near, np.array(0)), expected, rel_tol=1e-12)


def test_a_variance_with_too_few_elements_is_nan_as_in_numpy():
    x = tg.tensor(np.array([1.0]), requires_grad=True)
    with pytest.warns(RuntimeWarning, match="Degrees of freedom|invalid value"):
        y = tg.var(x, correction=1)
    y.backward()
    assert math.isnan(y.item())
    assert math.isnan(x.grad.item())
