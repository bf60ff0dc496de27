"""Changes of some rows of a variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import indexing
from ._arguments import beside
from ._infer import Kind
from ._nodes import convert, node
from ._variables import variable_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor
    from ._run import Run

__all__ = ["scatter_add", "scatter_nd_update", "scatter_sub", "scatter_update"]


def _scatter(kind: str, change: Callable[[Any, Any, Any], Any]) -> Callable[..., Tensor]:
    def apply(run: Run, indices: Any, updates: Any, *, target: Any) -> Any:
        value = run.session.read(target, False)
        key = (indices,) if kind != "ScatterNdUpdate" else tuple(indices[..., n] for n in range(np.shape(indices)[-1]))
        return run.session.assign(target, change(value, key, beside(updates, indices)))

    def call(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Tensor:
        variable = variable_of(ref)
        known = Kind(variable.shape.sizes, variable.dtype.dtype)
        inputs = [convert(indices), convert(updates, variable.dtype)]
        return node(kind, apply, inputs, name, in_run=True, sample=lambda *_, **__: known, target=variable)  # type: ignore[no-any-return]

    return call


scatter_add = _scatter("ScatterAdd", indexing.index_add)
scatter_sub = _scatter("ScatterSub", lambda value, key, updates: indexing.index_add(value, key, -updates))
scatter_update = _scatter("ScatterUpdate", indexing.index_update)
scatter_nd_update = _scatter("ScatterNdUpdate", indexing.index_update)
