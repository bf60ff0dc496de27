"""Arithmetic and reductions: TensorFlow's names for tapegrad's elementwise ops, products and sums."""

from __future__ import annotations

__all__: list[str] = []
