"""Reading packed text files with a bound on what comes out of them: a few kilobytes may promise terabytes."""

from __future__ import annotations

import gzip
import lzma
import zlib
from typing import TYPE_CHECKING

from ..errors import DataError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

CHUNK = 2**20
MEMORY = 2**27  # bytes that unpacking xz may need beside the result: twice what `xz -9` asks for


def read_text(path: Path, largest: int) -> str:
    """The text, in UTF-8, of a file that is packed as its name says, `.gz` or `.xz`, or not at all.

    At most `largest` bytes are taken out of it. Raises DataError, naming the file, what was expected and what was
    found, for a file that is absent, cut short, damaged, larger, or no text.
    """
    kind = {".gz": "a gzip file", ".xz": "an xz file"}.get(path.suffix, "a text file")
    try:
        with open(path, "rb") as file:
            if path.suffix == ".xz":
                content = _unpacked_xz(file, largest)
            elif path.suffix == ".gz":
                with gzip.open(file) as unpacked:
                    content = unpacked.read(largest + 1)
            else:
                content = file.read(largest + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: expected {kind}, found no file of that name") from None
    except EOFError:
        raise DataError(
            f"{path}: expected all of {kind}, found one cut short ({path.stat().st_size:,} bytes); get it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: expected {kind}, found a damaged one or none ({error}); get it again") from None
    except OSError as error:
        raise DataError(f"{path}: expected {kind}, but it cannot be read ({error.strerror})") from error
    if len(content) > largest:
        raise DataError(f"{path}: expected at most {largest:,} bytes of text, found more")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text in UTF-8, found byte {content[error.start]:#x} in it") from None


def _unpacked_xz(file: BinaryIO, largest: int) -> bytes:
    """At most one byte more than `largest`. The standard library's own reader has no bound for its memory."""
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    content = bytearray()
    while not unpacker.eof and len(content) <= largest:
        packed = file.read(CHUNK) if unpacker.needs_input else b""
        if unpacker.needs_input and not packed:
            raise EOFError
        content += unpacker.decompress(packed, min(CHUNK, largest + 1 - len(content)))
    if unpacker.eof and (unpacker.unused_data or file.read(1)):
        raise lzma.LZMAError("something follows its end")
    return bytes(content)
