"""The safetensors format: arrays by name, and texts by name, in a file that can hold nothing to be executed.

A file is the length of its header (8 bytes, little-endian), the header (JSON: dtype, shape and place of each array,
and the texts under `__metadata__`), then the numbers, in C order, little-endian, without gaps. It is written and read
here with the standard library alone. Source: https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from numpy.typing import NDArray

KINDS = {
    "BOOL": np.dtype(np.bool),
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}
NAMES = {dtype: name for name, dtype in KINDS.items()}
METADATA = "__metadata__"
LARGEST_HEADER = 100_000_000  # bytes, the format's own limit


def write_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays by name, and texts by name, as one safetensors file that is whole or not there.

    Raises TypeError for a dtype that the format does not have, ValueError for the reserved name `__metadata__`, and
    OSError when the file cannot be written.
    """
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    arrays, end = [], 0
    # The widest numbers first, so that all are aligned in the file.
    for name in sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize):
        array = tensors[name]
        kind = NAMES.get(array.dtype.newbyteorder("<"))
        if name == METADATA:
            raise ValueError(f"write_tensors: {METADATA} is the format's own name; give the array another")
        if kind is None:
            raise TypeError(f"write_tensors: {name}: expected one of {', '.join(KINDS)}, got {array.dtype}")
        start, end = end, end + array.nbytes
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (start, end)}
        arrays.append(np.ascontiguousarray(array, KINDS[kind]))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    parts = [array.reshape(-1).view(np.uint8).data for array in arrays if array.size]
    write_atomically(path, [len(text).to_bytes(8, "little"), text, *parts])


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read the arrays and the texts of a safetensors file, each array with memory of its own.

    Memory grows with the size of the file, never with what its header promises. Raises DataError, naming the file,
    what was expected and what was found, for a file that is absent, cut short, damaged or of another kind.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            return _read(file, path)
    except FileNotFoundError:
        raise DataError(f"{path}: expected a safetensors file, found no file of that name") from None
    except OSError as error:
        raise DataError(f"{path}: expected a safetensors file, but it cannot be read ({error.strerror})") from error


def _read(file: BinaryIO, path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, LARGEST_HEADER):
        raise DataError(
            f"{path}: expected a safetensors file, found {size:,} bytes, of which the header would take {length:,}"
        )
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a header in JSON, found something else ({error})") from None
    if not isinstance(header, dict):
        raise DataError(f"{path}: expected a JSON object for a header, found {type(header).__name__}")
    texts = header.pop(METADATA, {})
    if not (isinstance(texts, dict) and all(isinstance(text, str) for text in texts.values())):
        raise DataError(f"{path}: expected texts by name under {METADATA}, found something else")
    places = [(*_place(path, name, entry), name) for name, entry in header.items()]
    end = 0
    for start, stop, *_, name in sorted(places, key=lambda place: place[:2]):
        if start != end:
            raise DataError(f"{path}: expected the numbers of {name} at byte {end:,}, found them at {start:,}")
        end = stop
    if end != size - 8 - length:
        raise DataError(f"{path}: expected {end:,} bytes of numbers, found {size - 8 - length:,}")
    tensors = {}
    for start, stop, dtype, shape, name in places:
        file.seek(8 + length + start)
        tensors[name] = _array(file, path, name, dtype, shape, stop - start)
    return tensors, texts


def _place(path: Path, name: str, entry: Any) -> tuple[int, int, np.dtype[Any], tuple[int, ...]]:
    """Where the numbers of one array begin and end, their dtype and shape, if what the header says fits together."""
    match entry:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [start, stop], **rest} if not rest:
            numbers = (*shape, start, stop)
        case _:
            raise DataError(f"{path}: expected dtype, shape and data_offsets of {name}, found {_brief(entry)}")
    if kind not in KINDS:
        raise DataError(f"{path}: expected {name} to be one of {', '.join(KINDS)}, found {_brief(kind)}")
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise DataError(f"{path}: expected whole numbers of at least 0 for {name}, found {_brief(entry)}")
    size = KINDS[kind].itemsize
    for dimension in shape:
        size *= dimension
    if stop - start != size:
        raise DataError(f"{path}: expected {_brief(size)} bytes of {name}, found room for {_brief(stop - start)}")
    return start, stop, KINDS[kind], tuple(shape)


def _array(
    file: BinaryIO, path: Path, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], size: int
) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.empty(shape, dtype)
    except (ValueError, OverflowError):  # too many dimensions, or huge ones beside one of no length
        raise DataError(f"{path}: expected a shape that NumPy can have for {name}, found {_brief(shape)}") from None
    raw = array.reshape(-1).view(np.uint8)
    if size and file.readinto(raw.data) != size:  # type: ignore[attr-defined]
        raise DataError(f"{path}: expected {size:,} bytes of {name}, found fewer: the file changed while it was read")
    if dtype.kind == "b" and raw.max(initial=0) > 1:
        raise DataError(f"{path}: expected bytes 0 and 1 for the booleans of {name}, found {raw.max()}")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _brief(value: Any) -> str:
    """A value as a short text, whatever a hostile file puts there."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a huge number"
    return text if len(text) <= 80 else text[:77] + "..."
