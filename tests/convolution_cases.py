"""Convolutions to try: drawn by Hypothesis, and chosen so that each branch of the kernels is reached."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.ops._windows import windows

CONV = {1: tg.conv1d, 2: tg.conv2d, 3: tg.conv3d}


def whole(*shape: int, seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    """Small whole numbers: sums of their products are exact, in any order and in float32 too."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def pulled(function: Any, x: np.ndarray, filters: np.ndarray, **options: Any) -> tuple[np.ndarray, ...]:
    """The result and the gradients for both arguments, and the cotangent that they belong to."""
    y, pullback = tg.vjp(lambda x, filters: function(x, filters, **options), x, filters)
    g = whole(*y.shape, seed=2, dtype=y.dtype)
    return y, *pullback(g), g


@st.composite
def cases(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """The shapes of x and of filters, and the other arguments of a convolution of at most some thousand products."""
    ndim = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, {1: 40, 2: 9, 3: 4}[ndim])) for _ in range(ndim)]
    taps = [draw(st.integers(1, {1: 7, 2: 4, 3: 3}[ndim])) for _ in range(ndim)]
    strides = [draw(st.integers(1, 4)) for _ in range(ndim)]
    dilation = [draw(st.integers(1, 3)) for _ in range(ndim)]
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5]))
    channels = draw(st.sampled_from([1, 1, 2, 3, 9] if groups == 1 else [1, 1, 2, 3]))
    outputs = draw(st.sampled_from([1, 2, 3, 17, 40] if groups == 1 else [1, 2, 5]))
    padding: Any = draw(st.sampled_from(["SAME", "VALID", "pairs"]))
    if padding == "pairs":
        padding = tuple((draw(st.integers(0, 6)), draw(st.integers(0, 6))) for _ in range(ndim))
    if padding != "SAME":
        pads = [(0, 0)] * ndim if padding == "VALID" else padding
        for i, (n, (before, after)) in enumerate(zip(sizes, pads, strict=True)):
            taps[i] = min(taps[i], n + before + after)
            dilation[i] = min(dilation[i], (n + before + after - 1) // max(taps[i] - 1, 1)) or 1
    at = windows("test", sizes, taps, strides, padding, dilation)
    assume(math.prod(at.out) * math.prod(taps) * channels * groups * outputs < 4000)
    batch = draw(st.integers(1, 2))
    options = {"strides": tuple(strides), "padding": padding, "dilation": tuple(dilation), "groups": groups}
    return (batch, *sizes, channels * groups), (*taps, channels, outputs * groups), options


@st.composite
def minimal_cases(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """The same for windows of 3 x 3 cells, one step apart: those that Winograd's filtering can serve."""
    deep = draw(st.booleans())
    sizes = [draw(st.integers(1, 9)) for _ in range(2)]
    before = [draw(st.integers(0, 4)) for _ in range(2)]
    after = [draw(st.integers(max(0, 3 - n - b), 4)) for n, b in zip(sizes, before, strict=True)]
    padding = tuple(zip(before, after, strict=True))
    groups = draw(st.sampled_from([1, 1, 2]))
    batch = draw(st.integers(1, 2))
    out = [n + sum(pair) - 2 for n, pair in zip(sizes, padding, strict=True)]
    pairs = 60_000 // (batch * math.prod(out) * 9 * groups)
    channels = draw(st.integers(1, min(40, pairs)))
    outputs = draw(st.integers(1, min(70, pairs // channels)))
    front = [draw(st.integers(1, 2))] if deep else []
    padding = (((0, 0),) if deep else ()) + padding
    options = {"strides": 1, "padding": padding, "dilation": 1, "groups": groups}
    return (batch, *front, *sizes, channels * groups), (*[1] * deep, 3, 3, channels, outputs * groups), options


# At sizes that reach all branches of the kernels: the shapes of x and of filters, and the other arguments.
LARGE = {
    "rows of three channels": ((2, 40, 61, 3), (3, 3, 3, 64), {}),
    "one channel": ((3, 28, 28, 1), (5, 5, 1, 32), {}),
    "several blocks of rows": ((1, 61, 40, 33), (3, 3, 33, 17), {}),
    "several blocks of rows without padding": ((2, 61, 40, 64), (3, 3, 64, 16), {"padding": "VALID"}),
    "several panels": ((2, 9, 9, 20), (3, 3, 20, 70), {}),
    "every pixel by itself": ((3, 7, 11, 24), (1, 1, 24, 32), {}),
    "every pixel by itself, a prime number of them": ((1, 1, 1031, 8), (1, 1, 8, 16), {}),
    "every other pixel": ((2, 15, 15, 24), (1, 1, 24, 20), {"strides": 2}),
    "strides": ((2, 30, 31, 16), (3, 3, 16, 40), {"strides": 2}),
    "few channels, large filters, strides": ((1, 67, 67, 3), (11, 11, 3, 64), {"strides": 4}),
    "few channels, strides longer than filters": ((2, 31, 30, 2), (2, 2, 2, 8), {"strides": 3}),
    "few channels, dilation": ((1, 30, 30, 2), (4, 4, 2, 24), {"dilation": (2, 3)}),
    "dilation": ((1, 25, 26, 18), (3, 3, 18, 32), {"dilation": 3}),
    "strides and dilation": ((1, 25, 26, 18), (3, 3, 18, 32), {"strides": 2, "dilation": 2}),
    "padding at one side": ((1, 20, 21, 16), (3, 4, 16, 16), {"padding": ((0, 5), (7, 0))}),
    "groups": ((2, 14, 15, 24), (3, 3, 8, 51), {"groups": 3}),
    "groups with few channels": ((2, 14, 15, 6), (5, 5, 2, 9), {"groups": 3, "strides": 2}),
    "depthwise": ((2, 15, 14, 37), (3, 3, 1, 37), {"groups": 37}),
    "depthwise, strides and dilation": ((2, 15, 14, 33), (3, 2, 1, 33), {"groups": 33, "strides": 2, "dilation": 2}),
    "depthwise, several filters a channel": ((1, 15, 14, 18), (3, 3, 1, 54), {"groups": 18, "strides": (1, 2)}),
    "one dimension": ((3, 300, 20), (9, 20, 24), {"strides": 2}),
    "three dimensions": ((1, 9, 10, 11, 8), (3, 3, 3, 8, 20), {"strides": (2, 1, 1)}),
    "three dimensions, few channels": ((1, 9, 10, 11, 1), (5, 4, 3, 1, 20), {"strides": (1, 2, 1)}),
    "three dimensions, depthwise": ((1, 5, 6, 7, 20), (3, 2, 3, 1, 20), {"groups": 20}),
    "tiles": ((2, 23, 30, 40), (3, 3, 40, 70), {}),
    "tiles without padding": ((3, 17, 18, 64), (3, 3, 64, 33), {"padding": "VALID"}),
    "tiles of groups": ((1, 28, 27, 96), (3, 3, 48, 96), {"groups": 2}),
    "tiles in three dimensions": ((1, 3, 14, 15, 40), (1, 3, 3, 40, 64), {}),
    "tiles of many channels": ((1, 20, 20, 256), (3, 3, 256, 256), {}),
    "tiles in several parts": ((1, 66, 64, 48), (3, 3, 48, 64), {}),
    "one pixel": ((1, 1, 1, 40), (3, 3, 40, 40), {}),
    "a batch of one-pixel images": ((50, 1, 1, 8), (1, 1, 8, 16), {"padding": "VALID"}),
    "one window": ((2, 7, 7, 16), (7, 7, 16, 33), {"padding": "VALID"}),
}
