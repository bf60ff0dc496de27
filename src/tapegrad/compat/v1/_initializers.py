"""Initializers: objects that make the first value of a variable."""

from __future__ import annotations

__all__: list[str] = []
