"""Choices and loops inside of a graph."""

from __future__ import annotations

__all__: list[str] = []
