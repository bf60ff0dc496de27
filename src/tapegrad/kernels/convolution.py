"""Convolution and its two gradients as functions of arrays: what to hand to which kernel.

All three take inputs (N, D, H, W, C), filters (KD, KH, KW, C / groups, O) and results (N, OD, OH, OW, O), C-contiguous
and of one dtype, float32 or float64, whose shapes were checked. Work is divided by shape alone, so the bits of a
result do not depend on the number of threads.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import correlation, depthwise, threads, winograd
from .heights import first_height, work
from .tile import HEIGHTS, width
from .workspace import Lent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .windows import Windows

    Array = np.ndarray[Any, np.dtype[Any]]

_IMAGE = 192 * 1024  # bytes of image rows that a job works on, beside its filters: they stay in a second-level cache
_BLOCK = 448 * 1024  # bytes of image rows and gradients from which filters are summed: the more, the longer the sums
_JOBS = 16  # into which a call is divided where it can be, so that some threads can share them evenly
_PLANS = 512  # shapes for which is remembered how to divide the work: that takes longer than a small convolution
_SMALL = 500_000  # multiply-adds below which waking a thread costs more than it brings


def forward(x: Array, filters: Array, at: Windows, groups: int) -> Array:
    """The convolution of `x` with `filters`."""
    shape = (x.shape[0], *at.out, filters.shape[-1])
    reaching, at = _reaching(x.shape[1:4], at)
    filters = filters[reaching]
    if not x.size * filters.size:
        return np.zeros(shape, x.dtype)
    y = np.empty(shape, x.dtype)
    channels, outputs = filters.shape[3:]
    if channels == 1 < groups:
        return _depthwise(x, filters, y, at, groups)
    for group in range(groups):
        o = outputs // groups
        kernel = filters[..., group * o : (group + 1) * o]
        here = (group * channels, channels), (group * o, o)
        minimal = _is_minimal(at, x.shape[1:4]) and winograd.suits(channels, o, math.prod(x.shape[:2]), at.out[1:])
        if minimal and winograd.forward(x, *here, kernel, y, _negative(at.before[1:])):
            continue
        _correlate(
            x, here[0], kernel, y, here[1], at.out, _negative(at.before), at.strides, at.dilation, (0, 0, 0), (1, 1, 1)
        )
    return y


def input_gradient(g: Array, filters: Array, sizes: Sequence[int], at: Windows, groups: int) -> Array:
    """The gradient for an input whose spatial sizes are `sizes`: the transpose of `forward` in `x`."""
    shape = (g.shape[0], *sizes, filters.shape[3] * groups)
    reaching, at = _reaching(tuple(sizes), at)
    filters = filters[reaching]
    if not g.size * filters.size:
        return np.zeros(shape, g.dtype)
    out = np.empty(shape, g.dtype)
    channels, outputs = filters.shape[3:]
    if channels == 1 < groups:
        return _depthwise_input_gradient(g, filters, out, at, groups)
    o = outputs // groups
    for group in range(groups):
        kernel = filters[..., group * o : (group + 1) * o]
        here = (group * channels, channels), (group * o, o)
        minimal = _is_minimal(at, sizes) and winograd.suits(o, channels, math.prod(g.shape[:2]), sizes[1:])
        origin = at.before[1] - 2, at.before[2] - 2
        if minimal and winograd.forward(g, here[1], here[0], kernel, out, origin, transposed=True):
            continue
        if _scatters(filters.shape[:3], channels, at):
            _scatter(g, here[1], kernel, out, here[0], at)
        else:
            _by_phases(g, here[1], kernel, out, here[0], at)
    return out


def filter_gradient(x: Array, g: Array, taps: Sequence[int], at: Windows, groups: int) -> Array:
    """The gradient for filters with `taps` in each dimension: the transpose of `forward` in `filters`."""
    channels, outputs = x.shape[-1] // groups, g.shape[-1] // groups
    reaching, at = _reaching(x.shape[1:4], at)
    if groups == 1 and at.size == tuple(taps) and x.size * g.size:
        return _filter_gradient(x, (0, channels), g, (0, outputs), at.size, at)
    whole = np.zeros((*taps, channels, outputs * groups), x.dtype)
    out = whole[reaching]
    if not x.size * g.size * out.size:
        return whole
    if channels == 1 < groups:
        out[:] = _depthwise_filter_gradient(x, g, at.size, at, groups)
        return whole
    for group in range(groups):
        out[..., group * outputs : (group + 1) * outputs] = _filter_gradient(
            x, (group * channels, channels), g, (group * outputs, outputs), at.size, at
        )
    return whole


# --------------------------------------------------------------------------------------------------


@functools.lru_cache(_PLANS)
def _reaching(sizes: tuple[int, ...], at: Windows) -> tuple[tuple[slice, ...], Windows]:
    """The taps that meet a cell of the input in any window, and the windows with these taps alone.

    Those far out in the padding are left out, so that neither kernels nor their buffers have to do with places any
    further away than the input is wide, whatever the dilation, the strides and the padding are.
    """
    reaching, size, strides, dilation, before = zip(*map(_reaching_along, sizes, *at), strict=True)
    return reaching, at._replace(size=size, strides=strides, dilation=dilation, before=before)


def _reaching_along(
    n: int, size: int, stride: int, dilation: int, before: int, after: int, out: int
) -> tuple[slice, int, int, int, int]:
    """The same for one dimension: the taps, and their size, strides, dilation and padding before."""
    # Tap k meets the cells k * dilation - before + p * stride, for p < out.
    first = max(0, -(((out - 1) * stride - before) // dilation))
    last = max(first, min(size, (n - 1 + before) // dilation + 1))
    return (
        slice(first, last),
        last - first,
        stride if out > 1 else min(stride, n),  # one window needs none
        dilation if last - first > 1 else 1,
        before - first * dilation,
    )


def _is_minimal(at: Windows, sizes: Sequence[int]) -> bool:
    """Whether the windows are those that `winograd` serves: 3 x 3 cells, one step apart, of every image alike."""
    ones = (1, 1, 1)
    return (at.size, at.strides, at.dilation) == ((1, 3, 3), ones, ones) and at.before[0] == 0 and at.out[0] == sizes[0]


@functools.lru_cache(_PLANS)
def _negative(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-i for i in numbers)


def _lay_out(kernel: Array, into: Array) -> None:
    """Copy (KD, KH, KW, C, O) to (panels, KD, KH, KW, C, width): the results in panels of a tile's width.

    The last panel is filled up with zeros.
    """
    *rows, columns = kernel.shape
    wide = into.shape[-1]
    whole, rest = divmod(columns, wide)
    if whole:
        into[:whole] = kernel[..., : whole * wide].reshape(*rows, whole, wide).transpose(4, 0, 1, 2, 3, 5)
    if rest:
        into[whole, ..., :rest] = kernel[..., whole * wide :]
        into[whole, ..., rest:] = 0


def _height(positions: int) -> int:
    """The tile height that covers so many positions with the least work; the last tile may overlap."""
    fitting = [h for h in HEIGHTS if h <= positions]
    return min(fitting, key=lambda h: -(-positions // h) * max(h, 4))  # below 4 rows the adders wait for each other


def _rows(count: int, bytes_per_row: int, room: int) -> int:
    """How many of `count` rows to take at a time: as many as there is room for, shared out evenly."""
    fitting = max(1, min(count, room // max(bytes_per_row, 1)))
    blocks = -(-count // fitting)
    return -(-count // blocks)


def _seen(
    rows: int, columns: int, taps: Sequence[int], step: Sequence[int], spacing: Sequence[int], channels: int
) -> int:
    """How many numbers, padding included, are read for so many rows and columns of results."""
    tall, wide = (
        (n - 1) * s + (k - 1) * d + 1
        for n, k, s, d in zip((rows, columns), taps[1:], step[1:], spacing[1:], strict=True)
    )
    return taps[0] * tall * wide * channels


class _Plan(NamedTuple):
    """How a correlation is divided into jobs."""

    jobs: int
    shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    counts: tuple[int, ...]
    rows: int  # of results, in a job
    height: int  # of the tile
    seen: int  # numbers that a job reads, padding included
    parallel: bool


@functools.lru_cache(_PLANS)
def _plan(
    source_shape: tuple[int, ...], channels: int, kernel_shape: tuple[int, ...], result_shape: tuple[int, ...],
    itemsize: int,
    counts: tuple[int, ...], origin: tuple[int, ...], step: tuple[int, ...], spacing: tuple[int, ...],
    out_step: tuple[int, ...],
) -> _Plan:  # fmt: skip
    n, *sizes = source_shape
    taps, shape, out_shape = kernel_shape[:3], tuple(sizes), result_shape[1:]
    if taps == (1, 1, 1) and step == (1, 1, 1) == out_step and counts == shape[:3] and origin == (0, 0, 0):
        # Every pixel by itself: the image may as well be one row, cut where tiles fit.
        row = max(counts[2], _row_length(n * math.prod(counts)))
        counts = (1, n * math.prod(counts) // row, row)
        n, shape, out_shape = 1, (*counts, shape[3]), (*counts, out_shape[3])
    row_bytes = taps[0] * step[1] * ((counts[2] - 1) * step[2] + taps[2]) * channels * itemsize
    rows = min(_rows(counts[1], row_bytes, _IMAGE), -(-counts[1] * n * counts[0] // _JOBS))
    return _Plan(
        n * counts[0] * -(-counts[1] // rows), shape, out_shape, counts, rows, _height(counts[2]),
        _seen(rows, counts[2], taps, step, spacing, channels), n * math.prod(counts) * math.prod(kernel_shape) > _SMALL,
    )  # fmt: skip


def _correlate(
    source: Array, channels: tuple[int, int], kernel: Array, out: Array, out_channels: tuple[int, int],
    counts: tuple[int, ...], origin: tuple[int, ...], step: tuple[int, ...], spacing: tuple[int, ...],
    out_start: tuple[int, ...], out_step: tuple[int, ...],
) -> None:  # fmt: skip
    plan = _plan(
        source.shape, channels[1], kernel.shape, out.shape, source.itemsize, counts, origin, step, spacing, out_step
    )
    taps, wide = kernel.shape[:3], width(source.itemsize)
    panels = -(-kernel.shape[4] // wide), *kernel.shape[:4], wide
    with Lent(math.prod(panels), source.dtype) as laid_out:
        _lay_out(kernel, laid_out.reshape(panels))
        threads.run(
            correlation.correlate, plan.jobs, source.reshape(-1), plan.shape, channels, laid_out, wide,
            out.reshape(-1), plan.out_shape, out_channels, plan.counts, origin, step, taps, spacing, out_start,
            out_step, plan.rows, plan.height,
            scratch=((plan.seen, source.dtype), (HEIGHTS[0] * wide, source.dtype), (math.prod(taps), np.intp)),
            parallel=plan.parallel,
        )  # fmt: skip


def _row_length(cells: int) -> int:
    for length in (16 * HEIGHTS[0] * 2, 512, 16 * HEIGHTS[0], 256, 128, 64):
        if cells % length == 0:
            return length
    return max(d for d in range(1, min(cells, 1024) + 1) if cells % d == 0)


def _by_phases(
    g: Array, g_channels: tuple[int, int], kernel: Array, out: Array, out_channels: tuple[int, int], at: Windows
) -> None:
    """The input gradient as convolutions of `g`: one for each remainder of an input cell's place by the stride.

    Cell i of the input meets tap k in result (i + before - k * dilation) / stride, where that is a whole number. The
    taps that do are the same for all cells of one remainder, and for these cells in turn the results are in turn.
    """
    dimensions = zip(out.shape[1:4], at.size, at.strides, at.dilation, at.before, strict=True)
    phases = [_phases(*dimension) for dimension in dimensions]
    if any(None in dimension for dimension in phases):
        out[..., out_channels[0] : sum(out_channels)] = 0  # cells that no window reaches
    for phase in itertools.product(*([p for p in dimension if p is not None] for dimension in phases)):
        start, taps, origin, spacing, counts = zip(*phase, strict=True)
        _correlate(
            g, g_channels, kernel[taps].swapaxes(3, 4), out, out_channels,
            counts, origin, (1, 1, 1), spacing, start, at.strides,
        )  # fmt: skip


_Phase = tuple[int, slice, int, int, int]


@functools.lru_cache(_PLANS)
def _phases(n: int, size: int, stride: int, dilation: int, before: int) -> list[_Phase | None]:
    """For each remainder: first cell, its taps (from the first result on), the first result, their spacing, cells.

    None stands for a remainder that no tap reaches.
    """
    found: list[_Phase | None] = []
    for start in range(min(stride, n)):
        taps = [k for k in reversed(range(size)) if (start + before - k * dilation) % stride == 0]
        if not taps:
            found.append(None)
            continue
        first = (start + before - taps[0] * dilation) // stride
        apart = taps[0] - taps[1] if len(taps) > 1 else 1
        last = None if taps[-1] < apart else taps[-1] - apart
        found.append((start, slice(taps[0], last, -apart), first, apart * dilation // stride if len(taps) > 1 else 1,
                      -(-(n - start) // stride)))  # fmt: skip
    return found


def _scatters(taps: tuple[int, ...], channels: int, at: Windows) -> bool:
    """Whether the input gradient has so few channels that most lanes of a tile would be idle."""
    wide = width(4)
    idle = -(-channels // wide) * wide / channels
    return idle > 2.5 and -(-(taps[1] * taps[2] * channels) // wide) * wide < taps[1] * taps[2] * channels * idle / 2


def _scatter(
    g: Array, g_channels: tuple[int, int], kernel: Array, out: Array, out_channels: tuple[int, int], at: Windows
) -> None:
    n, *g_shape = g.shape
    depth, outputs = kernel.shape[0], kernel.shape[4]
    wide = width(g.itemsize)
    # (KD, KH, KW, C, O) -> for each depth tap (O, KH * KW * C), in panels
    matrices = kernel.reshape(depth, 1, 1, 1, -1, outputs).swapaxes(4, 5)
    panels = -(-matrices.shape[5] // wide)
    rows = max(out.shape[2] // 4, min(out.shape[2], 4 * at.size[1]))  # neighbours compute the rows between them twice
    with Lent(depth * panels * outputs * wide, g.dtype) as laid_out:
        for matrix, into in zip(matrices, laid_out.reshape(depth, panels, 1, 1, 1, outputs, wide), strict=True):
            _lay_out(matrix, into)
        threads.run(
            correlation.scatter, n * out.shape[1] * -(-out.shape[2] // rows), g.reshape(-1), tuple(g_shape),
            g_channels, laid_out, wide, out.reshape(-1), out.shape[1:], out_channels,
            at.size, _negative(at.before), at.strides, at.dilation, rows, _height(g_shape[2]),
            scratch=((g_shape[2] * panels * wide, g.dtype), (1, np.intp)),
            parallel=n * math.prod(g_shape[:3]) * kernel.size > _SMALL,
        )  # fmt: skip


class _FilterPlan(NamedTuple):
    """How the gradient for filters is divided into jobs."""

    wide: int  # of a tile
    columns: int  # of sums: the results, in whole tiles
    rows: int  # of gradients, that a job takes at a time
    parts: int  # of the images, with sums of their own
    slices: int  # of the filters
    size: int  # of the sums of a part
    clipped: bool  # whether a filter's columns are summed apart
    height: int  # of the tile
    total: int  # blocks of rows in all
    seen: int  # numbers that are read for a block, padding included
    edge: int  # numbers of gradients that are laid out for it
    parallel: bool


@functools.lru_cache(_PLANS)
def _filter_plan(
    x_shape: tuple[int, ...], channels: int, gradient_shape: tuple[int, ...], results: int, itemsize: int,
    taps: tuple[int, ...], at: Windows,
) -> _FilterPlan:  # fmt: skip
    n, *g_shape = gradient_shape[:4]
    wide = width(itemsize)
    panels = -(-results // wide)
    apart, together = channels, taps[2] * channels
    clipped = at.dilation[2] > 1 or taps[2] * work(apart) <= 1.1 * work(together)
    row_bytes = (
        taps[0] * at.strides[1] * ((g_shape[2] - 1) * at.strides[2] + taps[2]) * channels + g_shape[2] * panels * wide
    ) * itemsize
    rows = _rows(g_shape[1], row_bytes, _BLOCK)
    total = n * g_shape[0] * -(-g_shape[1] // rows)
    size = math.prod(taps) * channels * panels * wide
    # Each part has sums of its own, to be added up at the end; they may take half as much memory as the image does. A
    # slice reads all images again.
    parts = max(1, min(total, _JOBS // 2, math.prod(x_shape) // (2 * size)))
    strips = panels * taps[0] * taps[1]
    slices = next(n for n in range(min(strips, -(-_JOBS // 2 // parts)), strips + 1) if strips % n == 0)
    return _FilterPlan(
        wide, panels * wide, rows, parts, slices, size, clipped, first_height(apart if clipped else together), total,
        0 if clipped else _seen(rows, g_shape[2], taps, at.strides, at.dilation, channels),
        rows * g_shape[2] * panels * wide if results % wide else 0, n * math.prod(g_shape) * size > _SMALL,
    )  # fmt: skip


def _filter_gradient(
    x: Array, channels: tuple[int, int], g: Array, g_channels: tuple[int, int], taps: tuple[int, ...], at: Windows
) -> Array:
    n, *shape = x.shape
    g_shape = g.shape[1:]
    if _is_minimal(at, shape) and winograd.suits(channels[1], g_channels[1], n * shape[0], g_shape[1:]):
        summed: Array | None = winograd.filter_gradient(x, channels, g, g_channels, _negative(at.before[1:]))
        if summed is not None:
            return summed.reshape(*taps, channels[1], g_channels[1])
    plan = _filter_plan(x.shape, channels[1], g.shape, g_channels[1], x.itemsize, taps, at)
    with Lent(plan.parts * plan.size, x.dtype) as partials:
        threads.run(
            correlation.correlate_filter, plan.parts * plan.slices, x.reshape(-1), tuple(shape), channels,
            g.reshape(-1), g_shape, g_channels, plan.wide, partials, taps, _negative(at.before), at.strides,
            at.dilation, plan.rows, plan.parts, plan.slices, plan.clipped, plan.height, plan.total,
            scratch=((plan.seen, x.dtype), (plan.edge, x.dtype), (plan.rows, np.intp)),
            parallel=plan.parallel,
        )  # fmt: skip
        summed = partials.reshape(plan.parts, -1, plan.columns).sum(axis=0)
    # Of its own, where it has fewer columns than the sums: else it would keep all of them in memory.
    return np.ascontiguousarray(summed[:, : g_channels[1]]).reshape(*taps, channels[1], g_channels[1])


# --------------------------------------------------------------------------------------------------
# Depthwise. With several results a channel, the input is laid out once for each of them.


def _repeated(x: Array, times: int) -> Array:
    return x if times == 1 else np.repeat(x, times, axis=-1)


def _places(taps: tuple[int, ...]) -> list[tuple[int, Any]]:
    """What the depthwise kernels list: two numbers for a filter's rows, for its columns, and for all of its cells."""
    return [(2 * count, np.intp) for count in (taps[0] * taps[1], taps[2], math.prod(taps))]


