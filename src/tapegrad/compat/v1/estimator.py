"""Models with a training loop of their own: `tf.estimator`."""

from __future__ import annotations

__all__: list[str] = []
