"""Event files for TensorBoard: `tf.summary`."""

from __future__ import annotations

__all__: list[str] = []
