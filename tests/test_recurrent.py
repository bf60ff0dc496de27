"""Recurrent layers and cells: masked lengths, directions, layers, gradients of every order, and what they refuse."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import DTypeError, ShapeError
from tapegrad.testing import check_gradients

KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
CELLS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


@pytest.fixture(autouse=True)
def _seeded():
    tg.random.seed(3)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def states(last):
    """The last states as a tuple, for every kind."""
    return last if isinstance(last, tuple) else (last,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_step_by_step(kind):
    layer, cell = KINDS[kind](3, 4, dtype=np.float64), CELLS[kind](3, 4, dtype=np.float64)
    for name, parameter in cell.named_parameters():
        parameter.assign_(getattr(layer, name + "_l0").detach())
    x = normal(5, 2, 3)
    out, last = layer(x)
    hx = None
    for step in range(5):
        hx = cell(x[step], hx)
        np.testing.assert_allclose(out[step].numpy(), states(hx)[0].numpy(), rtol=1e-12)
    for mine, theirs in zip(states(last), states(hx), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy()[None], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_rows_with_lengths_are_what_each_gives_by_itself(kind, data):
    steps, count = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    lengths = data.draw(st.lists(st.integers(1, steps), min_size=count, max_size=count))
    first = data.draw(st.booleans())
    with tg.random.Generator(seed=1):
        layer = KINDS[kind](2, 3, 2, batch_first=first, bidirectional=data.draw(st.booleans()), dtype=np.float64)
    x, g = normal(steps, count, 2), normal(steps, count, 6 if layer.bidirectional else 3, seed=1)
    given_x, given_g = (np.swapaxes(a, 0, 1) if first else a for a in (x, g))
    out, last = layer(given_x, lengths=np.array(lengths))
    ((out * given_g).sum() + sum((s**2).sum() for s in states(last))).backward()
    together = {name: p.grad.numpy() for name, p in layer.named_parameters()}
    out = np.swapaxes(out.numpy(), 0, 1) if first else out.numpy()
    for p in layer.parameters():
        p.grad = None
    for row, length in enumerate(lengths):
        alone = x[:length, row : row + 1]
        y, end = layer(np.swapaxes(alone, 0, 1) if first else alone)
        y = np.swapaxes(y, 0, 1) if first else y
        np.testing.assert_allclose(out[:length, row], y.numpy()[:, 0], rtol=1e-10)
        np.testing.assert_array_equal(out[length:, row], 0)
        for mine, theirs in zip(states(last), states(end), strict=True):
            np.testing.assert_allclose(mine.numpy()[:, row], theirs.numpy()[:, 0], rtol=1e-10)
        ((y[:, 0] * g[:length, row]).sum() + sum((s**2).sum() for s in states(end))).backward()
    for name, p in layer.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), together[name], rtol=1e-8, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_past_the_end_of_a_row_count_for_nothing(kind):
    layer = KINDS[kind](2, 3, num_layers=2, bidirectional=True, dtype=np.float64)
    x, lengths = normal(4, 3, 2), np.array([2, 4, 0])
    other = np.where(np.arange(4)[:, None, None] < lengths[:, None], x, 100.0)
    for a, b in zip(*(states(layer(v, lengths=lengths)[1]) for v in (x, other)), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    np.testing.assert_array_equal(layer(x, lengths=lengths)[0].numpy(), layer(other, lengths=lengths)[0].numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_steps_keeps_the_state_that_it_starts_from(kind):
    layer, start = KINDS[kind](2, 3), tg.tensor(normal(1, 2, 3), dtype=np.float32)
    hx = (start, 2 * start) if kind == "LSTM" else start
    _, last = layer(normal(4, 2, 2).astype(np.float32), hx, np.array([0, 3]))
    for mine, begun in zip(states(last), states(hx), strict=True):
        np.testing.assert_array_equal(mine.numpy()[:, 0], begun.numpy()[:, 0])
        assert not np.array_equal(mine.numpy()[:, 1], begun.numpy()[:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_and_full_lengths(kind):
    layer = KINDS[kind](2, 3, bidirectional=True)
    out, last = layer(np.zeros((4, 0, 2), np.float32))
    assert out.shape == (4, 0, 6)
    assert {s.shape for s in states(last)} == {(2, 0, 3)}
    out.sum().backward()
    x = normal(4, 2, 2).astype(np.float32)
    np.testing.assert_array_equal(layer(x, lengths=np.array([4, 4]))[0].numpy(), layer(x)[0].numpy())
    assert layer(x)[0].dtype == np.float32


LAYERS = {
    "tanh": (lambda: nn.RNN(2, 2, bidirectional=True), None),
    "relu": (lambda: nn.RNN(2, 2, nonlinearity="relu"), None),
    "tanh with lengths": (lambda: nn.RNN(2, 2, bidirectional=True), [2, 3]),
    "LSTM": (lambda: nn.LSTM(2, 2), [3, 1]),
    "GRU": (lambda: nn.GRU(2, 2, bias=False), None),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_finite_differences(name):
    make, lengths = LAYERS[name]
    layer = make()
    names = [n for n, _ in layer.named_parameters()]
    values = [normal(*p.shape, seed=seed) for seed, p in enumerate(layer.parameters(), 1)]

    def function(x, *parameters):
        for n, parameter in zip(names, parameters, strict=True):
            setattr(layer, n, parameter)
        out, last = layer(x, lengths=lengths)
        return [out, *states(last)]

    check_gradients(lambda *a: tg.concat([tg.ravel(y) for y in function(*a)]), normal(3, 2, 2), *values, order=2)


def test_dropout_is_between_layers_and_in_training_only():
    x = normal(3, 50, 4).astype(np.float32)
    one = nn.LSTM(4, 5, dropout=0.9)
    np.testing.assert_array_equal(one(x)[0].numpy(), one(x)[0].numpy())
    two = nn.LSTM(4, 5, 2, dropout=0.5)
    assert not np.array_equal(two(x)[0].numpy(), two(x)[0].numpy())
    np.testing.assert_array_equal(two(x)[1][0][0].numpy(), two(x)[1][0][0].numpy())  # the first layer's states
    two.eval()
    np.testing.assert_array_equal(two(x)[0].numpy(), two(x)[0].numpy())


def test_parameters_have_pytorchs_names_and_start_within_the_root_of_the_hidden_size():
    layer = nn.GRU(7, 25, num_layers=2, bidirectional=True)
    shapes = {name: p.shape for name, p in layer.named_parameters()}
    assert shapes == {
        f"{kind}_l{number}{suffix}": shape
        for number, inputs in ((0, 7), (1, 50))
        for suffix in ("", "_reverse")
        for kind, shape in {
            "weight_ih": (inputs, 75), "weight_hh": (25, 75), "bias_ih": (75,), "bias_hh": (75,)
        }.items()
    }  # fmt: skip
    for p in layer.parameters():
        assert 0.9 * 0.2 < np.abs(p.numpy()).max() <= 0.2


def test_an_rnn_is_few_entries_however_long_it_runs():
    layer = nn.RNN(2, 3)
    with tg.profile() as profile:
        layer(normal(50, 4, 2).astype(np.float32))
    assert sum(cost.calls for cost in profile.forward.values()) < 12


def test_an_rnn_learns_to_add_binary_numbers():
    tg.random.seed(0)
    layer, head = nn.RNN(2, 8, batch_first=True), nn.Linear(8, 1)
    optimizer = tg.optim.Adam([*layer.parameters(), *head.parameters()], 0.05)
    numbers = np.random.default_rng(1).integers(0, 128, (100, 2))
    bits = (numbers[:, :, None] >> np.arange(8)) & 1
    x = bits.transpose(0, 2, 1).astype(np.float32)
    y = (numbers.sum(1)[:, None] >> np.arange(8)) & 1
    for _ in range(150):
        optimizer.zero_grad()
        logits = head(layer(x)[0])[..., 0]
        nn.functional.binary_cross_entropy_with_logits(logits, y.astype(np.float32)).backward()
        optimizer.step()
    with tg.no_grad():
        assert ((head(layer(x)[0]).numpy()[..., 0] > 0) == y).mean() == 1.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_layer_can_be_copied_pickled_and_saved(kind, copied):
    layer, x = KINDS[kind](2, 3, 2, bidirectional=True), normal(4, 2, 2).astype(np.float32)
    expected = layer(x)[0].numpy()
    twin = copied(layer)
    np.testing.assert_array_equal(twin(x)[0].numpy(), expected)
    other = KINDS[kind](2, 3, 2, bidirectional=True)
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other(x)[0].numpy(), expected)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.RNN(2, 3), "RNN(2, 3)  # 21 parameters"),
        (nn.RNN(2, 3, nonlinearity="relu", bias=False), "RNN(2, 3, bias=False, nonlinearity='relu')  # 15 parameters"),
        (
            nn.LSTM(2, 3, 2, batch_first=True, dropout=0.5, bidirectional=True),
            "LSTM(2, 3, num_layers=2, batch_first=True, dropout=0.5, bidirectional=True)  # 432 parameters",
        ),
        (nn.GRUCell(2, 3, bias=False), "GRUCell(2, 3, bias=False)  # 45 parameters"),
        (nn.RNNCell(2, 3, nonlinearity="relu"), "RNNCell(2, 3, nonlinearity='relu')  # 21 parameters"),
    ],
)
def test_layers_show_what_they_are(layer, text):
    assert repr(layer) == text


X = np.zeros((4, 2, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.RNN(3, 2)(X[0]),
            ShapeError,
            "RNN: expected x as (L, N, 3) of at least one step, got (2, 3)",
        ),
        (
            lambda: nn.GRU(3, 2, batch_first=True)(np.zeros((2, 0, 3))),
            ShapeError,
            "GRU: expected x as (N, L, 3) of at least one step, got (2, 0, 3)",
        ),
        (lambda: nn.LSTM(4, 2)(X), ShapeError, "LSTM: expected x as (L, N, 4) of at least one step, got (4, 2, 3)"),
        (
            lambda: nn.RNN(3, 2)(X, np.zeros((2, 2))),
            ShapeError,
            "RNN: expected hx of shape (1, 2, 2), got (2, 2)",
        ),
        (
            lambda: nn.LSTM(3, 2)(X, np.zeros((1, 2, 2))),
            ShapeError,
            "LSTM: expected hx as a pair (h, c) of shape (1, 2, 2) each, got ndarray",
        ),
        (
            lambda: nn.RNN(3, 2)(X, lengths=[1, 2, 3]),
            ShapeError,
            "RNN: expected lengths of shape (2,), one for each row, got (3,)",
        ),
        (lambda: nn.RNN(3, 2)(X, lengths=[1.0, 2.0]), DTypeError, "RNN: lengths are integers, got float64"),
        (
            lambda: nn.RNN(3, 2)(X, lengths=[1, 5]),
            ValueError,
            "RNN: lengths run from 1 to 5, but sequences have 0 to 4 steps",
        ),
        (lambda: nn.RNN(3, 2, nonlinearity="gelu"), ValueError,
         'RNN: expected the nonlinearity "tanh" or "relu", got \'gelu\''),
        (lambda: nn.GRU(3, 2, dropout=2), ValueError, "GRU: a probability lies between 0 and 1, got dropout=2"),
        (lambda: nn.GRU(0, 2), ValueError, "GRU: input_size must be a positive integer, got 0"),
        (lambda: nn.RNNCell(3, 2)(X), ShapeError, "RNNCell: expected x as (N, 3), got shape (4, 2, 3)"),
    ],
)  # fmt: skip
def test_errors_say_what_was_expected_and_what_came(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
