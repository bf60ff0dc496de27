"""The tape of the last run that asked for gradients, for who wants to see it: kept only once `keep()` was called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._tape import Tensor as Value
from ..._tape import mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Operation

_on = False
_results: list[Value] = []


def keep() -> None:
    """Keep the tape of each run that asks for gradients, until the next one does."""
    global _on
    _on = True


def note_line(op: Operation, value: Any) -> None:
    """Let what was recorded for an operation tell the line that built it."""
    if _on and isinstance(value, Value) and value._entry is not None and not hasattr(value._entry, "line"):
        value._entry.line = op.line


def note_results(values: Sequence[Any]) -> None:
    """Gradients of `values` are asked for: keep what led to them, unless a program is being compiled."""
    if _on and mode.tracer is None:
        _results[:] = [value for value in values if isinstance(value, Value)]


def show() -> None:
    """Print the tape."""
    from ...debug import show_tape

    if not _results:
        print("no run asked for a gradient, so there is no tape to show")
        return
    print("The tape of the last run that went back over it op by op; a run that is repeated replays the same ops,")
    print("compiled, and writes no tape:")
    for value in _results:
        show_tape(value)
