"""Files: `tf.gfile`."""

from __future__ import annotations

__all__: list[str] = []
