"""Optimizers, savers, schedules, queues: `tf.train`."""

from __future__ import annotations

__all__: list[str] = []
