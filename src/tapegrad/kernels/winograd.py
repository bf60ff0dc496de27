"""Convolution with 3 x 3 filters by Winograd's minimal filtering F(2x2, 3x3): 16 multiplications for 4 results, not 36.

A tile of 2 x 2 results sees a patch of 4 x 4 cells. With the matrices of Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (2016), for a patch d, filters w and results y

    y = A' ((G w G') * (B' d B)) A        dw = G' ((B' d B) * (A dy A')) G

         1    0   0            1  0 -1  0
    G = 1/2  1/2 1/2      B' = 0  1  1  0     A' = 1  1  1  0
        1/2 -1/2 1/2           0 -1  1  0          0  1 -1 -1
         0    0   1            0  1  0 -1

where * multiplies place by place. Summed over channels, each of the 16 places is a product of matrices of its own, for
the register tile. The matrices' numbers round nothing themselves, so the error is about that of direct sums. But what
is not finite would spread to results that do not see it, and share a tile with one that does. So it is looked for in
the results, which the caller then has to compute directly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads, winograd_places
from .heights import first_height
from .jit import LANES
from .tile import HEIGHTS, width
from .transpose import side
from .workspace import Lent

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, np.dtype[Any]]

PLACES = 16
_FEWEST, _PAIRS = 32, 2048  # channels and results: with fewer, laying out takes longer than what is saved
_TILES = 6 * HEIGHTS[0]  # below this, too
# Bytes that a job has laid out at a time, so that they stay in a second-level cache: of patches; and of patches and
# gradients, of which more make sums longer.
_PATCHES, _BOTH = 128 * 1024, 192 * 1024
_PARTS = 2  # of the tiles, whose sums for filters are added up at the end: more would take more memory
_JOBS = 16  # into which a call is divided where it can be
_SMALL = 1 << 16  # numbers of filters for which waking a thread costs more than it brings
_APART = 16  # numbers between rows of patches, so that their places do not push one another out of the cache


def suits(channels: int, results: int, images: int, counts: Sequence[int]) -> bool:
    """Whether this is quicker than direct sums, for `images` with results of `counts` rows and columns."""
    many = min(channels, results) >= _FEWEST and channels * results >= _PAIRS
    return LANES >= 8 and many and images * _tiles(counts) >= _TILES


def _tiles(counts: Sequence[int]) -> int:
    return -(-counts[0] // 2) * -(-counts[1] // 2)


def _share(tiles: int, jobs: int, bytes_per_tile: int, room: int) -> int:
    """How many of `tiles` to take at a time: whole register tiles."""
    most = min(room // bytes_per_tile, -(-tiles // jobs))
    return max(1, most // HEIGHTS[0]) * HEIGHTS[0]


def forward(
    source: Array, channels: tuple[int, int], out_channels: tuple[int, int], kernel: Array, out: Array,
    origin: tuple[int, ...], transposed: bool = False,
) -> bool:  # fmt: skip
    """The correlation of `source` with `kernel`, (1, 3, 3, channels, results), into `out`; or False.

    Both arrays are (N, D, H, W, C), and the first and the number of the channels to take are given for each. Result p
    of an image has its window's first cell at `origin + p`. A `transposed` kernel is (1, 3, 3, results, channels), and
    turned round.
    """
    _, count = channels
    _, results = out_channels
    images, size, counts = _images(source), source.shape[2:4], out.shape[2:4]
    wide, square = width(source.itemsize), side(source.itemsize)
    panels = -(-results // wide)
    tiles = images * _tiles(counts)
    room = _share(tiles, _JOBS, PLACES * count * source.itemsize, _PATCHES)
    long = -(-count // wide) * wide + _APART
    flaws = np.zeros(1, np.int64)
    with Lent(PLACES * count * panels * wide, kernel.dtype) as laid_out:
        threads.run(
            winograd_places.place_filters, panels * -(-count // square), np.ascontiguousarray(kernel).reshape(-1),
            count, results, transposed, wide, square, laid_out,
            scratch=((9 * square * wide, kernel.dtype), (12 * wide, kernel.dtype)), parallel=laid_out.size > _SMALL,
        )  # fmt: skip
        threads.run(
            winograd_places.correlate_tiles, -(-tiles // room), source.reshape(-1), size, source.shape[-1], channels,
            laid_out, wide, out.reshape(-1), out.shape[-1], out_channels, counts, origin, tiles, room, long,
            flaws,
            scratch=(
                (PLACES * count + wide, source.dtype), (PLACES * room * long, source.dtype),
                (PLACES * (room + 1) * wide, source.dtype), (1, np.intp),
            ),
        )  # fmt: skip
    return not flaws[0]


def filter_gradient(
    x: Array, channels: tuple[int, int], g: Array, g_channels: tuple[int, int], origin: tuple[int, ...]
) -> Array | None:
    """The gradient for the filters, (9 * channels, results), where `g` is the gradient for the results; or None."""
    _, count = channels
    _, results = g_channels
    counts = g.shape[2:4]
    wide = width(x.itemsize)
    panels = -(-results // wide)
    tiles = _images(x) * _tiles(counts)
    size = PLACES * count * panels * wide
    # Jobs are divided by rows of places as well, which takes no memory, but each of them reads the images.
    parts = max(1, min(_PARTS, tiles // _TILES, x.size // size))
    rows = 2 if parts > 1 else 1
    room = max(4 * HEIGHTS[0], _share(tiles, parts, 4 * rows * (count + panels * wide) * x.itemsize, _BOTH))
    long = -(-count // wide) * wide + _APART
    flaws = np.zeros(1, np.int64)
    with Lent(parts * size, x.dtype) as partials:
        threads.run(
            winograd_places.correlate_filter_tiles, 4 // rows * parts, x.reshape(-1), x.shape[2:4], x.shape[-1],
            channels, g.reshape(-1), g.shape[-1], g_channels, wide, partials, counts, origin, tiles, room, long,
            rows, first_height(count),
            scratch=(
                (PLACES * count + wide, x.dtype), (4 * rows * room * long, x.dtype),
                (4 * rows * panels * room * wide, x.dtype), (1, np.intp),
            ),
        )  # fmt: skip
        out = np.empty((9 * count, results), x.dtype)
        threads.run(
            winograd_places.take_back, count, partials, parts, count, results, wide, out.reshape(-1), flaws,
            scratch=((28 * wide, x.dtype),), parallel=partials.size > _SMALL,
        )  # fmt: skip
    return None if flaws[0] else out


def _images(array: Array) -> int:
    count: int = array.shape[0] * array.shape[1]
    return count
