"""Nests of lists, tuples and dicts: `tf.nest`. Those of dicts come in the order of their sorted keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._missing import not_covered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]


def is_nested(seq: Any) -> bool:
    """Whether it has parts."""
    return isinstance(seq, list | tuple | dict)


def _parts(structure: Any) -> list[Any]:
    return [structure[key] for key in sorted(structure)] if isinstance(structure, dict) else list(structure)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """All leaves, in order."""
    return [leaf for part in _parts(structure) for leaf in flatten(part)] if is_nested(structure) else [structure]


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """A nest like `structure`, with the leaves given."""
    leaves = list(flat_sequence)
    expected = len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(
            f"Could not pack sequence. Structure had {expected} elements, but flat_sequence had {len(leaves)} elements."
        )
    return _packed(structure, iter(leaves))


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        return next(leaves)
    parts = [_packed(part, leaves) for part in _parts(structure)]
    if isinstance(structure, dict):
        found = dict(zip(sorted(structure), parts, strict=True))
        return type(structure)((key, found[key]) for key in structure)
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """Raise ValueError, or TypeError where it is the types of parts, unless both have the same structure."""
    if is_nested(nest1) != is_nested(nest2) or (is_nested(nest1) and len(nest1) != len(nest2)):
        raise ValueError(
            f"The two structures don't have the same nested structure.\n\nFirst: {nest1}\n\nSecond: {nest2}"
        )
    if not is_nested(nest1):
        return
    if check_types and type(nest1) is not type(nest2):
        raise TypeError(f"The two structures are of different types: {type(nest1).__name__}, {type(nest2).__name__}")
    if isinstance(nest1, dict) and isinstance(nest2, dict) and nest1.keys() != nest2.keys():
        raise ValueError(f"The two dictionaries don't have the same set of keys: {sorted(nest1)}, {sorted(nest2)}")
    for one, two in zip(_parts(nest1), _parts(nest2), strict=True):
        assert_same_structure(one, two, check_types)


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A nest like the first of `structure`, of what `func` gives for leaves in the same place."""
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types=kwargs.get("check_types", True))
    leaves = zip(*map(flatten, structure), strict=True)
    return pack_sequence_as(structure[0], [func(*each) for each in leaves])


__getattr__ = not_covered(__name__)
