"""The examples with convolutional networks: what they share, and that each reaches its accuracy."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = ["mnist_cnn", "simplified_alexnet"]


@pytest.fixture
def example(monkeypatch):
    """Imports an example by name."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delenv("TAPEGRAD_DATA", raising=False)
    return import_module


def write_mnist(folder, count=40):
    """MNIST's four files, with a few images of noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("train", "t10k"):
        images, labels = random.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))


def run(name, *arguments, **environment):
    """What the example prints, and the status that it ends with."""
    inherited = {k: v for k, v in os.environ.items() if k != "TAPEGRAD_DATA"}
    process = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stdout + process.stderr, process.returncode


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


@pytest.mark.parametrize(("goal", "status", "verdict"), [(0.5, 0, "reached"), (1.01, 1, "missed")])
def test_the_exit_status_says_whether_the_goal_was_reached(example, monkeypatch, capsys, goal, status, verdict):
    shared = example("image_classifier")
    plan = shared.Plan(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), 2, batch=32, rate=0.01, goal=goal)
    monkeypatch.setattr(sys, "argv", ["example"])
    assert shared.main("An example.", None, plan) == status
    printed = capsys.readouterr().out
    assert "epoch 2 of 2: test accuracy 0." in printed
    assert f"the goal of {goal} is {verdict}." in printed


@pytest.mark.parametrize("how", ["option", "variable"])
def test_mnist_is_taken_where_it_is(example, monkeypatch, capsys, tmp_path, how):
    shared = example("image_classifier")
    write_mnist(tmp_path / "mnist")
    plan = shared.Plan(lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), 1, batch=10, rate=0.01, goal=0.0)
    monkeypatch.setattr(sys, "argv", ["example", *(["--data", str(tmp_path / "mnist")] if how == "option" else [])])
    if how == "variable":
        monkeypatch.setenv("TAPEGRAD_DATA", str(tmp_path))
    assert shared.main("An example.", plan, None) == 0
    assert "40 images of 28 x 28 to learn from, 40 to be tested on" in capsys.readouterr().out


def test_a_seed_fixes_the_run(example, monkeypatch, capsys):
    shared = example("image_classifier")
    plan = shared.Plan(lambda: nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 10)), 1, 32, 0.01, goal=0.0)
    printed = []
    for seed in (1, 1, 2):
        monkeypatch.setattr(sys, "argv", ["example", "--seed", str(seed)])
        shared.main("An example.", None, plan)
        printed.append([line for line in capsys.readouterr().out.splitlines() if "%" in line])
    assert printed[0] == printed[1] != printed[2]


@pytest.mark.parametrize("name", NAMES)
def test_without_the_data_asked_for_the_status_is_2(name, tmp_path):
    printed, status = run(name, "--data", str(tmp_path / "nowhere"))
    assert status == 2
    assert f"expected a folder of its files at {tmp_path / 'nowhere'}, found none" in printed


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_examples_reach_their_goals_on_the_digits(name):
    printed, status = run(name)
    assert status == 0, printed


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_examples_reach_their_goals_on_mnist(name, data_folder):
    printed, status = run(name, TAPEGRAD_DATA=str(data_folder))
    assert "60,000 images of 28 x 28 to learn from" in printed
    assert status == 0, printed
