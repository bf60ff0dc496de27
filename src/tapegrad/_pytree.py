"""Nested containers of arrays: dicts, lists, tuples, named tuples and dataclasses."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of `tree` in order, and a function that puts as many new ones into the same containers."""
    leaves: list[Any] = []
    build = _walk(tree, leaves)
    count = len(leaves)

    def rebuild(new: Sequence[Any]) -> Any:
        if len(new) != count:
            raise ValueError(f"expected {count} leaves, got {len(new)}")
        return build(iter(new))

    return leaves, rebuild


def _walk(tree: Any, leaves: list[Any]) -> Callable[[Iterator[Any]], Any]:
    opened = _open(tree)
    if opened is None:
        leaves.append(tree)
        return next
    contents, remake = opened
    builders = [_walk(item, leaves) for item in contents.values()]
    return lambda new: remake([build(new) for build in builders])


def _open(tree: Any) -> tuple[dict[Any, Any], Callable[[list[Any]], Any]] | None:
    """What a container holds, by key, and a function that makes one like it of new contents; None for a leaf."""
    if tree is None:
        return {}, lambda new: None
    if isinstance(tree, dict):
        keys, like = list(tree), None if type(tree) is dict else tree
        return dict(tree), lambda new: _dict_like(like, keys, new)
    if isinstance(tree, list | tuple):
        named = hasattr(tree, "_fields")
        return dict(enumerate(tree)), type(tree)._make if named else type(tree)  # type: ignore[union-attr]
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = [field.name for field in dataclasses.fields(tree) if field.init]
        contents = {name: getattr(tree, name) for name in names}
        return contents, lambda new: dataclasses.replace(tree, **dict(zip(names, new, strict=True)))
    return None


def _dict_like(like: dict[Any, Any] | None, keys: list[Any], new: list[Any]) -> dict[Any, Any]:
    # A copy, since the constructors of dict's subclasses differ; each item set, since Counter.update adds.
    made = {} if like is None else copy.copy(like)
    for key, item in zip(keys, new, strict=True):
        made[key] = item
    return made


def contents(tree: Any) -> dict[Any, Any] | None:
    """What a container holds, by key or place; None for a leaf. None itself is a container of nothing."""
    opened = _open(tree)
    return None if opened is None else opened[0]


def leaves_like(tree: Any, like: Any, what: str) -> list[Any]:
    """The leaves of `tree` in the order of those of `like`, whatever the order of its dicts.

    Raises ValueError, which begins with `what`, where `tree` does not have the containers of `like`.
    """
    expected, given = _open(like), _open(tree)
    if expected is None:
        return [tree]
    if given is None or (tree is None) is not (like is None) or given[0].keys() != expected[0].keys():
        raise ValueError(f"{what}: expected {_described(like)}, got {_described(tree)}")
    return [leaf for key, item in expected[0].items() for leaf in leaves_like(given[0][key], item, f"{what}[{key!r}]")]


def _described(tree: Any) -> str:
    name = type(tree).__name__
    opened = _open(tree)
    if opened is None or tree is None:
        return "None" if tree is None else name
    return f"{name} of {len(tree)}" if isinstance(tree, list | tuple) else f"{name} of {', '.join(map(str, opened[0]))}"


def tree_map(function: Callable[..., Any], tree: Any) -> Any:
    """`tree` with `function` applied to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])
