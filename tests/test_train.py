"""Showing a training: the bar and the lines, the plot, and asking for optional packages."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

from tapegrad.errors import MissingExtraError
from tapegrad.train.extras import require

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from matplotlib.figure import Figure
from matplotlib.image import imread
from rich.console import Console

from tapegrad.train.plots import plot_losses
from tapegrad.train.progress import Steps


def shown(total, terminal):
    file = io.StringIO()
    with Steps(Console(file=file, force_terminal=terminal, width=80), total) as steps:
        for step in range(1, total + 1):
            steps.advance(f"step {step}")
    return file.getvalue()


@pytest.mark.parametrize(("total", "lines"), [(100, 10), (10, 10), (25, 10), (3, 3), (1, 1)])
def test_without_a_terminal_there_are_ten_lines_at_most(total, lines):
    text = shown(total, terminal=False).splitlines()
    assert len(text) == lines
    assert text[-1] == f"100% step {total}"
    assert "\x1b" not in "".join(text)
    if total == 100:
        assert text[2] == " 30% step 30"


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end():
    text = shown(7, terminal=True)
    assert "━" in text
    assert "7/7" in text
    assert "step 7" in text
    assert "100%" not in text
    assert text.endswith("\x1b[2K")


def test_a_bar_is_taken_away_when_the_run_fails():
    file = io.StringIO()
    steps = Steps(Console(file=file, force_terminal=True), 5)
    with pytest.raises(KeyError), steps:
        raise KeyError
    assert file.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is shown again


@pytest.mark.parametrize("console", [None, "no terminal"])
def test_lines_are_the_same_without_rich(console, capsys):
    """None stands for rich that is not installed."""
    steps = Steps(None if console is None else Console(), 20)
    with steps:
        for step in range(20):
            steps.advance(f"[step] {step}")
        steps.say("said")
    text = capsys.readouterr().out
    assert text.splitlines()[:2] == [" 10% [step] 1", " 20% [step] 3"]
    assert text.splitlines()[-1] == "said"
    assert len(text.splitlines()) == 11


def test_training_needs_no_extra():
    code = (
        "import sys, tapegrad as tg; tg.train.Trainer; tg.data.datasets; tg.io;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"rich", "matplotlib", "numba", "safetensors", "http"} & set(loaded) == set()


# Plots --------------------------------------------------------------------------------------------


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved."""
    saved = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (saved.append(self), save(self, *a, **k)))
    return saved


def test_a_plot_has_every_run_and_their_mean(tmp_path, figures):
    training, test = np.random.default_rng(0).uniform(0.1, 1, (2, 4, 12))
    path = plot_losses(tmp_path / "loss.png", "Loss of something", {"training": training, "test": test})
    assert path == tmp_path / "loss.png"
    assert imread(path).shape[:2] == (672, 1152)
    (axes,) = figures[0].axes
    assert axes.get_title("left") == "Loss of something"
    assert axes.get_yscale() == "log"
    lines = [line.get_ydata() for line in axes.lines]
    assert len(lines) == 10
    for runs in (training, test):
        for curve in (*runs, runs.mean(axis=0)):
            assert any(np.array_equal(line, curve) for line in lines)
    assert [text.get_text() for text in axes.texts] == [
        f"training {training.mean(axis=0)[-1]:.3g}",
        f"test {test.mean(axis=0)[-1]:.3g}",
    ]


def test_one_run_is_its_own_mean(tmp_path, figures):
    plot_losses(str(tmp_path / "loss.png"), "", {"training": [[1.0, 0.5, 0.25]]})
    (line,) = figures[0].axes[0].lines
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert line.get_ydata().tolist() == [1.0, 0.5, 0.25]


def test_names_at_the_ends_of_close_curves_stand_apart(tmp_path, figures):
    curves = {name: [[1.0, end]] for name, end in {"a": 0.5, "b": 0.501, "c": 0.499}.items()}
    plot_losses(tmp_path / "loss.png", "", curves)
    heights = sorted(text.get_window_extent().y0 for text in figures[0].axes[0].texts)
    assert min(np.diff(heights)) >= 12 / 72 * 160 * 0.99
    assert [text.get_text()[0] for text in figures[0].axes[0].texts] == ["a", "b", "c"]


def test_losses_below_zero_get_a_plain_scale_and_one_epoch_a_point(tmp_path, figures):
    plot_losses(tmp_path / "loss.png", "", {"training": [[-1.0]]})
    (axes,) = figures[0].axes
    assert axes.get_yscale() == "linear"
    assert axes.lines[0].get_marker() == "o"


# Extras -------------------------------------------------------------------------------------------


def test_what_is_missing_is_named_with_the_extra_that_brings_it():
    require("json", "numpy", extra="demo")
    with pytest.raises(MissingExtraError) as raised:
        require("json", "no_such_package", "nor_this", extra="demo")
    assert str(raised.value) == 'no_such_package and nor_this not installed; run: pip install "tapegrad[demo]"'
    assert isinstance(raised.value, ImportError)
