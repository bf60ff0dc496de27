"""Depthwise convolution: every channel by itself, so the channels are the lanes of vectors.

A cell of the result, or of the gradient for x, is a sum over the places that its taps meet, and it stays in a register
until it is complete. Neighbours in a row share their taps, so four of them are summed at once, and a filter's numbers
are loaded once for all four.
"""

from __future__ import annotations

from .jit import compiled, inlined
from .jobs import taken
from .memory import clear, get, put
from .vectors import BYTES, add, below, everywhere, load, multiply_add, spread, store


@inlined
def _one(out, at, x, shift, filters, places, count, c, mask):
    """Write a vector of sums of products over `count` places, which tell where in `x` and in `filters` each begins."""
    total = spread(out, 0)
    for i in range(count):
        value = load(x, get(places, 2 * i) + shift + c, mask)
        total = multiply_add(value, load(filters, get(places, 2 * i + 1) + c, mask), total)
    store(out, at + c, total, mask)


@inlined
def _four(out, at, step, x, shift, apart, filters, places, count, c, mask):
    """The same for four cells, `step` from each other in `out`, whose places are `apart` in `x`."""
    total_0 = total_1 = total_2 = total_3 = spread(out, 0)
    for i in range(count):
        place = get(places, 2 * i) + shift + c
        tap = load(filters, get(places, 2 * i + 1) + c, mask)
        total_0 = multiply_add(load(x, place, mask), tap, total_0)
        total_1 = multiply_add(load(x, place + apart, mask), tap, total_1)
        total_2 = multiply_add(load(x, place + 2 * apart, mask), tap, total_2)
        total_3 = multiply_add(load(x, place + 3 * apart, mask), tap, total_3)
    store(out, at + c, total_0, mask)
    store(out, at + step + c, total_1, mask)
    store(out, at + 2 * step + c, total_2, mask)
    store(out, at + 3 * step + c, total_3, mask)


