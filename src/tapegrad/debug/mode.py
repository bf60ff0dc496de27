"""Debug mode: entries remember where the user called them, and what they keep must not change."""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from .._tape import Entry, Observer, Tensor, observed
from ..errors import BackwardError
from . import facts
from .where import user_line

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def debug() -> Iterator[None]:
    """Let everything recorded in this block remember the user's line, and notice arrays that change too early.

    The line is shown by `show_tape`, by `tape` and by the note that an exception in a gradient rule carries. A backward
    pass in the block, or in a later one, raises BackwardError when an array that an op of the block keeps for its
    rules was written to in between, which would make the gradient silently wrong: operators, and `asarray`, share
    the memory of NumPy arrays.
    """
    with observed(_Debugger()):
        yield


# The checksums of what each entry keeps, as long as it lives.
_sums: WeakKeyDictionary[Entry, list[int]] = WeakKeyDictionary()


class _Debugger(Observer):
    def recorded(self, entry: Entry, tensor: Tensor) -> None:
        entry.line = user_line()
        _sums[entry] = [_sum(array) for _, array in facts.kept(entry)]

    def reached(self, entry: Entry, g: Any) -> None:
        before = _sums.get(entry)
        if before is None or entry.saved is None:
            return
        for sum_before, (what, array) in zip(before, facts.kept(entry), strict=True):
            if _sum(array) != sum_before:
                assert entry.op is not None
                raise BackwardError(
                    f"backward: {entry.op.name}, called at {entry.line}, keeps {what}, {array.dtype} {array.shape}, "
                    "for its gradient, and that array was written to since, so the gradient would be wrong; write to "
                    "a copy, or give the op one: tapegrad.tensor(a) copies, operators and tapegrad.asarray(a) do not"
                )


def _sum(array: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)
