"""Examples as TFRecord files hold them: the messages Example, Features, Feature and their lists, and nothing else.

A message is a row of fields: a number (field and kind of content, as a varint), then a varint, or a length and so many
bytes. Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import abc
import struct
from typing import TYPE_CHECKING, Any

from . import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["BytesList", "Example", "Feature", "Features", "FloatList", "Int64List"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ALL_BITS = (1 << 64) - 1


def _varint(number: int) -> bytes:
    number &= _ALL_BITS
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if place >= len(content) or shift > 63:
            raise errors.DataLossError(None, None, "an Example message ends in the middle, or is none")
        byte = content[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & _ALL_BITS, place
        shift += 7


def _fields(content: bytes) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: number, kind of content, content. Raises DataLossError for what is no message."""
    place = 0
    while place < len(content):
        tag, place = _read_varint(content, place)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, place = _read_varint(content, place)
            yield number, kind, value
            continue
        if kind == _BYTES:
            size, place = _read_varint(content, place)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(kind, len(content) + 1)
        if place + size > len(content):
            raise errors.DataLossError(None, None, "an Example message ends in the middle, or is none")
        yield number, kind, content[place : place + size]
        place += size


class _Message(abc.ABC):
    """What all messages can do."""

    @abc.abstractmethod
    def SerializeToString(self) -> bytes:
        """The message as bytes."""

    @abc.abstractmethod
    def _read(self, content: bytes) -> None: ...

    def ParseFromString(self, serialized: bytes) -> int:
        """Become the message that bytes are; raises DataLossError."""
        self.__init__()  # type: ignore[misc]
        self._read(bytes(serialized))
        return len(serialized)

    MergeFromString = ParseFromString

    @classmethod
    def FromString(cls, serialized: bytes) -> Any:
        """The message that bytes are; raises DataLossError."""
        message = cls()
        message._read(bytes(serialized))
        return message

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class BytesList(_Message):
    """Strings of bytes."""

    def __init__(self, value: Iterable[bytes] = ()) -> None:
        self.value = list(value)
        for item in self.value:
            if not isinstance(item, bytes):
                raise TypeError(f"{item!r} has type {type(item).__name__}, but expected one of: bytes; encode() a str")

    def SerializeToString(self) -> bytes:
        return b"".join(_field(1, item) for item in self.value)

    def _read(self, content: bytes) -> None:
        self.value += [item for number, _, item in _fields(content) if number == 1]


class FloatList(_Message):
    """float32 numbers."""

    def __init__(self, value: Iterable[float] = ()) -> None:
        self.value = [float(item) for item in value]

    def SerializeToString(self) -> bytes:
        return _field(1, struct.pack(f"<{len(self.value)}f", *self.value)) if self.value else b""

    def _read(self, content: bytes) -> None:
        for number, _, part in _fields(content):
            if number == 1:  # one number, or many packed
                self.value += struct.unpack(f"<{len(part) // 4}f", part[: len(part) // 4 * 4])


class Int64List(_Message):
    """Whole numbers."""

    def __init__(self, value: Iterable[int] = ()) -> None:
        self.value = [_whole(item) for item in value]

    def SerializeToString(self) -> bytes:
        return _field(1, b"".join(map(_varint, self.value))) if self.value else b""

    def _read(self, content: bytes) -> None:
        for number, kind, part in _fields(content):
            if number != 1:
                continue
            if kind == _VARINT:
                self.value.append(_signed(part))
                continue
            place = 0
            while place < len(part):
                item, place = _read_varint(part, place)
                self.value.append(_signed(item))


def _whole(item: Any) -> int:
    if int(item) != item:
        raise TypeError(f"{item!r} has type {type(item).__name__}, but expected one of: int")
    return int(item)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


class Feature(_Message):
    """One of the three lists."""

    _KINDS: dict[str, tuple[int, Any]] = {  # noqa: RUF012  (never written to)
        "bytes_list": (1, BytesList),
        "float_list": (2, FloatList),
        "int64_list": (3, Int64List),
    }

    def __init__(self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None) -> None:
        self._lists: dict[str, Any] = {}
        for name, given in (("bytes_list", bytes_list), ("float_list", float_list), ("int64_list", int64_list)):
            if given is not None:
                self._lists = {name: given}

    @property
    def bytes_list(self) -> Any:
        """The strings of bytes."""
        return self._list("bytes_list")

    @property
    def float_list(self) -> Any:
        """The float32 numbers."""
        return self._list("float_list")

    @property
    def int64_list(self) -> Any:
        """The whole numbers."""
        return self._list("int64_list")

    def _list(self, name: str) -> Any:
        if name not in self._lists:
            empty = self._KINDS[name][1]()
            if self._lists:
                return empty
            self._lists[name] = empty
        return self._lists[name]

    def WhichOneof(self, name: str) -> str | None:
        """Which list it has."""
        return next((key for key, found in self._lists.items() if found.value), None)

    def HasField(self, name: str) -> bool:
        """Whether it has that list."""
        return name in self._lists

    def SerializeToString(self) -> bytes:
        return b"".join(_field(self._KINDS[key][0], part.SerializeToString()) for key, part in self._lists.items())

    def _read(self, content: bytes) -> None:
        names = {number: name for name, (number, _) in self._KINDS.items()}
        for number, _, part in _fields(content):
            if number in names:
                name = names[number]
                self._lists = {name: self._KINDS[name][1].FromString(part)}


class _Map(dict[str, Feature]):
    """Features by name; one that is asked for is there."""

    def __missing__(self, name: str) -> Feature:
        self[name] = Feature()
        return self[name]


class Features(_Message):
    """Features by name."""

    def __init__(self, feature: Any = None) -> None:
        self.feature = _Map(feature or {})

    def SerializeToString(self) -> bytes:
        return b"".join(
            _field(1, _field(1, name.encode()) + _field(2, feature.SerializeToString()))
            for name, feature in sorted(self.feature.items())
        )

    def _read(self, content: bytes) -> None:
        for number, _, entry in _fields(content):
            if number == 1:
                parts = {place: part for place, _, part in _fields(entry)}
                self.feature[parts.get(1, b"").decode()] = Feature.FromString(parts.get(2, b""))


class Example(_Message):
    """One example: its features by name."""

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        return _field(1, self.features.SerializeToString())

    def _read(self, content: bytes) -> None:
        for number, _, part in _fields(content):
            if number == 1:
                self.features._read(part)
