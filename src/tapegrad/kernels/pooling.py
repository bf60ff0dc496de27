"""Pooling in compiled code: what `plain_pooling` says in NumPy, function for function.

The lanes of a vector are channels, so a window costs one step a cell and vector, wherever its maxima lie. What is
computed from windows is divided into rows of windows. What is put back into the input is divided into bands of the
input's rows, each of them a job that visits all windows which reach into it and writes nothing outside: windows that
overlap may then be added up without waiting for each other, and always in the same order.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from . import threads
from .arrays import flat_to_read
from .jit import compiled, inlined
from .jobs import taken
from .memory import clear
from .vectors import (
    BYTES,
    add,
    below,
    choose,
    divide,
    equals,
    everywhere,
    exceeds,
    load,
    relu,
    relu_gradient,
    spread,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..ops._windows import Windows

    Array = np.ndarray[Any, np.dtype[Any]]

_SMALL = 1 << 15  # elements below which waking a thread costs more than it brings
_BANDS = 64  # how many jobs are enough for any number of threads that is likely


def max_pool(x: Array, at: Windows, relu: bool = False) -> Array:
    """The largest element of each window, of `x` or of relu of it."""
    y = np.empty((len(x), *at.out, x.shape[-1]), x.dtype)
    _run_by_rows(_max_pool_of_relu if relu else _max_pool, at, x.shape, y, x)
    return y


def at_maxima(z: Array, x: Array, maxima: Array, at: Windows) -> Array:
    """The elements of `z` at the places of the first `maxima` of `x`."""
    y = np.empty(maxima.shape, x.dtype)
    _run_by_rows(_at_maxima, at, x.shape, y, z, x, maxima)
    return y


def to_maxima(y: Array, x: Array, maxima: Array, at: Windows, relu: bool = False) -> Array:
    """The transpose of `at_maxima`: `y` added up at the places of the first `maxima` of `x`.

    With `relu` these are maxima of relu of `x`, and the gradient of that, 0 or 1, multiplies what is put there.
    """
    z = np.empty(x.shape, x.dtype)
    _run_by_bands(_to_maxima_of_relu if relu else _to_maxima, at, z, y, x, maxima)
    return z


def avg_pool(x: Array, at: Windows) -> Array:
    """The mean of the cells of each window that exist."""
    y = np.empty((len(x), *at.out, x.shape[-1]), x.dtype)
    _run_by_rows(_avg_pool, at, x.shape, y, x)
    return y


def avg_pool_gradient(y: Array, sizes: Sequence[int], at: Windows) -> Array:
    """The transpose of `avg_pool`: `y`, divided by how many cells its window has, added to each of them."""
    x = np.empty((len(y), *sizes, y.shape[-1]), y.dtype)
    _run_by_bands(_avg_pool_gradient, at, x, y)
    return x


def _run_by_rows(kernel: Callable[..., Any], at: Windows, shape: tuple[int, ...], out: Array, *inputs: Array) -> None:
    """Run a kernel whose jobs are the outermost rows of windows, and which fills `out`, that of the windows."""
    jobs = shape[0] * at.out[0]
    flat = map(flat_to_read, inputs)
    threads.run(
        kernel, jobs, out.reshape(-1), *flat, shape[1:], *_geometry(at, shape), parallel=inputs[0].size > _SMALL
    )


def _run_by_bands(kernel: Callable[..., Any], at: Windows, out: Array, *inputs: Array) -> None:
    """Run a kernel whose jobs are bands of rows of `out`, which has the shape of the input."""
    if not out.size:
        return
    n, rows = out.shape[:2]
    # Where windows overlap, those that reach into two bands are visited twice: bands are at least 4 windows high.
    bands = max(1, min(-(-_BANDS // n), rows // (4 * at.size[0])))
    counts, strides, before, window = geometry = _geometry(at, out.shape)
    tiled = strides == window and all(
        count * stride - b >= size
        for count, stride, b, size in zip(counts, strides, before, out.shape[1:-1], strict=True)
    )
    flat = map(flat_to_read, inputs)
    threads.run(
        kernel, n * bands, out.reshape(-1), *flat, out.shape[1:], *geometry, tiled, bands, parallel=out.size > _SMALL
    )


@functools.lru_cache(512)
def _geometry(at: Windows, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """How many windows, their strides, padding and sizes.

    No stride needs to be larger than the input and the padding before it. Sizes and padding are below 2**62, so then
    nothing that a kernel computes from these can overflow.
    """
    room = (max(n + before, 1) for n, before in zip(shape[1:-1], at.before, strict=True))
    return at.out, tuple(map(min, at.strides, room)), at.before, at.size


# --------------------------------------------------------------------------------------------------
# In compiled code all arrays are flat. `size` is the shape of an image, (A, B, D, C); of the windows, `counts` tells
# how many there are, `window` their size. Cells are given by their bounds, three pairs (first, behind the last).
# What happens to one window and one vector of channels, at `place` in the input and at `w` among the windows, is a
# function of its own, which the two loops over windows are handed. With `cut`, relu of the input is pooled.


@inlined
def _bounds(index, stride, before, window, size):
    """The bounds of the cells of a window that exist."""
    start = index * stride - before
    return max(start, 0), min(start + window, size)


@inlined
def _by_rows(of_window, state, jobs, y, inputs, size, counts, strides, before, window):
    """Write into `y` what `of_window` gives for each window; a job is a row of them."""
    channels = size[3]
    lanes = BYTES // y.itemsize
    whole = channels - channels % lanes
    rest = below(y, channels - whole)
    for job in taken(state, jobs):
        image = job // counts[0] * size[0] * size[1] * size[2] * channels
        w = job * counts[1] * counts[2] * channels
        a = _bounds(job % counts[0], strides[0], before[0], window[0], size[0])
        for j in range(counts[1]):
            b = _bounds(j, strides[1], before[1], window[1], size[1])
            for k in range(counts[2]):
                cells = a, b, _bounds(k, strides[2], before[2], window[2], size[2])
                for c in range(0, whole, lanes):
                    store(y, w + c, of_window(inputs, image + c, w + c, size, cells, everywhere(y)), everywhere(y))
                if whole < channels:
                    store(y, w + whole, of_window(inputs, image + whole, w + whole, size, cells, rest), rest)
                w += channels


@inlined
def _by_bands(from_window, state, jobs, x, inputs, size, counts, strides, before, window, tiled, bands):
    """Let `from_window` put into `x` what comes from each window; a job is a band of rows of an image.

    Where windows are `tiled`, each cell is in one of them, which writes there. Else they add to zeros.
    """
    channels = size[3]
    lanes = BYTES // x.itemsize
    whole = channels - channels % lanes
    rest = below(x, channels - whole)
    row = size[1] * size[2] * channels
    for job in taken(state, jobs):
        n = job // bands
        low = job % bands * size[0] // bands
        high = (job % bands + 1) * size[0] // bands
        image = n * size[0] * row
        if not tiled:
            clear(x, image + low * row, (high - low) * row)
        start = max(0, (low + before[0] - window[0]) // strides[0] + 1)
        end = min(counts[0], (high - 1 + before[0]) // strides[0] + 1)
        for i in range(start, end):
            w = (n * counts[0] + i) * counts[1] * counts[2] * channels
            a = _bounds(i, strides[0], before[0], window[0], size[0])
            for j in range(counts[1]):
                b = _bounds(j, strides[1], before[1], window[1], size[1])
                for k in range(counts[2]):
                    cells = a, b, _bounds(k, strides[2], before[2], window[2], size[2])
                    for c in range(0, whole, lanes):
                        from_window(x, inputs, image + c, w + c, size, cells, low, high, tiled, everywhere(x))
                    if whole < channels:
                        from_window(x, inputs, image + whole, w + whole, size, cells, low, high, tiled, rest)
                    w += channels


@inlined
def _put(x, cell, value, tiled, mask):
    """Add `value` to a cell, or write it into one that nothing else adds to."""
    if tiled:
        store(x, cell, value, mask)
    else:
        store(x, cell, add(load(x, cell, mask), value), mask)


@inlined
def _largest(inputs, place, w, size, cells, mask):
    x, cut = inputs
    (a0, a1), (b0, b1), (d0, d1) = cells
    largest = load(x, place + ((a0 * size[1] + b0) * size[2] + d0) * size[3], mask)
    for a in range(a0, a1):
        for b in range(b0, b1):
            for d in range(d0, d1):
                v = load(x, place + ((a * size[1] + b) * size[2] + d) * size[3], mask)
                largest = choose(exceeds(v, largest), v, largest)
    return relu(largest) if cut else largest


@inlined
def _picked(inputs, place, w, size, cells, mask):
    z, x, maxima = inputs
    (a0, a1), (b0, b1), (d0, d1) = cells
    largest = load(maxima, w, mask)
    picked = spread(z, 0)
    for a in range(a1 - 1, a0 - 1, -1):  # backwards, so that the first place is the last to be picked
        for b in range(b1 - 1, b0 - 1, -1):
            for d in range(d1 - 1, d0 - 1, -1):
                cell = place + ((a * size[1] + b) * size[2] + d) * size[3]
                picked = choose(equals(load(x, cell, mask), largest), load(z, cell, mask), picked)
    return picked


@inlined
def _put_back(z, inputs, place, w, size, cells, low, high, tiled, mask):
    y, x, maxima, cut = inputs
    (a0, a1), (b0, b1), (d0, d1) = cells
    largest = load(maxima, w, mask)
    pending = load(y, w, mask)
    if cut:
        pending = relu_gradient(pending, largest)
    for a in range(a0, min(a1, high)):
        for b in range(b0, b1):
            for d in range(d0, d1):
                cell = place + ((a * size[1] + b) * size[2] + d) * size[3]
                v = load(x, cell, mask)
                found = equals(relu(v) if cut else v, largest)
                if a >= low:
                    _put(z, cell, choose(found, pending, spread(z, 0)), tiled, mask)
                pending = choose(found, spread(z, 0), pending)


@inlined
def _mean(inputs, place, w, size, cells, mask):
    (x,) = inputs
    (a0, a1), (b0, b1), (d0, d1) = cells
    total = spread(x, -0.0)  # which changes nothing, not even a sum of -0
    for a in range(a0, a1):
        for b in range(b0, b1):
            for d in range(d0, d1):
                total = add(total, load(x, place + ((a * size[1] + b) * size[2] + d) * size[3], mask))
    return divide(total, spread(x, (a1 - a0) * (b1 - b0) * (d1 - d0)))


@inlined
def _share_out(x, inputs, place, w, size, cells, low, high, tiled, mask):
    (y,) = inputs
    (a0, a1), (b0, b1), (d0, d1) = cells
    share = divide(load(y, w, mask), spread(y, (a1 - a0) * (b1 - b0) * (d1 - d0)))
    for a in range(max(a0, low), min(a1, high)):
        for b in range(b0, b1):
            for d in range(d0, d1):
                cell = place + ((a * size[1] + b) * size[2] + d) * size[3]
                _put(x, cell, share, tiled, mask)


@compiled
def _max_pool(state, jobs, y, x, size, counts, strides, before, window):
    _by_rows(_largest, state, jobs, y, (x, False), size, counts, strides, before, window)


@compiled
def _max_pool_of_relu(state, jobs, y, x, size, counts, strides, before, window):
    _by_rows(_largest, state, jobs, y, (x, True), size, counts, strides, before, window)


@compiled
def _at_maxima(state, jobs, y, z, x, maxima, size, counts, strides, before, window):
    _by_rows(_picked, state, jobs, y, (z, x, maxima), size, counts, strides, before, window)


@compiled
def _to_maxima(state, jobs, z, y, x, maxima, size, counts, strides, before, window, tiled, bands):
    _by_bands(_put_back, state, jobs, z, (y, x, maxima, False), size, counts, strides, before, window, tiled, bands)


@compiled
def _to_maxima_of_relu(state, jobs, z, y, x, maxima, size, counts, strides, before, window, tiled, bands):
    _by_bands(_put_back, state, jobs, z, (y, x, maxima, True), size, counts, strides, before, window, tiled, bands)


@compiled
def _avg_pool(state, jobs, y, x, size, counts, strides, before, window):
    _by_rows(_mean, state, jobs, y, (x,), size, counts, strides, before, window)


@compiled
def _avg_pool_gradient(state, jobs, x, y, size, counts, strides, before, window, tiled, bands):
    _by_bands(_share_out, state, jobs, x, (y,), size, counts, strides, before, window, tiled, bands)
