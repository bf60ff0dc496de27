"""Products of float32 matrices go to the register tile, where that is quicker than NumPy's library.

A layer's bias and its relu, or its relu's gradient, are done on the way, while the result is still in the first-level
cache. Even middling products go there: the library's own threads stay awake after a product, on the processors that the
kernels' helpers want, and are waited for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops import activation, shape
from ..ops._matrices import product_op
from .passes import needed
from .program import Program, Variable
from .runs import F4

if TYPE_CHECKING:
    from .program import Entry

_FEWEST = 50_000  # multiplications
_EXCHANGED = shape.swapaxes_op.op.function
_RELU = activation.relu_op.op.function


def tiled(program: Program) -> Program:
    """The program with its products by the register tile, which takes transposed matrices as they are."""
    from ..kernels import product

    if not product.faster():
        return program
    transposed = {
        entry.out: entry.arguments[0]
        for entry in program.entries
        if entry.function is _EXCHANGED and type(entry.arguments[0]) is Variable
        and len(program.kinds[entry.out].shape) == 2 and (entry.params["axis1"] - entry.params["axis2"]) % 2
    }  # fmt: skip
    entries = []
    for entry in program.entries:
        if _is_product(program, entry):
            x, y = entry.arguments
            params: dict[str, Any] = {"transpose_x": x in transposed, "transpose_y": y in transposed}
            arguments = transposed.get(x, x), transposed.get(y, y)
            entry = replace(entry, function=product_op.op.function, arguments=arguments, params=params)
        entries.append(entry)
    return _finished(program.changed("products", entries=tuple(entries)))


def has_products(program: Program) -> bool:
    """Whether there may be anything to do for `tiled`."""
    return any(_is_product(program, entry) or entry.function is product_op.op.function for entry in program.entries)


def _is_product(program: Program, entry: Entry) -> bool:
    """Whether an entry is a product of two matrices of float32 that is worth the tile."""
    if entry.function is not np.matmul or any(type(argument) is not Variable for argument in entry.arguments):
        return False
    x, y = (program.kinds[argument] for argument in entry.arguments)
    return (
        len(x.shape) == len(y.shape) == 2
        and x.dtype == y.dtype == F4
        and x.shape[0] * x.shape[1] * y.shape[1] >= _FEWEST
    )


def _finished(program: Program) -> Program:
    """The program in which products are one entry with what alone is done with them.

    That is adding a bias, relu, or its gradient.
    """
    readers: dict[Variable, list[Entry]] = {}
    for entry in program.entries:
        for variable in entry.inputs():
            readers.setdefault(variable, []).append(entry)
    kept = program.used()
    together: dict[Variable, Entry] = {}  # what stands for an entry, by its result
    gone: set[Variable] = set()
    made = {entry.out: entry for entry in program.entries}
    for entry in program.entries:
        if entry.function is not product_op.op.function:
            continue
        last, arguments, relu = entry, entry.arguments, False
        after = _only(readers, kept, last.out)
        if after is not None and after.function is np.add:
            bias = after.arguments[1] if after.arguments[0] == last.out else after.arguments[0]
            kind = program.kinds[last.out]
            if type(bias) is Variable and program.kinds[bias] == (kind.shape[1:], kind.dtype):
                gone.add(last.out)
                last, arguments = after, (*arguments, bias)
                after = _only(readers, kept, last.out)
        if after is not None and after.function is _RELU:
            gone.add(last.out)
            last, relu = after, True
        if last is not entry:
            params = {**entry.params, "relu": relu}
            together[last.out] = replace(
                entry, name="layer", function=_layer, arguments=arguments, params=params, out=last.out
            )
        elif after is not None and (output := _gate(program, made, after, entry.out)) is not None:
            gone.add(entry.out)
            together[after.out] = replace(
                entry, name="gated product", function=_gated, arguments=(*arguments, output), out=after.out
            )
    entries = [together.get(entry.out, entry) for entry in program.entries if entry.out not in gone]
    return needed(program.changed("layers", entries=tuple(entries)))


def _gate(program: Program, made: dict[Variable, Entry], entry: Entry, product: Variable) -> Variable | None:
    """The `output` of an entry that multiplies a product by `output > 0`, as relu's gradient does."""
    if entry.function is not np.multiply:
        return None
    above = made.get(entry.arguments[1] if entry.arguments[0] == product else entry.arguments[0])
    if above is None or above.function is not np.greater or above.arguments[1] != 0:
        return None
    output = above.arguments[0]
    kinds = program.kinds
    return output if type(output) is Variable and kinds[output] == kinds[entry.out] == kinds[product] else None


def _only(readers: dict[Variable, list[Entry]], kept: set[Variable], variable: Variable) -> Entry | None:
    """The entry that alone reads a variable."""
    found = readers.get(variable, [])
    return found[0] if len(found) == 1 and variable not in kept and not found[0].effect else None


def _layer(x: Any, y: Any, bias: Any = None, *, transpose_x: bool, transpose_y: bool, relu: bool) -> Any:
    from ..kernels import product

    return product.matmul(x, y, transpose_x, transpose_y, bias, relu)


def _gated(x: Any, y: Any, output: Any, *, transpose_x: bool, transpose_y: bool) -> Any:
    from ..kernels import product

    return product.matmul(x, y, transpose_x, transpose_y, gate=output)
