"""Reading idx files, the format of MNIST: a magic number, the dimensions, then the values.

The header is four bytes (0, 0, a code for the type, the number of dimensions), then each dimension as a
big-endian 32-bit integer. Source: http://yann.lecun.com/exdb/mnist.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

UNSIGNED_BYTES = 0x08
LARGEST = 2**30  # bytes: twenty times what MNIST's largest file holds
CHUNK = 2**20


def read_idx(path: str | os.PathLike[str], dimensions: int) -> NDArray[np.uint8]:
    """Read a gzipped idx file of unsigned bytes with so many dimensions.

    Memory grows with what the file holds, never with what its header promises. Raises DataError, naming the
    file, what was expected and what was found, for a file that is absent, cut short, damaged or of another kind.
    """
    path = Path(path)
    try:
        with gzip.open(path) as file:
            return _read(file, path, dimensions)
    except FileNotFoundError:
        raise DataError(f"{path}: expected a gzipped idx file, found no file of that name") from None
    except EOFError:
        raise DataError(
            f"{path}: expected a complete gzip file, found one cut short ({path.stat().st_size:,} bytes); get it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: expected a gzip file, found a damaged one or none ({error}); get it again") from None
    except OSError as error:
        raise DataError(f"{path}: expected a gzipped idx file, but it cannot be read ({error.strerror})") from error


def _read(file: gzip.GzipFile, path: Path, dimensions: int) -> NDArray[np.uint8]:
    expected = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    found = file.read(4)
    if found != expected:
        raise DataError(
            f"{path}: expected the magic number {expected.hex(' ')} (unsigned bytes, {dimensions} dimensions), "
            f"found {found.hex(' ') or 'an empty file'}"
        )
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DataError(f"{path}: expected {dimensions} dimensions in the header, found {len(header) // 4}")
    shape = struct.unpack(f">{dimensions}I", header)
    size = 1
    for dimension in shape:
        size *= dimension
    if size > LARGEST:
        raise DataError(f"{path}: expected at most {LARGEST:,} bytes of values, found a header that promises {size:,}")
    values = bytearray()
    # One byte more than promised is asked for, to see the end of the file, where gzip checks its sum.
    while len(values) <= size and (chunk := file.read(min(CHUNK, size + 1 - len(values)))):
        values += chunk
    if len(values) != size:
        have = f"{len(values):,}" if len(values) < size else "more"
        raise DataError(f"{path}: expected {size:,} values for shape {shape}, found {have}")
    return np.frombuffer(values, np.uint8).reshape(shape)
