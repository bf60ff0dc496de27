"""Nested containers of arrays: dicts, lists, tuples, named tuples and dataclasses."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of `tree` in order, and a function that puts as many new ones into the same containers."""
    leaves: list[Any] = []
    build = _walk(tree, leaves)

    def rebuild(new: Sequence[Any]) -> Any:
        if len(new) != len(leaves):
            raise ValueError(f"expected {len(leaves)} leaves, got {len(new)}")
        return build(iter(new))

    return leaves, rebuild


def _walk(tree: Any, leaves: list[Any]) -> Callable[[Iterator[Any]], Any]:
    if tree is None:
        return lambda new: None
    if isinstance(tree, dict):
        branches = {key: _walk(value, leaves) for key, value in tree.items()}
        kind = type(tree)
        return lambda new: kind({key: build(new) for key, build in branches.items()})
    if isinstance(tree, list | tuple):
        items = [_walk(value, leaves) for value in tree]
        if hasattr(tree, "_fields"):
            make = type(tree)._make  # type: ignore[union-attr]
            return lambda new: make([build(new) for build in items])
        sequence = type(tree)
        return lambda new: sequence([build(new) for build in items])
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fields = {f.name: _walk(getattr(tree, f.name), leaves) for f in dataclasses.fields(tree) if f.init}
        return lambda new: dataclasses.replace(tree, **{name: build(new) for name, build in fields.items()})
    leaves.append(tree)
    return next


def tree_map(function: Callable[..., Any], tree: Any) -> Any:
    """`tree` with `function` applied to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])
