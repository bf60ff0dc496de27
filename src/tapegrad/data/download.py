"""Downloading a file whose checksum is known: all of it, or an error that says what to do."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, NamedTuple

from ..errors import DataError
from ..io.files import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

CHUNK = 2**16
PATIENCE = 30  # seconds without a byte


class File(NamedTuple):
    """A file as it was published."""

    name: str
    size: int  # bytes
    sha256: str


def download(file: File, folder: Path, sources: Sequence[str]) -> Path:
    """Get `file` into `folder` from the first of the addresses `sources` that has it, showing how far it is.

    It appears there under its name when it is complete and its checksum is right, and not before. Raises DataError
    when no source gives it, and OSError when it cannot be written.
    """
    failures = []
    for source in sources:
        url = f"{source.rstrip('/')}/{file.name}"
        try:
            with replacing(folder / file.name) as target:
                _copy(url, target, file)
            return folder / file.name
        except DataError as error:
            failures.append(str(error))
    raise DataError(
        f"{file.name}: expected it at one of {len(sources)} addresses, found it at none: {'; '.join(failures)}. "
        f"Without a network, get the file elsewhere and put it into {folder}"
    )


def _copy(url: str, target: BinaryIO, file: File) -> None:
    """Copy what is at `url`, never more than the file's size; every failure of the network is a DataError."""
    import http.client  # with urllib 30 ms, which those who download nothing need not wait for
    import urllib.request

    checksum, have, bar = hashlib.sha256(), 0, _Bar(file)
    try:
        response = urllib.request.urlopen(url, timeout=PATIENCE)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(f"{url} cannot be reached ({error})") from error
    with response:
        while have <= file.size:
            try:
                chunk = response.read(min(CHUNK, file.size + 1 - have))
            except (OSError, http.client.HTTPException) as error:
                raise DataError(f"{url} stopped after {have:,} of {file.size:,} bytes ({error})") from error
            if not chunk:
                break
            target.write(chunk)
            checksum.update(chunk)
            have += len(chunk)
            bar.show(have)
    bar.end()
    if have != file.size:
        raise DataError(f"{url} has {'more' if have > file.size else f'{have:,}'} instead of {file.size:,} bytes")
    if checksum.hexdigest() != file.sha256:
        raise DataError(f"{url} has the checksum {checksum.hexdigest()} instead of {file.sha256}")


class _Bar:
    """How much of a file is there: on a terminal a line that changes, elsewhere a line at the end."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._terminal = sys.stderr.isatty()
        self._tenth = -1

    def show(self, have: int) -> None:
        tenth = 30 * have // max(self._file.size, 1)
        if self._terminal and tenth != self._tenth:
            self._tenth = tenth
            print(f"\r{self._file.name} {'━' * tenth:30} {have / 1e6:.1f} MB", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._terminal:
            print(file=sys.stderr)
        else:
            print(f"{self._file.name}: {self._file.size:,} bytes", file=sys.stderr)
