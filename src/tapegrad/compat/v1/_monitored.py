"""Sessions that start by themselves, from a checkpoint if there is one, and tell hooks of every run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import errors
from ._checkpoint_state import get_checkpoint_state, latest_checkpoint
from ._coordinator import Coordinator
from ._graph import get_default_graph
from ._hooks import (
    CheckpointSaverHook,
    SessionRunArgs,
    SessionRunContext,
    SessionRunValues,
    StepCounterHook,
    SummarySaverHook,
    summaries,
)
from ._queues import start_queue_runners
from ._saver import Saver
from ._session import Session
from ._variables import (
    GraphKeys,
    global_variables,
    global_variables_initializer,
    group,
    local_variables_initializer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._hooks import SessionRunHook

__all__ = [
    "ChiefSessionCreator", "MonitoredSession", "MonitoredTrainingSession", "Scaffold", "SessionCreator",
    "SingularMonitoredSession", "WorkerSessionCreator",
]  # fmt: skip


class Scaffold:
    """What a training session needs of the graph: how it starts, what is saved, what is summed up."""

    def __init__(
        self,
        init_op: Any = None,
        init_feed_dict: Any = None,
        init_fn: Callable[[Scaffold, Any], Any] | None = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        local_init_op: Any = None,
        summary_op: Any = None,
        saver: Saver | None = None,
        copy_from_scaffold: Any = None,
        local_init_feed_dict: Any = None,
    ) -> None:
        self.init_op, self.init_feed_dict, self.init_fn = init_op, init_feed_dict, init_fn
        self.local_init_op, self.local_init_feed_dict = local_init_op, local_init_feed_dict
        self.summary_op, self.saver = summary_op, saver

    def finalize(self) -> Scaffold:
        """Make what is still missing, and add nothing to the graph after that."""
        graph = get_default_graph()
        if not graph.finalized:
            if self.init_op is None:
                self.init_op = global_variables_initializer()
            if self.local_init_op is None:
                tables = graph.get_collection(GraphKeys.TABLE_INITIALIZERS)
                self.local_init_op = group(local_variables_initializer(), *tables)
            if self.summary_op is None:
                self.summary_op = summaries()
            if self.saver is None:
                savers = graph.get_collection(GraphKeys.SAVERS)
                self.saver = savers[0] if savers else Saver(allow_empty=True) if global_variables() else None
            if self.saver is not None:
                self.saver.build()
        graph.finalize()
        return self


class SessionCreator:
    """Makes a session: from a checkpoint of a folder, or of a path, or with initial values."""

    def __init__(
        self,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: Any = None,
        checkpoint_filename_with_path: Any = None,
    ) -> None:
        self.scaffold = scaffold or Scaffold()
        self._config = config
        self._folder, self._path = checkpoint_dir, checkpoint_filename_with_path

    def create_session(self) -> Session:
        """The session, ready to run."""
        scaffold = self.scaffold.finalize()
        session = Session(config=self._config)
        path = self._path or (latest_checkpoint(self._folder) if self._folder else None)
        if path is not None and scaffold.saver is not None:
            scaffold.saver.restore(session, path)
            state = get_checkpoint_state(self._folder)
            if state is not None:
                scaffold.saver.recover_last_checkpoints(state.all_model_checkpoint_paths)
        else:
            session.run(scaffold.init_op, scaffold.init_feed_dict)
            if scaffold.init_fn is not None:
                scaffold.init_fn(scaffold, session)
        session.run(scaffold.local_init_op, scaffold.local_init_feed_dict)
        return session


ChiefSessionCreator = WorkerSessionCreator = SessionCreator


class MonitoredSession:
    """A session that tells hooks of every run, and ends quietly at the end of the data."""

    def __init__(
        self,
        session_creator: Any = None,
        hooks: Sequence[SessionRunHook] | None = None,
        stop_grace_period_secs: float = 120,
    ) -> None:
        self._hooks = list(hooks or [])
        for hook in self._hooks:
            hook.begin()
        self.raw_session = (session_creator or SessionCreator()).create_session()
        self._stop = self._closed = False
        self._coordinator = Coordinator()
        self._entered = self.raw_session.as_default()
        self._inside = False
        with self.raw_session.graph.as_default():
            start_queue_runners(self.raw_session)
        for hook in self._hooks:
            hook.after_create_session(self.raw_session, self._coordinator)

    @property
    def graph(self) -> Any:
        """The graph."""
        return self.raw_session.graph

    def should_stop(self) -> bool:
        """Whether a hook, or the end of the data, asked to stop."""
        return self._stop or self._closed or self._coordinator.should_stop()

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """As a session's, with the hooks."""
        if self._closed:
            raise RuntimeError("Run called even after should_stop requested.")
        feeds = dict(feed_dict or {})
        context = SessionRunContext(SessionRunArgs(fetches, feed_dict), self.raw_session)
        wanted: dict[Any, Any] = {"": fetches}
        for place, hook in enumerate(self._hooks):
            asked = hook.before_run(context)
            if asked is not None:
                if asked.fetches is not None:
                    fetched = asked.fetches
                    wanted[place] = fetched.fetches if isinstance(fetched, SessionRunArgs) else fetched
                feeds.update(asked.feed_dict or {})
        results = self.raw_session.run(wanted, feeds)
        for place, hook in enumerate(self._hooks):
            hook.after_run(context, SessionRunValues(results.get(place)))
        self._stop = self._stop or context.stop_requested
        return results[""]

    def run_step_fn(self, step_fn: Callable[..., Any]) -> Any:
        """Call a function with a context that has `session`, `run_with_hooks` and `request_stop`."""
        session = self

        class StepContext:
            def __init__(self) -> None:
                self.session = session.raw_session

            def run_with_hooks(self, *arguments: Any, **keywords: Any) -> Any:
                return session.run(*arguments, **keywords)

            def request_stop(self) -> None:
                session._stop = True

        return step_fn(StepContext())

    def close(self) -> None:
        """Let the hooks end, and close the session."""
        self._close(None)

    def _close(self, kind: Any) -> None:
        if self._closed:
            return
        try:
            if kind is None:
                for hook in self._hooks:
                    hook.end(self.raw_session)
        finally:
            self._closed = True
            self._coordinator.request_stop()
            self.raw_session.close()

    def __enter__(self) -> MonitoredSession:
        self._entered.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        ended = kind is not None and issubclass(kind, errors.OutOfRangeError | StopIteration)
        try:
            self._close(None if ended else kind)
        finally:
            self._entered.__exit__(None, None, None)
        return ended


