"""Convolution without a column matrix: register tiles that read the image, a few rows of it at a time.

Everything has three spatial dimensions here; where there are fewer, those in front have a size of 1. Arrays are flat
and C-contiguous, so that a kernel has one type for each dtype, and their shapes come as tuples.

Where an image is padded, a few of its rows at a time go through a buffer of padded rows that stays in the cache. In an
image row the taps of a filter row and the input channels lie side by side, so a tile sums over both in one loop;
`segments` says where each filter row begins.
"""

from __future__ import annotations

from .heights import fitting
from .jit import compiled, inlined
from .jobs import taken
from .memory import clear, copy, get, put
from .tile import run_tile


@inlined
def _copy_padded(source, shape, n, front, spacing, planes, top, tall, left, wide, first_channel, channels, buffer):
    """Copy rows of image `n` with their padding: `planes` x `tall` x `wide` cells of `channels` into `buffer`."""
    depth, height, wide_in, all_channels = shape
    at = 0
    low = min(max(-left, 0), wide)  # cells of padding before the image begins
    high = min(max(wide_in - left, low), wide)  # and where it ends
    for plane in range(planes):
        d = front + plane * spacing
        for row in range(tall):
            h = top + row
            if d < 0 or d >= depth or h < 0 or h >= height:
                clear(buffer, at, wide * channels)
            else:
                begin = (((n * depth + d) * height + h) * wide_in + left + low) * all_channels + first_channel
                clear(buffer, at, low * channels)
                if channels == all_channels:
                    copy(buffer, at + low * channels, source, begin, (high - low) * channels)
                else:
                    for w in range(high - low):
                        copy(buffer, at + (low + w) * channels, source, begin + w * all_channels, channels)
                clear(buffer, at + high * channels, (wide - high) * channels)
            at += wide * channels


