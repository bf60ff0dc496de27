"""The files of a checkpoint.

A checkpoint `model.ckpt-100` is the safetensors file `model.ckpt-100.index`, under the name that scripts look for, and
`model.ckpt-100.meta`, a list of its variables in JSON.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from ...errors import DataError
from ...io.safetensors import read_tensors
from . import errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["checkpoint_exists", "get_checkpoint_mtimes", "remove_checkpoint"]

DATA = ".index"


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint of that path."""
    return os.path.isfile(os.fspath(checkpoint_prefix) + DATA)


def get_checkpoint_mtimes(checkpoint_prefixes: list[str]) -> list[float]:
    """When checkpoints were written, of those that exist."""
    return [os.path.getmtime(path + DATA) for path in checkpoint_prefixes if checkpoint_exists(path)]


def remove_checkpoint(
    checkpoint_prefix: Any, checkpoint_format_version: Any = None, meta_graph_suffix: Any = "meta"
) -> None:
    """Remove the files of a checkpoint."""
    path = os.fspath(checkpoint_prefix)
    for name in (path + DATA, f"{path}.{meta_graph_suffix}"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(name)


def read_arrays(path: str) -> dict[str, NDArray[Any]]:
    """The arrays of a checkpoint by name. Raises NotFoundError where there is none, DataLossError for a damaged one."""
    try:
        return read_tensors(path + DATA)[0]
    except DataError as error:
        if not os.path.exists(path + DATA):
            raise errors.NotFoundError(None, None, f"{path}: there is no such checkpoint") from None
        raise errors.DataLossError(
            None,
            None,
            f"{error}. Checkpoints of TensorFlow itself are not covered: read one with TensorFlow, and give the "
            "values to tf.assign",
        ) from error
