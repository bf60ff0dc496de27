"""Data sets of the lines and records of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ._dataset import Dataset
from ._elements import leaf_of, setting
from ._infer import Kind
from ._records import fixed_length_records, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._elements import Going

    Elements = Iterator[list[Any]]

__all__ = ["FixedLengthRecordDataset", "TFRecordDataset", "TextLineDataset"]


class TextLineDataset(Dataset):
    """The lines of text files, without their ends."""

    def __init__(self, filenames: Any, compression_type: Any = None, buffer_size: Any = None) -> None:
        files = leaf_of(filenames)

        def elements(going: Going) -> Elements:
            for path in _paths(going.value(files)):
                for line in records(path, "lines", _compression(compression_type)):
                    yield [np.array(line, object)]

        super().__init__(elements, Kind((), np.dtype(object)), [files])


class TFRecordDataset(Dataset):
    """The records of TFRecord files."""

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None, num_parallel_reads: Any = None
    ) -> None:
        files = filenames if isinstance(filenames, Dataset) else leaf_of(filenames)

        def elements(going: Going) -> Elements:
            if isinstance(files, Dataset):
                paths: Iterable[str] = (os.fsdecode(element[0].item()) for element in files._elements(going))
            else:
                paths = _paths(going.value(files))
            for path in paths:
                for record in records(path, "TFRecord", _compression(compression_type)):
                    yield [np.array(record, object)]

        super().__init__(
            elements, Kind((), np.dtype(object)), files._sources if isinstance(files, Dataset) else [files]
        )


class FixedLengthRecordDataset(Dataset):
    """Pieces of `record_bytes` bytes of files, without `header_bytes` at the start and `footer_bytes` at the end."""

    def __init__(
        self, filenames: Any, record_bytes: Any, header_bytes: Any = 0, footer_bytes: Any = 0, buffer_size: Any = None
    ) -> None:
        files = leaf_of(filenames)
        sizes = [setting(size) for size in (record_bytes, header_bytes or 0, footer_bytes or 0)]

        def elements(going: Going) -> Elements:
            for path in _paths(going.value(files)):
                for record in fixed_length_records(path, *[int(going.value(size)) for size in sizes]):
                    yield [np.array(record, object)]

        super().__init__(elements, Kind((), np.dtype(object)), [files, *sizes])


def _paths(files: Any) -> list[str]:
    return [os.fsdecode(path) for path in np.asarray(files, object).ravel()]


def _compression(kind: Any) -> str:
    return "" if kind is None else str(kind)
