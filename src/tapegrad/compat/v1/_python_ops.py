"""Operations that act on Python's world: print, assert, functions of the user's own."""

from __future__ import annotations

__all__: list[str] = []