def _depthwise(x: Array, filters: Array, y: Array, at: Windows, groups: int) -> Array:
    x = _repeated(x, y.shape[-1] // groups)
    threads.run(
        depthwise.forward, math.prod(y.shape[:3]), x.reshape(-1), x.shape[1:], filters.reshape(-1), y.reshape(-1),
        at.out, at.size, _negative(at.before), at.strides, at.dilation,
        scratch=_places(at.size), parallel=y.size * math.prod(at.size) > _SMALL,
    )  # fmt: skip
    return y


def _depthwise_input_gradient(g: Array, filters: Array, out: Array, at: Windows, groups: int) -> Array:
    channels = g.shape[-1]
    full = out if channels == groups else np.empty((*out.shape[:-1], channels), g.dtype)
    threads.run(
        depthwise.input_gradient, math.prod(full.shape[:3]), g.reshape(-1), at.out, filters.reshape(-1),
        full.reshape(-1), full.shape[1:4], channels, at.size, _negative(at.before), at.strides, at.dilation,
        scratch=_places(at.size), parallel=g.size * math.prod(at.size) > _SMALL,
    )  # fmt: skip
    return full if full is out else full.reshape(*out.shape, channels // groups).sum(axis=-1)


def _depthwise_filter_gradient(x: Array, g: Array, taps: tuple[int, ...], at: Windows, groups: int) -> Array:
    channels = g.shape[-1]
    x = _repeated(x, channels // groups)
    total = math.prod(g.shape[:3])
    parts = max(1, min(total, 16))
    with Lent(parts * math.prod(taps) * channels, x.dtype) as partials:
        threads.run(
            depthwise.filter_gradient, parts, x.reshape(-1), x.shape[1:], g.reshape(-1), at.out, partials,
            taps, _negative(at.before), at.strides, at.dilation, parts, total,
            parallel=g.size * math.prod(taps) > _SMALL,
        )  # fmt: skip
        summed: Array = partials.reshape(parts, *taps, 1, channels).sum(axis=0)
    return summed
