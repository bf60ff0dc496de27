"""Names and orders of arguments from before TensorFlow 1.0, each with a word of warning at its first use."""

from __future__ import annotations

__all__: list[str] = []
