"""Random tensors, and the seeds of a graph."""

from __future__ import annotations

__all__: list[str] = []
