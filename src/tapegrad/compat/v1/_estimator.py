"""Estimators: a model function, and how it is trained, evaluated and asked."""

from __future__ import annotations

import inspect
import os
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _nest as nests
from . import errors, logging
from ._checkpoint_reader import list_variables, load_variable
from ._checkpoint_state import latest_checkpoint
from ._dataset import Dataset
from ._global_step import get_global_step, get_or_create_global_step
from ._graph import Graph
from ._hooks import LoggingTensorHook, NanTensorHook, StopAtStepHook
from ._missing import NotCoveredError
from ._monitored import MonitoredSession, MonitoredTrainingSession, Scaffold, SessionCreator
from ._nodes import convert
from ._saver import Saver
from .metrics import mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._operation import Operation

__all__ = ["Estimator", "EstimatorSpec", "EvalSpec", "ModeKeys", "RunConfig", "TrainSpec", "train_and_evaluate"]


class ModeKeys:
    """What a model function is asked for."""

    TRAIN, EVAL, PREDICT = "train", "eval", "infer"


class EstimatorSpec:
    """What a model function gives. Raises ValueError where something is missing for the mode."""

    def __init__(
        self,
        mode: str,
        predictions: Any = None,
        loss: Any = None,
        train_op: Any = None,
        eval_metric_ops: Any = None,
        export_outputs: Any = None,
        training_chief_hooks: Any = None,
        training_hooks: Any = None,
        scaffold: Any = None,
        evaluation_hooks: Any = None,
        prediction_hooks: Any = None,
    ) -> None:
        if mode == ModeKeys.TRAIN and train_op is None:
            raise ValueError("Missing train_op.")
        if mode in (ModeKeys.TRAIN, ModeKeys.EVAL) and loss is None:
            raise ValueError("Missing loss.")
        if mode == ModeKeys.PREDICT and predictions is None:
            raise ValueError("Missing predictions.")
        self.mode, self.predictions, self.loss, self.train_op = mode, predictions, loss, train_op
        self.eval_metric_ops, self.export_outputs = dict(eval_metric_ops or {}), export_outputs
        self.training_hooks = [*(training_hooks or []), *(training_chief_hooks or [])]
        self.evaluation_hooks, self.prediction_hooks = list(evaluation_hooks or []), list(prediction_hooks or [])
        self.scaffold = scaffold


class RunConfig:
    """How an estimator runs: its folder, seed, and how often it saves and logs."""

    def __init__(
        self,
        model_dir: Any = None,
        tf_random_seed: int | None = None,
        save_summary_steps: int | None = 100,
        save_checkpoints_steps: Any = None,
        save_checkpoints_secs: Any = None,
        session_config: Any = None,
        keep_checkpoint_max: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000,
        log_step_count_steps: int | None = 100,
        **others: Any,
    ) -> None:
        if save_checkpoints_steps and save_checkpoints_secs:
            raise ValueError("Can not provide both save_checkpoints_steps and save_checkpoints_secs.")
        self.model_dir, self.tf_random_seed, self.session_config = model_dir, tf_random_seed, session_config
        self.save_summary_steps, self.log_step_count_steps = save_summary_steps, log_step_count_steps
        self.save_checkpoints_steps = save_checkpoints_steps
        self.save_checkpoints_secs = save_checkpoints_secs or (None if save_checkpoints_steps else 600)
        self.keep_checkpoint_max = keep_checkpoint_max
        self.keep_checkpoint_every_n_hours = keep_checkpoint_every_n_hours

    def replace(self, **settings: Any) -> RunConfig:
        """The same with other settings."""
        known = {name: value for name, value in vars(self).items() if name not in settings}
        if "save_checkpoints_steps" in settings:
            known["save_checkpoints_secs"] = None
        if "save_checkpoints_secs" in settings:
            known["save_checkpoints_steps"] = None
        return RunConfig(**known, **settings)


