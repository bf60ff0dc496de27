"""`Saver` writes variables by name to checkpoints, each of which is whole or not there, and reads them back.

The file `checkpoint`, which names the latest one, is written after the checkpoint that it names, and the oldest
checkpoints are removed after that: a process that is killed leaves a folder in which what `checkpoint` names can be
loaded.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import numpy as np

from ...io.files import write_atomically
from ...io.safetensors import write_tensors
from . import errors
from ._checkpoint_files import DATA, checkpoint_exists, get_checkpoint_mtimes, read_arrays, remove_checkpoint
from ._checkpoint_state import update_checkpoint_state
from ._graph import get_default_graph
from ._meta_graphs import export_meta_graph
from ._missing import NotCoveredError
from ._shapes import compatible
from ._values import array_in
from ._variables import GraphKeys, Variable, variable_of

__all__ = ["Saver"]

_HOUR = 3600.0


class Saver:
    """Saves and restores variables: those of `var_list`, a list or a dict by the names in the file, or else all.

    The newest `max_to_keep` checkpoints are kept, all if that is None or 0, and one of each
    `keep_checkpoint_every_n_hours`. Raises ValueError where there are no variables.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = None,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        self._var_list, self._reshape, self._allow_empty = var_list, reshape, allow_empty
        self._max_to_keep, self._hours, self._pad = max_to_keep, keep_checkpoint_every_n_hours, pad_step_number
        self._relative = save_relative_paths
        self._variables: dict[str, Variable] | None = None
        self._kept: list[tuple[str, float]] = []  # paths, and when they were written; the newest is the last
        self._next_kept_forever = time.time() + keep_checkpoint_every_n_hours * _HOUR
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Settle which variables are saved, of those that there are now."""
        if self._variables is not None:
            return
        chosen = self._var_list
        if chosen is None:
            graph = get_default_graph()
            chosen = graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
            chosen += graph.get_collection(GraphKeys.SAVEABLE_OBJECTS)
        if not chosen and not self._allow_empty:
            raise ValueError("No variables to save: build the graph before the Saver")
        self._variables = _by_name(chosen)

    @property
    def last_checkpoints(self) -> list[str]:
        """The paths of the checkpoints that are kept, the newest last."""
        return [path for path, _ in self._kept]

    def set_last_checkpoints(self, last_checkpoints: list[str]) -> None:
        """Say which checkpoints there are, the newest last."""
        self._kept = [(path, np.nan) for path in last_checkpoints]

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: list[tuple[str, float]]) -> None:
        """Say which checkpoints there are, and when they were written, the newest last."""
        self._kept = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: list[str]) -> None:
        """Let those of the checkpoints that exist be the ones that are kept."""
        found = [path for path in checkpoint_paths if checkpoint_exists(path)]
        self._kept = list(zip(found, get_checkpoint_mtimes(found), strict=True))

    def save(
        self,
        sess: Any,
        save_path: Any,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str:
        """Write the values that the variables have in a session; gives the path, with `-step` at its end if given.

        Raises ValueError where the folder does not exist, and FailedPreconditionError for a variable without a value.
        """
        self.build()
        assert self._variables is not None
        path = os.fspath(save_path)
        if global_step is not None:
            step = global_step if isinstance(global_step, int | np.integer) else int(np.asarray(sess.run(global_step)))
            path = f"{path}-{step:08d}" if self._pad else f"{path}-{step}"
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            raise ValueError(f"Parent directory of {path} doesn't exist, can't save.")
        if not os.path.basename(os.fspath(save_path)):
            raise ValueError(f"save_path {path!r} is a folder; give the name of a file in it, such as model.ckpt")
        session = session_of(sess)
        arrays = {name: array_in(session.read(variable, False)) for name, variable in self._variables.items()}
        outline = {name: {"shape": array.shape, "dtype": array.dtype.name} for name, array in arrays.items()}
        if write_meta_graph:
            write_atomically(path + "." + meta_graph_suffix, [json.dumps({"variables": outline}, indent=1).encode()])
        try:
            write_tensors(path + DATA, arrays)
        except TypeError as error:
            raise TypeError(f"Saver: {error}; leave variables of strings out with var_list") from None
        if write_state:
            self._note(path)
            removed = self._outdated()
            update_checkpoint_state(
                folder,
                path,
                self.last_checkpoints,
                latest_filename,
                [when for _, when in self._kept],
                relative=self._relative,
            )
            for old in removed:
                remove_checkpoint(old)
        return path

    def restore(self, sess: Any, save_path: Any) -> None:
        """Give the variables the values of a checkpoint: all of them, or none if something does not fit.

        Raises ValueError where there is none of that name, NotFoundError for a variable that is not in it,
        InvalidArgumentError for one of another shape, and DataLossError for a damaged file.
        """
        self.build()
        assert self._variables is not None
        if save_path is None:
            raise ValueError("Can't load save_path when it is None: tf.train.latest_checkpoint found no checkpoint")
        path = os.fspath(save_path)
        if not checkpoint_exists(path):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {path}")
        arrays = read_arrays(path)
        values = {}
        for name, variable in self._variables.items():
            if name not in arrays:
                raise errors.NotFoundError(
                    None,
                    None,
                    f"Key {name} not found in checkpoint {path}, which has {', '.join(sorted(arrays)) or 'nothing'}. "
                    "A graph that was built twice in one process has other names: call tf.reset_default_graph() first",
                )
            array = arrays[name]
            if self._reshape and array.size == variable.shape.num_elements():
                array = array.reshape([int(size) for size in variable.shape])
            if not compatible(variable.shape.sizes, array.shape):
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Assign requires shapes of both tensors to match: {variable.name} is {variable.shape} (defined at "
                    f"{variable.op.line}), {name} in {path} is {array.shape}",
                )
            if array.dtype != variable.dtype.dtype:
                raise errors.InvalidArgumentError(
                    None, None, f"{variable.name} is of {variable.dtype.name}, {name} in {path} of {array.dtype}"
                )
            values[variable] = array
        session = session_of(sess)
        for variable, array in values.items():
            session.assign(variable, array)

    def export_meta_graph(self, filename: Any = None, *arguments: Any, **keywords: Any) -> Any:
        """Not covered: raises NotCoveredError."""
        return export_meta_graph(filename)

    def as_saver_def(self) -> Any:
        """Not covered: raises NotCoveredError."""
        raise NotCoveredError("protocol buffers of savers are not covered; make a Saver by the same arguments")

    def to_proto(self, export_scope: Any = None) -> Any:
        """Not covered: raises NotCoveredError."""
        return self.as_saver_def()

    def _note(self, path: str) -> None:
        self._kept = [(other, when) for other, when in self._kept if other != path]
        self._kept.append((path, time.time()))

    def _outdated(self) -> list[str]:
        """Take the oldest checkpoints off the list: the paths of those that are to be removed."""
        removed = []
        while self._max_to_keep and len(self._kept) > self._max_to_keep:
            path, when = self._kept.pop(0)
            if when > self._next_kept_forever:
                self._next_kept_forever += self._hours * _HOUR
            else:
                removed.append(path)
        return removed


def session_of(sess: Any) -> Any:
    """The session that keeps the values: a monitored one has it inside."""
    return getattr(sess, "raw_session", sess)


def _by_name(chosen: Any) -> dict[str, Variable]:
    """Variables by their names in a file."""
    if isinstance(chosen, dict):
        return {name: variable_of(variable) for name, variable in chosen.items()}
    found: dict[str, Variable] = {}
    for item in chosen:
        variable = variable_of(item)
        if found.setdefault(variable.op.name, variable) is not variable:
            raise ValueError(f"At least two variables have the same name: {variable.op.name}")
    return found
