"""Compile every kernel now, rather than when each is first needed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from . import convolution, embedding, instructions, jobs, machine, normal, pooling, product, relu, standardize, winograd
from .windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WINDOWS = Windows((1, 3, 3), (1, 1, 1), (1, 1, 1), (0, 1, 1), (0, 1, 1), (1, 4, 4))  # 3 x 3 over 4 x 4


def warmup() -> Iterator[tuple[str, str, float]]:
    """Compile all kernels, or load them from the cache: what for, the dtype, and how many seconds it took."""
    start = time.perf_counter()
    state = np.zeros(jobs.SIZE, np.int64)
    jobs.wait(state, jobs.BELL, 0, False, 1)
    yield "threads", state.dtype.name, time.perf_counter() - start
    start = time.perf_counter()
    empty = np.empty(0, np.float32)
    machine.execute(state, 0, np.empty((0, instructions.FIELDS), np.int64), np.zeros(1, np.int64), 0, 0, empty, empty)
    yield "short steps", "float32", time.perf_counter() - start
    for dtype in (np.float32, np.float64):
        for name, call in _calls(dtype):
            start = time.perf_counter()
            call()
            yield name, np.dtype(dtype).name, time.perf_counter() - start


def _calls(dtype: Any) -> list[tuple[str, Callable[[], Any]]]:
    """Calls that need one kernel each, in an order in which none needs one of a later call."""
    x, filters = np.ones((1, 1, 4, 4, 8), dtype), np.ones((1, 3, 3, 8, 8), dtype)
    single = np.ones((1, 3, 3, 1, 8), dtype)  # filters that take one channel
    at, y = _WINDOWS, np.empty_like(x)
    matrix, line = np.ones((4, 8), dtype), np.ones(8, dtype)
    column = np.ones(4, dtype)
    params = np.ones((2, 8), dtype)
    ids, starts = np.arange(4), np.array([0, 2, 4])
    return [
        ("convolution", lambda: convolution.forward(x, filters, at, 1)),
        ("convolution, gradient for filters", lambda: convolution.filter_gradient(x, x, at.size, at, 1)),
        ("convolution, gradient for few channels", lambda: convolution.input_gradient(x, single, at.out, at, 1)),
        ("depthwise convolution", lambda: convolution.forward(x, single, at, 8)),
        ("depthwise convolution, gradient for filters", lambda: convolution.filter_gradient(x, x, at.size, at, 8)),
        ("depthwise convolution, gradient for x", lambda: convolution.input_gradient(x, single, at.out, at, 8)),
        ("3 x 3 convolution", lambda: winograd.forward(x, (0, 8), (0, 8), filters, y, (-1, -1))),
        ("3 x 3 convolution, gradient for filters", lambda: winograd.filter_gradient(x, (0, 8), x, (0, 8), (-1, -1))),
        ("max pooling", lambda: pooling.max_pool(x, at)),
        ("max pooling, gradient", lambda: pooling.to_maxima(x, x, x, at)),
        ("max pooling of relu", lambda: pooling.max_pool(x, at, relu=True)),
        ("max pooling of relu, gradient", lambda: pooling.to_maxima(x, x, x, at, relu=True)),
        ("max pooling, second gradient", lambda: pooling.at_maxima(x, x, x, at)),
        ("average pooling", lambda: pooling.avg_pool(x, at)),
        ("average pooling, gradient", lambda: pooling.avg_pool_gradient(x, at.out, at)),
        ("embedding bags", lambda: embedding.sums(matrix, ids, starts)),
        ("embedding bags, gradient", lambda: embedding.scattered(params, ids, starts, 4)),
        ("normal distribution", lambda: normal.normal_distribution(line)),
        ("product of matrices", lambda: product.matmul(matrix, matrix, transpose_y=True)),
        ("relu", lambda: relu.relu(line)),
        ("relu, gradient", lambda: relu.relu_gradient(line, line)),
        ("batch normalisation, moments", lambda: standardize.moments(matrix, 0)),
        ("batch normalisation", lambda: standardize.normalize(matrix, params, line, line, 0)),
        ("batch normalisation, sums", lambda: standardize.sums(matrix, matrix, line, line, 0)),
        ("batch normalisation, gradient", lambda: standardize.gradient(matrix, matrix, params, line, line, 0)),
        ("layer normalisation, moments", lambda: standardize.moments(matrix, 1)),
        ("layer normalisation", lambda: standardize.normalize(matrix, params, column, column, 1)),
        ("layer normalisation, sums", lambda: standardize.sums(matrix, matrix, column, column, 1)),
        ("layer normalisation, gradient", lambda: standardize.gradient(matrix, matrix, params, column, column, 1)),
    ]
