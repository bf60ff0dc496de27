"""Reductions, running sums and counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import reduction, shape
from ...primitive import constant as without_gradient
from ...primitive import primitive
from . import _dtypes as dtypes
from ._arguments import axes_of, chosen, fixed, plain
from ._infer import Kind
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "arg_max",
    "arg_min",
    "argmax",
    "argmin",
    "bincount",
    "confusion_matrix",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "histogram_fixed_width",
    "norm",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
]


# --------------------------------------------------------------------------------------------------
# Reductions


def _reduction(function: Callable[..., Any], kind: str) -> Callable[..., Tensor]:
    """A reduction with all the spellings that its arguments have had."""

    def reduce(x: Any, *, axis: Any, keepdims: bool) -> Any:
        out = function(x, axis, keepdims)
        return out if out.dtype == x.dtype else shape.astype(out, x.dtype)  # NumPy adds up int32 in int64

    def call(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        axis = axes_of(chosen(f"reduce_{kind.lower()}", axis=axis, reduction_indices=reduction_indices))
        kept = bool(chosen(f"reduce_{kind.lower()}", keepdims=keepdims, keep_dims=keep_dims))
        return node(kind, reduce, [input_tensor], name, axis=axis, keepdims=kept)  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = f"reduce_{kind.lower()}"
    return call


reduce_all = _reduction(reduction.all, "All")
reduce_any = _reduction(reduction.any, "Any")
reduce_logsumexp = _reduction(reduction.logsumexp, "ReduceLogSumExp")
reduce_max = _reduction(reduction.max, "Max")
reduce_mean = _reduction(reduction.mean, "Mean")
reduce_min = _reduction(reduction.min, "Min")
reduce_prod = _reduction(reduction.prod, "Prod")
reduce_std = _reduction(lambda x, axis, keepdims: reduction.std(x, axis, 0, keepdims), "reduce_std")
reduce_sum = _reduction(reduction.sum, "Sum")
reduce_variance = _reduction(lambda x, axis, keepdims: reduction.var(x, axis, 0, keepdims), "reduce_variance")
reduce_euclidean_norm = _reduction(lambda x, axis, keepdims: reduction.norm(x, None, axis, keepdims), "EuclideanNorm")


def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Tensor:
    """How many elements are not 0."""
    axis = axes_of(chosen("count_nonzero", axis=axis, reduction_indices=reduction_indices))
    kept = bool(chosen("count_nonzero", keepdims=keepdims, keep_dims=keep_dims))
    kind = dtypes.as_dtype(dtype).dtype
    return node(  # type: ignore[no-any-return]
        "count_nonzero",
        lambda x: shape.astype(reduction.count_nonzero(x, axis, kept), kind),
        [chosen("count_nonzero", input_tensor=input_tensor, input=input)],
        name,
    )


def _place(kind: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def find(x: Any, *, axis: int, dtype: np.dtype[Any]) -> Any:
        return shape.astype(function(x, axis), dtype)

    def call(
        input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64
    ) -> Tensor:
        axis = axes_of(chosen(kind.lower(), axis=axis, dimension=dimension)) or 0
        dtype = dtypes.as_dtype(output_type).dtype
        return node(kind, find, [input], name, axis=axis, dtype=dtype)  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = kind.lower()
    return call


argmax = _place("ArgMax", reduction.argmax)
argmin = _place("ArgMin", reduction.argmin)


def arg_max(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """The place of the largest element along `dimension`."""
    return argmax(input, dimension, name, output_type=output_type)


def arg_min(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """The place of the smallest element along `dimension`."""
    return argmin(input, dimension, name, output_type=output_type)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The norm of vectors, or of matrices where `axis` names two dimensions; of all elements without an `axis`."""
    axes = axes_of(axis)
    kept = bool(chosen("norm", keepdims=keepdims, keep_dims=keep_dims))
    order = None if ord == "euclidean" or (ord == "fro" and not isinstance(axes, tuple)) else ord

    def measure(x: Any) -> Any:
        whole = axes is None and order is not None and np.ndim(x) > 1
        out = reduction.norm(shape.ravel(x) if whole else x, order, axes, kept and not whole)
        return shape.reshape(out, (1,) * np.ndim(x)) if whole and kept else out

    return node("norm", measure, [tensor], name)  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Running sums and products

_running_sum = primitive(
    lambda x, *, axis: np.cumsum(x, axis, dtype=x.dtype),
    lambda g, axis: shape.flip(_running_sum(shape.flip(g, axis), axis=axis), axis),
    name="cumsum",
)


