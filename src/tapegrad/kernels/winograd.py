"""Convolution with 3 x 3 filters by Winograd's minimal filtering F(2x2, 3x3): 16 multiplications for 4 results, not 36.

A tile of 2 x 2 results sees a patch of 4 x 4 cells. With the matrices of Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks" (2016), for a patch d, filters w and the results y of a channel

    y = A' ((G w G') * (B' d B)) A        dw = G' ((B' d B) * (A dy A')) G

where * multiplies place by place. Summed over channels, each of the 16 places is a product of matrices of its own, for
the register tile. The numbers in the matrices are 0, 1, -1 and 1/2, so that hardly more is rounded than in direct sums.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import product, threads
from .arrays import aligned
from .jit import LANES, compiled, inlined
from .jobs import taken
from .memory import clear, copy
from .tile import HEIGHTS, divisor, run_tile, width
from .vectors import BYTES, add, below, everywhere, load, spread, store, subtract

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

PLACES = 16
_FEWEST = 32  # channels and results: with fewer, laying out takes longer than the multiplications that are saved
_TILES = 6 * HEIGHTS[0]  # below this, too
_ROOM = 448 * 1024  # bytes of patches that a job has laid out at a time, so that they stay in a second-level cache
_SUMS = 512 * 1024  # bytes of sums for filters that do
_JOBS = 16  # into which a call is divided where it can be
_APART = 16  # numbers between rows of patches, so that their places do not push one another out of the cache
_HEIGHT_0, _HEIGHT_1, _HEIGHT_2, _HEIGHT_3 = HEIGHTS

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_FILTERS = np.kron(_G, _G)  # (16, 9): from the taps of filters to places


def suits(channels: int, outputs: int, images: int, counts: tuple[int, int]) -> bool:
    """Whether this is quicker than direct sums, for 3 x 3 filters that take every cell."""
    return LANES >= 8 and min(channels, outputs) >= _FEWEST and images * _tiles(counts) >= _TILES


def _tiles(counts: tuple[int, int]) -> int:
    return -(-counts[0] // 2) * -(-counts[1] // 2)


def _share(tiles: int, bytes_per_tile: int, jobs: int) -> int:
    """How many of `tiles` to take at a time: whole register tiles."""
    most = min(_ROOM // bytes_per_tile, -(-tiles // jobs))
    return max(1, most // HEIGHTS[0]) * HEIGHTS[0]


def forward(
    source: Array, shape: tuple[int, int, int], channels: tuple[int, int], kernel: Array, out: Array,
    out_channels: tuple[int, int], counts: tuple[int, int], origin: tuple[int, int],
) -> None:  # fmt: skip
    """The correlation of `source` with `kernel`, (9 * channels, results), into `out`.

    `shape` says how many images of what height and width there are; result p has its window's first cell at
    `origin + p`.
    """
    count, results = channels[1], out_channels[1]
    wide = width(source.itemsize)
    panels = -(-results // wide)
    # (9, channels * results) -> (panels, 16, channels, width)
    placed = product.matmul(_FILTERS.astype(kernel.dtype), np.ascontiguousarray(kernel).reshape(9, -1))
    laid_out = aligned(PLACES * count * panels * wide, kernel.dtype).reshape(panels, PLACES, count, wide)
    if results % wide:
        laid_out[-1] = 0
    for panel in range(panels):
        part = placed.reshape(PLACES, count, results)[..., panel * wide : (panel + 1) * wide]
        laid_out[panel, ..., : part.shape[-1]] = part
    tiles = shape[0] * _tiles(counts)
    room = _share(tiles, PLACES * count * source.itemsize, _JOBS)
    long = count + _APART
    threads.run(
        correlate, -(-tiles // room), source.reshape(-1), shape, source.shape[-1], channels, laid_out.reshape(-1),
        wide, out.reshape(-1), out.shape[-1], out_channels, counts, origin, tiles, room, long,
        scratch=(
            (PLACES * count, source.dtype), (PLACES * room * long, source.dtype),
            (PLACES * (room + 1) * wide, source.dtype), (1, np.intp),
        ),
    )  # fmt: skip


def filter_gradient(
    x: Array, shape: tuple[int, int, int], channels: tuple[int, int], g: Array, g_channels: tuple[int, int],
    counts: tuple[int, int], origin: tuple[int, int],
) -> Array:  # fmt: skip
    """The gradient for the filters, (9 * channels, results), where `g` is the gradient for the results."""
    count, results = channels[1], g_channels[1]
    wide = width(x.itemsize)
    panels = -(-results // wide)
    tiles = shape[0] * _tiles(counts)
    size = PLACES * count * panels * wide
    # Sums that do not stay in the cache are divided by places, each of which reads the images again.
    rows = 4 if size * x.itemsize <= _SUMS else 1
    # Each part has sums of its own, to be added up at the end; all together are to take no more memory than the images.
    parts = max(1, min(_JOBS * rows // 4, tiles // _TILES, x.size // size))
    room = _share(tiles, 4 * rows * (count + panels * wide) * x.itemsize, parts)
    long = count + _APART
    partials = aligned(parts * size, x.dtype)
    threads.run(
        correlate_filter, 4 // rows * parts, x.reshape(-1), shape, x.shape[-1], channels, g.reshape(-1), g.shape[-1],
        g_channels, wide, partials, counts, origin, tiles, room, long, rows, divisor(count),
        scratch=(
            (PLACES * count, x.dtype), (4 * rows * room * long, x.dtype), (4 * rows * panels * room * wide, x.dtype), (1, np.intp),
        ),
    )  # fmt: skip
    back = np.tile(_FILTERS.T, parts).astype(x.dtype)
    taps = product.matmul(back, partials.reshape(parts * PLACES, -1))
    return taps.reshape(9 * count, panels * wide)[:, :results]


# --------------------------------------------------------------------------------------------------


@inlined
def _place_cells(to, at, apart, row, x, start, pitch, step, c, mask):
    """Write a row of the places B' d B, `apart`, of a patch whose rows are `pitch` and whose cells `step` apart."""
    first = start + (0 if row == 0 else 2 if row == 2 else 1) * pitch + c
    second = start + (1 if row == 2 else 3 if row == 3 else 2) * pitch + c
    d_0, e_0 = load(x, first, mask), load(x, second, mask)
    d_1, e_1 = load(x, first + step, mask), load(x, second + step, mask)
    d_2, e_2 = load(x, first + 2 * step, mask), load(x, second + 2 * step, mask)
    d_3, e_3 = load(x, first + 3 * step, mask), load(x, second + 3 * step, mask)
    if row == 1:
        d_0, d_1, d_2, d_3 = add(d_0, e_0), add(d_1, e_1), add(d_2, e_2), add(d_3, e_3)
    else:
        d_0, d_1, d_2, d_3 = subtract(d_0, e_0), subtract(d_1, e_1), subtract(d_2, e_2), subtract(d_3, e_3)
    store(to, at + c, subtract(d_0, d_2), mask)
    store(to, at + apart + c, add(d_1, d_2), mask)
    store(to, at + 2 * apart + c, subtract(d_2, d_1), mask)
    store(to, at + 3 * apart + c, subtract(d_1, d_3), mask)


