"""Data sets and iterators: `tf.data`."""

from __future__ import annotations

__all__: list[str] = []
