"""Noticing a graph that grows from run to run: a loop that builds operations, and so becomes slower and slower."""

from __future__ import annotations

import collections
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._graph import Graph

_TIMES = 3  # runs before each of which the same line built something: the third tells


class GrowingGraphWarning(UserWarning):
    """A line builds new operations before every run."""


class Growth:
    """What a session knows of how its graph grows."""

    def __init__(self, graph: Graph) -> None:
        self._operations = graph._operations
        self._count = 0
        self._lines: collections.Counter[str] = collections.Counter()

    def look(self) -> None:
        """A run begins: warn if this is the third one before which the same line had built something."""
        count = len(self._operations)
        if count == self._count:
            return
        newest = self._operations[next(reversed(self._operations))]
        self._lines[newest.line] += 1
        if self._lines[newest.line] == _TIMES:
            path, _, number = newest.line.rpartition(":")
            warnings.warn_explicit(
                f"the graph grows before each run: this line builds {newest.name!r} and "
                f"{count - self._count - 1} more operations anew each time, {count} by now, and runs become slower. "
                "Build it once, before the loop; tf.get_default_graph().finalize() after that makes sure of it",
                GrowingGraphWarning, path, int(number),
            )  # fmt: skip
        self._count = count
