"""Hypothesis strategies for whatever an op may meet: shapes, dtypes, arrays, axes and NumPy's indices.

    from hypothesis import given
    from tapegrad.testing import check_gradients, strategies

    @given(strategies.arrays())
    def test_my_op(x):
        check_gradients(my_op, x)

Values are well scaled: multiples of 1/1024 of magnitude at most 4, which float32 holds exactly, too. They are never
NaN, infinite or tiny, with which finite differences can do nothing; that a kink is hit stays possible, and
`check_gradients` raises KinkError there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingExtraError

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as nps
except ImportError as error:  # pragma: no cover - the tests of this run in another process
    raise MissingExtraError(
        "tapegrad.testing.strategies needs Hypothesis, which is not installed; run: pip install hypothesis"
    ) from error

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from numpy.typing import DTypeLike

    Shape = tuple[int, ...]

__all__ = ["arrays", "axes", "axis", "broadcastable_shapes", "dtypes", "elements", "indices", "shapes"]

GRID = 1024


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 4) -> SearchStrategy[Shape]:
    """Shapes; with `min_side=0` also those of arrays without elements."""
    return nps.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable_shapes(count: int = 2, min_side: int = 1, max_side: int = 4) -> SearchStrategy[tuple[Shape, ...]]:
    """Tuples of `count` shapes that broadcast together, of at most three dimensions."""
    together = nps.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=min_side, max_side=max_side)
    return together.map(lambda drawn: drawn.input_shapes)


def dtypes() -> SearchStrategy[np.dtype[Any]]:
    """The dtypes that have gradients: float64 and float32."""
    return st.sampled_from([np.dtype(np.float64), np.dtype(np.float32)])


def elements(low: float = -4.0, high: float = 4.0) -> SearchStrategy[float]:
    """Numbers from `low` to `high`, both included, in steps of 1/1024."""
    return st.integers(math.ceil(low * GRID), math.floor(high * GRID)).map(lambda n: n / GRID)


def arrays(
    shape: Shape | SearchStrategy[Shape] | None = None,
    dtype: DTypeLike | SearchStrategy[np.dtype[Any]] = np.float64,
    low: float = -4.0,
    high: float = 4.0,
    unique: bool = False,
) -> SearchStrategy[np.ndarray[Any, Any]]:
    """Arrays of `elements(low, high)`; of any of `shapes()` unless told otherwise.

    `unique` draws no value twice, so that max and sort have no ties.

        arrays((2, 3))                     one shape
        arrays(shapes(min_dims=1), low=0.25)    at least one dimension, away from zero
    """
    return nps.arrays(dtype, shapes() if shape is None else shape, elements=elements(low, high), unique=unique)


def axis(ndim: int) -> SearchStrategy[int]:
    """One axis of an array of `ndim` dimensions (at least one), counted from the front or from the back."""
    return st.integers(-ndim, ndim - 1)


def axes(ndim: int) -> SearchStrategy[int | tuple[int, ...] | None]:
    """What a reduction takes as `axis`: None, one axis, or several in any order."""
    if not ndim:
        return st.sampled_from([None, ()])
    several = nps.valid_tuple_axes(ndim)
    return st.one_of(st.none(), axis(ndim), several)


def indices(shape: Shape) -> SearchStrategy[Any]:
    """Every kind of index that NumPy takes for an array of `shape`, alone and mixed.

    Integers, slices with steps of both signs, Ellipsis, None, arrays and lists of integers (negative ones and
    repetitions among them), and masks over one dimension or several.
    """
    return st.one_of(nps.basic_indices(shape, allow_newaxis=True), nps.arrays(np.bool_, shape), _mixed(shape))


@st.composite
def _mixed(draw: st.DrawFn, shape: Shape) -> Any:
    """A tuple of an entry for each of the first and of the last dimensions, with an Ellipsis for those between."""
    start = draw(st.integers(0, len(shape)))
    stop = draw(st.integers(start, len(shape)))
    key: list[Any] = []
    first = 0
    if start and draw(st.booleans()):
        # Arrays of integers must broadcast with as many elements as a mask chooses: beside one they have no dimension.
        first = draw(st.integers(1, start))
        key.append(draw(nps.arrays(np.bool_, shape[:first])))
        together: Shape = ()
    else:
        together = draw(shapes(max_dims=2, min_side=0, max_side=3))
    key += [draw(_entry(n, together)) for n in shape[first:start]]
    if start < stop or draw(st.booleans()):
        key.append(Ellipsis)
    key += [draw(_entry(n, together)) for n in shape[stop:]]
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), None)
    return tuple(key)


def _entry(size: int, together: Shape) -> SearchStrategy[Any]:
    """What may stand for one dimension of `size` beside arrays of the shape `together`."""
    if not size:
        return st.slices(size)
    places = nps.arrays(np.intp, together, elements=st.integers(-size, size - 1))
    lists = [places.map(lambda array: array.tolist())] if len(together) == 1 and together[0] else []
    return st.one_of(st.slices(size), st.integers(-size, size - 1), places, *lists)
