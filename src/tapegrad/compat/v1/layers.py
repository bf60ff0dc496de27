"""Layers that make their own variables: `tf.layers`."""

from __future__ import annotations

__all__: list[str] = []
