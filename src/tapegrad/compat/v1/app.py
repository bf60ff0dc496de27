"""Programs and their flags: `tf.app`."""

from __future__ import annotations

__all__: list[str] = []