@inlined
def _row(out, at, step, count, x, apart, size, filters, c, lines, line_count, taps, tap_count, places):
    """Write `count` cells of a row, `step` apart. Each of the `lines` tells where a row of `x` and its filter begin.

    Cell p takes from column `start + p * apart` of these rows, for each of the `taps`, which tell their start and where
    they are in a filter row; from those that the `size` columns have.
    """
    lanes = BYTES // out.itemsize
    whole = c - c % lanes
    rest = below(out, c - whole)
    inside, inside_end = 0, count  # the cells for which all taps are inside
    for t in range(tap_count):
        start = get(taps, 2 * t)
        inside = max(inside, -(start // apart))
        inside_end = min(inside_end, (size - 1 - start) // apart + 1)
    listed = False
    p = 0
    while p < count:
        together = 4 if inside <= p and p + 4 <= inside_end else 1
        base = p * apart  # of columns, from where the places are listed
        if together == 1 or not listed:
            listed = together == 4
            found = 0
            for i in range(line_count):
                for t in range(tap_count):
                    column = get(taps, 2 * t) + base
                    if 0 <= column < size:
                        put(places, 2 * found, (get(lines, 2 * i) + column - base) * c)
                        put(places, 2 * found + 1, (get(lines, 2 * i + 1) + get(taps, 2 * t + 1)) * c)
                        found += 1
        to = at + p * step
        if together == 4:
            for i in range(0, whole, lanes):
                _four(out, to, step, x, base * c, apart * c, filters, places, found, i, everywhere(out))
            if whole < c:
                _four(out, to, step, x, base * c, apart * c, filters, places, found, whole, rest)
        else:
            for i in range(0, whole, lanes):
                _one(out, to, x, base * c, filters, places, found, i, everywhere(out))
            if whole < c:
                _one(out, to, x, base * c, filters, places, found, whole, rest)
        p += together


@compiled
def forward(state, jobs, x, shape, filters, out, out_shape, taps, origin, step, spacing, lines, columns, places):
    """The sum over taps of `x[origin + p * step + tap * spacing, c] * filters[tap, c]`; a row of `out` a job."""
    depth, high, wide, c = shape
    od, oh, ow = out_shape
    kd, kh, kw = taps
    for t in range(kw):
        put(columns, 2 * t, origin[2] + t * spacing[2])
        put(columns, 2 * t + 1, t)
    for job in taken(state, jobs):
        row = job % oh
        d = job // oh % od
        n = job // oh // od
        count = 0
        for z in range(kd):
            plane = origin[0] + d * step[0] + z * spacing[0]
            if plane < 0 or plane >= depth:
                continue
            for y in range(kh):
                r = origin[1] + row * step[1] + y * spacing[1]
                if r < 0 or r >= high:
                    continue
                put(lines, 2 * count, ((n * depth + plane) * high + r) * wide)
                put(lines, 2 * count + 1, (z * kh + y) * kw)
                count += 1
        _row(out, job * ow * c, c, ow, x, step[2], wide, filters, c, lines, count, columns, kw, places)


@compiled
def input_gradient(
    state, jobs, g, g_shape, filters, out, out_shape, c, taps, origin, step, spacing, lines, columns, places
):
    """The transpose of `forward` in `x`: a row of the input a job, a sum over the taps that saw it.

    Every `step`-th cell of a row was seen by the same taps: these cells are one row of `_row`.
    """
    od, oh, ow = g_shape
    depth, high, wide = out_shape
    kd, kh, kw = taps
    for job in taken(state, jobs):
        r = job % high
        d = job // high % depth
        n = job // high // depth
        count = 0
        for z in range(kd):
            plane = d - origin[0] - z * spacing[0]
            if plane < 0 or plane % step[0] != 0 or plane // step[0] >= od:
                continue
            for y in range(kh):
                row = r - origin[1] - y * spacing[1]
                if row < 0 or row % step[1] != 0 or row // step[1] >= oh:
                    continue
                put(lines, 2 * count, ((n * od + plane // step[0]) * oh + row // step[1]) * ow)
                put(lines, 2 * count + 1, (z * kh + y) * kw)
                count += 1
        for start in range(min(step[2], wide)):
            seen = 0
            for t in range(kw):
                distance = start - origin[2] - t * spacing[2]
                if distance % step[2] == 0:
                    put(columns, 2 * seen, distance // step[2])
                    put(columns, 2 * seen + 1, t)
                    seen += 1
            cells = -(-(wide - start) // step[2])
            to = (job * wide + start) * c
            _row(out, to, step[2] * c, cells, g, 1, ow, filters, c, lines, count, columns, seen, places)


@inlined
def _along(sums, at, x, of_x, x_step, y, of_y, y_step, count, mask):
    """Add to a vector of sums the products of `count` vectors, in turn."""
    even = load(sums, at, mask)
    odd = spread(sums, 0)
    for _ in range(count // 2):
        even = multiply_add(load(x, of_x, mask), load(y, of_y, mask), even)
        odd = multiply_add(load(x, of_x + x_step, mask), load(y, of_y + y_step, mask), odd)
        of_x += 2 * x_step
        of_y += 2 * y_step
    if count % 2:
        even = multiply_add(load(x, of_x, mask), load(y, of_y, mask), even)
    store(sums, at, add(even, odd), mask)


@inlined
def _three_along(sums, at, c, x, of_x, y, of_y, count, mask):
    """The same for three taps side by side: each vector of `x` is loaded once and meets three of `y`."""
    first, second, third = load(sums, at, mask), load(sums, at + c, mask), load(sums, at + 2 * c, mask)
    left, middle = load(x, of_x, mask), load(x, of_x + c, mask)
    of_x += 2 * c
    for _ in range(count):
        right = load(x, of_x, mask)
        g = load(y, of_y, mask)
        first = multiply_add(left, g, first)
        second = multiply_add(middle, g, second)
        third = multiply_add(right, g, third)
        left, middle = middle, right
        of_x += c
        of_y += c
    store(sums, at, first, mask)
    store(sums, at + c, second, mask)
    store(sums, at + 2 * c, third, mask)


@compiled
def filter_gradient(state, jobs, x, shape, g, g_shape, partials, taps, origin, step, spacing, parts, total):
    """The transpose of `forward` in `filters`: a share of the `total` rows of `g` a job, summed by itself."""
    depth, high, wide, c = shape
    od, oh, ow = g_shape
    kd, kh, kw = taps
    size = kd * kh * kw * c
    lanes = BYTES // x.itemsize
    whole = c - c % lanes
    rest = below(x, c - whole)
    for part in taken(state, jobs):
        clear(partials, part * size, size)
        for job in range(part * total // parts, (part + 1) * total // parts):
            row = job % oh
            d = job // oh % od
            n = job // oh // od
            for z in range(kd):
                plane = origin[0] + d * step[0] + z * spacing[0]
                if plane < 0 or plane >= depth:
                    continue
                for y in range(kh):
                    r = origin[1] + row * step[1] + y * spacing[1]
                    if r < 0 or r >= high:
                        continue
                    line = ((n * depth + plane) * high + r) * wide
                    taps_here = part * size + (z * kh + y) * kw * c
                    # The cells that all taps see, where three taps side by side share what they load.
                    inner, outer = 0, 0
                    if kw == 3 and step[2] == 1 and spacing[2] == 1:
                        inner = max(0, -origin[2])
                        outer = max(inner, min(ow, wide - 2 - origin[2]))
                    if outer > inner:
                        source = (line + origin[2] + inner) * c
                        of_g = (job * ow + inner) * c
                        for i in range(0, whole, lanes):
                            _three_along(
                                partials, taps_here + i, c, x, source + i, g, of_g + i, outer - inner, everywhere(x)
                            )
                        if whole < c:
                            i = whole
                            _three_along(partials, taps_here + i, c, x, source + i, g, of_g + i, outer - inner, rest)
                    for t in range(kw):
                        offset = origin[2] + t * spacing[2]
                        low = min(max(0, -(offset // step[2])), ow)
                        end = min(ow, (wide - 1 - offset) // step[2] + 1)
                        tap = taps_here + t * c
                        apart = step[2] * c
                        for side in range(2):  # before the cells that were done, and after them
                            begin = max(low, outer) if side else low
                            count = (end if side or outer == inner else min(end, inner)) - begin
                            if side and outer == inner:
                                break
                            source = (line + offset + begin * step[2]) * c
                            of_g = (job * ow + begin) * c
                            if count > 0:
                                for i in range(0, whole, lanes):
                                    _along(
                                        partials, tap + i, x, source + i, apart, g, of_g + i, c, count, everywhere(x)
                                    )
                                if whole < c:
                                    i = whole
                                    _along(partials, tap + i, x, source + i, apart, g, of_g + i, c, count, rest)
