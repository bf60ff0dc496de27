"""Checkpoints without a Saver: their arrays by name, and variables that start with them."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors
from ._checkpoint_files import read_arrays
from ._checkpoint_state import latest_checkpoint
from ._dtypes import as_dtype
from ._graph import get_default_graph
from ._shapes import compatible
from ._variables import GraphKeys, variable_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ._variables import Variable

__all__ = ["NewCheckpointReader", "init_from_checkpoint", "list_variables", "load_checkpoint", "load_variable"]


class NewCheckpointReader:
    """A checkpoint's arrays by name. Raises NotFoundError where there is none of that path."""

    def __init__(self, filepattern: Any) -> None:
        self._arrays = read_arrays(os.fspath(filepattern))

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is an array of that name."""
        return tensor_str in self._arrays

    def get_tensor(self, tensor_str: str) -> Any:
        """The array of that name; raises NotFoundError if there is none."""
        if tensor_str not in self._arrays:
            raise errors.NotFoundError(None, None, f"Key {tensor_str} not found in checkpoint")
        return self._arrays[tensor_str][()]

    def get_variable_to_shape_map(self) -> Mapping[str, list[int]]:
        """The shapes of all arrays by their names."""
        return {name: list(array.shape) for name, array in self._arrays.items()}

    def get_variable_to_dtype_map(self) -> Mapping[str, Any]:
        """The dtypes of all arrays by their names."""
        return {name: as_dtype(array.dtype) for name, array in self._arrays.items()}


def load_checkpoint(ckpt_dir_or_file: Any) -> NewCheckpointReader:
    """The arrays of a checkpoint, or of the latest of a folder."""
    path = os.fspath(ckpt_dir_or_file)
    found = latest_checkpoint(path) if os.path.isdir(path) else path
    if found is None:
        raise ValueError(f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}")
    return NewCheckpointReader(found)


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """One array of a checkpoint."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """The names and shapes in a checkpoint."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Any) -> None:
    """Let variables start with the values of a checkpoint: a dict of names there to variables, or to their names.

    Names that end with a slash stand for all that begin with them.
    """
    reader = load_checkpoint(ckpt_dir_or_file)
    graph = get_default_graph()
    own = {variable.op.name: variable for variable in graph.get_collection(GraphKeys.GLOBAL_VARIABLES)}
    pairs: list[tuple[str, Any]] = []
    for there, here in assignment_map.items():
        if isinstance(here, str) and (there.endswith("/") or here.endswith("/")):
            source, lead = there.strip("/"), f"{here.strip('/')}/".lstrip("/")
            pairs += [
                (f"{source}/{name[len(lead):]}" if source else name[len(lead):], variable)
                for name, variable in own.items() if name.startswith(lead)
            ]  # fmt: skip
        else:
            pairs.append((there, own[here] if isinstance(here, str) and here in own else here))
    for name, variable in pairs:
        if not reader.has_tensor(name):
            raise ValueError(f"Tensor {name} is not found in {os.fspath(ckpt_dir_or_file)} checkpoint")
        target = variable_of(variable)
        array = np.asarray(reader.get_tensor(name))
        if not compatible(target.shape.sizes, array.shape):
            raise ValueError(
                f"Shape of variable {target.name} ({target.shape}) doesn't match with shape of tensor {name} "
                f"({list(array.shape)}) from checkpoint reader."
            )
        target.initializer.function = functools.partial(_start, array)


def _start(array: NDArray[Any], run: Any, value: Any, *, target: Variable) -> Any:
    """What the initializer of a variable does that starts with the value of a checkpoint."""
    return run.session.assign(target, array)
