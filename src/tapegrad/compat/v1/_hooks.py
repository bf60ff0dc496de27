"""Hooks: what happens beside the steps of a monitored session, such as stopping, saving and logging."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import logging
from ._global_step import get_global_step
from ._graph import get_default_graph
from ._saver import Saver
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._variables import Variable

__all__ = [
    "CheckpointSaverHook", "CheckpointSaverListener", "FeedFnHook", "FinalOpsHook", "LoggingTensorHook",
    "NanLossDuringTrainingError", "NanTensorHook", "SecondOrStepTimer", "SessionRunArgs", "SessionRunContext",
    "SessionRunHook", "SessionRunValues", "StepCounterHook", "StopAtStepHook", "SummarySaverHook",
]  # fmt: skip


class SessionRunArgs:
    """What a hook wants to be fetched and fed in the next run."""

    def __init__(self, fetches: Any, feed_dict: Any = None, options: Any = None) -> None:
        self.fetches, self.feed_dict, self.options = fetches, feed_dict, options


class SessionRunValues(NamedTuple):
    """What a hook's fetches gave."""

    results: Any
    options: Any = None
    run_metadata: Any = None


class SessionRunContext:
    """The run that goes on: the session, and whether it was asked to be the last."""

    def __init__(self, original_args: SessionRunArgs, session: Any) -> None:
        self.original_args, self.session = original_args, session
        self.stop_requested = False

    def request_stop(self) -> None:
        """Let this be the last run."""
        self.stop_requested = True


class SessionRunHook:
    """Does nothing; a subclass says what is done when."""

    def begin(self) -> None:
        """Before the session is made: operations may still be added."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """After the session was made."""

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Before each run: what is to be fetched with it."""
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """After each run."""

    def end(self, session: Any) -> None:
        """At the end, unless an error ended it."""


class SecondOrStepTimer:
    """Tells when something is due: every so many seconds, or steps."""

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        if (every_secs is None) == (every_steps is None):
            raise ValueError("exactly one of every_secs and every_steps should be given")
        self._seconds, self._steps = every_secs, every_steps
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._last: tuple[int, float] | None = None

    def should_trigger_for_step(self, step: int) -> bool:
        """Whether it is due at a step."""
        if self._last is None:
            return True
        last_step, last_time = self._last
        if step == last_step:
            return False
        if self._seconds is not None:
            return time.time() >= last_time + self._seconds
        return step >= last_step + (self._steps or 1)

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Note that it was done: gives the seconds and steps since the last time."""
        before, now = self._last, time.time()
        self._last = step, now
        return (None, None) if before is None else (now - before[1], step - before[0])

    def last_triggered_step(self) -> int | None:
        """The step at which it was done last."""
        return None if self._last is None else self._last[0]


def _step() -> Variable:
    step = get_global_step()
    if step is None:
        raise RuntimeError("Global step should be created: call tf.train.get_or_create_global_step()")
    return step


class StopAtStepHook(SessionRunHook):
    """Stops after `num_steps`, or at the step `last_step`."""

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if (num_steps is None) == (last_step is None):
            raise ValueError("One of num_steps or last_step must be specified, and not both.")
        self._count, self._last = num_steps, last_step

    def begin(self) -> None:
        self._step = _step()

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._last is None:
            self._last = int(session.run(self._step)) + (self._count or 0)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        # What was fetched may be from before the step was counted.
        if self._last is not None and int(run_context.session.run(self._step)) >= self._last:
            run_context.request_stop()


class LoggingTensorHook(SessionRunHook):
    """Logs the values of tensors, or of names of tensors, every so many runs or seconds."""

    def __init__(
        self,
        tensors: Any,
        every_n_iter: int | None = None,
        every_n_secs: float | None = None,
        at_end: bool = False,
        formatter: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        if not at_end and (every_n_iter is None) == (every_n_secs is None):
            raise ValueError("either at_end and/or exactly one of every_n_iter and every_n_secs must be provided.")
        if every_n_iter is not None and every_n_iter <= 0:
            raise ValueError(f"invalid every_n_iter={every_n_iter}.")
        self._tensors = tensors if isinstance(tensors, dict) else {getattr(x, "name", x): x for x in tensors}
        timed = every_n_iter is not None or every_n_secs is not None
        self._timer = SecondOrStepTimer(every_n_secs, every_n_iter) if timed else None
        self._at_end, self._formatter = at_end, formatter

    def begin(self) -> None:
        self._count = 0
        graph = get_default_graph()
        self._current = {key: graph.as_graph_element(x) for key, x in self._tensors.items()}

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        self._due = self._timer is not None and self._timer.should_trigger_for_step(self._count)
        return SessionRunArgs(self._current) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._due and self._timer is not None:
            seconds, _ = self._timer.update_last_triggered_step(self._count)
            self._log(run_values.results, seconds)
        self._count += 1

    def end(self, session: Any) -> None:
        if self._at_end:
            self._log(session.run(self._current), None)

    def _log(self, values: dict[str, Any], seconds: float | None) -> None:
        if self._formatter is not None:
            logging.info(self._formatter(values))
            return
        with np.printoptions(suppress=True):
            line = ", ".join(f"{key} = {value}" for key, value in values.items())
        logging.info(line if seconds is None else f"{line} ({seconds:.3f} sec)")


class NanLossDuringTrainingError(RuntimeError):
    """A loss became NaN."""

    def __init__(self) -> None:
        super().__init__("NaN loss during training.")


class NanTensorHook(SessionRunHook):
    """Stops when a loss becomes NaN: by an error, or, without `fail_on_nan_loss`, by a word."""

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._loss, self._fail = loss_tensor, fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._loss)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if np.isnan(run_values.results).any():
            logging.error("Model diverged with loss = NaN.")
            if self._fail:
                raise NanLossDuringTrainingError
            run_context.request_stop()


class CheckpointSaverListener:
    """Does nothing; a subclass says what is done around saving."""

    def begin(self) -> None:
        """Before the session is made."""

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Before a checkpoint is written."""

    def after_save(self, session: Any, global_step_value: int) -> None:
        """After a checkpoint was written."""

    def end(self, session: Any, global_step_value: int) -> None:
        """At the end."""


