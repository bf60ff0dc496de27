"""Large products of float32 matrices go to the register tile, where that is quicker than NumPy's library."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops import shape
from .program import Program, Variable

if TYPE_CHECKING:
    from .program import Entry

_FEWEST = 4_000_000  # multiplications below which the library is as quick
_NARROWEST = 24  # columns of the result, below which most of a tile would be idle
_F4 = np.dtype(np.float32)


def tiled(program: Program) -> Program:
    """The program with its large products by the register tile, which takes transposed matrices as they are."""
    transposed = {
        entry.out: entry.arguments[0]
        for entry in program.entries
        if entry.function is shape.swapaxes_op.op.function and type(entry.arguments[0]) is Variable
        and len(program.kinds[entry.out].shape) == 2
    }  # fmt: skip
    large = [entry.out for entry in program.entries if _is_large(program, entry)]
    if not large:
        return program
    from ..kernels import product

    if not product.faster():
        return program
    entries = []
    for entry in program.entries:
        if entry.out in large:
            x, y = entry.arguments
            params: dict[str, Any] = {"transpose_x": x in transposed, "transpose_y": y in transposed}
            arguments = transposed.get(x, x), transposed.get(y, y)
            entry = replace(entry, function=product.matmul, arguments=arguments, params=params)
        entries.append(entry)
    return program.changed("products", entries=tuple(entries))


def has_large_products(program: Program) -> bool:
    """Whether there is anything to do for `tiled`."""
    return any(_is_large(program, entry) for entry in program.entries)


def _is_large(program: Program, entry: Entry) -> bool:
    if entry.function is not np.matmul or any(type(argument) is not Variable for argument in entry.arguments):
        return False
    x, y = (program.kinds[argument] for argument in entry.arguments)
    return (
        x.dtype == y.dtype == _F4
        and len(x.shape) == len(y.shape) == 2
        and y.shape[1] >= _NARROWEST
        and x.shape[0] * x.shape[1] * y.shape[1] >= _FEWEST
    )
