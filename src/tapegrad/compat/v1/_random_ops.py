"""Random numbers, with TensorFlow's seeds.

With a seed, of the graph or of the operation, an operation has a stream of its own, which starts anew in each session.
Without one it draws from tapegrad's stream. The numbers are not those that TensorFlow would draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import random as streams
from ..._tape import mode, wrap
from ...ops.indexing import take
from ...ops.reduction import argmax
from ...ops.shape import astype
from ...primitive import constant as without_gradient
from ...tensor import tensor as new_value
from . import _dtypes as dtypes
from ._arguments import chosen, plain, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import Kind
from ._nodes import convert, node

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor
    from ._run import Run

__all__ = [
    "get_seed",
    "multinomial",
    "random_crop",
    "random_gamma",
    "random_normal",
    "random_poisson",
    "random_shuffle",
    "random_uniform",
    "set_random_seed",
    "truncated_normal",
]

_OF_GRAPH = 87654321  # what stands for the graph's seed where only the operation has one


def set_random_seed(seed: int | None) -> None:
    """Let all random operations that are added to the graph from now on depend on `seed`."""
    get_default_graph().seed = seed


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The two seeds of an operation that is added next: of the graph, and its own; None and None without any."""
    graph = get_default_graph()
    if graph.seed is None:
        return (None, None) if op_seed is None else (_OF_GRAPH, op_seed)
    return graph.seed, len(graph.get_operations()) if op_seed is None else op_seed


def draws(
    kind: str,
    draw: Callable[..., Any],
    inputs: list[Any],
    name: str | None,
    seed: int | None,
    sample: Callable[..., Any],
    finish: Callable[..., Any] | None = None,
) -> Tensor:
    """An operation that draws: `draw(stream, *values)` gives an array, and `finish(array, *values)` the result.

    `stream` is NumPy's Generator. What `draw` takes from `values` are sizes and what is the same in every run;
    `finish` computes with ops, which may be compiled and differentiated.
    """
    seeds = get_seed(seed)
    key = object()  # under which a session keeps how often it has drawn

    def drawn(run: Run, *values: Any) -> Any:
        if seeds[0] is None:
            array = _from_stream(lambda numbers: draw(numbers, *values))
        else:
            count = run.session.kept(key, lambda: new_value(np.zeros((), np.int64), dtype=np.int64))
            for value in values:
                if value.dtype.kind in "iu" and value.ndim <= 1:
                    plain(value)  # it may be a size, which a program must know
            array = _numbered(count, *values, draw=draw, seed=_one(*seeds))
            count.assign_(count + 1)
        return array if finish is None else finish(array, *values)

    return node(kind, drawn, inputs, name, in_run=True, sample=sample)  # type: ignore[no-any-return]


def _from_stream(draw: Callable[[np.random.Generator], Any]) -> Any:
    """What `draw` takes from tapegrad's stream, anew each time that a program runs."""
    stream = streams._current()

    def once() -> Any:
        with stream._lock:
            return draw(stream._numbers)

    array = once()
    if mode.tracer is not None:
        array = wrap(array)
        mode.tracer.drawn(once, array)
    return array


# The draw of a number is a function of it and of the seed, so that a program and the operations by themselves agree.
_numbered = without_gradient(
    lambda count, *values, draw, seed: draw(np.random.Generator(np.random.PCG64([seed, int(count)])), *values),
    name="numbered_draw",
)


def _one(of_graph: int | None, of_operation: int | None) -> int:
    """One seed of two, of which either may be negative."""
    return ((of_graph or 0) % 2**32) * 2**32 + (of_operation or 0) % 2**32


def _drawing(
    kind: str,
    draw: Callable[..., Any],
    finish: Callable[..., Any] | None,
    shape: Any,
    dtype: Any,
    seed: int | None,
    name: str | None,
    *numbers: Any,
) -> Tensor:
    """An operation that draws numbers of a shape, which may be known only when a session runs.

    `draw(stream, sizes, dtype)` gives them, and `finish(array, *numbers)` makes of them what is wanted.
    """
    given, sizes = sizes_argument(shape)
    wanted = dtypes.as_dtype(dtype)
    values = [convert(number, wanted) for number in numbers]
    count = len(values)

    def drawn(stream: np.random.Generator, *values: Any) -> Any:
        kind = np.float64 if wanted.dtype == np.float64 else np.float32  # NumPy draws in these
        return np.asarray(draw(stream, sizes_in(values[count:], sizes), kind)).astype(wanted.dtype, copy=False)

    def sample(*values: Any) -> Any:
        return np.broadcast_to(np.zeros((), wanted.dtype), sizes_in(values[count:], sizes))

    done = None if finish is None else lambda array, *values: finish(array, *values[:count])
    return draws(kind, drawn, [*values, *given], name, seed, sample, done)


def _normal(stream: np.random.Generator, shape: tuple[int, ...], kind: Any) -> Any:
    return stream.standard_normal(shape, kind)


def _truncated(stream: np.random.Generator, shape: tuple[int, ...], kind: Any) -> Any:
    array = np.asarray(stream.standard_normal(shape, kind))
    while count := np.count_nonzero(outside := np.abs(array) > 2):
        array[outside] = stream.standard_normal(count, kind)
    return array


def _uniform(stream: np.random.Generator, shape: tuple[int, ...], kind: Any) -> Any:
    return stream.random(shape, kind)


def _scaled(array: Any, mean: Any, stddev: Any) -> Any:
    return array * stddev + mean


