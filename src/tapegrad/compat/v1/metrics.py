"""Running measures of many batches: `tf.metrics`."""

from __future__ import annotations

__all__: list[str] = []