class CheckpointSaverHook(SessionRunHook):
    """Saves a checkpoint at the start, every so many seconds or steps, and at the end."""

    def __init__(
        self,
        checkpoint_dir: Any,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: Saver | None = None,
        checkpoint_basename: str = "model.ckpt",
        scaffold: Any = None,
        listeners: Any = None,
        save_graph_def: bool = True,
    ) -> None:
        self._path = os.path.join(os.fspath(checkpoint_dir), checkpoint_basename)
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._saver, self._scaffold, self._listeners = saver, scaffold, list(listeners or [])

    def begin(self) -> None:
        self._step = _step()
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._saver is None:
            self._saver = self._scaffold.saver if self._scaffold is not None else Saver()
        self._save(session, int(session.run(self._step)))

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        step = int(run_context.session.run(self._step))
        if self._timer.should_trigger_for_step(step):
            self._save(run_context.session, step)

    def end(self, session: Any) -> None:
        step = int(session.run(self._step))
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        for listener in self._listeners:
            listener.end(session, step)

    def _save(self, session: Any, step: int) -> None:
        self._timer.update_last_triggered_step(step)
        logging.info("Saving checkpoints for %d into %s.", step, self._path)
        os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
        for listener in self._listeners:
            listener.before_save(session, step)
        assert self._saver is not None
        self._saver.save(session, self._path, global_step=step)
        for listener in self._listeners:
            listener.after_save(session, step)


class StepCounterHook(SessionRunHook):
    """Logs how many steps a second are done."""

    def __init__(
        self,
        every_n_steps: int | None = 100,
        every_n_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
    ) -> None:
        self._timer = SecondOrStepTimer(every_n_secs, None if every_n_secs is not None else every_n_steps)

    def begin(self) -> None:
        self._step = _step()
        self._runs = 0

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        self._runs += 1
        if self._timer.should_trigger_for_step(self._runs):
            step = int(run_context.session.run(self._step))
            seconds, _ = self._timer.update_last_triggered_step(self._runs)
            if seconds:
                logging.info("%s/sec: %g", self._step.op.name, (step - self._before) / seconds)
            self._before = step


class SummarySaverHook(SessionRunHook):
    """Writes summaries every so many steps or seconds."""

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
        scaffold: Any = None,
        summary_op: Any = None,
    ) -> None:
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._folder, self._writer = output_dir, summary_writer
        self._scaffold, self._op = scaffold, summary_op

    def begin(self) -> None:
        self._step = _step()
        self._runs = 0

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._op is None and self._scaffold is not None:
            self._op = self._scaffold.summary_op
        if self._writer is None and self._op is not None and self._folder is not None:
            from .summary import FileWriter

            self._writer = FileWriter(self._folder, session.graph)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        self._due = self._op is not None and self._timer.should_trigger_for_step(self._runs)
        return SessionRunArgs(self._op) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._due:
            self._timer.update_last_triggered_step(self._runs)
            if self._writer is not None:
                self._writer.add_summary(run_values.results, int(run_context.session.run(self._step)))
        self._runs += 1

    def end(self, session: Any) -> None:
        if self._writer is not None:
            self._writer.flush()


class FeedFnHook(SessionRunHook):
    """Feeds what a function gives to each run."""

    def __init__(self, feed_fn: Callable[[], Any]) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(None, self.feed_fn())


class FinalOpsHook(SessionRunHook):
    """Runs operations at the end; `final_ops_values` are their values."""

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._ops, self._feeds = final_ops, final_ops_feed_dict
        self.final_ops_values: Any = None

    def end(self, session: Any) -> None:
        if self._ops is not None:
            self.final_ops_values = session.run(self._ops, self._feeds)


def summaries() -> Any:
    """One summary of all of the graph, made once, or None."""
    graph = get_default_graph()
    found = graph.get_collection(GraphKeys.SUMMARY_OP)
    if not found:
        from .summary import merge_all

        merged = merge_all()
        if merged is None:
            return None
        graph.add_to_collection(GraphKeys.SUMMARY_OP, merged)
        return merged
    return found[0]
