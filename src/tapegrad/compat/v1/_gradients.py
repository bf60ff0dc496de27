"""`tf.gradients`: an operation that goes back over what the run recorded."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._rows import Rows
from ..._tape import UNWANTED, collect, cotangent, propagate
from ..._tape import Tensor as Value
from . import _last_tape
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import convert, node
from ._slices import is_lookup, joined, lookups_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Operation, Tensor
    from ._run import Run

_NOT_DIFFERENTIABLE = {"StopGradient", "Shape", "Size", "Rank", "ArgMax", "ArgMin", "ZerosLike", "OnesLike"}


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: Any = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
) -> list[Tensor | None]:
    """The gradients of the sum of all `ys` for each of `xs`: a tensor like it, or None where no path leads there."""
    results = [convert(y) for y in _listed(ys)]
    sources = [convert(x) for x in _listed(xs)]
    starts = [None] * len(results) if grad_ys is None else _listed(grad_ys)
    stops = [convert(x) for x in _listed(stop_gradients or [])]
    reached = _reached(results)
    found = [x for x in dict.fromkeys(sources) if x in reached and x.dtype.is_floating]
    by_source: dict[Tensor, Tensor] = {}
    if found:
        # Of a variable that nothing but lookups use, the gradient is that of what was looked up.
        lookups = (
            {}
            if get_default_graph().frame is not None
            else lookups_of([x for x in reached if x.op.type not in _NOT_DIFFERENTIABLE], found)
        )
        for x in results:
            lookups.pop(x, None)
        whole = [x for x in found if x not in lookups]
        wanted = list(dict.fromkeys([*whole, *itertools.chain(*lookups.values())]))
        given = [convert(g, y.dtype) for g, y in zip(starts, results, strict=True) if g is not None]
        kinds = [kind_of(x) for x in wanted]
        with get_default_graph().name_scope(name):
            outputs = node(
                "Gradients", _pull, [*results, *given], outputs=len(wanted), in_run=True,
                sample=lambda *_, **__: [Kind(kind.sizes, kind.dtype) for kind in kinds], name="grad",
                count=len(results), given=[g is not None for g in starts], xs=wanted, stops=stops,
            )  # fmt: skip
            by_source = dict(zip(wanted, outputs, strict=True))
            for x, tensors in lookups.items():
                by_source[x] = joined(x, [by_source[tensor] for tensor in tensors], tensors)
    return [by_source.get(x) for x in sources]


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: Any = False,
    aggregation_method: Any = None,
) -> list[Tensor]:
    """The second derivatives of the sum of all `ys` for each of `xs`, of the shape of x, twice.

    Raises ValueError for an x whose shape is not known while the graph is built.
    """
    from ._array import reshape, zeros_like

    found = []
    with get_default_graph().name_scope(name):
        for x, first in zip(_listed(xs), gradients(ys, xs), strict=True):
            sizes = kind_of(convert(x)).sizes
            known = [n for n in sizes or () if n is not None]
            if sizes is None or len(known) < len(sizes):
                raise ValueError(f"hessians: expected an x whose shape is known, got {x!r}")
            flat: Any = reshape(zeros_like(x) if first is None else first, [-1])
            rows = [gradients(flat[i], x)[0] for i in range(math.prod(known))]
            found.append(reshape([zeros_like(x) if row is None else row for row in rows], [*known, *known]))
    return found


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]


def _reached(results: Sequence[Tensor]) -> set[Tensor]:
    """The tensors that `results` depend on by what can be differentiated."""
    seen = set(results)
    waiting = list(results)
    while waiting:
        tensor = waiting.pop()
        if tensor.op.type in _NOT_DIFFERENTIABLE:
            continue
        for x in tensor.op.inputs:
            if x not in seen:
                seen.add(x)
                waiting.append(x)
        for x in tensor.op.params.get("captured", ()):
            if x not in seen:
                seen.add(x)
                waiting.append(x)
    return seen


def _pull(run: Run, *values: Any, count: int, given: Sequence[bool], xs: Sequence[Tensor], stops: Any, **_: Any) -> Any:
    """The gradients, of what this run recorded between the values of `xs` and those of the results."""
    results, starts = values[:count], iter(values[count:])
    _last_tape.note_results(results)
    cotangents = [next(starts) if has else None for has in given]
    others = [op for op in run.plan.differentiating if op.params["xs"] is not xs]
    create = bool(others) and any(_depends(op, xs) for op in others)
    sources = [run.value(x) for x in xs]
    stopped = [value._entry for x in stops if isinstance(value := run.value(x), Value) and value._entry is not None]
    # Where one source was computed from another, a pass that ends at the first would not reach the second.
    free = [
        x.op.type == "Placeholder" or "variable" in x.op.params or (is_lookup(x.op) and x.op.inputs[0] not in xs)
        for x in xs
    ]
    groups = [[i for i, is_free in enumerate(free) if is_free], *([i] for i, is_free in enumerate(free) if not is_free)]
    found: list[Any] = [None] * len(xs)
    for group in filter(None, groups):
        targets = {i: _entry(sources[i]) for i in group}
        roots = [y._entry if isinstance(y, Value) else None for y in results]
        wanted = [entry for entry in targets.values() if entry is not None]
        order, reached = collect([root for root in roots if root is not None], [*wanted, *stopped])
        for y, root, g in zip(results, roots, cotangents, strict=True):
            if root is not None and reached[root] is not UNWANTED:
                start = cotangent(root, np.ones(y.shape, y.dtype) if g is None else g, create)
                reached[root] = start if reached[root] is None else reached[root] + start
        propagate(order, reached, create=create, release=False)
        for i, entry in targets.items():
            found[i] = None if entry is None else reached[entry]
    return [
        np.zeros(_shape(x), np.asarray(_plain(x)).dtype) if g is None or g is UNWANTED else _dense(g)
        for g, x in zip(found, sources, strict=True)
    ]


def _entry(value: Any) -> Any:
    return value._entry if isinstance(value, Value) else None


def _plain(value: Any) -> Any:
    return value._array if isinstance(value, Value) else value


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(np.shape(_plain(value)))


def _dense(g: Any) -> Any:
    return g.dense() if isinstance(g, Rows) else g


def _depends(op: Operation, xs: Sequence[Tensor]) -> bool:
    """Whether a later gradient goes through the gradients of `xs`."""
    return any(x.op.type == "Gradients" and x.op.params["xs"] is xs for x in _reached(op.inputs))
