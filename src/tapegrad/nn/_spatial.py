"""What layers over images share: the names of dimensions, and how padding is spelled."""

from __future__ import annotations

from typing import Any

import numpy as np

NAMES = {1: "W", 2: "H, W", 3: "D, H, W"}  # of so many spatial dimensions

Padding = str | tuple[int, ...]  # "same", "valid", or a number for each spatial dimension


def checked_padding(name: str, padding: Any, dimensions: int) -> Padding:
    """`padding` as "same", as "valid", or as one number for each dimension. Raises ValueError for anything else."""
    if isinstance(padding, str) and padding.lower() in ("same", "valid"):
        return padding.lower()
    return checked_cells(name, "padding", padding, dimensions, or_else=", 'same' or 'valid'")


def checked_cells(name: str, what: str, value: Any, dimensions: int, or_else: str = "") -> tuple[int, ...]:
    """`value`, one number or one for each dimension, as `dimensions` numbers. Raises ValueError for anything else."""
    numbers = tuple(value) if isinstance(value, tuple | list) else (value,) * dimensions
    if len(numbers) != dimensions or not all(isinstance(n, int | np.integer) and n >= 0 for n in numbers):
        several = f", or {dimensions} of them" if dimensions > 1 else ""
        raise ValueError(f"{name}: {what} must be an integer of at least 0{several}{or_else}, got {value!r}")
    return tuple(int(n) for n in numbers)


def padding_for_op(padding: Padding) -> str | list[tuple[int, int]]:
    """`padding` as ops take it: a name in capitals, or as many cells before as after."""
    return padding.upper() if isinstance(padding, str) else [(n, n) for n in padding]
