"""Scripts in the style of their years run through `python -m tapegrad run-tf1`, and come to the figures they should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"


def run_tf1(*arguments, status=0, **variables):
    """What a script prints, and what it tells as errors."""
    arguments = [SCRIPTS / x if str(x).endswith(".py") else x for x in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "tapegrad", "run-tf1", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | variables,
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def final_figure(text):
    """The number in the last line."""
    found = re.search(r"(\S+)\s*$", text)
    assert found
    return float(found[1])


SLOW = pytest.mark.slow
ACCURACIES = [  # the last line of each is at least this much
    ("mlp.py", 0.8),
    ("addition_rnn.py", 1.0),
    ("annbox_mlp.py", 0.88),
    ("layers_by_hand.py", 0.8),
    pytest.param("cnn.py", 0.8, marks=SLOW),
    pytest.param("miniflow_digits.py", 0.88, marks=SLOW),
    pytest.param("mytensor_digits.py", 0.85, marks=SLOW),
]
ERRORS = [  # and that of each of these at most this much
    ("optimizers.py", 0.05),
    ("convolution_table.py", 0),
    ("miniflow_net.py", 1e-10),
    ("mytensor_line.py", 1e-10),
]


@pytest.mark.parametrize(("script", "least"), ACCURACIES)
def test_scripts_read_and_add(script, least):
    printed, _ = run_tf1("--data", "digits", script)
    assert least <= final_figure(printed) <= 1


@pytest.mark.parametrize(("script", "most"), ERRORS)
def test_scripts_come_close(script, most):
    printed, _ = run_tf1(script)
    assert 0 <= final_figure(printed) <= most


def test_miniflow_has_the_worked_numbers():
    printed, _ = run_tf1("miniflow_numbers.py")
    assert "10 + 20 = 30" in printed
    assert "[10. 14. 18.]" in printed
    assert final_figure(printed) == 70.25


@SLOW
def test_sentiment_of_the_first_reviews(data_folder):
    printed, _ = run_tf1("sentiment.py", data_folder / "reviews")
    assert final_figure(printed) > 0.72


@SLOW
def test_mnist_of_a_folder_is_read_in_the_place_of_the_one_that_the_script_names(data_folder, tmp_path):
    elsewhere = {"TAPEGRAD_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    printed, _ = run_tf1("--data", data_folder / "mnist", "mlp.py", "--epochs=2", **elsewhere)
    assert final_figure(printed) > 0.94


def test_oldest_spellings_are_told_once_each_and_not_at_all_when_asked_to():
    _, told = run_tf1("addition_rnn.py")
    assert told.count("OldNameWarning: tf.concat(") == 1
    assert told.count("OldNameWarning: tf.unpack ") == 1
    _, told = run_tf1("--quiet-old-names", "addition_rnn.py")
    assert told == ""
