"""What must not stand in any file of the project. No needle here matches itself, so this file is searched too."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

RULES = {
    "unfinished work": r"\b(TOD[O]|FIXM[E]|XX[X])\b",
    "a stub": r"NotImplemented[E]rror",
    "a path of one machine": r"(?<![\w.~}])/(wor[k]|roo[t]|hom[e]|User[s])/",
    "a package registry's host": r"pyp[i]\.org|python[h]osted|npm[j]s\.|index[-]url",
    "a conflict that was not settled": r"^[<]{7} |^[>]{7} ",
}


def tracked() -> list[Path]:
    """The files that git keeps."""
    try:
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a clone")
    paths = [ROOT / name for name in names.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def breaches(text: str) -> list[tuple[int, str]]:
    return sorted(
        (text.count("\n", 0, match.start()) + 1, rule)
        for rule, needle in RULES.items()
        for match in re.finditer(needle, text, re.MULTILINE)
    )


def test_no_file_breaks_a_rule():
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data:  # else it is not text
            found += [f"{path.relative_to(ROOT)}:{line}: {rule}" for line, rule in breaches(data.decode())]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "# TO*DO: later",
        "raise NotImplemented*Error",
        "path = '/wo*rk/main'",
        "see /ho*me/me/notes",
        "pip install --index*-url X",
        "https://pyp*i.org/project/numpy",
        "<<*<<<<< HEAD",
    ],
)
def test_the_rules_find_what_they_are_for(line):
    assert [number for number, _ in breaches("fine\n" + line.replace("*", ""))] == [2]


@pytest.mark.parametrize("line", ["return NotImplemented", "frame/home/x", "src/work/x.py", "$HOME/work/x"])
def test_the_rules_leave_the_rest_alone(line):
    assert breaches(line) == []
