"""Write the lists of docs/tf1.md anew: what is covered, and what is left out and why.

python tests/v1/make_coverage.py
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from tapegrad.compat import serve
from tapegrad.compat.v1 import _missing, python

PAGE = Path(__file__).parent.parent.parent / "docs" / "tf1.md"


def refuses(module: ModuleType, name: str) -> bool:
    """Whether a function is there only to say what to use in its place."""
    return (getattr(getattr(module, name), "__doc__", None) or "").startswith("Not covered")


def covered() -> str:
    """A table of every public module and its names."""
    rows = ["| module | names |", "|---|---|"]
    for path, module in _missing.public_modules():
        names = [name for name in _missing.public_names(module) if name != "python" and not refuses(module, name)]
        if names:
            rows.append(f"| `{f'tf.{path}'.strip('.')}` | {' '.join(f'`{name}`' for name in names)} |")
    return "\n".join(rows)


def inner() -> str:
    """A table of the modules inside of TensorFlow that scripts import from."""
    places = {f"python.{path}": place for path, place in python.PLACES.items()} | serve.DEEP
    by_place: dict[str, list[str]] = {}
    for path, place in sorted(places.items()):
        by_place.setdefault("" if place.startswith("_") else place, []).append(path)
    rows = ["| served by | what scripts import, below `tensorflow.` |", "|---|---|"]
    for place, paths in sorted(by_place.items()):
        rows.append(f"| `{f'tf.{place}'.strip('.')}` | {' '.join(f'`{path}`' for path in paths)} |")
    return "\n".join(rows)


def left_out() -> str:
    """A table of what is left out on purpose."""
    rows = ["| name | why, and what to use |", "|---|---|"]
    reasons = dict(_missing.REFUSED)
    for path, module in _missing.public_modules():
        for name in _missing.public_names(module):
            if refuses(module, name):
                reasons[f"{path}.{name}".strip(".")] = "a call of it says what to use"
    rows += [f"| `tf.{name}` | {reason} |" for name, reason in sorted(reasons.items())]
    return "\n".join(rows)


BLOCKS = {"covered": covered, "inner": inner, "left out": left_out}


def filled(page: str) -> str:
    """The page with its lists written anew, each between its marks."""
    for name, table in BLOCKS.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if page.count(start) != 1 or page.count(end) != 1:
            raise ValueError(f"{PAGE.name}: expected one {start} and one {end}")
        page = re.sub(f"{start}.*{end}", lambda _: f"{start}\n{table()}\n{end}", page, flags=re.DOTALL)  # noqa: B023
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
