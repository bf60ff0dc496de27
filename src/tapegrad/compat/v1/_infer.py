"""What shape and dtype a tensor will have: its operation is tried on zeros, for two sizes of what is unknown.

So no operation needs a rule of its own: dimensions that come out alike for both sizes are known, the others are not.
Small values, such as shapes and axes, take part as they are. Nothing is tried before someone asks, and operations that
are dear, or that draw or act, tell by `sample` what their result looks like.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..._tape import no_grad
from ._values import array_in

if TYPE_CHECKING:
    from ._operation import Operation, Tensor
    from ._shapes import Sizes

_UNKNOWN = (2, 3)  # what an unknown dimension is tried with
_RANKS = 6  # up to which an unknown one is tried
_SMALL = 64  # elements of a value that takes part as it is


class Kind(NamedTuple):
    """What is known of a tensor: sizes, dtype, and the small values that both trials gave."""

    sizes: Sizes
    dtype: np.dtype[Any]
    values: tuple[Any, Any] | None = None


def kind_of(tensor: Tensor) -> Kind:
    """The shape and dtype of a tensor, as far as they can be known."""
    if tensor.op.kinds is None:
        waiting = [tensor.op]  # a stack of our own: graphs are deeper than Python's
        while waiting:
            op = waiting[-1]
            missing = [x.op for x in op.inputs if x.op.kinds is None]
            if missing:
                waiting += missing
            else:
                waiting.pop()
                if op.kinds is None:
                    op.kinds = _tried(op)
    assert tensor.op.kinds is not None
    kind = tensor.op.kinds[tensor.index]
    return kind if tensor._known is None else Kind(tensor._known, kind.dtype)


def _tried(op: Operation) -> list[Kind]:
    """What is known of the results of an operation whose inputs are known."""
    count = len(op.outputs)
    with no_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = _both_trials(op, {})
        if len(results) < 2 and len(op.inputs) > 1:
            for axis, size in _likely(op):
                results = _both_trials(op, {axis: size})
                if len(results) == 2:
                    break
        if len(results) < 2:
            return [Kind(None, dtype) for dtype in _dtypes_at_some_rank(op)]
    return [_agreed(results[0][place], results[1][place]) for place in range(count)]


def _dtypes_at_some_rank(op: Operation) -> list[Any]:
    """The dtypes of the results, where a rank is unknown: as with the first rank that the function can be tried on."""
    kinds = [kind_of(x) for x in op.inputs]
    if op.sample is None and not (op.in_run or op.python) and any(kind.sizes is None for kind in kinds):
        for rank in range(_RANKS):
            samples = [_sample(x, 0, {}, rank) for x in op.inputs]
            try:
                out = op.function(*samples, **op.params)
            except Exception:  # another rank may do
                continue
            return [_plain(value).dtype for value in ([out] if op.one else out)]
    return [kinds[0].dtype if kinds else np.dtype(np.float32)] * len(op.outputs)


def _both_trials(op: Operation, supposed: dict[int, int]) -> list[list[Any]]:
    """What the two trials give, as far as they succeed; `supposed` has sizes of unknown dimensions by their axes."""
    results: list[list[Any]] = []
    for trial in range(2):
        samples = [_sample(x, trial, supposed) for x in op.inputs]
        if any(sample is None for sample in samples) and op.sample is None:
            break
        try:
            if op.sample is None and (op.in_run or op.python):
                break
            out = (op.sample or op.function)(*samples, **op.params)
        except Exception:  # zeros may be no good arguments, and a run will tell what is wrong
            break
        results.append([_plain(value) for value in ([out] if op.one else out)])
    return results


def _likely(op: Operation) -> list[tuple[int, int]]:
    """Axes where some input's size is unknown and another's is known: they may have to be alike."""
    shapes = [sizes for x in op.inputs if (sizes := kind_of(x).sizes) is not None]
    longest = max(map(len, shapes), default=0)
    found: list[tuple[int, int]] = []
    for axis in range(longest):
        here = [sizes[axis] for sizes in shapes if len(sizes) > axis]
        if None in here:
            found += [(axis, size) for size in dict.fromkeys(here) if size is not None and size > 1]
    return found


def _agreed(one: Any, other: Any) -> Kind:
    if isinstance(one, Kind):  # of which the operation knows itself
        return one
    if one.ndim != other.ndim:
        return Kind(None, one.dtype)
    sizes = tuple(a if a == b else None for a, b in zip(one.shape, other.shape, strict=True))
    small = max(one.size, other.size) <= _SMALL
    return Kind(sizes, one.dtype, (one, other) if small else None)


def _sample(tensor: Tensor, trial: int, supposed: dict[int, int], rank: int | None = None) -> Any:
    kind = kind_of(tensor)
    sizes = (None,) * rank if kind.sizes is None and rank is not None else kind.sizes
    if sizes is None:
        return None
    if kind.values is not None and not (supposed and None in sizes):
        return kind.values[trial]
    shape = [supposed.get(axis, _UNKNOWN[trial]) if size is None else size for axis, size in enumerate(sizes)]
    if kind.dtype.kind == "O":
        return np.full(shape, b"", object)
    if kind.dtype.kind in "iu" and not shape:  # it may be a size, which is unknown too
        return np.asarray(_UNKNOWN[trial], kind.dtype)
    return np.zeros(shape, kind.dtype)


def _plain(value: Any) -> Any:
    return value if isinstance(value, Kind) else array_in(value)


def constant_value(tensor: Tensor) -> Any:
    """The value of a tensor if it is small and the same in every run; otherwise None."""
    kind = kind_of(tensor)
    return kind.values[0] if kind.values is not None and _is_fixed(tensor.op) else None


def _is_fixed(op: Operation) -> bool:
    if op.type in ("Shape", "Size", "Rank"):
        sizes = kind_of(op.inputs[0]).sizes
        return sizes is not None and None not in sizes
    if op.in_run or op.python or (op.sample is not None and not op.inputs):
        return False
    return all(_is_fixed(x.op) for x in op.inputs)
