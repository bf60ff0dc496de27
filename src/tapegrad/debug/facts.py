"""What an entry tells about itself: its call, its arguments, what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._dtype import get_default_dtype
from .._tape import Entry, Tensor, collect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST = 40  # characters of an op's parameters


def led_to(name: str, y: Tensor) -> list[Entry]:
    """The entries that led to `y`, oldest first; none when it was not recorded. `name` is who asks."""
    if not isinstance(y, Tensor):
        raise TypeError(f"{name}: expected a Tensor, got {type(y).__name__}")
    return [] if y._entry is None else collect([y._entry])[0][::-1]


def call(entry: Entry) -> str:
    """The op with its parameters, `sum(axis=0)`; those that are None or False say nothing and are left out."""
    if entry.op is None:
        return "leaf"
    told = {name: value for name, value in (entry.params or {}).items() if value is not None and value is not False}
    if not told:
        return entry.op.name
    text = ", ".join(f"{name}={_value(value)}" for name, value in told.items())
    return f"{entry.op.name}({text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'})"


def _value(value: Any) -> str:
    """A parameter in few characters: slices as they are written, arrays by dtype and shape."""
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop, value.step)]
        return ":".join(ends if ends[2] else ends[:2])
    if isinstance(value, tuple | list):
        items = ", ".join(map(_value, value))
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, np.dtype):
        return value.name
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return "..." if value is Ellipsis else " ".join(repr(value).split())


def result(entry: Entry) -> str:
    """The shape of what the entry stands for, with the dtype where it is not the default one."""
    return f"{entry.shape}" if entry.dtype == get_default_dtype() else f"{entry.shape} {entry.dtype}"


def constant(entry: Entry, index: int) -> str:
    """An argument that no gradient is wanted for: its value or its shape, as far as the entry kept it."""
    value = entry.saved[index + 1] if entry.saved else None
    if value is None:
        return "constant"
    if np.shape(value) == ():
        number = np.asarray(value).item()
        return f"{number:.6g}" if isinstance(number, float) else str(number)
    return f"constant {np.shape(value)}"


def arguments(entry: Entry, numbers: Mapping[Entry, int]) -> str:
    """The arguments in order: the line that each comes from and its shape, or what is known of a constant."""
    return ", ".join(
        constant(entry, index) if parent is None else f"#{numbers[parent]} {parent.shape}"
        for index, parent in enumerate(entry.parents)
    )


def kept(entry: Entry) -> Iterator[tuple[str, Any]]:
    """The arrays that the entry holds for its rules: which each is, in words, and the array."""
    for place, value in enumerate(entry.saved or ()):
        if isinstance(value, np.ndarray | np.generic):
            yield f"argument {place - 1}" if place else "its result", value
    if entry.saved is not None:
        for name, value in (entry.params or {}).items():
            for array in arrays(value):
                yield name, array


def arrays(value: Any) -> Iterator[Any]:
    """The arrays in a parameter, which may be a tuple or list of them, as an index is."""
    if isinstance(value, np.ndarray | np.generic):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays(item)


def raw(value: Any) -> Any:
    """The array of a Tensor, and anything else as it is."""
    return value._array if isinstance(value, Tensor) else value


def owner(array: Any) -> Any:
    """The array whose memory `array` shows: what a view keeps alive as a whole."""
    while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def bytes_kept(*entries: Entry) -> int:
    """The bytes of the arrays that these entries hold for their rules; memory that is shared counts once."""
    owners = {id(whole): whole for entry in entries for _, array in kept(entry) for whole in (owner(array),)}
    return sum(whole.nbytes for whole in owners.values())
