"""The examples run as they stand, reach what they state, and say so with their status when they do not."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
IMPOSSIBLE = {"digits_by_hand": 1.01, "miniflow": 0.0, "softmax_regression": 1.01}
each = pytest.mark.parametrize("name", IMPOSSIBLE)


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each
def test_an_example_reaches_its_goal(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name])
    assert loaded(name).main() == 0
    assert "is reached" in capsys.readouterr().out


@each
def test_an_example_that_misses_its_goal_ends_with_1(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name])
    example = loaded(name)
    monkeypatch.setattr(example, "GOAL", IMPOSSIBLE[name])
    assert example.main() == 1
    assert "is missed" in capsys.readouterr().out


@each
def test_an_example_explains_itself(name):
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (FOLDER / f"{name}.py").read_text("utf-8").split('"""')[1].splitlines()[0][:40] in shown


def test_miniflow_prints_the_worked_numbers(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["miniflow"])
    loaded("miniflow").main()
    text = capsys.readouterr().out
    assert "10 + 20 = 30" in text
    assert "[10. 14. 18.]" in text
    assert "[ 0.72249262 -0.87790673]" in text
