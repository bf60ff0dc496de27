"""Sessions that save and sum up by the clock: `tf.train.Supervisor`."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from . import logging
from ._coordinator import Coordinator, LooperThread
from ._graph import get_default_graph
from ._hooks import summaries
from ._monitored import Scaffold, SessionCreator
from ._queues import start_queue_runners
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._session import Session

__all__ = ["Supervisor"]


class Supervisor:
    """Starts a session from the latest checkpoint of `logdir`, or with initial values, and then saves by the clock.

    TensorFlow's threads save and sum up beside the training; here that is done at the start, and from then on when the
    script asks `should_stop` and it is due. So what a run computes does not depend on threads.
    """

    USE_DEFAULT = 0

    def __init__(
        self,
        graph: Any = None,
        ready_op: Any = USE_DEFAULT,
        ready_for_local_init_op: Any = USE_DEFAULT,
        is_chief: bool = True,
        init_op: Any = USE_DEFAULT,
        init_feed_dict: Any = None,
        local_init_op: Any = USE_DEFAULT,
        logdir: Any = None,
        summary_op: Any = USE_DEFAULT,
        saver: Any = USE_DEFAULT,
        global_step: Any = USE_DEFAULT,
        save_summaries_secs: float | None = 120,
        save_model_secs: float | None = 600,
        recovery_wait_secs: float = 30,
        stop_grace_secs: float = 120,
        checkpoint_basename: str = "model.ckpt",
        session_manager: Any = None,
        summary_writer: Any = USE_DEFAULT,
        init_fn: Callable[[Session], Any] | None = None,
        local_init_run_options: Any = None,
    ) -> None:
        self.graph = graph or get_default_graph()
        self.is_chief, self.coord = is_chief, Coordinator()
        self._logdir, self._grace = logdir, stop_grace_secs
        with self.graph.as_default():
            self.summary_op = summaries() if _is_default(summary_op) else summary_op
            self.global_step = self._step() if _is_default(global_step) else global_step
            self._scaffold = Scaffold(
                None if _is_default(init_op) else init_op,
                init_feed_dict,
                None if init_fn is None else lambda _, session: init_fn(session),
                local_init_op=None if _is_default(local_init_op) else local_init_op,
                summary_op=self.summary_op,
                saver=None if _is_default(saver) else saver,
            ).finalize()
        self.init_op = self._scaffold.init_op
        self.saver = None if saver is None else self._scaffold.saver
        self.save_path = os.path.join(logdir, checkpoint_basename) if logdir else None
        self.summary_writer = None if _is_default(summary_writer) else summary_writer
        if logdir and is_chief and _is_default(summary_writer):
            from .summary import FileWriter

            self.summary_writer = FileWriter(logdir, self.graph)
        self.save_summaries_secs, self.save_model_secs = save_summaries_secs, save_model_secs
        self._session: Session | None = None
        self._due: dict[Callable[[Session], None], tuple[float, float]] = {}

    def _step(self) -> Any:
        """The step that counts: of the collection, or the tensor of that name, or None."""
        found = self.graph.get_collection(GraphKeys.GLOBAL_STEP)
        if found:
            return found[0]
        with contextlib.suppress(KeyError):
            step = self.graph.get_tensor_by_name("global_step:0")
            return step if step.dtype.is_integer else None
        return None

    def prepare_or_wait_for_session(
        self,
        master: str = "",
        config: Any = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        start_standard_services: bool = True,
    ) -> Session:
        """A session that is ready to run."""
        self.coord.clear_stop()
        with self.graph.as_default():
            folder = self._logdir if self.saver is not None else None
            session = SessionCreator(self._scaffold, master, config, folder).create_session()
            if start_standard_services:
                self.start_queue_runners(session)  # which a summary may need at once
                if self.is_chief:
                    self.start_standard_services(session)
        return session

    @contextlib.contextmanager
    def managed_session(
        self,
        master: str = "",
        config: Any = None,
        start_standard_services: bool = True,
        close_summary_writer: bool = True,
    ) -> Iterator[Session]:
        """A session for a block: it stops and closes at the end, quietly so at the end of the data."""
        session = self.prepare_or_wait_for_session(master, config, start_standard_services=start_standard_services)
        try:
            yield session
        except Exception as error:
            self.request_stop(error)
        finally:
            try:
                self.stop(close_summary_writer=close_summary_writer)
            finally:
                session.close()

    def start_standard_services(self, sess: Session) -> list[Any]:
        """Save and sum up now, and again each time that it is due. Gives no threads, as there are none."""
        if not self._logdir:
            logging.warning("Standard services need a 'logdir' passed to the SessionManager")
            return []
        self._session, self._due = sess, {}
        if self.summary_op is not None and self.summary_writer is not None and self.save_summaries_secs:
            self._due[self._sum_up] = (self.save_summaries_secs, 0.0)
        if self.saver is not None and self.save_model_secs:
            self._due[self._save] = (self.save_model_secs, 0.0)
        self._serve()
        return []

    def start_queue_runners(self, sess: Session, queue_runners: Any = None) -> list[Any]:
        """Let the queues of a session be filled from now on. Gives no threads, as there are none."""
        with self.graph.as_default():
            return start_queue_runners(sess)

    def _serve(self) -> None:
        """Do what is due."""
        if self._session is None:
            return
        for service, (interval, due) in list(self._due.items()):
            now = time.monotonic()
            if now >= due:
                self._due[service] = (interval, now + interval)
                service(self._session)

    def _sum_up(self, session: Session) -> None:
        self.summary_computed(session, session.run(self.summary_op))

    def _save(self, session: Session) -> None:
        assert self.saver is not None
        logging.info("Saving checkpoint to path %s", self.save_path)
        self.saver.save(session, self.save_path, global_step=self.global_step)

    def summary_computed(self, sess: Session, summary: Any, global_step: Any = None) -> None:
        """Write a summary, of the step that the session is at."""
        if self.summary_writer is None:
            raise RuntimeError("Writing a summary requires a summary writer.")
        if global_step is None and self.global_step is not None:
            global_step = int(sess.run(self.global_step))
        self.summary_writer.add_summary(summary, global_step)

    def loop(self, timer_interval_secs: float | None, target: Any, args: Any = None, kwargs: Any = None) -> Any:
        """A thread that calls a function again and again."""
        return LooperThread.loop(self.coord, timer_interval_secs, target, args or (), kwargs)

    def should_stop(self) -> bool:
        """Whether someone asked to stop."""
        if not self.coord.should_stop():
            self._serve()
        return self.coord.should_stop()

    def request_stop(self, ex: Any = None) -> None:
        """Ask all to stop, because of an error if `ex` is one."""
        self.coord.request_stop(ex)

    def stop(self, threads: Any = None, close_summary_writer: bool = True, ignore_live_threads: bool = False) -> None:
        """End the services, and raise the error that one of the threads met."""
        self._session = None
        self.coord.request_stop()
        try:
            self.coord.join(threads, self._grace, ignore_live_threads)
        finally:
            if close_summary_writer and self.summary_writer is not None:
                self.summary_writer.close()

    def stop_on_exception(self) -> Any:
        """A block that asks all to stop when it ends with an error."""
        return self.coord.stop_on_exception()

    def wait_for_stop(self) -> None:
        """Wait until someone asks to stop."""
        self.coord.wait_for_stop()

    PrepareSession, StartQueueRunners, StartStandardServices = (
        prepare_or_wait_for_session, start_queue_runners, start_standard_services,
    )  # fmt: skip
    Loop, RequestStop, ShouldStop, Stop = loop, request_stop, should_stop, stop
    StopOnException, SummaryComputed, WaitForStop = stop_on_exception, summary_computed, wait_for_stop


def _is_default(value: Any) -> bool:
    return isinstance(value, int) and value == Supervisor.USE_DEFAULT