@inlined
def _next(n, y, x, tall, across):
    """The image, row and column of the tile after one, without a division."""
    x += 1
    if x == across:
        x = 0
        y += 1
        if y == tall:
            y = 0
            n += 1
    return n, y, x


@inlined
def _lay_out(to, room, long, rows, first, tiles, x, shape, all_channels, c0, count, tall, across, origin, patch):
    """Lay out `rows` of places of `tiles` patches from the `first` on: (rows, 4, room, long)."""
    _, high, wide = shape
    lanes = BYTES // x.itemsize
    whole = count - count % lanes
    n, y, x_ = first // across // tall, first // across % tall, first % across
    for t in range(tiles):
        top = origin[0] + 2 * y
        left = origin[1] + 2 * x_
        start = ((n * high + top) * wide + left) * all_channels + c0
        n, y, x_ = _next(n, y, x_, tall, across)
        image, pitch, step = x, wide * all_channels, all_channels
        if top < 0 or left < 0 or top + 4 > high or left + 4 > wide:
            for r in range(4):
                for s in range(4):
                    if 0 <= top + r < high and 0 <= left + s < wide:
                        copy(patch, (4 * r + s) * count, x, start + (r * wide + s) * all_channels, count)
                    else:
                        clear(patch, (4 * r + s) * count, count)
            image, start, pitch, step = patch, 0, 4 * count, count
        for row in range(rows[0], rows[1]):
            at = (row - rows[0]) * 4 * room * long + t * long
            for c in range(0, whole, lanes):
                _place_cells(to, at, room * long, row, image, start, pitch, step, c, everywhere(x))
            if whole < count:
                _place_cells(to, at, room * long, row, image, start, pitch, step, whole, below(x, count - whole))


