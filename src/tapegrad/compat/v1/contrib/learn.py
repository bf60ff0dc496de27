"""Estimators as they were before `tf.estimator`, with `fit` in the place of `train`: `tf.contrib.learn`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _estimator
from .._estimator import EstimatorSpec, RunConfig
from .._missing import NotCoveredError, not_covered
from . import _learn_data as datasets
from . import _learn_data as io
from . import _learn_preprocessing as preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Estimator", "MetricSpec", "ModeKeys", "ModelFnOps", "RunConfig", "datasets", "io", "preprocessing"]

__getattr__ = not_covered(__name__)


class ModeKeys:
    """What a model function builds for."""

    TRAIN, EVAL, INFER = "train", "eval", "infer"


class ModelFnOps(NamedTuple):
    """What a model function gives."""

    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metric_ops: Any = None
    output_alternatives: Any = None
    training_chief_hooks: Any = None
    training_hooks: Any = None
    scaffold: Any = None


class MetricSpec:
    """A metric of `evaluate`: `metric_fn(labels, predictions)`, and which of several predictions it is of."""

    def __init__(
        self,
        metric_fn: Callable[..., Any],
        prediction_key: str | None = None,
        label_key: str | None = None,
        weight_key: str | None = None,
    ) -> None:
        if weight_key is not None:
            raise NotCoveredError("MetricSpec: weight_key is not covered; give metric_fn its weights yourself")
        self.metric_fn, self.prediction_key, self.label_key = metric_fn, prediction_key, label_key

    def create_metric_ops(self, inputs: Any, labels: Any, predictions: Any) -> Any:
        """The metric, and the operation that updates it."""
        found = labels if self.label_key is None else labels[self.label_key]
        if self.prediction_key is None and isinstance(predictions, dict) and len(predictions) > 1:
            raise ValueError(f"MetricSpec without prediction_key requires one prediction, got {sorted(predictions)}")
        key = next(iter(predictions)) if self.prediction_key is None and isinstance(predictions, dict) else None
        key = self.prediction_key if key is None else key
        return self.metric_fn(labels=found, predictions=predictions if key is None else predictions[key])


class Estimator(_estimator.Estimator):
    """A model function `(features, labels, mode)`, which gives ModelFnOps or (predictions, loss, train_op)."""

    def __init__(
        self,
        model_fn: Callable[..., Any],
        model_dir: Any = None,
        config: Any = None,
        params: Any = None,
        feature_engineering_fn: Callable[..., Any] | None = None,
    ) -> None:
        names = list(inspect.signature(model_fn).parameters)
        self._metrics: Mapping[str, Any] = {}

        def model(features: Any, labels: Any, mode: str) -> EstimatorSpec:
            if feature_engineering_fn is not None:
                features, labels = feature_engineering_fn(features, labels)
            given = {"mode": mode, "params": self.params, "config": self.config, "model_dir": self.model_dir}
            found = model_fn(features, labels, **{name: given[name] for name in names[2:] if name in given})
            if not isinstance(found, ModelFnOps):
                if not isinstance(found, tuple) or len(found) != 3:
                    raise ValueError(f"model_fn should return ModelFnOps or a tuple of 3, got {found!r}")
                found = ModelFnOps(mode, *found)
            metrics = dict(found.eval_metric_ops or {})
            for name, spec in self._metrics.items():
                spec = spec if isinstance(spec, MetricSpec) else MetricSpec(spec)
                metrics[name] = spec.create_metric_ops(features, labels, found.predictions)
            return EstimatorSpec(
                mode, found.predictions, found.loss, found.train_op, metrics,
                training_chief_hooks=found.training_chief_hooks, training_hooks=found.training_hooks,
                scaffold=found.scaffold,
            )  # fmt: skip

        super().__init__(model, model_dir, config, params)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        input_fn: Callable[..., Any] | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        monitors: Any = None,
        max_steps: int | None = None,
    ) -> Estimator:
        """Train, on arrays or on what `input_fn` gives; arrays are gone through again and again, in random order."""
        if steps is None and max_steps is None and input_fn is None:
            raise ValueError("either steps or max_steps must be given: arrays are gone through without an end")
        self.train(_input(x, y, input_fn, batch_size, None, shuffle=True), monitors, steps, max_steps)
        return self

    def partial_fit(self, x: Any = None, y: Any = None, input_fn: Any = None, steps: int = 1, **others: Any) -> Any:
        """The same as `fit`, which goes on from where it was."""
        return self.fit(x, y, input_fn, steps, **others)

    def evaluate(  # type: ignore[override]
        self,
        x: Any = None,
        y: Any = None,
        input_fn: Callable[..., Any] | None = None,
        feed_fn: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        name: str | None = None,
        checkpoint_path: Any = None,
        hooks: Any = None,
        log_progress: bool = True,
    ) -> dict[str, Any]:
        """The loss and the metrics, over the data or over `steps` batches of it."""
        if feed_fn is not None:
            raise NotCoveredError("Estimator.evaluate: feed_fn is not covered; input_fn is")
        self._metrics = dict(metrics or {})
        try:
            given = _input(x, y, input_fn, batch_size, 1, shuffle=False)
            return super().evaluate(given, steps, hooks, checkpoint_path, name)
        finally:
            self._metrics = {}

    def predict(  # type: ignore[override]
        self,
        x: Any = None,
        input_fn: Callable[..., Any] | None = None,
        batch_size: int | None = None,
        outputs: Any = None,
        as_iterable: bool = True,
        iterate_batches: bool = False,
    ) -> Any:
        """The predictions, one after the other, or at once without `as_iterable`."""
        given = _input(x, None, input_fn, batch_size, 1, shuffle=False)
        found: Iterator[Any] = super().predict(given, outputs, yield_single_examples=not iterate_batches)
        if as_iterable:
            return found
        rows = list(found)
        if rows and isinstance(rows[0], dict):
            return {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        return np.stack(rows)


def _input(x: Any, y: Any, input_fn: Any, batch_size: int | None, epochs: int | None, *, shuffle: bool) -> Any:
    """`input_fn`, or one that gives batches of arrays."""
    if (x is None) == (input_fn is None):
        raise ValueError("exactly one of x and input_fn must be given")
    if input_fn is not None:
        return input_fn
    size = batch_size or (len(next(iter(x.values()))) if isinstance(x, dict) else len(x))
    return io.numpy_input_fn(x, y, size, epochs, shuffle)
