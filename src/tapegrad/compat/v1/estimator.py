"""Models with their training around them: `tf.estimator`."""

from __future__ import annotations

from . import _input_functions as inputs
from ._canned import (
    DNNClassifier,
    DNNLinearCombinedClassifier,
    DNNLinearCombinedRegressor,
    DNNRegressor,
    LinearClassifier,
    LinearRegressor,
)
from ._estimator import Estimator, EstimatorSpec, EvalSpec, ModeKeys, RunConfig, TrainSpec, train_and_evaluate
from ._missing import not_covered

__all__ = [
    "DNNClassifier", "DNNLinearCombinedClassifier", "DNNLinearCombinedRegressor", "DNNRegressor", "Estimator",
    "EstimatorSpec", "EvalSpec", "LinearClassifier", "LinearRegressor", "ModeKeys", "RunConfig", "TrainSpec", "inputs",
    "train_and_evaluate",
]  # fmt: skip

__getattr__ = not_covered(__name__)
