"""The sixteen places of Winograd's filtering in compiled code; `winograd` says what they are.

Arrays are flat, and their shapes come as tuples. Channels are the lanes of vectors. `tall` and `across` are the tiles
of an image, each of 2 x 2 results.
"""

from __future__ import annotations

from .heights import fitting
from .jit import compiled, inlined
from .jobs import taken
from .memory import clear, copy, get, put
from .tile import HEIGHTS, run_tile
from .transpose import transpose
from .vectors import BYTES, add, below, everywhere, load, multiply, spread, store, subtract

_HEIGHT_0 = HEIGHTS[0]


# --------------------------------------------------------------------------------------------------
# Filters


@inlined
def _four(to, at, step, x, start, apart, mask):
    """Write the four sums G x of three vectors, `apart` in `x`; `step` apart."""
    first, middle, last = load(x, start, mask), load(x, start + apart, mask), load(x, start + 2 * apart, mask)
    ends, half = add(first, last), spread(x, 0.5)
    store(to, at, first, everywhere(to))
    store(to, at + step, multiply(add(ends, middle), half), everywhere(to))
    store(to, at + 2 * step, multiply(subtract(ends, middle), half), everywhere(to))
    store(to, at + 3 * step, last, everywhere(to))


@inlined
def _three(to, at, step, x, start, apart, mask):
    """Write the three sums G' x of four vectors, `apart` in `x`; `step` apart."""
    second, third = load(x, start + apart, everywhere(x)), load(x, start + 2 * apart, everywhere(x))
    half = spread(x, 0.5)
    plus, minus = multiply(add(second, third), half), multiply(subtract(second, third), half)
    first, last = add(load(x, start, everywhere(x)), plus), add(plus, load(x, start + 3 * apart, everywhere(x)))
    store(to, at, first, mask)
    store(to, at + step, minus, mask)
    store(to, at + 2 * step, last, mask)
    return add(first, add(minus, last))


