"""Initializers by their short names: `tf.initializers`."""

from __future__ import annotations

__all__: list[str] = []