class Estimator:
    """A model, told by `model_fn(features, labels, mode, params, config)`, which gives an EstimatorSpec.

    Each call builds a graph of its own. Training goes on from the latest checkpoint in `model_dir`, and ends with one;
    without `model_dir` that is a new temporary folder.
    """

    def __init__(
        self,
        model_fn: Callable[..., EstimatorSpec],
        model_dir: Any = None,
        config: RunConfig | None = None,
        params: Any = None,
        warm_start_from: Any = None,
    ) -> None:
        if warm_start_from is not None:
            raise NotCoveredError("Estimator: warm_start_from is not covered; tf.train.init_from_checkpoint is")
        self.config = config if isinstance(config, RunConfig) else RunConfig()
        self._folder = model_dir or self.config.model_dir or tempfile.mkdtemp(prefix="tapegrad")
        self._folder = os.fspath(self._folder)
        self._model_fn = model_fn
        self.params = {} if params is None else params

    @property
    def model_dir(self) -> str:
        """The folder of checkpoints."""
        return self._folder

    @property
    def model_fn(self) -> Callable[..., Any]:
        """The model function."""
        return self._model_fn

    def train(
        self,
        input_fn: Callable[..., Any],
        hooks: Any = None,
        steps: int | None = None,
        max_steps: int | None = None,
        saving_listeners: Any = None,
    ) -> Estimator:
        """Train for so many steps more, up to a step, or to the end of the data."""
        if steps is not None and max_steps is not None:
            raise ValueError("Can not provide both steps and max_steps.")
        for name, value in (("steps", steps), ("max_steps", max_steps)):
            if value is not None and value <= 0:
                raise ValueError(f"Must specify {name} > 0, given: {value}")
        if max_steps is not None:
            done = self._step_of_latest()
            if done >= max_steps:
                logging.info("Skipping training since max_steps has already saved.")
                return self
        with self._graph():
            features, labels = self._input(input_fn, ModeKeys.TRAIN)
            spec = self._spec(features, labels, ModeKeys.TRAIN)
            every = [*(hooks or []), *spec.training_hooks, NanTensorHook(spec.loss)]
            step = get_global_step()
            every.append(LoggingTensorHook({"loss": spec.loss, "step": step}, every_n_iter=100))
            if steps is not None or max_steps is not None:
                every.append(StopAtStepHook(steps, max_steps))
            scaffold = spec.scaffold or Scaffold()
            if scaffold.saver is None:
                keep, hours = self.config.keep_checkpoint_max, self.config.keep_checkpoint_every_n_hours
                scaffold.saver = Saver(
                    max_to_keep=keep, keep_checkpoint_every_n_hours=hours, defer_build=True, allow_empty=True
                )
            loss = None
            with MonitoredTrainingSession(
                checkpoint_dir=self._folder,
                scaffold=scaffold,
                hooks=every,
                save_checkpoint_secs=self.config.save_checkpoints_secs,
                save_checkpoint_steps=self.config.save_checkpoints_steps,
                save_summaries_steps=self.config.save_summary_steps,
                config=self.config.session_config,
                log_step_count_steps=self.config.log_step_count_steps,
            ) as session:
                while not session.should_stop():
                    _, loss = session.run([spec.train_op, spec.loss])
            logging.info("Loss for final step: %s.", loss)
        return self

    def evaluate(
        self,
        input_fn: Callable[..., Any],
        steps: int | None = None,
        hooks: Any = None,
        checkpoint_path: Any = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """The metrics over the data, or over so many batches of it, with the mean "loss" and the "global_step"."""
        with self._graph():
            features, labels = self._input(input_fn, ModeKeys.EVAL)
            spec = self._spec(features, labels, ModeKeys.EVAL)
            pairs = dict(spec.eval_metric_ops)
            pairs.setdefault("loss", mean(spec.loss, name="loss"))
            updates = [update for _, update in pairs.values()]
            values = {key: value for key, (value, _) in pairs.items()}
            with self._session(spec, [*(hooks or []), *spec.evaluation_hooks], checkpoint_path) as session:
                done = 0
                try:
                    while (steps is None or done < steps) and not session.should_stop():
                        session.run(updates)
                        done += 1
                except errors.OutOfRangeError:
                    pass
                results = dict(sorted(session.raw_session.run(values).items()))
                results["global_step"] = session.raw_session.run(get_global_step())
        text = ", ".join(f"{key} = {value}" for key, value in results.items())
        logging.info("Saving dict for global step %d: %s", results["global_step"], text)
        return results

    def predict(
        self,
        input_fn: Callable[..., Any],
        predict_keys: Any = None,
        hooks: Any = None,
        checkpoint_path: Any = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:
        """The predictions for each example: a dict, or an array, as the model function gives them."""
        with self._graph():
            features, _ = self._input(input_fn, ModeKeys.PREDICT)
            spec = self._spec(features, None, ModeKeys.PREDICT)
            wanted = spec.predictions
            if predict_keys is not None and isinstance(wanted, dict):
                keys = [predict_keys] if isinstance(predict_keys, str) else predict_keys
                wanted = {key: value for key, value in wanted.items() if key in keys}
                if not wanted:
                    raise ValueError(f"Expected to run at least one output from {list(spec.predictions)}, got {keys}")
            session = self._session(spec, [*(hooks or []), *spec.prediction_hooks], checkpoint_path)
        try:
            endless = not _depends_on_data(nests.flatten(wanted))
            while not session.should_stop():
                try:
                    found = session.run(wanted)
                except errors.OutOfRangeError:
                    break
                if not yield_single_examples:
                    yield found
                elif isinstance(found, dict):
                    for place in range(len(next(iter(found.values())))):
                        yield {key: value[place] for key, value in found.items()}
                else:
                    yield from found
                if endless:
                    break
        finally:
            session.close()

    def latest_checkpoint(self) -> str | None:
        """The path of the latest checkpoint, or None."""
        return latest_checkpoint(self._folder)

    def get_variable_names(self) -> list[str]:
        """The names of the variables of the latest checkpoint."""
        return [name for name, _ in list_variables(self._folder)]

    def get_variable_value(self, name: str) -> Any:
        """The value of a variable of the latest checkpoint."""
        return load_variable(self._folder, name)

    def export_savedmodel(self, *arguments: Any, **keywords: Any) -> Any:
        """Not covered: raises NotCoveredError."""
        raise NotCoveredError("exporting models for serving is not covered; `model_dir` has the checkpoints")

    export_saved_model = experimental_export_all_saved_models = export_savedmodel

    # The parts

    def _graph(self) -> Any:
        graph = Graph()
        graph.seed = self.config.tf_random_seed
        return graph.as_default()

    def _step_of_latest(self) -> int:
        path = latest_checkpoint(self._folder)
        return 0 if path is None else int(load_variable(path, "global_step"))

    def _input(self, input_fn: Callable[..., Any], mode: str) -> tuple[Any, Any]:
        """Features and labels, as `input_fn` gives them, itself or in a data set."""
        given = {"mode": mode, "params": self.params, "config": self.config}
        names = inspect.signature(input_fn).parameters
        found = input_fn(**{name: value for name, value in given.items() if name in names})
        if isinstance(found, Dataset):
            found = found.make_one_shot_iterator().get_next()
        if isinstance(found, list | tuple):
            if len(found) != 2:
                raise ValueError(f"input_fn should return (features, labels) as a len 2 tuple, got {len(found)}.")
            return found[0], found[1]
        return found, None

    def _spec(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        get_or_create_global_step()
        names = inspect.signature(self._model_fn).parameters
        given = {
            "features": features, "labels": labels, "mode": mode, "params": self.params, "config": self.config,
        }  # fmt: skip
        if "features" not in names:
            raise ValueError("model_fn must include features argument.")
        if labels is not None and "labels" not in names:
            raise ValueError("model_fn does not take labels, but input_fn returns labels.")
        spec = self._model_fn(**{name: value for name, value in given.items() if name in names})
        if not isinstance(spec, EstimatorSpec):
            raise ValueError(f"model_fn should return an EstimatorSpec, got {type(spec).__name__}.")
        return spec

    def _session(self, spec: EstimatorSpec, hooks: Sequence[Any], path: Any) -> MonitoredSession:
        """A session with the trained variables. Raises ValueError if there are none."""
        found = path or latest_checkpoint(self._folder)
        if found is None:
            raise ValueError(f"Could not find trained model in model_dir: {self._folder}; call train first.")
        scaffold = spec.scaffold or Scaffold()
        return MonitoredSession(SessionCreator(scaffold, checkpoint_filename_with_path=found), list(hooks))


def _depends_on_data(tensors: Sequence[Any]) -> bool:
    """Whether something ends: an iterator or a queue."""
    seen: set[Operation] = set()
    waiting = [x.op for x in map(convert, tensors)]
    while waiting:
        op = waiting.pop()
        if op in seen:
            continue
        seen.add(op)
        if op.type == "IteratorGetNext" or "Queue" in op.type or op.type.startswith("Reader"):
            return True
        waiting += [x.op for x in op.inputs] + op.control_inputs
    return False


class TrainSpec(NamedTuple):
    """What `train_and_evaluate` trains by."""

    input_fn: Callable[..., Any]
    max_steps: int | None = None
    hooks: Any = ()


class EvalSpec(NamedTuple):
    """What `train_and_evaluate` evaluates by."""

    input_fn: Callable[..., Any]
    steps: int | None = 100
    name: str | None = None
    hooks: Any = ()
    exporters: Any = None
    start_delay_secs: float = 120
    throttle_secs: float = 600


def train_and_evaluate(estimator: Estimator, train_spec: TrainSpec, eval_spec: EvalSpec) -> Any:
    """Train up to `max_steps`, then evaluate: the metrics, and None for what would be exported."""
    if eval_spec.exporters:
        raise NotCoveredError("train_and_evaluate: exporters are not covered; `model_dir` has the checkpoints")
    estimator.train(train_spec.input_fn, hooks=list(train_spec.hooks or ()), max_steps=train_spec.max_steps)
    found = estimator.evaluate(eval_spec.input_fn, eval_spec.steps, list(eval_spec.hooks or ()), name=eval_spec.name)
    return found, None
