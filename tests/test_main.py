"""The command line: what it accepts, what it says, and the status that it ends with."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tapegrad import __main__ as command_line
from tapegrad.__main__ import main
from tapegrad.train import extras


@pytest.mark.parametrize(
    ("arguments", "message"), [([], "required: COMMAND"), (["dmeo"], "invalid choice: 'dmeo'"), (["demo", "-x"], "-x")]
)
def test_a_wrong_command_shows_the_usage(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith("usage: python -m tapegrad")
    assert message in text


def test_help_names_every_command():
    shown = subprocess.run([sys.executable, "-m", "tapegrad", "--help"], capture_output=True, text=True, check=True)
    assert "demo" in shown.stdout
    shown = subprocess.run([sys.executable, "-m", "tapegrad", "demo", "-h"], capture_output=True, text=True, check=True)
    assert "--data PATH" in shown.stdout


def test_the_command_line_itself_needs_no_extra():
    code = "import sys, tapegrad.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"rich", "matplotlib", "numba"} & set(loaded) == set()


def test_a_missing_extra_is_named_before_anything_runs(monkeypatch, capsys):
    monkeypatch.setattr(extras, "find_spec", lambda package: None)
    assert main(["demo"]) == 2
    expected = 'tapegrad: rich and matplotlib not installed; run: pip install "tapegrad[demo]"\n'
    assert capsys.readouterr() == ("", expected)


def test_missing_data_are_named(tmp_path, monkeypatch, capsys):
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--data", str(tmp_path / "nowhere")]) == 2
    text = capsys.readouterr().err
    assert text.startswith("tapegrad: mnist: expected a folder of its files at")
    assert "Traceback" not in text


@pytest.mark.parametrize(("reached", "status"), [(True, 0), (False, 1)])
def test_the_status_says_whether_the_goal_was_reached(reached, status, monkeypatch):
    pytest.importorskip("rich")
    pytest.importorskip("matplotlib")
    from tapegrad.train import demo

    seen = []
    monkeypatch.setattr(demo, "demo", lambda path: (seen.append(path), reached)[1])
    assert main(["demo"]) == status
    assert main(["demo", "--data", "here"]) == status
    assert seen == [None, "here"]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (KeyboardInterrupt(), 130, "tapegrad: interrupted"),
        (PermissionError(13, "Permission denied", "loss.png"), 2, "Permission denied: 'loss.png'"),
    ],
)
def test_what_stops_a_command_is_told_without_a_traceback(error, status, text, monkeypatch, capsys):
    def stop(chosen):
        raise error

    monkeypatch.setattr(command_line, "_demo", stop)
    assert main(["demo"]) == status
    assert text in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch):
    def stop(chosen):
        raise ZeroDivisionError

    monkeypatch.setattr(command_line, "_demo", stop)
    with pytest.raises(ZeroDivisionError):
        main(["demo"])


def asked(*arguments: str, **environment: str) -> str:
    """What a command prints in a process of its own."""
    command = [sys.executable, "-m", "tapegrad", *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_doctor_tells_what_there_is():
    lines = asked("doctor").splitlines()
    assert [line.split()[0] for line in lines[:7]] == [
        "Python", "packages", "processor", "threads", "BLAS", "tile", "cache",
    ]  # fmt: skip
    assert f"numpy {np.__version__}" in lines[1]


def test_the_doctor_says_what_to_set():
    text = asked("doctor", NUMBA_DISABLE_JIT="1", TAPEGRAD_LANES="4")
    assert "none: NUMBA_DISABLE_JIT is set" in text
    to_do = text.partition("To do:")[2]
    assert "unset NUMBA_DISABLE_JIT" in to_do
    assert "NUMBA_CACHE_DIR" not in text
    assert "TAPEGRAD_LANES is set" in to_do
