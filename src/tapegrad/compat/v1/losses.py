"""Losses that are collected: `tf.losses`."""

from __future__ import annotations

__all__: list[str] = []