@inlined
def _meeting(origin, step, count, size):
    """The first and the last + 1 of `count` places, at `origin + p * step`, that lie in an image of `size`."""
    low = min(max(0, -(origin // step)), count)
    return low, max(low, min(count, (size - 1 - origin) // step + 1))


@compiled
def correlate(
    state, jobs, source, shape, channels, panels, width, out, out_shape, out_channels,
    counts, origin, step, taps, spacing, out_start, out_step, rows, height, buffer, edge, segments,
):  # fmt: skip
    """Sums of products of windows of `source` with filters, a block of rows of results a job.

    Result p (of `counts` in each dimension) has its window's first cell at `origin + p * step` and the others
    `spacing` apart, and is written at `out_start + p * out_step`. `panels` has the filters as (panels of output
    channels, taps, input channels, width).
    """
    c0, cg = channels
    o0, og = out_channels
    nd, nh, nw = counts
    kd, kh, kw = taps
    depth, high, wide_in, all_channels = shape
    od, oh, ow, oc = out_shape
    fused = spacing[2] == 1
    count = kd * kh if fused else kd * kh * kw
    length = kw * cg if fused else cg
    wide = (nw - 1) * step[2] + (kw - 1) * spacing[2] + 1
    inside = origin[2] >= 0 and origin[2] + wide <= wide_in and cg == all_channels
    blocks = -(-nh // rows)
    for job in taken(state, jobs):
        block = job % blocks
        d = job // blocks % nd
        n = job // blocks // nd
        r0 = block * rows
        r1 = min(nh, r0 + rows)
        front = origin[0] + d * step[0]
        top = origin[1] + r0 * step[1]
        tall = (r1 - r0 - 1) * step[1] + (kh - 1) * spacing[1] + 1
        direct = inside and top >= 0 and top + tall <= high and front >= 0 and front + (kd - 1) * spacing[0] < depth
        if direct:
            image = source
            base = (((n * depth + front) * high + top) * wide_in + origin[2]) * cg
            pitch = wide_in * cg
            plane = spacing[0] * high * pitch
        else:
            _copy_padded(source, shape, n, front, spacing[0], kd, top, tall, origin[2], wide, c0, cg, buffer)
            image = buffer
            base = 0
            pitch = wide * cg
            plane = tall * pitch
        i = 0
        for z in range(kd):
            for y in range(kh):
                if fused:
                    segments[i] = z * plane + y * spacing[1] * pitch
                    i += 1
                else:
                    for x in range(kw):
                        segments[i] = z * plane + y * spacing[1] * pitch + x * spacing[2] * cg
                        i += 1
        lines = 1 if fused else kw
        for panel in range(-(-og // width)):
            valid = min(width, og - panel * width)
            for r in range(r0, r1):
                line = ((n * od + out_start[0] + d * out_step[0]) * oh + out_start[1] + r * out_step[1]) * ow
                y_low, y_high = 0, kh
                if kd == 1:  # the filter rows above and below the image need not be multiplied
                    y_low, y_high = _meeting(origin[1] + r * step[1], spacing[1], kh, high)
                    if y_low == y_high:
                        y_low, y_high = 0, 1
                begin = base + ((r - r0) * step[1] + y_low * spacing[1]) * pitch
                w = 0
                while w < nw:
                    w = min(w, nw - height)  # the last tile may compute again what the one before it did
                    to = (line + out_start[2] + w * out_step[2]) * oc + o0 + panel * width
                    whole = valid == width
                    run_tile(
                        height, image, begin + w * step[2] * cg, step[2] * cg, 1,
                        segments, kd * (y_high - y_low) * lines, length,
                        panels, (panel * count + y_low * lines) * length * width, width, length * width,
                        out if whole else edge, to if whole else 0, out_step[2] * oc if whole else width, False,
                    )  # fmt: skip
                    if not whole:
                        for m in range(height):
                            copy(out, to + m * out_step[2] * oc, edge, m * width, valid)
                    w += height


@compiled
def correlate_filter(
    state, jobs, source, shape, channels, g, g_shape, g_channels, width, partials,
    taps, origin, step, spacing, rows, parts, slices, clipped, height, total, buffer, g_buffer, segments,
):  # fmt: skip
    """Sums of products of windows of `source` with `g`, for each tap.

    A job is one of `parts` shares of the `total` blocks of rows, for one of `slices` of the sums. `partials` is (parts,
    taps, input channels, output channels rounded up to panels); the caller adds up the parts. When `clipped`, each tap
    takes the cells that it meets inside the image. Else rows are padded, and the taps of a filter row count as
    channels, which lie side by side: better for few channels.
    """
    c0, cg = channels
    o0, og = g_channels
    kd, kh, kw = taps
    depth, high, wide_in, all_channels = shape
    od, oh, ow, oc = g_shape
    lines = kw if clipped else 1
    across = cg if clipped else kw * cg
    wide = (ow - 1) * step[2] + (kw - 1) * spacing[2] + 1
    columns = -(-og // width)
    packed = og % width != 0
    g_step = width if packed else oc
    blocks = -(-oh // rows)
    size = kd * kh * kw * cg * columns * width
    strips = columns * kd * kh
    for job in taken(state, jobs):
        part = job // slices
        strip_first = job % slices * strips // slices
        strip_last = (job % slices + 1) * strips // slices
        for strip in range(strip_first, strip_last):
            to = part * size + strip % (kd * kh) * kw * cg * columns * width + strip // (kd * kh) * width
            for m in range(kw * cg):
                clear(partials, to + m * columns * width, width)
        for turn in range(part * total // parts, (part + 1) * total // parts):
            block = turn % blocks
            d = turn // blocks % od
            n = turn // blocks // od
            r0 = block * rows
            r1 = min(oh, r0 + rows)
            front = origin[0] + d * step[0]
            top = origin[1] + r0 * step[1]
            if clipped:
                image = source
                pitch = wide_in * all_channels
                plane = spacing[0] * high * pitch
                base = ((n * depth + front) * high + top) * pitch + origin[2] * all_channels + c0
                a_step = step[2] * all_channels
            else:
                tall = (r1 - r0 - 1) * step[1] + (kh - 1) * spacing[1] + 1
                _copy_padded(source, shape, n, front, spacing[0], kd, top, tall, origin[2], wide, c0, cg, buffer)
                image = buffer
                base = 0
                pitch = wide * cg
                plane = tall * pitch
                a_step = step[2] * cg
            for r in range(r1 - r0):
                segments[r] = r * step[1] * pitch
            g_at = (((n * od + d) * oh + r0) * ow) * oc + o0
            if packed:
                for panel in range(strip_first // (kd * kh), -(-strip_last // (kd * kh))):
                    valid = min(width, og - panel * width)
                    for p in range((r1 - r0) * ow):
                        to = (panel * rows * ow + p) * width
                        copy(g_buffer, to, g, g_at + p * oc + panel * width, valid)
                        clear(g_buffer, to + valid, width - valid)
            for strip in range(strip_first, strip_last):
                panel = strip // (kd * kh)
                z = strip // kh % kd
                y = strip % kh
                g_panel = panel * rows * ow * width if packed else g_at + panel * width
                row_low, row_high = 0, r1 - r0
                if clipped:
                    if front + z * spacing[0] < 0 or front + z * spacing[0] >= depth:
                        continue
                    row_low, row_high = _meeting(top + y * spacing[1], step[1], r1 - r0, high)
                for x in range(lines):
                    low, high_x = 0, ow
                    if clipped:
                        low, high_x = _meeting(origin[2] + x * spacing[2], step[2], ow, wide_in)
                    if row_low == row_high or low == high_x:
                        continue
                    start = base + z * plane + (row_low * step[1] + y * spacing[1]) * pitch + low * a_step
                    if clipped:
                        start += x * spacing[2] * all_channels
                    to = part * size + (((z * kh + y) * lines + x) * across * columns + panel) * width
                    m = 0
                    while m < across:
                        h = fitting(across - m, height)
                        run_tile(
                            h, image, start + m, 1, a_step, segments, row_high - row_low, high_x - low,
                            g_buffer if packed else g, g_panel + (row_low * ow + low) * g_step, g_step, ow * g_step,
                            partials, to + m * columns * width, columns * width, True,
                        )  # fmt: skip
                        m += h


@compiled
def scatter(
    state, jobs, g, g_shape, g_channels, panels, width, out, out_shape, out_channels,
    taps, origin, step, spacing, rows, height, products, segments,
):  # fmt: skip
    """The transpose of `correlate` for few channels of `out`, where a tile's lanes are taps as well as channels.

    Each row of `g` is multiplied by all filters into a small buffer, from which every tap is added where it belongs.
    A job is a block of rows of `out`. `panels` is (depth taps, panels of (row and column taps, channels), g's
    channels, width).
    """
    o0, og = g_channels
    c0, cg = out_channels
    kd, kh, kw = taps
    od, oh, ow, oc = g_shape
    depth, high, wide, all_channels = out_shape
    columns = -(-(kh * kw * cg) // width)
    segments[0] = 0
    blocks = -(-high // rows)
    for job in taken(state, jobs):
        block = job % blocks
        d = job // blocks % depth
        n = job // blocks // depth
        r0 = block * rows
        r1 = min(high, r0 + rows)
        for r in range(r0, r1):
            at = ((n * depth + d) * high + r) * wide * all_channels + c0
            if cg == all_channels:
                clear(out, at, wide * cg)
            else:
                for w in range(wide):
                    clear(out, at + w * all_channels, cg)
        for z in range(kd):
            plane = d - origin[0] - z * spacing[0]
            if plane < 0 or plane % step[0] or plane // step[0] >= od:
                continue
            # Rows of g with a tap inside the block: origin + row * step + y * spacing in [r0, r1).
            low = max(0, -(-(r0 - origin[1] - (kh - 1) * spacing[1]) // step[1]))
            for row in range(low, min(oh, (r1 - 1 - origin[1]) // step[1] + 1)):
                start = (((n * od + plane // step[0]) * oh + row) * ow) * oc + o0
                for panel in range(columns):
                    w = 0
                    while w < ow:
                        w = min(w, ow - height)
                        run_tile(
                            height, g, start + w * oc, oc, 1, segments, 1, og,
                            panels, (z * columns + panel) * og * width, width, 0,
                            products, (w * columns + panel) * width, columns * width, False,
                        )  # fmt: skip
                        w += height
                for y in range(kh):
                    r = origin[1] + row * step[1] + y * spacing[1]
                    if r < r0 or r >= r1:
                        continue
                    line = ((n * depth + d) * high + r) * wide
                    for w in range(ow):
                        left = origin[2] + w * step[2]
                        from_ = w * columns * width + y * kw * cg
                        if spacing[2] == 1 and cg == all_channels and left >= 0 and left + kw <= wide:
                            at = (line + left) * cg
                            for i in range(kw * cg):
                                put(out, at + i, get(out, at + i) + get(products, from_ + i))
                        else:
                            for x in range(kw):
                                column = left + x * spacing[2]
                                if 0 <= column < wide:
                                    at = (line + column) * all_channels + c0
                                    for i in range(cg):
                                        put(out, at + i, get(out, at + i) + get(products, from_ + x * cg + i))
