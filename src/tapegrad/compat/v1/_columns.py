"""Columns, which tell what a model sees of named features: numbers, or categories.

Categories are numbered; a category of -1 is none.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from ._nodes import convert, node

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._infer import Kind
    from ._operation import Tensor


class Column(abc.ABC):
    """A column, by its name."""

    name: str

    @abc.abstractmethod
    def parse_spec(self) -> dict[str, Any]:
        """How its features are parsed from examples."""


class DenseColumn(Column):
    """A column of `width` numbers an example."""

    width: int

    @abc.abstractmethod
    def dense(self, features: Any) -> Tensor:
        """The numbers, (N, width)."""


class CategoricalColumn(Column):
    """A column of categories, numbered from 0 below `buckets`, one or more an example."""

    buckets: int

    @abc.abstractmethod
    def ids(self, features: Any) -> Tensor:
        """The numbers of the categories, int64 (N, how many); -1 is none."""


def feature(features: Any, key: str) -> Tensor:
    """The feature of that name; raises ValueError where there is none."""
    if key not in features:
        raise ValueError(f"Feature {key} is not in features dictionary, which has {', '.join(map(str, features))}")
    return convert(features[key])


def on_values(kind: str, function: Callable[[Any], Any], of: Tensor, known: Kind) -> Tensor:
    """A tensor that Python computes from the values of another."""
    return node(kind, function, [of], python=True, sample=lambda *_: known)  # type: ignore[no-any-return]
