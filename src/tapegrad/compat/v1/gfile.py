"""Files and folders of this machine: `tf.gfile`."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from typing import TYPE_CHECKING, Any

from . import errors
from ._missing import not_covered

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Copy", "DeleteRecursively", "Exists", "FastGFile", "GFile", "Glob", "IsDirectory", "ListDirectory", "MakeDirs",
    "MkDir", "Open", "Remove", "Rename", "Stat", "Walk", "copy", "exists", "isdir", "listdir", "makedirs",
    "mkdir", "remove", "rename", "rmtree", "stat", "walk",
]  # fmt: skip


@contextlib.contextmanager
def _as_tensorflow() -> Iterator[None]:
    """Let the system's errors be TensorFlow's."""
    try:
        yield
    except FileNotFoundError as error:
        raise errors.NotFoundError(None, None, str(error)) from error
    except FileExistsError as error:
        raise errors.AlreadyExistsError(None, None, str(error)) from error
    except PermissionError as error:
        raise errors.PermissionDeniedError(None, None, str(error)) from error
    except (IsADirectoryError, NotADirectoryError, OSError) as error:
        raise errors.FailedPreconditionError(None, None, str(error)) from error


class GFile:
    """A file that is opened when it is first read or written. `mode` is Python's; without b, text is UTF-8."""

    def __init__(self, name: Any, mode: str = "r") -> None:
        self._file: Any = None
        self._name, self._mode = os.fspath(name), mode

    @property
    def name(self) -> str:
        """The path."""
        return self._name

    @property
    def mode(self) -> str:
        """How it is opened."""
        return self._mode

    def _opened(self) -> Any:
        if self._file is None:
            with _as_tensorflow():
                if "b" in self._mode:
                    self._file = open(self._name, self._mode)  # noqa: SIM115  (closed by close)
                else:
                    self._file = open(self._name, self._mode, encoding="utf-8", newline="")  # noqa: SIM115
        return self._file

    def read(self, n: int = -1) -> Any:
        """The rest, or up to n characters or bytes of it."""
        return self._opened().read(n)

    def readline(self) -> Any:
        """The next line, with its end."""
        return self._opened().readline()

    def readlines(self) -> list[Any]:
        """The lines that are left, with their ends."""
        return list(self._opened().readlines())

    def write(self, file_content: Any) -> None:
        """Add to the file."""
        self._opened().write(file_content)

    def seek(self, offset: int = 0, whence: int = 0, position: int | None = None) -> None:
        """Go to a place."""
        self._opened().seek(offset if position is None else position, whence)

    def tell(self) -> int:
        """The place in the file."""
        return int(self._opened().tell())

    def size(self) -> int:
        """How many bytes there are."""
        with _as_tensorflow():
            return os.stat(self._name).st_size

    def seekable(self) -> bool:
        """Whether there are places to go to: always."""
        return True

    def flush(self) -> None:
        """Write what waits to be written."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def next(self) -> Any:
        """The next line; raises StopIteration at the end."""
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    __next__ = next

    def __iter__(self) -> GFile:
        return self

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> GFile:
        self._opened()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


Open = FastGFile = GFile


def Exists(filename: Any) -> bool:
    """Whether there is a file or folder of that name."""
    return os.path.exists(filename)


def IsDirectory(dirname: Any) -> bool:
    """Whether there is a folder of that name."""
    return os.path.isdir(dirname)


def ListDirectory(dirname: Any) -> list[str]:
    """The names in a folder."""
    if not os.path.isdir(dirname):
        raise errors.NotFoundError(None, None, f"Could not find directory {os.fspath(dirname)}")
    return os.listdir(dirname)


def MakeDirs(dirname: Any) -> None:
    """Make a folder, and those that it is in, unless they are there."""
    with _as_tensorflow():
        os.makedirs(dirname, exist_ok=True)


def MkDir(dirname: Any) -> None:
    """Make a folder."""
    with _as_tensorflow():
        os.mkdir(dirname)


def Remove(filename: Any) -> None:
    """Remove a file."""
    with _as_tensorflow():
        os.remove(filename)


def DeleteRecursively(dirname: Any) -> None:
    """Remove a folder and all that is in it, or a file."""
    with _as_tensorflow():
        if os.path.isdir(dirname) and not os.path.islink(dirname):
            shutil.rmtree(dirname)
        else:
            os.remove(dirname)


def Glob(filename: Any) -> list[str]:
    """The paths that fit a pattern, or one of several, sorted."""
    patterns = filename if isinstance(filename, list | tuple) else [filename]
    return [path for pattern in patterns for path in sorted(glob.glob(os.fspath(pattern)))]


def Copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copy a file; raises AlreadyExistsError for one that is there, unless it may be written over."""
    if os.path.exists(newpath) and not overwrite:
        raise errors.AlreadyExistsError(None, None, f"file already exists: {os.fspath(newpath)}")
    with _as_tensorflow():
        shutil.copyfile(oldpath, newpath)


def Rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Give a file or folder another name; raises AlreadyExistsError as `Copy` does."""
    if os.path.exists(newname) and not overwrite:
        raise errors.AlreadyExistsError(None, None, f"file already exists: {os.fspath(newname)}")
    with _as_tensorflow():
        os.replace(oldname, newname)


class Stat:
    """What is known of a file: `length` in bytes, `mtime_nsec`, `is_directory`."""

    def __init__(self, filename: Any) -> None:
        with _as_tensorflow():
            found = os.stat(filename)
        self.length, self.mtime_nsec = found.st_size, found.st_mtime_ns
        self.is_directory = os.path.isdir(filename)


def Walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder from `top` on, the folders in it, and the files in it."""
    return os.walk(top, topdown=in_order)


copy, exists, isdir, listdir, makedirs, mkdir = Copy, Exists, IsDirectory, ListDirectory, MakeDirs, MkDir
remove, rename, rmtree, stat, walk = Remove, Rename, DeleteRecursively, Stat, Walk

__getattr__ = not_covered(__name__)
