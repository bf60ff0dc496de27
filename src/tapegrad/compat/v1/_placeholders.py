"""Placeholders: tensors whose values are fed to each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from . import errors
from ._infer import Kind
from ._nodes import convert, node
from ._run import Plan
from ._shapes import TensorShape, sizes_of

if TYPE_CHECKING:
    from ._operation import Tensor
    from ._run import Run


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor that must be fed; a dimension of None takes any size, and no `shape` any shape."""
    kind, sizes = dtypes.as_dtype(dtype), sizes_of(shape)
    known = Kind(sizes, kind.dtype)
    return node("Placeholder", _unfed, (), name, in_run=True, sample=lambda **_: known, dtype=kind, shape=sizes)  # type: ignore[no-any-return]


def _unfed(run: Run, *, dtype: dtypes.DType, shape: Any) -> Any:
    """Never gets here: a run asks `refuse_unfed` first."""
    raise AssertionError


def refuse_unfed(plan: Plan) -> None:
    """Raise InvalidArgumentError for a placeholder that a plan needs."""
    for op in plan.operations:
        if op.type == "Placeholder":
            needed = ", ".join(repr(x.name) for x in plan.fetched if op in Plan([x], plan.given).operations)
            raise errors.InvalidArgumentError(
                op,
                op,
                f"You must feed a value for placeholder tensor {op.name!r} with dtype {op.params['dtype'].name} and "
                f"shape {TensorShape(op.params['shape'])} (built at {op.line}); it is needed for {needed}",
            )


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:  # its name
    """A tensor with the value of `input`, unless it is fed."""
    value = convert(input)
    sizes = sizes_of(shape)
    return node(  # type: ignore[no-any-return]
        "PlaceholderWithDefault",
        lambda value: value,
        [value],
        name,
        sample=lambda value: Kind(sizes, np.asarray(value).dtype),
    )
