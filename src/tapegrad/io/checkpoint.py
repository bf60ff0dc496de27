"""Checkpoints: nested dicts and lists of numbers, texts and arrays, as one safetensors file.

One file, not one of arrays and one of JSON: two cannot be replaced as one step. The arrays are the file's tensors,
named by where they stand (`model/0.weight`, in the spelling of JSON pointers, RFC 6901), so that any reader of
safetensors can look into a checkpoint; all else is JSON, among the file's texts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .safetensors import read_tensors, write_tensors

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

TEXT = "tapegrad"  # the text of the file that holds the JSON
VERSION = 1


def save(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write `state` to the file at `path` as one step: a reader finds the old checkpoint or the new one, never a part.

        io.save("run.safetensors", {"model": model.state_dict(), "note": "before the rate was lowered"})

    It may hold dicts with texts for keys, lists, tuples (which come back as lists), arrays, numbers, texts, booleans
    and None. Raises TypeError for anything else, naming its place, and OSError when the file cannot be written; an
    earlier file is then unchanged.
    """
    arrays: dict[str, NDArray[Any]] = {}
    outline = {key: _outline(item, _escaped(key), arrays) for key, item in state.items()}
    layouts = {name: axes for name, array in arrays.items() if (axes := _layout(array)) is not None}
    text = json.dumps({"version": VERSION, "state": outline, "layouts": layouts})
    write_tensors(path, arrays, {TEXT: text})


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save` wrote. Nothing is executed, and each array has memory of its own, laid out as it was.

    Raises DataError, naming the file, what was expected and what was found, for a file that is absent, cut short,
    damaged or no checkpoint of this version.
    """
    arrays, texts = read_tensors(path)
    if TEXT not in texts:
        raise DataError(f'{path}: expected a checkpoint, found a safetensors file without a text named "{TEXT}"')
    try:
        content = json.loads(texts[TEXT])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a checkpoint's state in JSON, found something else ({error})") from None
    match content:
        case {"version": version} if type(version) is not int or version != VERSION:
            raise DataError(f"{path}: expected a checkpoint of version {VERSION}, found version {version!r:.20}")
        case {"version": _, "state": dict(state), "layouts": dict(layouts)}:
            pass
        case _:
            raise DataError(f"{path}: expected a checkpoint's version, state and layouts, found something else")
    for name, array in arrays.items():
        try:
            _put(state, name, _laid_out(array, layouts.get(name)))
        except (LookupError, TypeError, ValueError):
            raise DataError(f"{path}: expected a place for the array {name} in the state, found none") from None
    return state


def _outline(item: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """`item` with None for its arrays, which go into `arrays` by name."""
    if isinstance(item, np.ndarray | np.generic):
        arrays[name] = np.asarray(item)
        return None
    if isinstance(item, dict):
        return {key: _outline(part, f"{name}/{_escaped(key)}", arrays) for key, part in item.items()}
    if isinstance(item, list | tuple):
        return [_outline(part, f"{name}/{place}", arrays) for place, part in enumerate(item)]
    if item is None or isinstance(item, bool | int | float | str):
        return item
    raise TypeError(
        f"save: {name}: expected dicts, lists, arrays, numbers, texts, booleans or None, got {type(item).__name__}"
    )


def _escaped(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"save: expected texts for the keys of dicts, got {key!r}; write str(key)")
    return key.replace("~", "~0").replace("/", "~1")


def _put(state: Any, name: str, array: NDArray[Any]) -> None:
    """Set the place that `name` leads to, which must hold None."""
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in name.split("/"))
    for part in way:
        state = state[int(part) if isinstance(state, list) else part]
    key = int(last) if isinstance(state, list) else last
    if state[key] is not None:
        raise ValueError("something is there already")
    state[key] = array


def _layout(array: NDArray[Any]) -> list[int] | None:
    """The axes from the widest step in memory to the narrowest; None for C order.

    The sums of a matrix product are taken in an order that depends on it, so that a run which goes on from a
    checkpoint gives the same bits only if it is the same.
    """
    if array.flags.c_contiguous:
        return None
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def _laid_out(array: NDArray[Any], axes: list[int] | None) -> NDArray[Any]:
    if axes is None:
        return array
    return np.ascontiguousarray(array.transpose(axes)).transpose(np.argsort(axes))
