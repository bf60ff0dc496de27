"""Columns of data as inputs of a network: `tf.feature_column`."""

from __future__ import annotations

__all__: list[str] = []
