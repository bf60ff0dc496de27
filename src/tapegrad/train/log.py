"""The log of a training as a CSV file: a line for each epoch, which any spreadsheet reads."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from ..io import write_atomically

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, float]


def start_log(path: str | os.PathLike[str], rows: Sequence[Row]) -> None:
    """Write the epochs that are done, with the names above them, in place of what an earlier run left."""
    write_atomically(path, [_lines([list(rows[0]), *(row.values() for row in rows)]).encode() if rows else b""])


def append_log(path: str | os.PathLike[str], row: Row) -> None:
    """Add one epoch, below the names if it is the first. Raises OSError, which names the file, when that fails."""
    try:
        with open(path, "a", newline="", encoding="utf-8") as file:
            file.write(_lines([row.values()] if file.tell() else [list(row), row.values()]))
    except OSError as error:
        raise OSError(error.errno, f"cannot write the log ({error.strerror})", str(path)) from error


def _lines(rows: Sequence[object]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()
