"""Files of records: lines of text, pieces of one length, and TFRecord files.

A TFRecord file is a row of records: the length (8 bytes, little-endian), its checksum, the content, its checksum. A
checksum is CRC-32C, rotated by 15 bits and moved by a constant. Sources: RFC 3720, appendix B.4, for CRC-32C;
https://www.tensorflow.org/tutorials/load_data/tfrecord for the format.
"""

from __future__ import annotations

import functools
import gzip
import os
import struct
import zlib
from typing import IO, TYPE_CHECKING, Any

from . import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLYNOMIAL = 0x82F63B78  # of CRC-32C, reversed
_MASK = 0xA282EAD8


@functools.cache
def _tables() -> list[list[int]]:
    """For each byte and its distance from the end of eight, what it changes in the checksum."""
    first = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ _POLYNOMIAL * (byte & 1)
        first.append(byte)
    tables = [first]
    for _ in range(7):
        tables.append([first[value & 255] ^ value >> 8 for value in tables[-1]])
    return tables


def crc32c(content: bytes) -> int:
    """The CRC-32C of some bytes, eight at a time."""
    t0, t1, t2, t3, t4, t5, t6, t7 = _tables()
    crc, whole = 0xFFFFFFFF, len(content) // 8 * 8
    for low, high in struct.iter_unpack("<II", content[:whole]):
        low ^= crc
        crc = (
            t7[low & 255] ^ t6[low >> 8 & 255] ^ t5[low >> 16 & 255] ^ t4[low >> 24]
            ^ t3[high & 255] ^ t2[high >> 8 & 255] ^ t1[high >> 16 & 255] ^ t0[high >> 24]
        )  # fmt: skip
    for byte in content[whole:]:
        crc = t0[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(content: bytes) -> int:
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def framed(record: bytes) -> bytes:
    """A record as a TFRecord file has it."""
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", _masked(length)) + record + struct.pack("<I", _masked(record))


def open_file(path: Any, compression: str = "", mode: str = "rb") -> IO[bytes]:
    """A file of bytes, "GZIP" or "ZLIB" or plain. Raises NotFoundError, and ValueError for another compression."""
    try:
        if compression == "GZIP":
            return gzip.open(path, mode)  # type: ignore[return-value]
        if compression == "ZLIB" and mode == "rb":
            import io

            with open(path, "rb") as file:
                return io.BytesIO(zlib.decompress(file.read()))
        if compression:
            raise ValueError(f"compression {compression!r} is not covered; '', 'GZIP' and (to read) 'ZLIB' are")
        return open(path, mode)
    except FileNotFoundError as error:
        raise errors.NotFoundError(None, None, f"{os.fspath(path)}; No such file or directory") from error


def records(path: Any, kind: str, compression: str = "") -> Iterator[bytes]:
    """The "lines" or "TFRecord"s of a file. Raises DataLossError for a TFRecord file that is cut short or damaged."""
    with open_file(path, compression) as file:
        if kind == "lines":
            for line in file:
                yield line.removesuffix(b"\n").removesuffix(b"\r")
            return
        place = 0
        while head := file.read(12):
            if len(head) < 12 or struct.unpack("<I", head[8:])[0] != _masked(head[:8]):
                raise errors.DataLossError(None, None, f"{os.fspath(path)}: corrupted record at {place}")
            (length,) = struct.unpack("<Q", head[:8])
            content, checksum = file.read(length), file.read(4)
            if len(content) < length or len(checksum) < 4:
                raise errors.DataLossError(None, None, f"{os.fspath(path)}: truncated record at {place}")
            if struct.unpack("<I", checksum)[0] != _masked(content):
                raise errors.DataLossError(None, None, f"{os.fspath(path)}: corrupted record at {place}")
            yield content
            place += length + 16


def fixed_length_records(path: Any, size: int, header: int = 0, footer: int = 0) -> Iterator[bytes]:
    """The pieces of `size` bytes between a header and a footer; what is left at the end is left out."""
    with open_file(path) as file:
        left = os.fstat(file.fileno()).st_size - header - footer
        file.seek(header)
        while left >= size:
            yield file.read(size)
            left -= size
