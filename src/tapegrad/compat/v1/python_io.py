"""TFRecord files in Python: `tf.python_io`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._missing import not_covered
from ._records import framed, open_file, records

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TFRecordCompressionType", "TFRecordOptions", "TFRecordWriter", "tf_record_iterator"]


class TFRecordCompressionType:
    """How a file is packed."""

    NONE, ZLIB, GZIP = 0, 1, 2


class TFRecordOptions:
    """How a file is packed: a TFRecordCompressionType, or "GZIP"."""

    def __init__(self, compression_type: Any = None, **others: Any) -> None:
        kinds = {0: "", 1: "ZLIB", 2: "GZIP", None: ""}
        self.compression: str = kinds.get(compression_type, compression_type)
        self.compression_type = compression_type


def _compression(options: Any) -> str:
    return options if isinstance(options, str) else getattr(options, "compression", "")


class TFRecordWriter:
    """Writes records, each with checksums, to a file that is whole after `close`."""

    def __init__(self, path: Any, options: Any = None) -> None:
        self._file: Any = open_file(os.fspath(path), _compression(options), "wb")

    def write(self, record: bytes) -> None:
        """Add a record."""
        if not isinstance(record, bytes):
            raise TypeError(f"expected bytes, got {type(record).__name__}; write example.SerializeToString()")
        self._file.write(framed(record))

    def flush(self) -> None:
        """Write what waits to be written."""
        self._file.flush()

    def close(self) -> None:
        """Write what waits to be written, and close the file."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def tf_record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """The records of a file. Raises DataLossError for one that is cut short or damaged."""
    return records(os.fspath(path), "TFRecord", _compression(options))


__getattr__ = not_covered(__name__)
