"""Normalisation of matrices in compiled code: what `nn/_standardize.py` says in NumPy, for columns and for rows.

A job is a block of rows. What belongs to a column is summed block by block, and the sums of the blocks in double
precision. A sum along a row is kept as `LANES` sums, which can be added to side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import threads
from .arrays import to_read
from .jit import compiled, inlined
from .jobs import taken

Array = np.ndarray[Any, np.dtype[Any]]

LANES = 64
_BLOCK = 1 << 15  # numbers of one job, about: they stay in the cache, and are enough to be worth handing out


def moments(x: Array, axis: int) -> Array:
    """The means and variances along `axis` of a matrix: (2, 1, width) for 0, (2, rows, 1) for 1."""
    rows, width = x.shape
    size, jobs = _blocks(x)
    if axis:
        out = np.empty((2, rows), x.dtype)
        threads.run(_moments_of_rows, jobs, out, to_read(x), size, scratch=[(LANES, x.dtype)])
        return out[:, :, None]
    partial = np.empty((jobs, 3, width), x.dtype)
    threads.run(_moments_of_columns, jobs, partial, to_read(x), size)
    # The variance of all is the mean of the blocks' own, and that of their means. Source: Chan, Golub and LeVeque,
    # Updating formulae and a pairwise algorithm for computing sample variances, 1979.
    counts = np.full((jobs, 1), size, np.float64)
    counts[-1] = rows - (jobs - 1) * size
    about, rest, squares = partial.astype(np.float64).swapaxes(0, 1)
    rest /= counts
    means = about + rest
    mean = (means * counts).sum(0) / rows
    variance = (squares + ((means - mean) ** 2 - rest**2) * counts).sum(0) / rows
    return np.stack([mean, variance])[:, None].astype(x.dtype)


def normalize(x: Array, params: Array, centre: Array, scale: Array, axis: int) -> Array:
    """`(x - centre) * scale * params[0] + params[1]`."""
    size, jobs = _blocks(x)
    y = np.empty(x.shape, x.dtype)
    kernel = _normalize_rows if axis else _normalize_columns
    threads.run(kernel, jobs, y, *map(to_read, (x, params, centre.reshape(-1), scale.reshape(-1))), size)
    return y


def sums(g: Array, x: Array, centre: Array, scale: Array, axis: int) -> Array:
    """(2, width): the sums over all rows of `g * (x - centre) * scale`, and of `g`."""
    size, jobs = _blocks(x)
    partial = np.empty((jobs, 2, x.shape[1]), x.dtype)
    kernel = _sums_by_rows if axis else _sums_by_columns
    threads.run(kernel, jobs, partial, *map(to_read, (g, x, centre.reshape(-1), scale.reshape(-1))), size)
    total: Array = partial.sum(0, dtype=np.float64).astype(x.dtype)
    return total


def gradient(y: Array, x: Array, params: Array, centre: Array, scale: Array, axis: int) -> Array:
    """`scale * (z - mean of z - u * mean of z u)` along `axis`, for `z = y * params[0]` and the standardised `u`."""
    size, jobs = _blocks(x)
    out = np.empty(x.shape, x.dtype)
    if axis:
        threads.run(
            _gradient_of_rows, jobs, out, to_read(y), to_read(x), to_read(params[0]), to_read(centre.reshape(-1)),
            to_read(scale.reshape(-1)), size, scratch=[(LANES, x.dtype), (LANES, x.dtype)],
        )  # fmt: skip
        return out
    along, plain = sums(y, x, centre, scale, 0) / np.asarray(len(x), x.dtype)
    scale = scale.reshape(-1)
    factor = scale * params[0]
    # With u written out, out = factor * y - start - slope * (x - centre).
    lines = np.stack([factor, factor * plain, factor * along * scale])
    threads.run(_gradient_of_columns, jobs, out, *map(to_read, (y, x, lines, centre.reshape(-1))), size)
    return out


def _blocks(x: Array) -> tuple[int, int]:
    """How many rows a job has, and how many jobs there are."""
    rows, width = x.shape
    size = max(1, _BLOCK // max(1, width))
    return size, -(-rows // size)


# --------------------------------------------------------------------------------------------------
# Inner loops run over a row by itself: counting from its start, they are seen to stay inside, and become vectors.


@compiled
def _moments_of_columns(state, jobs, partial, x, size):
    for job in taken(state, jobs):
        begin, end = job * size, min((job + 1) * size, x.shape[0])
        mean, rest, square = partial[job, 0], partial[job, 1], partial[job, 2]
        for c in range(mean.size):
            mean[c] = 0
            rest[c] = 0
            square[c] = 0
        for place in range(begin, end):
            row = x[place]
            for c in range(mean.size):
                mean[c] += row[c]
        for c in range(mean.size):
            mean[c] /= end - begin
        for place in range(begin, end):  # again, which costs little: a block is still in the cache
            row = x[place]
            for c in range(mean.size):
                distance = row[c] - mean[c]  # which adds up to what the mean lacks, being rounded
                rest[c] += distance
                square[c] += distance * distance


@compiled
def _normalize_columns(state, jobs, y, x, params, centre, scale, size):
    factor, shift = params[0], params[1]
    for job in taken(state, jobs):
        for place in range(job * size, min((job + 1) * size, x.shape[0])):
            row, out = x[place], y[place]
            for c in range(row.size):
                out[c] = (row[c] - centre[c]) * scale[c] * factor[c] + shift[c]


@compiled
def _sums_by_columns(state, jobs, partial, g, x, centre, scale, size):
    for job in taken(state, jobs):
        along, plain = partial[job, 0], partial[job, 1]
        for c in range(along.size):
            along[c] = 0
            plain[c] = 0
        for place in range(job * size, min((job + 1) * size, x.shape[0])):
            row, slope = x[place], g[place]
            for c in range(along.size):
                along[c] += slope[c] * (row[c] - centre[c])
                plain[c] += slope[c]
        for c in range(along.size):
            along[c] *= scale[c]


@compiled
def _gradient_of_columns(state, jobs, out, y, x, lines, centre, size):
    factor, start, slope = lines[0], lines[1], lines[2]
    for job in taken(state, jobs):
        for place in range(job * size, min((job + 1) * size, x.shape[0])):
            row, given, result = x[place], y[place], out[place]
            for c in range(row.size):
                result[c] = factor[c] * given[c] - start[c] - slope[c] * (row[c] - centre[c])


@inlined
def _clear(lanes):
    for k in range(LANES):
        lanes[k] = 0


@inlined
def _mean(lanes, count):
    """The mean of the `count` numbers that `lanes` are sums of, in the precision of `lanes`."""
    for k in range(LANES // 2):
        lanes[k] += lanes[k + LANES // 2]
    for k in range(LANES // 4):
        lanes[k] += lanes[k + LANES // 4]
    for k in range(LANES // 8):
        lanes[k] += lanes[k + LANES // 8]
    total = 0.0
    for k in range(LANES // 8):
        total += lanes[k]
    lanes[0] = total / count
    return lanes[0]


@compiled
def _moments_of_rows(state, jobs, out, x, size, lanes):
    width = x.shape[1]
    whole = width - width % LANES
    for job in taken(state, jobs):
        for place in range(job * size, min((job + 1) * size, x.shape[0])):
            row = x[place]
            rest = row[whole:]
            _clear(lanes)
            for i in range(0, whole, LANES):
                for k in range(LANES):
                    lanes[k] += row[i + k]
            for k in range(rest.size):
                lanes[k] += rest[k]
            mean = _mean(lanes, width)
            out[0, place] = mean
            _clear(lanes)
            for i in range(0, whole, LANES):
                for k in range(LANES):
                    distance = row[i + k] - mean
                    lanes[k] += distance * distance
            for k in range(rest.size):
                distance = rest[k] - mean
                lanes[k] += distance * distance
            out[1, place] = _mean(lanes, width)


@compiled
def _normalize_rows(state, jobs, y, x, params, centre, scale, size):
    factor, shift = params[0], params[1]
    for job in taken(state, jobs):
        for place in range(job * size, min((job + 1) * size, x.shape[0])):
            row, out, middle, wide = x[place], y[place], centre[place], scale[place]
            for c in range(row.size):
                out[c] = (row[c] - middle) * wide * factor[c] + shift[c]


@compiled
def _sums_by_rows(state, jobs, partial, g, x, centre, scale, size):
    for job in taken(state, jobs):
        along, plain = partial[job, 0], partial[job, 1]
        for c in range(along.size):
            along[c] = 0
            plain[c] = 0
        for place in range(job * size, min((job + 1) * size, x.shape[0])):
            row, slope, middle, wide = x[place], g[place], centre[place], scale[place]
            for c in range(along.size):
                along[c] += slope[c] * (row[c] - middle) * wide
                plain[c] += slope[c]


@compiled
def _gradient_of_rows(state, jobs, out, y, x, factor, centre, scale, size, plain, along):
    width = x.shape[1]
    whole = width - width % LANES
    factor_rest = factor[whole:]
    for job in taken(state, jobs):
        for place in range(job * size, min((job + 1) * size, x.shape[0])):
            row, given, result, middle, wide = x[place], y[place], out[place], centre[place], scale[place]
            row_rest, given_rest = row[whole:], given[whole:]
            _clear(plain)
            _clear(along)
            for i in range(0, whole, LANES):
                for k in range(LANES):
                    z = given[i + k] * factor[i + k]
                    plain[k] += z
                    along[k] += z * ((row[i + k] - middle) * wide)
            for k in range(width - whole):
                z = given_rest[k] * factor_rest[k]
                plain[k] += z
                along[k] += z * ((row_rest[k] - middle) * wide)
            mean, slope = _mean(plain, width), _mean(along, width)
            for c in range(width):
                result[c] = wide * (given[c] * factor[c] - mean - (row[c] - middle) * wide * slope)
