"""Tensors kept within bounds: of their elements, of their norms, or of a dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise, reduction
from . import _dtypes as dtypes
from ._arguments import axes_of
from ._graph import get_default_graph
from ._math import cast, larger, total
from ._nodes import convert, node, operands
from ._slices import values_of, with_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor

__all__ = [
    "clip_by_average_norm", "clip_by_global_norm", "clip_by_norm", "clip_by_value", "global_norm", "saturate_cast",
]  # fmt: skip


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    """`t` with what is below or above the bounds set to them."""
    bounds = clip_value_min, clip_value_max
    return with_values(t, node("clip_by_value", elementwise.clip, operands(values_of(t), *bounds), name))


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`value` as another dtype, with what that cannot hold set to its bounds."""
    value, kind = convert(value), dtypes.as_dtype(dtype)
    with get_default_graph().name_scope(name or "saturate_cast") as scope:
        if value.dtype.min < kind.min or value.dtype.max > kind.max:
            value = clip_by_value(value, kind.min, kind.max)
        return cast(value, kind, scope)


def _of_norm(x: Any, bound: Any, *, axes: Any, average: bool) -> Any:
    square = reduction.sum(x * x, axes, True)
    positive = elementwise.greater(square, 0)
    # Where everything is 0 the root has no slope, and nothing is to be clipped.
    size = elementwise.where(positive, elementwise.sqrt(elementwise.where(positive, square, 1)), square)
    if average:
        size = size / x.size
    return (x * bound) / larger(size, bound)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """`t`, made shorter where its norm, over `axes` or all of them, is more than `clip_norm`."""
    inputs = operands(values_of(t), clip_norm)
    return with_values(t, node("clip_by_norm", _of_norm, inputs, name, axes=axes_of(axes), average=False))


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """`t`, made shorter where its norm divided by the number of elements is more than `clip_norm`."""
    return node("clip_by_average_norm", _of_norm, operands(t, clip_norm), name, axes=None, average=True)  # type: ignore[no-any-return]


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """The norm of all elements of several tensors together; None among them counts as nothing."""
    values = [convert(values_of(t)) for t in t_list if t is not None]

    def measure(*values: Any) -> Any:
        return elementwise.sqrt(total(*[reduction.sum(value * value) for value in values]))

    return node("global_norm", measure, values, name)  # type: ignore[no-any-return]


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Tensor | None], Tensor]:
    """Tensors made shorter together where their global norm is more than `clip_norm`, and that norm."""
    whole = global_norm(t_list) if use_norm is None else convert(use_norm)
    with get_default_graph().name_scope(name or "clip_by_global_norm"):

        def share(norm: Any, bound: Any) -> Any:
            # An infinite norm makes everything NaN, as it should: the gradients are lost.
            return elementwise.where(elementwise.isfinite(norm), bound / larger(norm, bound), np.float32(np.nan))

        scale = node("scale", share, operands(whole, clip_norm))

        def shorter(t: Any) -> Tensor:
            return with_values(t, node("Mul", elementwise.multiply, operands(values_of(t), scale)))

        return [None if t is None else shorter(t) for t in t_list], whole
