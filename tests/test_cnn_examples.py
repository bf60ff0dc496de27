"""The networks of the examples with convolutions, and what their examples share. `test_examples.py` runs them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import data, nn

NAMES = ["mnist_cnn", "simplified_alexnet"]


@pytest.fixture
def example(monkeypatch):
    """Imports an example by name."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "examples")
    return import_module


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("network", "size"), [("network", 28), ("small_network", 8)])
def test_networks_take_the_images_and_learn(example, name, network, size):
    tg.random.seed(0)
    model = getattr(example(name), network)()
    x, y = np.random.default_rng(0).random((6, size, size, 1), np.float32), np.arange(6)
    optimizer = tg.optim.Adam(model.parameters(), 0.001)
    model.eval()
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert model(x).shape == (6, 10)
    assert losses[-1] < losses[0]


def test_networks_are_those_that_the_documents_name(example):
    count = sum(p.size for p in example("mnist_cnn").network().parameters())
    assert count == (5 * 5 * 32 + 32) + (5 * 5 * 32 * 64 + 64) + (7 * 7 * 64 * 1024 + 1024) + (1024 * 10 + 10)
    alexnet = [type(layer) for layer in example("simplified_alexnet").network().layers]
    assert set(alexnet) == {nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear}
    assert alexnet.count(nn.Conv2d) >= 2


def test_plans_are_for_the_images_that_there_are(example):
    for name in NAMES:
        module = example(name)
        assert {place: plan.network for place, plan in module.PLANS.items()} == {
            "MNIST": module.network,
            "digits": module.small_network,
        }


def test_predictions_are_probabilities_as_in_use(example):
    tg.random.seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(4, 10))
    x = np.random.default_rng(0).random((300, 2, 2, 1), np.float32)
    predicted = example("image_classifier").predict(model, data.Dataset(x, np.zeros(300, np.int64)))
    logits = x.reshape(300, 4) @ model[2].weight.numpy() + model[2].bias.numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)


def test_rows_tell_what_digits_are_taken_for(example):
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    told = np.array([0, 5, 5, 3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    rows = example("image_classifier").rows(told, labels)
    assert rows[0] == ("0", "4", "0.2500", "5 (2 of 3)")
    assert rows[1] == ("1", "2", "1.0000", "-")
    assert len(rows) == 10
