"""The file `checkpoint` of a folder, which tells which checkpoint is the latest, in TensorFlow's format."""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import TYPE_CHECKING, Any

from ...io.files import write_atomically
from ._checkpoint_files import checkpoint_exists

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CheckpointState", "checkpoints_iterator", "generate_checkpoint_state_proto", "get_checkpoint_state",
    "latest_checkpoint", "update_checkpoint_state",
]  # fmt: skip


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
