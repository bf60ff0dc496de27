"""Which large results of a replay are written over an operand that nobody reads afterwards.

The old numbers are in the caches when the new ones take their place, and no other memory has to be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .order import elementwise, orders
from .program import last_uses

if TYPE_CHECKING:
    from .program import Program, Variable

_WORTH = 1 << 16  # bytes
# Each number of the result is rounded once from the exact one: it has the same bits wherever it is written to. Of exp
# and its like, NumPy has other loops where operand and result overlap, and they round otherwise.
_EXACT = {
    np.add, np.subtract, np.multiply, np.true_divide, np.negative, np.abs, np.square, np.sqrt, np.maximum, np.minimum,
}  # fmt: skip


def in_place(program: Program) -> dict[Variable, Variable]:
    """For results of entries, the operands over which they are to be written."""
    own = {entry.out for entry in program.entries if elementwise(entry) or entry.function is np.matmul}
    # What other functions read may have a view that is read later.
    own -= {variable for entry in program.entries if entry.out not in own for variable in entry.inputs()}
    order, last, kinds = orders(program), last_uses(program), program.kinds
    found = {}
    for place, entry in enumerate(program.entries):
        if entry.function in _EXACT and not entry.params and kinds[entry.out].nbytes >= _WORTH:
            for variable in own.intersection(entry.inputs(), last.get(place, ())):
                if kinds[variable] == kinds[entry.out] and order[variable] == order[entry.out]:
                    found[entry.out] = variable
    return found
