"""Products of large matrices whose last bits nobody is promised: gradients, and what a layer computes.

Where tapegrad's register tile is quicker than the library that NumPy calls, it serves them, and takes transposed
matrices as they lie. The library's threads, besides, stay awake after a product, on the processors that the kernels'
helpers want: a convolutional network whose dense layers called it took half as long again. `x @ y` itself is NumPy's,
bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..primitive import primitive

FEWEST = 600_000  # multiplications below which a call of NumPy is quicker, and numba need not be imported


def suits(rows: int, depth: int, columns: int, dtype: Any, other: Any) -> bool:
    """Whether a product of matrices of these sizes and dtypes is for `large_product`."""
    if rows * depth * columns < FEWEST or not (dtype == other == np.float32):
        return False
    from ..kernels import product

    return product.faster()


def _raw(x: Any, y: Any, *, transpose_x: bool, transpose_y: bool) -> Any:
    if x.shape[0 if transpose_x else 1] != y.shape[1 if transpose_y else 0]:  # the kernel would read beyond the end
        raise ShapeError(
            f"product: the inner sizes of two matrices must be equal, got {x.shape[::-1] if transpose_x else x.shape} "
            f"and {y.shape[::-1] if transpose_y else y.shape}"
        )
    if not (x.dtype == y.dtype and x.dtype.char in "fd"):
        return np.matmul(x.T if transpose_x else x, y.T if transpose_y else y)
    from ..kernels import product

    return product.matmul(x, y, transpose_x, transpose_y)


# The gradients of a product are products, too: of g with the other matrix, in the order that gives the right shape.
product_op = primitive(
    _raw,
    lambda g, y, transpose_x, transpose_y: (
        large_product(y, g, transpose_y, True) if transpose_x else large_product(g, y, False, not transpose_y)
    ),
    lambda g, x, transpose_x, transpose_y: (
        large_product(g, x, True, transpose_x) if transpose_y else large_product(x, g, not transpose_x, False)
    ),
    name="product",
)


def large_product(x: Any, y: Any, transpose_x: bool = False, transpose_y: bool = False) -> Any:
    """`x @ y` of two matrices of float32, either of them transposed first, by the register tile."""
    return product_op(x, y, transpose_x=transpose_x, transpose_y=transpose_y)
