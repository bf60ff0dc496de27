"""TensorShape and Dimension: shapes of which some dimensions, or their number, may be unknown."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Sizes = tuple[int | None, ...] | None  # the sizes of a shape's dimensions; None where one, or their number, is unknown


class Dimension:
    """One dimension's size, or None in `value`; it takes part in arithmetic as a number, and unknown stays unknown."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: int | None = value.value if isinstance(value, Dimension) else None if value is None else int(value)

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self.value is None:
            raise TypeError(
                "this dimension is unknown (None) while the graph is built; tf.shape(x) gives it at run time"
            )
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Dimension) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Dimension({self.value})"

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both may have the same size."""
        return None in (self.value, Dimension(other).value) or self == Dimension(other)


def _arithmetic(function: Callable[[int, int], Any]) -> tuple[Any, Any]:
    def forward(self: Dimension, other: Any) -> Any:
        if not isinstance(other, int | Dimension | None):
            try:
                other = operator.index(other)
            except TypeError:
                return NotImplemented
        a, b = self.value, Dimension(other).value
        return Dimension(None if a is None or b is None else function(a, b))

    def backward(self: Dimension, other: Any) -> Any:
        return forward(Dimension(other), self) if isinstance(other, int | None) else NotImplemented

    return forward, backward


for _name, _function in {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "floordiv": operator.floordiv, "mod": operator.mod,
    "truediv": operator.floordiv,  # as under Python 2, for which the scripts were written
}.items():  # fmt: skip
    _forward, _backward = _arithmetic(_function)
    setattr(Dimension, f"__{_name}__", _forward)
    setattr(Dimension, f"__r{_name}__", _backward)
for _name, _function in {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}.items():

    def _compare(self: Dimension, other: Any, function: Any = _function) -> Any:
        b = Dimension(other).value
        return None if self.value is None or b is None else function(self.value, b)

    setattr(Dimension, f"__{_name}__", _compare)


class TensorShape:
    """A shape: a sequence of Dimensions, or wholly unknown."""

    __slots__ = ("sizes",)

    def __init__(self, dims: Any) -> None:
        self.sizes: Sizes = sizes_of(dims)

    @property
    def ndims(self) -> int | None:
        """How many dimensions there are."""
        return None if self.sizes is None else len(self.sizes)

    rank = ndims

    @property
    def dims(self) -> list[Dimension] | None:
        """The dimensions."""
        return None if self.sizes is None else [Dimension(size) for size in self.sizes]

    def as_list(self) -> list[int | None]:
        """The sizes; raises ValueError where not even their number is known."""
        if self.sizes is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self.sizes)

    def is_fully_defined(self) -> bool:
        """Whether every size is known."""
        return self.sizes is not None and None not in self.sizes

    def num_elements(self) -> int | None:
        """The product of all sizes."""
        if self.sizes is None or None in self.sizes:
            return None
        product = 1
        for size in self.sizes:
            product *= size or 0
        return product

    def merge_with(self, other: Any) -> TensorShape:
        """The shape with the sizes that either knows; raises ValueError where they differ."""
        theirs = sizes_of(other)
        if not compatible(self.sizes, theirs):
            raise ValueError(f"Shapes {self} and {TensorShape(theirs)} are not compatible")
        if self.sizes is None or theirs is None:
            return TensorShape(theirs if self.sizes is None else self.sizes)
        return TensorShape([b if a is None else a for a, b in zip(self.sizes, theirs, strict=True)])

    def is_compatible_with(self, other: Any) -> bool:
        """Whether an array may have both shapes."""
        return compatible(self.sizes, sizes_of(other))

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError unless an array may have both shapes."""
        self.merge_with(other)

    def assert_has_rank(self, rank: int) -> None:
        """Raise ValueError for another number of dimensions."""
        if self.sizes is not None and len(self.sizes) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int) -> TensorShape:
        """The shape, if it may have `rank` dimensions."""
        self.assert_has_rank(rank)
        return self if self.sizes is not None else TensorShape([None] * rank)

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """The shape, if it may have `rank` dimensions or more."""
        if self.sizes is not None and len(self.sizes) < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def concatenate(self, other: Any) -> TensorShape:
        """These dimensions, then those."""
        theirs = sizes_of(other)
        return TensorShape(None if self.sizes is None or theirs is None else [*self.sizes, *theirs])

    def __getitem__(self, key: Any) -> Any:
        if self.sizes is None:
            return TensorShape(None) if isinstance(key, slice) else Dimension(None)
        return TensorShape(self.sizes[key]) if isinstance(key, slice) else Dimension(self.sizes[key])

    def __iter__(self) -> Iterator[Dimension]:
        if self.sizes is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter([Dimension(size) for size in self.sizes])

    def __len__(self) -> int:
        if self.sizes is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self.sizes)

    def __bool__(self) -> bool:
        return self.sizes is not None

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __eq__(self, other: object) -> bool:
        try:
            return self.sizes == sizes_of(other)
        except (TypeError, ValueError):
            return False

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __repr__(self) -> str:
        return f"TensorShape({self.dims})"

    def __str__(self) -> str:
        if self.sizes is None:
            return "<unknown>"
        sizes = ["?" if size is None else str(size) for size in self.sizes]
        return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def sizes_of(shape: Any) -> Sizes:
    """A shape in any spelling as a tuple of sizes, or None where nothing is known; -1 counts as unknown."""
    if shape is None:
        return None
    if isinstance(shape, TensorShape):
        return shape.sizes
    if isinstance(shape, int | Dimension) or hasattr(shape, "__index__"):
        shape = [shape]
    return tuple(None if Dimension(size).value in (None, -1) else Dimension(size).value for size in shape)


def compatible(one: Sizes, other: Sizes) -> bool:
    """Whether an array may have both shapes."""
    if one is None or other is None:
        return True
    return len(one) == len(other) and all(None in (a, b) or a == b for a, b in zip(one, other, strict=True))
