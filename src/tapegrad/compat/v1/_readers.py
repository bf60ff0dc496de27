"""Readers of the files that a queue names."""

from __future__ import annotations

import abc
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors
from ._infer import Kind
from ._missing import NotCoveredError
from ._nodes import node
from ._records import fixed_length_records, open_file, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._operation import Tensor
    from ._queues import (
        QueueBase,
    )
    from ._run import Run

__all__ = [
    "FixedLengthRecordReader", "IdentityReader", "ReaderBase", "TFRecordReader", "TextLineReader", "WholeFileReader",
]  # fmt: skip


class ReaderBase(abc.ABC):
    """Reads records of the files that a queue names, one after the other."""

    def __init__(self, kind: str, name: str | None) -> None:
        self._kind = kind
        self._name = name

    @abc.abstractmethod
    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        """The keys and records of a file."""

    def read(self, queue: QueueBase, name: str | None = None) -> tuple[Tensor, Tensor]:
        """The key of the next record, and the record."""
        text = Kind((), np.dtype(object))
        key, value = node(
            "ReaderReadV2", lambda run: self._next(run, queue), (), name or f"{self._kind}Read", outputs=2, python=True,
            in_run=True, sample=lambda: [text, text],
        )  # fmt: skip
        return key, value

    def read_up_to(self, queue: QueueBase, num_records: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
        """The keys of the next records, and the records; fewer at the end."""
        texts = Kind((None,), np.dtype(object))

        def several(run: Run) -> Any:
            found: list[Any] = []
            while len(found) < int(num_records):
                try:
                    found.append(self._next(run, queue))
                except errors.OutOfRangeError:
                    if not found:
                        raise
                    break
            return [np.array(part, object) for part in zip(*[[k.item(), v.item()] for k, v in found], strict=True)]

        keys, values = node(
            "ReaderReadUpToV2", several, (), name, outputs=2, python=True, in_run=True, sample=lambda: [texts, texts]
        )
        return keys, values

    def _next(self, run: Run, queue: QueueBase) -> list[Any]:
        place = run.session.kept(self, dict)
        while True:
            found = next(place.get("records", iter(())), None)
            if found is not None:
                return [np.array(part, object) for part in found]
            path = os.fsdecode(np.asarray(queue._get(run, 1)[0][0], object).item())
            place["records"] = self._of_file(path)


class TextLineReader(ReaderBase):
    """Lines of text, by `file:line`."""

    def __init__(self, skip_header_lines: int | None = None, name: str | None = None) -> None:
        super().__init__("TextLineReader", name)
        self._skipped = skip_header_lines or 0

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        for number, line in enumerate(records(path, "lines"), 1):
            if number > self._skipped:
                yield f"{path}:{number}".encode(), line


class TFRecordReader(ReaderBase):
    """Records of TFRecord files, by `file:byte`."""

    def __init__(self, name: str | None = None, options: Any = None) -> None:
        super().__init__("TFRecordReader", name)
        self._compression = getattr(options, "compression", "")

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        place = 0
        for record in records(path, "TFRecord", self._compression):
            yield f"{path}:{place}".encode(), record
            place += len(record) + 16


class WholeFileReader(ReaderBase):
    """Whole files, by their paths."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__("WholeFileReader", name)

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        with open_file(path) as file:
            yield path.encode(), file.read()


class FixedLengthRecordReader(ReaderBase):
    """Pieces of `record_bytes` bytes, by `file:number`."""

    def __init__(
        self,
        record_bytes: int,
        header_bytes: int | None = None,
        footer_bytes: int | None = None,
        hop_bytes: int | None = None,
        name: str | None = None,
        encoding: str | None = None,
    ) -> None:
        if hop_bytes not in (None, 0, record_bytes) or encoding:
            raise NotCoveredError("FixedLengthRecordReader: hop_bytes and encoding are not covered")
        super().__init__("FixedLengthRecordReader", name)
        self._sizes = record_bytes, header_bytes or 0, footer_bytes or 0

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        for number, record in enumerate(fixed_length_records(path, *self._sizes)):
            yield f"{path}:{number}".encode(), record


class IdentityReader(ReaderBase):
    """The strings of the queue themselves, as keys and as records."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__("IdentityReader", name)

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        yield path.encode(), path.encode()
