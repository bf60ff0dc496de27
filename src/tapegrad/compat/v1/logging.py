"""Log messages: `tf.logging`."""

from __future__ import annotations

__all__: list[str] = []