@compiled
def correlate(
    state, jobs, x, shape, all_channels, channels, panels, width, out, all_results, out_channels, counts, origin,
    total, room, long, patch, patches, products, segments,
):  # fmt: skip
    """Sums of products of 3 x 3 windows of `x` with filters, `room` tiles of 2 x 2 results a job.

    `panels` has the filters as (panels of results, places, channels, width).
    """
    c0, count = channels
    o0, results = out_channels
    tall, across = (counts[0] + 1) // 2, (counts[1] + 1) // 2
    apart = (room + 1) * width
    segments[0] = 0
    for job in taken(state, jobs):
        first = job * room
        tiles = min(room, total - first)
        _lay_out(
            patches, room, long, (0, 4), first, tiles, x, shape, all_channels, c0, count, tall, across, origin, patch
        )
        for panel in range(-(-results // width)):
            for place in range(16):
                for m in range(0, tiles, _HEIGHT_0):  # the last rows may be of no tile
                    run_tile(
                        _HEIGHT_0, patches, (place * room + m) * long, long, 1, segments, 1, count,
                        panels, (panel * 16 + place) * count * width, width, 0,
                        products, place * apart + m * width, width, False,
                    )  # fmt: skip
            valid = min(width, results - panel * width)
            mask = below(out, valid)
            n, y, x_ = first // across // tall, first // across % tall, first % across
            for t in range(tiles):
                row, column = 2 * y, 2 * x_
                to = ((n * counts[0] + row) * counts[1] + column) * all_results + o0 + panel * width
                n, y, x_ = _next(n, y, x_, tall, across)
                below_0, below_1, below_2, below_3 = _column_sums(products, t * width, apart)
                under_0, under_1, under_2, under_3 = _column_differences(products, t * width, apart)
                right, lower = column + 1 < counts[1], row + 1 < counts[0]
                store(out, to, add(below_0, add(below_1, below_2)), mask)
                if right:
                    store(out, to + all_results, subtract(below_1, add(below_2, below_3)), mask)
                if lower:
                    to += counts[1] * all_results
                    store(out, to, add(under_0, add(under_1, under_2)), mask)
                    if right:
                        store(out, to + all_results, subtract(under_1, add(under_2, under_3)), mask)


@inlined
def _column_sums(products, at, apart):
    """For each column of places, the first row of A' times it."""
    mask = everywhere(products)
    return (
        _sum(products, at, 4 * apart, mask), _sum(products, at + apart, 4 * apart, mask),
        _sum(products, at + 2 * apart, 4 * apart, mask), _sum(products, at + 3 * apart, 4 * apart, mask),
    )  # fmt: skip


@inlined
def _column_differences(products, at, apart):
    """For each column of places, the second row of A' times it."""
    mask = everywhere(products)
    return (
        _difference(products, at, 4 * apart, mask), _difference(products, at + apart, 4 * apart, mask),
        _difference(products, at + 2 * apart, 4 * apart, mask), _difference(products, at + 3 * apart, 4 * apart, mask),
    )  # fmt: skip


@inlined
def _sum(x, at, apart, mask):
    return add(load(x, at, mask), add(load(x, at + apart, mask), load(x, at + 2 * apart, mask)))


@inlined
def _difference(x, at, apart, mask):
    return subtract(load(x, at + apart, mask), add(load(x, at + 2 * apart, mask), load(x, at + 3 * apart, mask)))


@compiled
def correlate_filter(
    state, jobs, x, shape, all_channels, channels, g, all_results, g_channels, width, partials, counts, origin,
    total, room, long, rows, height, patch, patches, results, segments,
):  # fmt: skip
    """Sums of products of 3 x 3 windows of `x` with `g`, at each place.

    A job is `rows` of the four rows of places, for a share of the tiles. `partials` is (shares, places, channels, results rounded up
    to panels).
    """
    c0, count = channels
    o0, og = g_channels
    tall, across = (counts[0] + 1) // 2, (counts[1] + 1) // 2
    panels = -(-og // width)
    wide = panels * width
    slices = 4 // rows
    parts = jobs // slices
    segments[0] = 0
    for job in taken(state, jobs):
        part, row = job // slices, job % slices * rows
        clear(partials, job * rows * 4 * count * wide, rows * 4 * count * wide)
        last = (part + 1) * total // parts
        for first in range(part * total // parts, last, room):
            tiles = min(room, last - first)
            _lay_out(
                patches, room, long, (row, row + rows), first, tiles, x, shape, all_channels, c0, count, tall, across,
                origin, patch,
            )  # fmt: skip
            n, y, x_ = first // across // tall, first // across % tall, first % across
            for t in range(tiles):
                for i in range(rows):
                    _place_results(
                        results, (i * 4 * panels * room + t) * width, room * width, row + i, g, all_results, o0, og,
                        width, n, 2 * y, 2 * x_, counts,
                    )  # fmt: skip
                n, y, x_ = _next(n, y, x_, tall, across)
            for place in range(rows * 4):
                for panel in range(panels):
                    m = 0
                    while m < count:
                        rest = count - m
                        if rest >= height:
                            h = height
                        elif rest >= _HEIGHT_1:
                            h = _HEIGHT_1
                        elif rest >= _HEIGHT_2:
                            h = _HEIGHT_2
                        else:
                            h = _HEIGHT_3
                        run_tile(
                            h, patches, place * room * long + m, 1, long, segments, 1, tiles,
                            results, (place * panels + panel) * room * width, width, 0,
                            partials, ((job * rows * 4 + place) * count + m) * wide + panel * width, wide, True,
                        )  # fmt: skip
                        m += h


@inlined
def _place_results(to, at, apart, row, g, all_results, o0, og, width, n, y, x, counts):
    """Write a row of the places A dy A' of a tile: (4, panels, `apart`)."""
    start = ((n * counts[0] + y) * counts[1] + x) * all_results + o0
    pitch = counts[1] * all_results
    panels = -(-og // width)
    for panel in range(panels):
        here = start + panel * width
        left = below(g, og - panel * width)
        right = left if x + 1 < counts[1] else below(g, 0)
        first = second = spread(g, 0)
        if row < 3:
            first, second = load(g, here, left), load(g, here + all_results, right)
        if row > 0 and y + 1 < counts[0]:
            lower_first, lower_second = load(g, here + pitch, left), load(g, here + pitch + all_results, right)
            if row == 1:
                first, second = add(first, lower_first), add(second, lower_second)
            else:
                first, second = subtract(first, lower_first), subtract(second, lower_second)
        to_here = at + panel * apart
        mask = everywhere(to)
        store(to, to_here, first, mask)
        store(to, to_here + panels * apart, add(first, second), mask)
        store(to, to_here + 2 * panels * apart, subtract(first, second), mask)
        store(to, to_here + 3 * panels * apart, subtract(spread(to, 0), second), mask)
