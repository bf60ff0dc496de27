"""Functions of the elements of data sets, which are parts of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _nest as nests
from ._elements import kind_of_leaf
from ._graph import get_default_graph
from ._infer import kind_of
from ._nodes import convert
from ._placeholders import placeholder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._elements import Going
    from ._operation import Tensor


class ElementFunction:
    """A function of elements, built into the graph once, and run on values."""

    structure: Any  # of what it gives
    _outputs: list[Tensor]  # what is computed of an element

    def __init__(self, function: Callable[..., Any], structure: Any) -> None:
        graph = get_default_graph()
        with graph.name_scope("dataset_function"), graph.control_dependencies(None):
            self._inputs = [placeholder(kind.dtype, kind.sizes) for kind in nests.flatten(structure)]
            element = nests.pack(structure, self._inputs)
            self._keep(function(*element) if isinstance(element, tuple) else function(element))

    def _keep(self, made: Any) -> None:
        """Take what the function gave for its inputs."""
        if isinstance(made, list):
            made = tuple(made)
        self._outputs = [convert(leaf) for leaf in nests.flatten(made)]
        self.structure = nests.pack(made, map(kind_of_leaf, self._outputs))

    def __call__(self, going: Going, element: list[Any]) -> list[Any]:
        if not self._outputs:
            return []
        found = going.session.run(self._outputs, dict(zip(self._inputs, element, strict=True)))
        return [np.asarray(value, kind_of(x).dtype) for value, x in zip(found, self._outputs, strict=True)]


def depends(tensor: Tensor, on: set[Tensor]) -> bool:
    """Whether one of `on` is computed for a tensor."""
    seen, waiting = set(), [tensor]
    while waiting:
        one = waiting.pop()
        if one in on:
            return True
        if one not in seen:
            seen.add(one)
            waiting += one.op.inputs
    return False
