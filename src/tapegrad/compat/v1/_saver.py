"""Checkpoints: `Saver` writes variables by name to one file, which is whole or not there, and reads them back.

A checkpoint `model.ckpt-100` is the safetensors file `model.ckpt-100.index`, under the name that scripts look for, and
`model.ckpt-100.meta`, a list of its variables in JSON. The file `checkpoint` in the same folder says which one is the
latest, in TensorFlow's format. It is written after the checkpoint that it names, and the oldest checkpoints are removed
after that: a process that is killed leaves a folder in which what `checkpoint` names can be loaded.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tape import Tensor as Value
from ...errors import DataError
from ...io.files import write_atomically
from ...io.safetensors import read_tensors, write_tensors
from . import errors
from ._graph import get_default_graph
from ._missing import NotCoveredError
from ._shapes import compatible
from ._variables import GraphKeys, Variable, variable_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = [
    "CheckpointState", "NewCheckpointReader", "Saver", "checkpoint_exists", "checkpoints_iterator",
    "export_meta_graph", "generate_checkpoint_state_proto", "get_checkpoint_mtimes", "get_checkpoint_state",
    "import_meta_graph", "init_from_checkpoint", "latest_checkpoint", "list_variables", "load_checkpoint",
    "load_variable", "remove_checkpoint", "update_checkpoint_state", "write_graph",
]  # fmt: skip

_DATA = ".index"
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
        arrays = {name: _array(session.read(variable, False)) for name, variable in self._variables.items()}
        outline = {name: {"shape": array.shape, "dtype": array.dtype.name} for name, array in arrays.items()}
        if write_meta_graph:
            write_atomically(path + "." + meta_graph_suffix, [json.dumps({"variables": outline}, indent=1).encode()])
        try:
            write_tensors(path + _DATA, arrays)
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
        arrays = _read(path)
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


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value._array if isinstance(value, Value) else value)


def _read(path: str) -> dict[str, NDArray[Any]]:
    try:
        return read_tensors(path + _DATA)[0]
    except DataError as error:
        if not os.path.exists(path + _DATA):
            raise errors.NotFoundError(None, None, f"{path}: there is no such checkpoint") from None
        raise errors.DataLossError(
            None,
            None,
            f"{error}. Checkpoints of TensorFlow itself are not covered: read one with TensorFlow, and give the "
            "values to tf.assign",
        ) from error


# --------------------------------------------------------------------------------------------------
# The file that tells which checkpoint is the latest


class CheckpointState:
    """What the file `checkpoint` says: the path of the latest checkpoint, and of all that are kept, the newest last."""

    def __init__(
        self,
        model_checkpoint_path: str = "",
        all_model_checkpoint_paths: Any = (),
        all_model_checkpoint_timestamps: Any = (),
        last_preserved_timestamp: float = 0.0,
    ) -> None:
        self.model_checkpoint_path = model_checkpoint_path
        self.all_model_checkpoint_paths = list(all_model_checkpoint_paths)
        self.all_model_checkpoint_timestamps = list(all_model_checkpoint_timestamps)
        self.last_preserved_timestamp = last_preserved_timestamp

    def __str__(self) -> str:
        lines = [f"model_checkpoint_path: {_quoted(self.model_checkpoint_path)}"]
        lines += [f"all_model_checkpoint_paths: {_quoted(path)}" for path in self.all_model_checkpoint_paths]
        lines += [f"all_model_checkpoint_timestamps: {when!r}" for when in self.all_model_checkpoint_timestamps]
        return "\n".join(lines) + "\n"


_LINE = re.compile(r'\s*(\w+)\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))\s*')


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)


def generate_checkpoint_state_proto(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Any = None,
    all_model_checkpoint_timestamps: Any = None,
    last_preserved_timestamp: Any = None,
) -> CheckpointState:
    """What `checkpoint` in a folder is to say; relative paths are written relative to the folder."""
    paths = list(all_model_checkpoint_paths or [])
    if model_checkpoint_path not in paths:
        paths.append(model_checkpoint_path)

    def seen(path: str) -> str:
        return path if os.path.isabs(path) or os.path.isabs(save_dir) else os.path.relpath(path, save_dir or ".")

    times = [when for when in all_model_checkpoint_timestamps or [] if when == when]
    return CheckpointState(seen(model_checkpoint_path), map(seen, paths), times)


def update_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Any = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Any = None,
    last_preserved_timestamp: Any = None,
    relative: bool = False,
) -> None:
    """Write the file `checkpoint` of a folder, or the one called `latest_filename`."""
    paths = list(all_model_checkpoint_paths or [])
    if relative:
        base = os.path.abspath(save_dir or ".")
        model_checkpoint_path = os.path.relpath(os.path.abspath(model_checkpoint_path), base)
        paths = [os.path.relpath(os.path.abspath(path), base) for path in paths]
        state = CheckpointState(model_checkpoint_path, paths, all_model_checkpoint_timestamps or ())
    else:
        state = generate_checkpoint_state_proto(
            save_dir, model_checkpoint_path, paths, all_model_checkpoint_timestamps, last_preserved_timestamp
        )
    write_atomically(os.path.join(save_dir, latest_filename or "checkpoint"), [str(state).encode()])


def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> CheckpointState | None:
    """What the file `checkpoint` of a folder says, or None where there is none that says anything."""
    if checkpoint_dir is None:
        return None
    folder = os.fspath(checkpoint_dir)
    try:
        with open(os.path.join(folder, latest_filename or "checkpoint"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    state = CheckpointState()
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        key, text, number = match.groups()
        path = "" if text is None else os.path.join(folder, _unquoted(text))  # an absolute path stays as it is
        if key == "model_checkpoint_path":
            state.model_checkpoint_path = path
        elif key == "all_model_checkpoint_paths":
            state.all_model_checkpoint_paths.append(path)
        elif key == "all_model_checkpoint_timestamps" and number:
            with contextlib.suppress(ValueError):
                state.all_model_checkpoint_timestamps.append(float(number))
    return state if state.model_checkpoint_path else None


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The path of the latest checkpoint of a folder, or None."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint of that path."""
    return os.path.isfile(os.fspath(checkpoint_prefix) + _DATA)