def _between(array: Any, low: Any, high: Any) -> Any:
    return array * (high - low) + low


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draws from the normal distribution."""
    return _drawing("random_normal", _normal, _scaled, shape, dtype, seed, name, mean, stddev)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draws from the normal distribution, drawn again where they lie more than two deviations from the mean."""
    return _drawing("truncated_normal", _truncated, _scaled, shape, dtype, seed, name, mean, stddev)


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draws from `minval` (included) up to `maxval` (excluded), every value as likely; whole numbers, too."""
    if not dtypes.as_dtype(dtype).is_integer:
        high = 1 if maxval is None else maxval
        return _drawing("random_uniform", _uniform, _between, shape, dtype, seed, name, minval, high)
    if maxval is None:
        raise ValueError(f"Must specify maxval for integer dtype {dtypes.as_dtype(dtype)!r}")
    given, sizes = sizes_argument(shape)
    kind = dtypes.as_dtype(dtype).dtype

    def draw(stream: np.random.Generator, low: Any, high: Any, *given: Any) -> Any:
        return np.asarray(stream.integers(plain(low), plain(high), sizes_in(given, sizes))).astype(kind)

    def sample(low: Any, high: Any, *given: Any) -> Any:
        return np.broadcast_to(np.zeros((), kind), sizes_in(given, sizes))

    return draws("random_uniform", draw, [convert(minval, dtype), convert(maxval, dtype), *given], name, seed, sample)


def random_gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draws from gamma distributions: `shape` many for each element of `alpha` and `beta`. Without a gradient."""

    given, sizes = sizes_argument(shape)
    kind = dtypes.as_dtype(dtype)

    def draw(stream: np.random.Generator, alpha: Any, beta: Any, *given: Any) -> Any:
        alpha, beta = plain(alpha), plain(beta)
        shape = (*sizes_in(given, sizes), *np.broadcast_shapes(alpha.shape, beta.shape))
        return (stream.standard_gamma(alpha, shape) / beta).astype(kind.dtype)

    def sample(alpha: Any, beta: Any, *given: Any) -> Any:
        shape = (*sizes_in(given, sizes), *np.broadcast_shapes(alpha.shape, beta.shape))
        return np.broadcast_to(np.zeros((), kind.dtype), shape)

    inputs = [convert(alpha, kind), convert(1 if beta is None else beta, kind), *given]
    return draws("random_gamma", draw, inputs, name, seed, sample)


def random_poisson(
    lam: Any, shape: Any, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Draws from Poisson distributions: `shape` many for each element of `lam`, their means."""
    given, sizes = sizes_argument(shape)
    kind = dtypes.as_dtype(dtype).dtype

    def draw(stream: np.random.Generator, mean: Any, *given: Any) -> Any:
        return np.asarray(stream.poisson(plain(mean), (*sizes_in(given, sizes), *np.shape(mean)))).astype(kind)

    def sample(mean: Any, *given: Any) -> Any:
        return np.broadcast_to(np.zeros((), kind), (*sizes_in(given, sizes), *np.shape(mean)))

    return draws("random_poisson", draw, [lam, *given], name, seed, sample)


# --------------------------------------------------------------------------------------------------
# Orders, places and classes


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows of `value` in a random order."""
    value = convert(value)

    def order(stream: np.random.Generator, value: Any) -> Any:
        return stream.permutation(np.shape(value)[0])

    with get_default_graph().name_scope(name or "RandomShuffle") as scope:
        places = draws("order", order, [value], None, seed, lambda value: np.arange(len(value)))
        return node("RandomShuffle", lambda value, places: take(value, places, 0), [value, places], scope)  # type: ignore[no-any-return]


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A part of `value` of the given size, at a random place."""
    from ._slicing import slice_of as part

    value = convert(value)
    given, sizes = sizes_argument(size)

    def corner(stream: np.random.Generator, value: Any, *given: Any) -> Any:
        room = np.subtract(np.shape(value), sizes_in(given, sizes))
        if (room < 0).any():
            raise ValueError(f"Need value.shape >= size, got {np.shape(value)} and {sizes_in(given, sizes)}")
        return stream.integers(0, room + 1).astype(np.int32)

    with get_default_graph().name_scope(name or "random_crop") as scope:
        begin = draws(
            "corner", corner, [value, *given], None, seed,
            lambda value, *_: Kind((np.ndim(value),), np.dtype(np.int32)),
        )  # fmt: skip
        return part(value, begin, size, scope)


def multinomial(
    logits: Any, num_samples: Any, seed: int | None = None, name: str | None = None, output_dtype: Any = None
) -> Tensor:
    """Classes drawn with the probabilities that softmax gives: `(N, classes) -> (N, num_samples)`."""
    kind = dtypes.as_dtype(chosen("multinomial", output_dtype=output_dtype) or dtypes.int64).dtype
    given, count = sizes_argument(num_samples)

    # The largest of logits with Gumbel noise is a draw from their softmax.
    def noise(stream: np.random.Generator, logits: Any, *given: Any) -> Any:
        (rows, classes), (number,) = np.shape(logits), sizes_in(given, count)
        return stream.gumbel(size=(rows, number, classes)).astype(logits.dtype)

    def choose(noise: Any, logits: Any, *given: Any) -> Any:
        return astype(argmax(logits[:, None] + noise, -1), kind)

    def sample(logits: Any, *given: Any) -> Any:
        return np.broadcast_to(np.zeros((), kind), (len(logits), *sizes_in(given, count)))

    with get_default_graph().name_scope(name or "multinomial"):
        return draws("Multinomial", noise, [logits, *given], None, seed, sample, choose)
