"""The page on programs: its code runs, and what it says of errors is what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "static.md"


def test_the_code_of_the_page_runs(capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 8
    names = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "float64 (2,) [0.2, 0.8] at static.md, block" in printed
    assert "was given" in printed


@pytest.mark.parametrize(
    "message",
    [
        "an index of booleans",
        "a constant of the program is not what it was",
        "the function did something else",
        "the function read another Tensor",
        "a Tensor that was recorded outside",
    ],
)
def test_messages_that_the_page_explains_are_in_the_code(message):
    source = "".join(path.read_text("utf-8") for path in (PAGE.parent.parent / "src").rglob("*.py"))
    assert message in PAGE.read_text("utf-8")
    assert message in source
