"""Attention: against loops over heads and positions, its masks, gradients of every order, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import DTypeError, ShapeError
from tapegrad.testing import check_gradients


@pytest.fixture(autouse=True)
def _seeded():
    tg.random.seed(3)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def by_hand(layer, query, key, value, allowed):
    """The result for one sequence (L, E), one head and one position at a time."""
    size, width = layer.embed_dim, layer.embed_dim // layer.num_heads
    weight, bias = layer.in_proj_weight.numpy(), layer.in_proj_bias.numpy()
    q, k, v = (
        x @ weight[:, i * size : (i + 1) * size] + bias[i * size : (i + 1) * size]
        for i, x in enumerate((query, key, value))
    )
    out = np.zeros(q.shape)
    for head in range(layer.num_heads):
        part = slice(head * width, (head + 1) * width)
        for i, row in enumerate(q[:, part]):
            seen = [j for j in range(len(k)) if allowed(head, i, j)]
            shares = np.array([math.exp(row @ k[j, part] / math.sqrt(width)) for j in seen])
            if seen:
                out[i, part] = sum(s * v[j, part] for s, j in zip(shares / shares.sum(), seen, strict=True))
    return out @ layer.out_proj.weight.numpy() + layer.out_proj.bias.numpy()


def made(**options):
    layer = nn.MultiHeadAttention(6, 3, batch_first=True, dtype=np.float64, **options)
    layer.in_proj_bias.assign_(normal(18, seed=5))
    layer.out_proj.bias.assign_(normal(6, seed=6))
    return layer


MASKS = {
    "none": ({}, lambda n, head, i, j: True),
    "padding": (
        {"key_padding_mask": np.array([[False, False, True, True, False], [True] * 5])},
        lambda n, head, i, j: n == 0 and j not in (2, 3),
    ),
    "order": ({"attn_mask": np.triu(np.ones((4, 5), bool), 1)}, lambda n, head, i, j: j <= i),
    "order as numbers": (
        {"attn_mask": np.where(np.triu(np.ones((4, 5), bool), 1), -np.inf, 0.0)},
        lambda n, head, i, j: j <= i,
    ),
    "both": (
        {
            "attn_mask": np.arange(5) < np.arange(4)[:, None],
            "key_padding_mask": np.array([[False] * 5, [False, False, False, True, True]]),
        },
        lambda n, head, i, j: j >= i and not (n == 1 and j > 2),
    ),
    "a mask for each head": (
        {"attn_mask": np.arange(6)[:, None, None] % 5 == np.arange(5) + np.zeros((4, 1))},
        lambda n, head, i, j: (3 * n + head) % 5 != j,
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_it_is_what_loops_give(name):
    options, allowed = MASKS[name]
    layer = made()
    query, key, value = normal(2, 4, 6), normal(2, 5, 6, seed=1), normal(2, 5, 6, seed=2)
    out, weights = layer(query, key, value, **options)
    for n in range(2):
        expected = by_hand(layer, query[n], key[n], value[n], lambda head, i, j, n=n: allowed(n, head, i, j))
        np.testing.assert_allclose(out[n].numpy(), expected, rtol=1e-10)
    seen = np.array(
        [
            [[any(allowed(n, h, i, j) for h in range(3)) for j in range(5)] for i in range(4)]
            for n in range(2)
        ]
    )  # fmt: skip
    np.testing.assert_array_equal(weights.numpy() > 0, seen)
    np.testing.assert_allclose(weights.numpy().sum(-1)[seen.any(-1)], 1, rtol=1e-12)


def test_a_sequence_that_looks_at_itself_is_the_same_as_three_sequences():
    layer, x = made(), tg.tensor(normal(2, 4, 6))
    one, other = layer(x, x, x)[0].numpy(), layer(x, x.detach(), 1 * x)[0].numpy()
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_batch_may_come_second():
    layer, x = made(), normal(2, 4, 6)
    out, weights = layer(x, x, x)
    layer.batch_first = False
    turned = np.swapaxes(x, 0, 1)
    same, same_weights = layer(turned, turned, turned)
    np.testing.assert_allclose(np.swapaxes(same.numpy(), 0, 1), out.numpy(), rtol=1e-12)
    np.testing.assert_allclose(same_weights.numpy(), weights.numpy(), rtol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_those_of_finite_differences(masked):
    layer = nn.MultiHeadAttention(4, 2)
    names = ["in_proj_weight", "in_proj_bias"]
    mask = np.array([[False, True, True], [True, True, True]]) if masked else None  # the second may look at nothing

    def function(query, key, value, *parameters):
        for name, parameter in zip(names, parameters, strict=True):
            setattr(layer, name, parameter)
        out, weights = layer(query, key, value, attn_mask=mask)
        return tg.concat([tg.ravel(out), tg.ravel(weights)])

    layer.to(np.float64)
    for parameter in layer.parameters():
        parameter.requires_grad = False
    values = [
        normal(2, 1, 4),
        normal(3, 1, 4, seed=1),
        normal(3, 1, 4, seed=2),
        normal(4, 12, seed=3),
        normal(12, seed=4),
    ]
    check_gradients(function, *values, order=2)


def test_weights_are_the_mean_of_the_heads_or_apart_or_not_given():
    layer, x = made(), normal(2, 4, 6)
    apart = layer(x, x, x, average_attn_weights=False)[1].numpy()
    assert apart.shape == (2, 3, 4, 4)
    np.testing.assert_allclose(layer(x, x, x)[1].numpy(), apart.mean(1), rtol=1e-12)
    assert layer(x, x, x, need_weights=False)[1] is None


def test_dropout_leaves_out_weights_in_training_only():
    layer, x = made(dropout=0.5), normal(2, 4, 6)
    weights = layer(x, x, x, average_attn_weights=False)[1].numpy()
    assert 0.3 < (weights == 0).mean() < 0.7
    layer.eval()
    assert (layer(x, x, x, average_attn_weights=False)[1].numpy() > 0).all()


def test_single_precision_stays_single_and_parameters_start_as_pytorchs():
    layer = nn.MultiHeadAttention(64, 4)
    x = normal(3, 2, 64).astype(np.float32)
    out, weights = layer(x, x, x, attn_mask=np.triu(np.ones((3, 3), bool), 1))
    assert out.dtype == weights.dtype == np.float32
    bound = math.sqrt(6 / 256)
    assert 0.95 * bound < np.abs(layer.in_proj_weight.numpy()).max() <= bound
    assert 0.95 / 8 < np.abs(layer.out_proj.weight.numpy()).max() <= 1 / 8
    assert not layer.in_proj_bias.numpy().any()
    assert not layer.out_proj.bias.numpy().any()
    assert list(layer.state_dict()) == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    assert repr(layer).splitlines()[0] == "MultiHeadAttention(64, 4)  # 16,640 parameters"
    short = nn.MultiHeadAttention(4, 2, dropout=0.1, bias=False, batch_first=True)
    assert repr(short).startswith("MultiHeadAttention(4, 2, dropout=0.1, bias=False, batch_first=True)")


X = np.zeros((3, 2, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiHeadAttention(4, 3), ValueError, "embed_dim=4 does not divide into 3 heads"),
        (lambda: nn.MultiHeadAttention(4, 2, dropout=-1), ValueError, "lies between 0 and 1, got dropout=-1"),
        (
            lambda: nn.MultiHeadAttention(4, 2)(X, X[0], X),
            ShapeError,
            "expected key as (length, N, 4), got shape (2, 4)",
        ),
        (
            lambda: nn.MultiHeadAttention(6, 2, batch_first=True)(X, X, X),
            ShapeError,
            "expected query as (N, length, 6), got shape (3, 2, 4)",
        ),
        (
            lambda: nn.MultiHeadAttention(4, 2)(X, X[:, :1], X),
            ShapeError,
            "key and value of one length, got shapes (3, 2, 4), (3, 1, 4) and (3, 2, 4)",
        ),
        (
            lambda: nn.MultiHeadAttention(4, 2)(X, X, X, attn_mask=np.zeros((3, 4), bool)),
            ShapeError,
            "expected attn_mask of shape (3, 3) or (4, 3, 3), got (3, 4)",
        ),
        (
            lambda: nn.MultiHeadAttention(4, 2)(X, X, X, key_padding_mask=np.zeros((3, 2), bool)),
            ShapeError,
            "expected key_padding_mask of shape (2, 3), got (3, 2)",
        ),
        (
            lambda: nn.MultiHeadAttention(4, 2)(X, X, X, attn_mask=np.zeros((3, 3), int)),
            DTypeError,
            "expected attn_mask of booleans, True where not to look, or of floating-point numbers",
        ),
    ],
)
def test_errors_say_what_was_expected_and_what_came(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert str(caught.value).startswith("MultiHeadAttention: ")
