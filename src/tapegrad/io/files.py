"""Writing a file as one step: whoever reads it, whenever, finds all of the old content or all of the new."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

ABANDONED = 3600  # seconds: nobody writes on at a temporary file that has not changed for so long


def write_atomically(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview]) -> None:
    """Make the bytes of `parts` the content of the file at `path`, or change nothing.

    They go to a temporary file in the same folder, which is forced onto the disk and then takes the place of the
    old one in a single step. A process that is killed leaves the old file, or the new one, and perhaps the temporary
    file, which a later call removes. Raises OSError, which names the file and the cause, when that cannot be done.
    """
    with replacing(path) as file:
        for part in parts:
            file.write(part)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A temporary file to write to, which takes the place of the file at `path` when the block ends without error."""
    final = Path(os.path.realpath(path))  # behind a link, so that the link stays
    temporary = final.with_name(f"{final.name}.{os.urandom(4).hex()}.partial")
    try:
        # Opened so that there was no such file before; with the rights that the user's other new files have.
        file = open(temporary, "xb")  # noqa: SIM115  (closed below, before it is renamed)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, final)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.filename not in (None, str(temporary)):  # the caller's own trouble, with some other file
            raise
        was = "the file that was there is unchanged" if final.exists() else "there is no such file"
        raise OSError(error.errno, f"cannot write the file ({error.strerror or error}); {was}", str(path)) from error
    _sync_folder(final.parent)
    _remove_abandoned(final)


def _sync_folder(folder: Path) -> None:
    """Force the new name onto the disk too: the rename is an entry in the folder."""
    if os.name == "nt":  # which cannot open a folder, and writes names at once
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove_abandoned(final: Path) -> None:
    """Remove what processes that were killed left of earlier attempts at this file."""
    for left in final.parent.glob(f"{_literal(final.name)}.*.partial"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()


def _literal(name: str) -> str:
    """A name as a pattern that only it matches."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
