"""The demo, as a user runs it and in small."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys

import pytest

import tapegrad as tg
from tapegrad import data

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from tapegrad.train import demo as module
from tapegrad.train.demo import demo


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Two splits, two epochs, in a folder of its own."""
    folder = tmp_path / "run [red]"  # brackets must not be taken for rich's markup
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(module, "SPLITS", 2)
    monkeypatch.setattr(module, "DIGITS", module.DIGITS._replace(epochs=2, widths=(64, 32, 10), goal=0.5))
    return folder


def run(folder, *arguments):
    command = [sys.executable, "-m", "tapegrad", "demo", *arguments]
    environment = {**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", env=environment, check=False)


def accuracies(text, row):
    return [float(line.split("│")[4]) for line in text.splitlines() if re.match(rf"│ {row}", line)]


def is_png(path):
    head = path.read_bytes()[:24]
    return head[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", head[16:]) == (1152, 672)


def test_the_demo_reaches_its_goal(tmp_path):
    ran = run(tmp_path)
    assert ran.stderr == ""
    assert ran.returncode == 0
    each, (mean,), (std,) = (accuracies(ran.stdout, row) for row in ("split", "mean", "std"))
    assert len(each) == 10
    assert mean == pytest.approx(sum(each) / 10, abs=1e-4)
    assert std == pytest.approx((sum((a - mean) ** 2 for a in each) / 9) ** 0.5, abs=2e-4)
    assert mean >= 0.97
    assert min(each) > 0.95
    assert "100% split 10, epoch 30: test accuracy" in ran.stdout
    (path,) = re.findall("Loss curve: (.*)", ran.stdout)
    assert path == str((tmp_path / "tapegrad-demo-loss.png").resolve())
    assert is_png(tmp_path / "tapegrad-demo-loss.png")


@pytest.mark.slow
def test_the_demo_on_mnist_reaches_its_goal(tmp_path, data_folder):
    ran = run(tmp_path, "--data", str((data_folder / "mnist").resolve()))
    assert ran.stderr == ""
    assert ran.returncode == 0
    assert accuracies(ran.stdout, "MNIST")[0] >= 0.98
    assert is_png(tmp_path / "tapegrad-demo-loss.png")


def test_in_small(small, capsys):
    assert demo()
    text = capsys.readouterr().out
    one, other = accuracies(text, "split")
    assert one != other
    assert accuracies(text, "std") == [pytest.approx(abs(one - other) / 2**0.5, abs=1e-4)]
    assert "the goal of 0.5 is reached" in text
    assert f"Loss curve: {(small / 'tapegrad-demo-loss.png').resolve()}\n" in text
    assert is_png(small / "tapegrad-demo-loss.png")


def test_a_goal_that_is_missed_is_told(small, capsys, monkeypatch):
    monkeypatch.setattr(module, "DIGITS", module.DIGITS._replace(goal=1.0))
    assert not demo()
    text = capsys.readouterr().out
    assert "the goal of 1.0 is missed" in text
    assert (small / "tapegrad-demo-loss.png").exists()


def test_every_run_of_the_demo_gives_the_same(small, capsys):
    demo()
    first = capsys.readouterr().out.splitlines()
    tg.random.normal(10)
    demo()
    again = capsys.readouterr().out.splitlines()
    assert first[:-1] == again[:-1]  # the last line has the time


def test_mnist_is_one_run(small, capsys, monkeypatch):
    train, test = data.split(*data.datasets.digits(), seed=0)
    monkeypatch.setattr(data.datasets, "mnist", lambda path: (train, test) if path == "there" else None)
    monkeypatch.setattr(module, "MNIST", module.DIGITS)
    assert demo("there")
    text = capsys.readouterr().out
    assert "Training 64-32-10 on MNIST" in text
    assert len(accuracies(text, "MNIST")) == 1
    assert "mean" not in text


def test_the_network_has_the_widths_asked_for():
    model = module.network((5, 4, 3, 2))
    assert [p.shape for p in model.parameters()] == [(5, 4), (4,), (4, 3), (3,), (3, 2), (2,)]
    assert [type(layer).__name__ for layer in model.layers] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