@compiled
def place_filters(state, jobs, w, count, results, transposed, width, square, panels, near, line):
    """Write G w G' of filters (9, count, results) as (panels of results, places, count, width).

    When `transposed`, the filters are (9, results, count), and their taps are in reverse order. A job is `square` of
    the rows of a panel.
    """
    blocks = -(-count // square)
    for job in taken(state, jobs):
        panel = job // blocks
        first = job % blocks * square
        rows = min(square, count - first)
        column = panel * width
        valid = min(width, results - column)
        if transposed:
            x, start, tap_step, row_step = near, 0, square * width, width
            for tap in range(9):
                source = ((8 - tap) * results + column) * count + first
                to = tap * square * width
                for n in range(0, width, square):
                    if rows == square and n + square <= valid:
                        transpose(near, to + n, width, w, source + n * count, count)
                    else:
                        for m in range(n, min(n + square, valid)):
                            for k in range(rows):
                                put(near, to + k * width + m, get(w, source + m * count + k))
        else:
            x, start, tap_step, row_step = w, first * results + column, count * results, results
        mask = below(w, valid)
        for k in range(rows):
            at = start + k * row_step
            for x_ in range(3):
                _four(line, x_ * width, 3 * width, x, at + x_ * tap_step, 3 * tap_step, mask)
            to = (panel * 16 * count + first + k) * width
            for y in range(4):
                _four(panels, to + y * 4 * count * width, count * width, line, 3 * y * width, width, everywhere(w))


@inlined
def _note(flaws, flaw, line):
    """Note it in `flaws` if a sum of differences of numbers from themselves is not 0; `line` is to work in."""
    store(line, 0, flaw, everywhere(line))
    for i in range(BYTES // line.itemsize):
        if get(line, i) != 0:
            put(flaws, 0, 1)


@compiled
def take_back(state, jobs, partials, parts, count, results, width, out, flaws, line):
    """Write G' m G of the sum over `parts` of m, (parts, places, count, results in panels), as (9, count, results).

    A job is all results of a channel. What is not finite is noted in `flaws`.
    """
    wide = -(-results // width) * width
    mask = everywhere(partials)
    for k in taken(state, jobs):
        flaw = spread(partials, 0)
        for column in range(0, results, width):
            for place in range(16):
                at = (place * count + k) * wide + column
                total = load(partials, at, mask)
                for part in range(1, parts):
                    total = add(total, load(partials, at + part * 16 * count * wide, mask))
                store(line, place * width, total, mask)
            for y in range(4):
                _three(line, (16 + 3 * y) * width, width, line, 4 * y * width, width, mask)
            for x in range(3):
                to = (x * count + k) * results + column
                inside = below(out, results - column)
                total = _three(out, to, 3 * count * results, line, (16 + x) * width, 3 * width, inside)
                flaw = add(flaw, subtract(total, total))
        _note(flaws, flaw, line)


# --------------------------------------------------------------------------------------------------
# Patches


@inlined
def _place_cells(to, at, apart, row, x, start, pitch, step, c):
    """Write a row of the places B' d B, `apart`, of a patch whose rows are `pitch` and whose cells `step` apart."""
    first = start + (0 if row == 0 else 2 if row == 2 else 1) * pitch + c
    second = start + (1 if row == 2 else 3 if row == 3 else 2) * pitch + c
    d_0, e_0 = load(x, first, everywhere(x)), load(x, second, everywhere(x))
    d_1, e_1 = load(x, first + step, everywhere(x)), load(x, second + step, everywhere(x))
    d_2, e_2 = load(x, first + 2 * step, everywhere(x)), load(x, second + 2 * step, everywhere(x))
    d_3, e_3 = load(x, first + 3 * step, everywhere(x)), load(x, second + 3 * step, everywhere(x))
    if row == 1:
        d_0, d_1, d_2, d_3 = add(d_0, e_0), add(d_1, e_1), add(d_2, e_2), add(d_3, e_3)
    else:
        d_0, d_1, d_2, d_3 = subtract(d_0, e_0), subtract(d_1, e_1), subtract(d_2, e_2), subtract(d_3, e_3)
    store(to, at + c, subtract(d_0, d_2), everywhere(to))
    store(to, at + apart + c, add(d_1, d_2), everywhere(to))
    store(to, at + 2 * apart + c, subtract(d_2, d_1), everywhere(to))
    store(to, at + 3 * apart + c, subtract(d_1, d_3), everywhere(to))


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
    high, wide = shape
    lanes = BYTES // x.itemsize
    whole = -(-count // lanes) * lanes  # what is behind the channels is laid out behind them
    n, y, x_ = first // across // tall, first // across % tall, first % across
    for t in range(tiles):
        top = origin[0] + 2 * y
        left = origin[1] + 2 * x_
        start = ((n * high + top) * wide + left) * all_channels + c0
        n, y, x_ = _next(n, y, x_, tall, across)
        image, pitch, step = x, wide * all_channels, all_channels
        end = start + 3 * (pitch + step) + whole
        if top < 0 or left < 0 or top + 4 > high or left + 4 > wide or end > len(x):
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
                _place_cells(to, at, room * long, row, image, start, pitch, step, c)


# --------------------------------------------------------------------------------------------------
# Results


@compiled
def correlate_tiles(
    state, jobs, x, shape, all_channels, channels, panels, width, out, all_results, out_channels, counts, origin,
    total, room, long, flaws, patch, patches, products, segments,
):  # fmt: skip
    """Sums of products of 3 x 3 windows of `x` with filters, `room` tiles of 2 x 2 results a job.

    `panels` has the filters as (panels of results, places, channels, width). What is not finite is noted in `flaws`.
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
        flaw = spread(x, 0)
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
                a_0, a_1, a_2, a_3 = _column_sums(products, t * width, apart)
                b_0, b_1, b_2, b_3 = _column_differences(products, t * width, apart)
                y_00, y_01 = add(a_0, add(a_1, a_2)), subtract(a_1, add(a_2, a_3))
                y_10, y_11 = add(b_0, add(b_1, b_2)), subtract(b_1, add(b_2, b_3))
                four = add(add(y_00, y_01), add(y_10, y_11))
                flaw = add(flaw, subtract(four, four))
                right, lower = column + 1 < counts[1], row + 1 < counts[0]
                store(out, to, y_00, mask)
                if right:
                    store(out, to + all_results, y_01, mask)
                if lower:
                    to += counts[1] * all_results
                    store(out, to, y_10, mask)
                    if right:
                        store(out, to + all_results, y_11, mask)
        _note(flaws, flaw, products)


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


# --------------------------------------------------------------------------------------------------
# The gradient for filters


@compiled
def correlate_filter_tiles(
    state, jobs, x, shape, all_channels, channels, g, all_results, g_channels, width, partials, counts, origin,
    total, room, long, rows, height, patch, patches, results, segments,
):  # fmt: skip
    """Sums of products of 3 x 3 windows of `x` with `g`, at each place.

    A job is `rows` of the four rows of places, for a share of the tiles. `partials` is (shares, places, channels,
    results rounded up to panels).
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
        begin, last = part * total // parts, (part + 1) * total // parts
        for first in range(begin, last, room):
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
                        h = fitting(count - m, height)
                        run_tile(
                            h, patches, place * room * long + m, 1, long, segments, 1, tiles,
                            results, (place * panels + panel) * room * width, width, 0,
                            partials, ((job * rows * 4 + place) * count + m) * wide + panel * width, wide,
                            first > begin,
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
