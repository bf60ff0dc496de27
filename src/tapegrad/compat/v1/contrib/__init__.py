"""What came with TensorFlow 1 beside its core, as far as scripts of layers and recurrent networks use it."""

from __future__ import annotations

import importlib
from typing import Any

from .. import _missing

_PARTS = {
    "data", "distributions", "framework", "keras", "layers", "learn", "legacy_seq2seq", "losses", "metrics", "rnn",
    "seq2seq",
}  # fmt: skip
_ELSEWHERE = {"data", "distributions", "keras"}  # which became a part of TensorFlow itself

_not_there = _missing.not_covered(__name__)


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return importlib.import_module(f"..{name}", __name__)
    if name in _PARTS:
        return importlib.import_module(f".{name}", __name__)
    return _not_there(name)