def _running(function: Callable[..., Any], first: float) -> Callable[..., Any]:
    def run(x: Any, *, axis: int, exclusive: bool, reverse: bool) -> Any:
        axis = axis % x.ndim
        if reverse:
            x = shape.flip(x, axis)
        if exclusive:
            front = (slice(None),) * axis
            head = np.full((*x.shape[:axis], min(1, x.shape[axis]), *x.shape[axis + 1 :]), first, x.dtype)
            x = shape.concat([head, x[(*front, slice(0, -1))]], axis)
        out = function(x, axis=axis)
        return shape.flip(out, axis) if reverse else out

    return run


def _running_product(x: Any, *, axis: int) -> Any:
    """Made of products, since a quotient would be wrong at zeros."""
    parts = [x[(slice(None),) * axis + (slice(0, 1),)]]
    for place in np.arange(1, x.shape[axis]).tolist():
        parts.append(parts[-1] * x[(slice(None),) * axis + (slice(place, place + 1),)])
    return shape.concat(parts, axis)


def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """The sums of all elements up to each one; with `exclusive`, of all before it."""
    return node(  # type: ignore[no-any-return]
        "Cumsum", _running(_running_sum, 0), [x], name, axis=axes_of(axis), exclusive=exclusive, reverse=reverse
    )


def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """The products of all elements up to each one; with `exclusive`, of all before it."""
    return node(  # type: ignore[no-any-return]
        "Cumprod", _running(_running_product, 1), [x], name, axis=axes_of(axis), exclusive=exclusive, reverse=reverse
    )


# --------------------------------------------------------------------------------------------------
# Counts

_counts = without_gradient(
    lambda cells, weights, *, shape, dtype: _counted(cells, weights, shape, dtype), name="confusion_counts"
)


def _counted(cells: Any, weights: Any, sizes: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    total = np.bincount(cells.ravel(), None if weights is None else weights.ravel(), math.prod(sizes))
    return total.reshape(sizes).astype(dtype)


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    weights: Any = None,
) -> Tensor:
    """How often each prediction (a column) was made for each label (a row)."""
    kind = dtypes.as_dtype(dtype).dtype
    classes = None if num_classes is None else fixed(num_classes, "num_classes")

    def count(labels: Any, predictions: Any, *weights: Any) -> Any:
        number = classes
        if number is None:
            number = int(max(plain(labels).max(initial=-1), plain(predictions).max(initial=-1))) + 1
        cells = shape.astype(labels, np.int64) * number + shape.astype(predictions, np.int64)
        return _counts(cells, *(weights or (None,)), shape=(number, number), dtype=kind)

    inputs = [labels, predictions, *([] if weights is None else [weights])]
    return node("confusion_matrix", count, inputs, name, sample=None if classes else _square_sample(kind))  # type: ignore[no-any-return]


def _square_sample(kind: np.dtype[Any]) -> Callable[..., Any]:
    return lambda *_: Kind((None, None), kind)


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """How often each whole number from 0 occurs in `arr`, or the sum of the `weights` that stand at its places."""
    least, most = fixed(minlength, "minlength"), fixed(maxlength, "maxlength")
    kind = dtypes.as_dtype(dtype) if weights is None else convert(weights).dtype

    def count(arr: Any, *weights: Any) -> Any:
        out = np.bincount(plain(arr).ravel(), plain(weights[0]).ravel() if weights else None, least or 0)
        return out[:most].astype(kind.dtype)

    inputs = [arr, *([] if weights is None else [weights])]
    return node("bincount", count, inputs, name, python=True, sample=lambda *_: Kind((None,), kind.dtype))  # type: ignore[no-any-return]


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """How many values fall into each of `nbins` equal parts of a range; the first and last take what lies outside."""
    bins, kind = fixed(nbins, "nbins"), dtypes.as_dtype(dtype).dtype
    cells = without_gradient(
        lambda x, bounds: np.clip(np.floor((x - bounds[0]) / (bounds[1] - bounds[0]) * bins), 0, bins - 1).astype(int),
        name="histogram_cells",
    )

    def count(values: Any, bounds: Any) -> Any:
        return _counts(cells(values, bounds), None, shape=(bins,), dtype=kind)

    return node("histogram_fixed_width", count, operands(values, value_range), name)  # type: ignore[no-any-return]
