"""The code of the tutorial runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "watching-training.md"


def test_the_tutorial_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 8
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "tutorial"}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    text = capsys.readouterr().out
    losses = [float(found) for found in re.findall(r"step \d: loss ([\d.]+)", text)]
    assert len(losses) == 3
    assert losses[0] > losses[1] > losses[2]
    deviations = [float(found) for found in re.findall(r"a standard deviation of ([\d.]+)", text)]
    assert min(deviations[1:]) > deviations[1] / 10  # "hardly get smaller", "while the loss falls to less than a tenth"
    assert names["trainer"].history[7]["loss"] < names["trainer"].history[0]["loss"] / 10
    assert "epoch 8 of 8" in text
    assert "epoch 10 of 10" in text
    assert names["weights"].values[-1].std() > 1.5 * names["weights"].values[0].std()  # "and spread"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hidden.png", "reader.csv", "reader.png", "reader.safetensors", "weights.png",
    ]  # fmt: skip
    exec(compile(blocks[-1], PAGE.name, "exec"), names)  # "Run this a second time and it is done at once"
    assert names["again"].iteration == 3 * 45
