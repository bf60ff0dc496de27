"""Gradients of tables of which a step looks up a few rows: those rows, and their places.

A training step that looks up 200 rows of a table of 50,000 must not touch the others. Where a result depends on a
variable by lookups alone, its gradient is known by what was looked up: `gradients` goes back no further than the
lookups, and an optimizer changes these rows in place (see `Session.own`). Whoever else asks for such a gradient gets
the whole array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._rows import Rows
from ...ops import shape as shaping
from ...ops.embeddings import _to_rows
from ...ops.indexing import plain_key
from ...optim import rules
from ._arguments import beside, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import Kind, constant_value
from ._nodes import convert, node, operands
from ._operation import Tensor
from ._slicing import rows
from ._values import array_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._operation import Operation
    from ._run import Run
    from ._variables import Variable

__all__ = ["IndexedSlices"]


class IndexedSlices(Tensor):
    """A tensor that is zero outside of its rows at `indices` (K,), which are `values` (K, ...).

    Those of an index that comes several times add up. Used as a tensor it is the whole array, of shape `dense_shape`.
    """

    __slots__ = ("dense_shape", "indices", "values")

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices = convert(values), convert(indices)
        self.dense_shape = None if dense_shape is None else convert(dense_shape)
        fixed = dense_shape if self.dense_shape is None else constant_value(self.dense_shape)
        given, sizes = ([], None) if dense_shape is None else sizes_argument(dense_shape if fixed is None else fixed)
        known = self.values.shape.sizes

        def whole(values: Any, indices: Any, *given: Any) -> Any:
            if dense_shape is None:
                raise ValueError("IndexedSlices: expected dense_shape where it is used as a tensor, got None")
            return _whole(values, indices, sizes_in(given, sizes))

        def sample(values: Any, *_: Any) -> Any:
            return Kind(sizes if sizes is not None or known is None else (None, *known[1:]), values.dtype)

        graph = get_default_graph()
        inputs = [self.values, self.indices, *given]
        super().__init__(graph.add("IndexedSlicesToDense", whole, inputs, None, sample=sample), 0)
        self.op.outputs[0] = self


def values_of(t: Any) -> Any:
    """What of a tensor is not zero for sure: the values of slices, or the tensor."""
    return t.values if isinstance(t, IndexedSlices) else t


def with_values(t: Any, values: Tensor) -> Tensor:
    """`values`, which were made of `values_of(t)`, in the places of these."""
    return IndexedSlices(values, t.indices, t.dense_shape) if isinstance(t, IndexedSlices) else values


def _whole(values: Any, indices: Any, sizes: tuple[int, ...]) -> Any:
    values = shaping.reshape(beside(values, indices), (-1, int(np.prod(sizes[1:]))))
    places = plain_key(shaping.astype(indices, np.int64))
    return shaping.reshape(_to_rows(values, ids=places, onto=(sizes[0], values.shape[1])), sizes)


def is_lookup(op: Operation) -> bool:
    """Whether this takes rows out of a variable: what it gives is an array of its own."""
    return op.function is rows and "variable" in op.inputs[0].op.params


def lookups_of(reached: Iterable[Tensor], variables: Iterable[Tensor]) -> dict[Tensor, list[Tensor]]:
    """For each of `variables` that `reached` tensors depend on by lookups alone: what was looked up."""
    found: dict[Tensor, list[Tensor]] = {x: [] for x in variables if "variable" in x.op.params and x.shape.ndims}
    for tensor in sorted(reached, key=lambda tensor: tensor.op.serial):
        op = tensor.op
        for x in op.inputs[:1] if op.function is rows else op.inputs:
            if x in found:
                if op.function is rows and op.frame is None:
                    found[x].append(tensor)
                else:
                    del found[x]
    return {x: tensors for x, tensors in found.items() if tensors and None not in (x.shape.sizes or [None])}


def joined(variable: Tensor, gradients: Sequence[Tensor], lookups: Sequence[Tensor]) -> IndexedSlices:
    """The gradient for a variable, by those for what was looked up in it."""
    sizes: Any = variable.shape.sizes

    def put(*values: Any) -> Any:
        parts = [shaping.reshape(value, (-1, *sizes[1:])) for value in values]
        return parts[0] if len(parts) == 1 else shaping.concat(parts, 0)

    def places(*ids: Any) -> Any:
        parts = [shaping.reshape(shaping.astype(part, np.int64), (-1,)) for part in ids]
        return parts[0] if len(parts) == 1 else shaping.concat(parts, 0)

    values = node("Reshape", put, operands(*gradients))
    return IndexedSlices(values, node("Reshape", places, [x.op.inputs[1] for x in lookups]), sizes)


def moved_rows(
    run: Run,
    values: Any,
    indices: Any,
    *numbers: Any,
    target: Variable,
    slots: Sequence[Variable],
    rule: Callable[..., Any],
) -> Any:
    """Give some rows of a variable and of its slots their next values, in place: the others are not looked at."""
    arrays = [run.session.own(variable) for variable in (target, *slots)]
    gradient = Rows.of_repeated(array_in(indices), array_in(values), arrays[0].shape)
    places = gradient.indices
    if len(places) and (places[0] < 0 or places[-1] >= len(arrays[0])):
        wrong = places[0] if places[0] < 0 else places[-1]
        raise IndexError(f"{target.name}: expected rows from 0 to {len(arrays[0]) - 1}, got {wrong}")
    seen = [array.take(places, 0) for array in arrays]
    new = rules._apply(rule, [seen[0], gradient.values, *seen[1:]], [array_in(number) for number in numbers])
    for array, part in zip(arrays, new if slots else (new,), strict=True):
        array[places] = part
    return arrays[0]
