"""Large products of float32 matrices go to the register tile, where that is quicker than NumPy's library."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops import shape
from ..ops._matrices import FEWEST, product_op, suits
from .program import Program, Variable

if TYPE_CHECKING:
    from .program import Entry


def tiled(program: Program) -> Program:
    """The program with its large products by the register tile, which takes transposed matrices as they are."""
    transposed = {
        entry.out: entry.arguments[0]
        for entry in program.entries
        if entry.function is shape.swapaxes_op.op.function and type(entry.arguments[0]) is Variable
        and len(program.kinds[entry.out].shape) == 2
    }  # fmt: skip
    entries = []
    for entry in program.entries:
        if _is_product(program, entry):
            x, y = entry.arguments
            a, b = program.kinds[x], program.kinds[y]
            if suits(a.shape[0], a.shape[1], b.shape[1], a.dtype, b.dtype):
                params: dict[str, Any] = {"transpose_x": x in transposed, "transpose_y": y in transposed}
                arguments = transposed.get(x, x), transposed.get(y, y)
                entry = replace(entry, function=product_op.op.function, arguments=arguments, params=params)
        entries.append(entry)
    return program.changed("products", entries=tuple(entries))


def has_large_products(program: Program) -> bool:
    """Whether there may be anything to do for `tiled`."""
    return any(
        _is_product(program, entry)
        and program.kinds[entry.arguments[0]].shape[1] * program.kinds[entry.out].shape[0]
        * program.kinds[entry.out].shape[1] >= FEWEST
        for entry in program.entries
    )  # fmt: skip


def _is_product(program: Program, entry: Entry) -> bool:
    """Whether an entry is the product of two matrices."""
    return entry.function is np.matmul and all(
        type(argument) is Variable and len(program.kinds[argument].shape) == 2 for argument in entry.arguments
    )
