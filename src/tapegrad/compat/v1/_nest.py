"""Nests of tuples, named tuples and dicts, as data sets have elements: a list is one array, and no nest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._infer import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def is_nest(value: Any) -> bool:
    """Whether a value has parts."""
    return isinstance(value, tuple | dict) and not isinstance(value, Kind)


def flatten(nest: Any) -> list[Any]:
    """The leaves, in order; those of a dict by its sorted keys."""
    if isinstance(nest, dict):
        return [leaf for key in sorted(nest) for leaf in flatten(nest[key])]
    if is_nest(nest):
        return [leaf for part in nest for leaf in flatten(part)]
    return [nest]


def pack(like: Any, leaves: Iterable[Any]) -> Any:
    """A nest of the structure of `like`, with other leaves."""
    return _packed(like, iter(leaves))


def _packed(like: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(like, dict):
        found = {key: _packed(like[key], leaves) for key in sorted(like)}
        return type(like)((key, found[key]) for key in like)
    if is_nest(like):
        parts = [_packed(part, leaves) for part in like]
        return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
    return next(leaves)


def map_leaves(function: Callable[[Any], Any], nest: Any) -> Any:
    """A nest with `function` of each leaf."""
    return pack(nest, map(function, flatten(nest)))


def flatten_up_to(like: Any, nest: Any) -> list[Any]:
    """The parts of a nest in the places of the leaves of `like`, whatever they are."""
    if isinstance(like, dict):
        return [part for key in sorted(like) for part in flatten_up_to(like[key], nest[key])]
    if is_nest(like):
        if not isinstance(nest, list | tuple) or len(nest) != len(like):
            raise ValueError(f"expected {len(like)} parts in a tuple, got {nest!r}")
        return [part for one, other in zip(like, nest, strict=True) for part in flatten_up_to(one, other)]
    return [nest]
