"""The names that public scripts use are there, but for those that are left out on purpose."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1 import _missing

with open(Path(__file__).parent / "names.tsv", encoding="utf-8") as table:
    #: Names that two or more of a few hundred tutorial scripts use, and how many do.
    NAMES = {row["name"]: int(row["scripts"]) for row in csv.DictReader(table, delimiter="\t")}

#: What is left out on purpose: the beginnings of names. The reasons are what a script is told.
LEFT_OUT = {
    "GraphDef", "contrib.eager", "contrib.learn.datasets.DATASETS", "contrib.learn.preprocessing.ByteProcessor",
    "contrib.learn.python", "contrib.tensor_forest", "enable_eager_execution", "import_graph_def",
}  # fmt: skip


def left_out(name):
    return any(name == head or name.startswith(f"{head}.") for head in LEFT_OUT)


def value_of(name):
    value = tf
    for part in name.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", [name.removeprefix("tf.") for name in NAMES])
def test_a_name_of_public_scripts_is_there_or_is_left_out_with_a_reason(name):
    if left_out(name):
        assert _missing.reason_for(name)
        with pytest.raises(AttributeError, match="is not covered by tapegrad"):
            value_of(name)
    else:
        value_of(name)


def test_little_is_left_out():
    uses = sum(NAMES.values())
    missing = sum(count for name, count in NAMES.items() if left_out(name.removeprefix("tf.")))
    assert missing < 0.02 * uses
