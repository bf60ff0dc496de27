"""docs/tf1.md lists exactly what is covered, and its code runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import tapegrad.compat.v1 as tf
from tapegrad.compat.v1 import _missing

sys.path.insert(0, str(Path(__file__).parent))
import make_coverage

PAGE = make_coverage.PAGE.read_text(encoding="utf-8")


def listed():
    """Every name in the table of what is covered, with its module."""
    block = re.search(r"<!-- covered -->(.*)<!-- end of covered -->", PAGE, re.DOTALL)
    assert block
    for row in block[1].splitlines():
        if row.startswith("| `"):
            module, *names = re.findall(r"`([\w.]+)`", row)
            for name in names:
                yield f"{module}.{name}".removeprefix("tf.")


def test_the_page_is_what_the_code_tells():
    assert make_coverage.filled(PAGE) == PAGE, "run: python tests/v1/make_coverage.py"


def test_every_name_on_the_page_is_there():
    names = list(listed())
    assert len(names) > 1000
    for name in names:
        value = tf
        for part in name.split("."):
            value = getattr(value, part)
        assert _missing.reason_for(name) is None, name


def test_nothing_private_and_nothing_of_pythons_is_listed():
    names = {name.rpartition(".")[2] for name in listed()}
    assert not names & {"annotations", "Any", "TYPE_CHECKING", "importlib", "np", "sys", "not_covered", "tapegrad"}
    assert not [name for name in names if name.startswith("_")]


def test_the_code_on_the_page_runs():
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    variables = {}
    for block in blocks:
        exec(block, variables)