class SingularMonitoredSession(MonitoredSession):
    """A monitored session whose own session is `raw_session()`."""

    def __init__(
        self,
        hooks: Sequence[SessionRunHook] | None = None,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: Any = None,
        stop_grace_period_secs: float = 120,
        checkpoint_filename_with_path: Any = None,
    ) -> None:
        creator = SessionCreator(scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path)
        super().__init__(creator, hooks)


_DEFAULT = object()


def MonitoredTrainingSession(
    master: str = "",
    is_chief: bool = True,
    checkpoint_dir: Any = None,
    scaffold: Scaffold | None = None,
    hooks: Sequence[SessionRunHook] | None = None,
    chief_only_hooks: Sequence[SessionRunHook] | None = None,
    save_checkpoint_secs: Any = _DEFAULT,
    save_summaries_steps: Any = _DEFAULT,
    save_summaries_secs: Any = _DEFAULT,
    config: Any = None,
    stop_grace_period_secs: float = 120,
    log_step_count_steps: int | None = 100,
    max_wait_secs: float = 7200,
    save_checkpoint_steps: Any = _DEFAULT,
    summary_dir: Any = None,
    save_graph_def: bool = True,
) -> MonitoredSession:
    """A monitored session that goes on from the latest checkpoint of a folder, and saves there every ten minutes."""
    if save_summaries_steps is _DEFAULT:
        save_summaries_steps = 100 if save_summaries_secs is _DEFAULT else None
    if save_summaries_secs is _DEFAULT:
        save_summaries_secs = None
    if save_checkpoint_secs is _DEFAULT:
        save_checkpoint_secs = 600 if save_checkpoint_steps is _DEFAULT else None
    if save_checkpoint_steps is _DEFAULT:
        save_checkpoint_steps = None
    scaffold = scaffold or Scaffold()
    every = [*(hooks or []), *(chief_only_hooks or [])]
    folder = summary_dir or checkpoint_dir
    if folder:
        if log_step_count_steps:
            every.append(StepCounterHook(log_step_count_steps))
        if save_summaries_steps or save_summaries_secs:
            every.append(
                SummarySaverHook(save_summaries_steps or None, save_summaries_secs or None, folder, scaffold=scaffold)
            )
    if checkpoint_dir and (save_checkpoint_secs or save_checkpoint_steps):
        os.makedirs(checkpoint_dir, exist_ok=True)
        seconds, steps = save_checkpoint_secs or None, save_checkpoint_steps or None
        every.append(CheckpointSaverHook(checkpoint_dir, None if steps else seconds, steps, scaffold=scaffold))
    return MonitoredSession(SessionCreator(scaffold, config=config, checkpoint_dir=checkpoint_dir), every)
