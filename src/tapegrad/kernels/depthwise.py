"""Depthwise convolution: every channel by itself, so the channels are the vector lanes of plain loops."""

from __future__ import annotations

from .jit import compiled, inlined
from .memory import clear, get, put


@inlined
def _multiply_add(c, out, at, x, of_x, y, of_y):
    for i in range(c):
        put(out, at + i, get(out, at + i) + get(x, of_x + i) * get(y, of_y + i))


@compiled
def forward(first, last, x, shape, filters, out, out_shape, taps, origin, step, spacing):
    """The sum over taps of `x[origin + p * step + tap * spacing, c] * filters[tap, c]`; a row of `out` a job."""
    depth, high, wide, c = shape
    od, oh, ow = out_shape
    kd, kh, kw = taps
    for job in range(first, last):
        row = job % oh
        d = job // oh % od
        n = job // oh // od
        line = job * ow * c
        clear(out, line, ow * c)
        for z in range(kd):
            plane = origin[0] + d * step[0] + z * spacing[0]
            if plane < 0 or plane >= depth:
                continue
            for y in range(kh):
                r = origin[1] + row * step[1] + y * spacing[1]
                if r < 0 or r >= high:
                    continue
                source = ((n * depth + plane) * high + r) * wide
                for w in range(ow):
                    for t in range(kw):
                        column = origin[2] + w * step[2] + t * spacing[2]
                        if 0 <= column < wide:
                            tap = ((z * kh + y) * kw + t) * c
                            _multiply_add(c, out, line + w * c, x, (source + column) * c, filters, tap)


@compiled
def input_gradient(first, last, g, g_shape, filters, out, out_shape, c, taps, origin, step, spacing):
    """The transpose of `forward` in `x`: a row of the input a job, to which each tap that saw it adds."""
    od, oh, ow = g_shape
    depth, high, wide = out_shape
    kd, kh, kw = taps
    for job in range(first, last):
        r = job % high
        d = job // high % depth
        n = job // high // depth
        line = job * wide * c
        clear(out, line, wide * c)
        for z in range(kd):
            plane = d - origin[0] - z * spacing[0]
            if plane < 0 or plane % step[0] != 0 or plane // step[0] >= od:
                continue
            for y in range(kh):
                row = r - origin[1] - y * spacing[1]
                if row < 0 or row % step[1] != 0 or row // step[1] >= oh:
                    continue
                source = ((n * od + plane // step[0]) * oh + row // step[1]) * ow
                for w in range(ow):
                    for t in range(kw):
                        column = origin[2] + w * step[2] + t * spacing[2]
                        if 0 <= column < wide:
                            tap = ((z * kh + y) * kw + t) * c
                            _multiply_add(c, out, line + column * c, g, (source + w) * c, filters, tap)


@compiled
def filter_gradient(first, last, x, shape, g, g_shape, partials, taps, origin, step, spacing, parts, total):
    """The transpose of `forward` in `filters`: a share of the `total` rows of `g` a job, summed by itself."""
    depth, high, wide, c = shape
    od, oh, ow = g_shape
    kd, kh, kw = taps
    size = kd * kh * kw * c
    for part in range(first, last):
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
                    source = ((n * depth + plane) * high + r) * wide
                    for w in range(ow):
                        for t in range(kw):
                            column = origin[2] + w * step[2] + t * spacing[2]
                            if 0 <= column < wide:
                                tap = part * size + ((z * kh + y) * kw + t) * c
                                _multiply_add(c, partials, tap, x, (source + column) * c, g, (job * ow + w) * c)