def get_checkpoint_mtimes(checkpoint_prefixes: list[str]) -> list[float]:
    """When checkpoints were written, of those that exist."""
    return [os.path.getmtime(path + _DATA) for path in checkpoint_prefixes if checkpoint_exists(path)]


def remove_checkpoint(
    checkpoint_prefix: Any, checkpoint_format_version: Any = None, meta_graph_suffix: Any = "meta"
) -> None:
    """Remove the files of a checkpoint."""
    path = os.fspath(checkpoint_prefix)
    for name in (path + _DATA, f"{path}.{meta_graph_suffix}"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(name)


def checkpoints_iterator(
    checkpoint_dir: Any, min_interval_secs: float = 0, timeout: float | None = None, timeout_fn: Any = None
) -> Iterator[str]:
    """Wait for new checkpoints of a folder, and give the path of each, until none came for `timeout` seconds."""
    seen = None
    while True:
        waited = time.time()
        while (found := latest_checkpoint(checkpoint_dir)) in (None, seen):
            if timeout is not None and time.time() - waited > timeout:
                if timeout_fn is None or timeout_fn():
                    return
                waited = time.time()
            time.sleep(0.1)
        started, seen = time.time(), found
        assert found is not None
        yield found
        time.sleep(max(0.0, started + min_interval_secs - time.time()))


# --------------------------------------------------------------------------------------------------
# Reading without a graph


class NewCheckpointReader:
    """A checkpoint's arrays by name. Raises NotFoundError where there is none of that path."""

    def __init__(self, filepattern: Any) -> None:
        self._arrays = _read(os.fspath(filepattern))

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
        from ._dtypes import as_dtype

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


# --------------------------------------------------------------------------------------------------
# Graphs in files


def import_meta_graph(
    meta_graph_or_file: Any, clear_devices: bool = False, import_scope: Any = None, **keywords: Any
) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError(
        f"import_meta_graph({meta_graph_or_file!r}): graphs are not read from files. Run the code that built the "
        "graph, then tf.train.Saver().restore(sess, path)"
    )


def export_meta_graph(filename: Any = None, *arguments: Any, **keywords: Any) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError(
        "export_meta_graph: graphs are not written to files; tf.train.Saver saves the variables, and the code that "
        "built the graph builds it again"
    )


def write_graph(graph_or_graph_def: Any, logdir: Any, name: str, as_text: bool = True) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError(
        "write_graph: graphs are not written to files; tf.summary.FileWriter(logdir, sess.graph) shows one in "
        "TensorBoard"
    )
