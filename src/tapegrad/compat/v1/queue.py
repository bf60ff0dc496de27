"""Queues: `tf.queue`."""

from __future__ import annotations

from ._missing import not_covered
from ._queues import FIFOQueue, PaddingFIFOQueue, QueueBase, RandomShuffleQueue

__all__ = ["FIFOQueue", "PaddingFIFOQueue", "QueueBase", "RandomShuffleQueue"]

__getattr__ = not_covered(__name__)
