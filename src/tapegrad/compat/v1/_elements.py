"""Elements of data sets: their structure, and one going through that computes their values."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _dtypes as dtypes
from . import _nest as nests
from ._infer import Kind
from ._nodes import convert
from ._operation import Tensor
from ._shapes import TensorShape, sizes_of
from ._values import array_of


class Structured:
    """What has elements of one structure: a nest with what is known of each part."""

    def __init__(self, structure: Any) -> None:
        self._structure = structure

    @property
    def output_types(self) -> Any:
        """The dtypes of an element."""
        return nests.map_leaves(lambda kind: dtypes.as_dtype(kind.dtype), self._structure)

    @property
    def output_shapes(self) -> Any:
        """The shapes of an element."""
        return nests.map_leaves(lambda kind: TensorShape(kind.sizes), self._structure)

    @property
    def output_classes(self) -> Any:
        """`tf.Tensor`, in the places of an element's parts."""
        return nests.map_leaves(lambda _: Tensor, self._structure)


class Going:
    """One going through a data set: the session that runs its functions, and the values of its tensors at the start."""

    def __init__(self, session: Any, values: dict[Tensor, Any]) -> None:
        self.session = session
        self.values = values

    def value(self, of: Any) -> Any:
        """The value of a setting, which may be a tensor."""
        return self.values[of] if isinstance(of, Tensor) else of

    def whole(self, of: Any) -> int | None:
        """A whole number, or None for "without end"."""
        value = self.value(of)
        return None if value is None or int(value) < 0 else int(value)


def structure_of(types: Any, shapes: Any) -> Any:
    """The structure of elements that have these dtypes, and these shapes, if they are known."""
    kinds = [dtypes.as_dtype(kind) for kind in nests.flatten(types)]
    sizes = [None] * len(kinds) if shapes is None else nests.flatten_up_to(types, shapes)
    return nests.pack(types, [Kind(sizes_of(s), kind.dtype) for s, kind in zip(sizes, kinds, strict=True)])


def leaf_of(value: Any) -> Any:
    """A tensor as it is; anything else as an array of its own dtype."""
    if isinstance(value, Tensor) or hasattr(value, "_as_graph_element"):
        return convert(value)
    if isinstance(value, list | tuple) and any(isinstance(x, Tensor) or hasattr(x, "_as_graph_element") for x in value):
        return convert(value)
    if isinstance(value, np.ndarray) and value.dtype.kind not in "SUO":
        return value
    return array_of(value)


def setting(value: Any) -> Any:
    """A number that may be a tensor."""
    return convert(value) if isinstance(value, Tensor) or hasattr(value, "_as_graph_element") else value


def kind_of_leaf(leaf: Any) -> Kind:
    """What is known of a tensor or an array."""
    if isinstance(leaf, Tensor):
        return Kind(leaf.shape.sizes, leaf.dtype.dtype)
    return Kind(leaf.shape, leaf.dtype)
