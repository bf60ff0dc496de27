"""Models that are told by their columns: linear ones, deep ones, and both side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops.activation import sigmoid, softmax
from . import layers, losses, metrics
from . import nn as activations
from ._estimator import Estimator, EstimatorSpec, ModeKeys, RunConfig
from ._global_step import get_global_step
from ._graph import get_default_graph
from ._infer import Kind
from ._initializers import glorot_uniform_initializer
from ._missing import NotCoveredError
from ._nodes import convert, node
from ._optimizer import Optimizer
from ._optimizers import AdagradOptimizer, AdamOptimizer, GradientDescentOptimizer, RMSPropOptimizer
from ._proximal import FtrlOptimizer
from ._scopes import variable_scope
from ._values import array_in
from ._variables import GraphKeys, assign_add, group, trainable_variables
from .feature_column import input_layer, linear_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "DNNClassifier", "DNNLinearCombinedClassifier", "DNNLinearCombinedRegressor", "DNNRegressor", "LinearClassifier",
    "LinearRegressor",
]  # fmt: skip

_BY_NAME: dict[str, Callable[[float], Optimizer]] = {
    "Adagrad": AdagradOptimizer,
    "Adam": AdamOptimizer,
    "Ftrl": FtrlOptimizer,
    "RMSProp": RMSPropOptimizer,
    "SGD": GradientDescentOptimizer,
}


def _optimizer(given: Any, rate: float) -> Optimizer:
    if isinstance(given, str):
        if given not in _BY_NAME:
            raise ValueError(f"Unsupported optimizer name: {given}. Supported names are: {', '.join(_BY_NAME)}")
        return _BY_NAME[given](rate)
    found = given() if callable(given) else given
    if not isinstance(found, Optimizer):
        raise ValueError(f"The given object is not an Optimizer instance: {found!r}")
    return found


class _Head:
    """What becomes of logits: predictions, a loss and metrics. The loss is the sum over a batch."""

    def __init__(self, classes: int | None, words: Any, weight_column: Any, outputs: int = 1) -> None:
        if weight_column is not None:
            raise NotCoveredError("weight_column is not covered; write a model_fn with weights in its loss")
        if classes is not None and classes < 2:
            raise ValueError(f"n_classes must be > 1: {classes}")
        self.classes, self.words = classes, None if words is None else [str(word).encode() for word in words]
        self.width = outputs if classes is None else 1 if classes == 2 else classes

    def spec(self, logits: Tensor, labels: Any, mode: str, train: Callable[[Tensor], Any]) -> EstimatorSpec:
        """The specification of a model with these logits."""
        predictions = self._regression(logits) if self.classes is None else self._classification(logits)
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions)
        wanted = self._labels(labels)
        how = losses.Reduction
        if self.classes is None:
            each = losses.mean_squared_error(wanted, logits, reduction=how.NONE, loss_collection=None)
        elif self.classes == 2:
            each = losses.sigmoid_cross_entropy(wanted, logits, reduction=how.NONE, loss_collection=None)
        else:
            each = losses.sparse_softmax_cross_entropy(wanted, logits, reduction=how.NONE, loss_collection=None)
        loss = losses.compute_weighted_loss(each, reduction=how.SUM)
        figures = {"average_loss": metrics.mean(each, name="average_loss")}
        if self.classes is None:
            figures["label/mean"] = metrics.mean(wanted)
            figures["prediction/mean"] = metrics.mean(logits)
        else:
            figures["accuracy"] = metrics.accuracy(wanted, predictions["class_ids"], name="accuracy")
        if self.classes == 2:
            figures["auc"] = metrics.auc(wanted, predictions["logistic"])
            figures["precision"] = metrics.precision(wanted, predictions["class_ids"])
            figures["recall"] = metrics.recall(wanted, predictions["class_ids"])
            figures["label/mean"] = metrics.mean(wanted)
            figures["prediction/mean"] = metrics.mean(predictions["logistic"])
        train_op = train(loss) if mode == ModeKeys.TRAIN else None
        return EstimatorSpec(mode, predictions, loss, train_op, figures)

    def _labels(self, labels: Any) -> Tensor:
        if isinstance(labels, dict):
            raise ValueError("labels must be a Tensor, got a dict")
        given = convert(labels)
        if self.words is not None:
            places = {word: place for place, word in enumerate(self.words)}

            def find(texts: Any) -> Any:
                flat = [places[text] for text in np.asarray(texts, object).ravel().tolist()]
                return np.array(flat, np.int64).reshape(np.shape(texts))

            given = node("Lookup", find, [given], python=True, sample=lambda x: Kind(np.shape(x), np.dtype(np.int64)))
        if self.classes is None or self.classes == 2:
            return node("Labels", lambda x: x.astype(np.float32).reshape(-1, self.width), [given])  # type: ignore[no-any-return]
        return node("Labels", lambda x: x.astype(np.int64).reshape(-1), [given])  # type: ignore[no-any-return]

    def _regression(self, logits: Tensor) -> dict[str, Tensor]:
        return {"predictions": logits}

    def _classification(self, logits: Tensor) -> dict[str, Tensor]:
        if self.classes == 2:
            logistic = node("Sigmoid", sigmoid, [logits], "logistic")
            probabilities = node("Softmax", lambda p: np.concatenate([1 - p, p], axis=1), [logistic], "probabilities")
            found = {"logits": logits, "logistic": logistic, "probabilities": probabilities}
        else:
            found = {"logits": logits, "probabilities": node("Softmax", softmax, [logits], "probabilities")}
        ids = node(
            "ArgMax", lambda p: np.argmax(p, axis=1)[:, None], [found["probabilities"]], "class_ids",
            sample=lambda p: np.zeros((p.shape[0], 1), np.int64),
        )  # fmt: skip
        words = self.words

        def named(ids: Any) -> Any:
            numbers = array_in(ids)
            out = np.empty(numbers.shape, object)
            out.ravel()[:] = [str(n).encode() if words is None else words[n] for n in numbers.ravel().tolist()]
            return out

        known = Kind((None, 1), np.dtype(object))
        classes = node("Classes", named, [ids], "classes", python=True, sample=lambda *_: known)
        return found | {"class_ids": ids, "classes": classes}


def _deep(
    features: Any, columns: Any, hidden: Any, width: int, activation: Any, dropout: Any, training: bool
) -> Tensor:
    """The logits of dense layers over columns."""
    with variable_scope("input_from_feature_columns"):
        value = input_layer(features, columns)
    for place, units in enumerate(hidden):
        value = layers.dense(
            value, units, activation, kernel_initializer=glorot_uniform_initializer(), name=f"hiddenlayer_{place}"
        )
        if dropout is not None and training:
            value = layers.dropout(value, dropout, training=True)
    return layers.dense(value, width, kernel_initializer=glorot_uniform_initializer(), name="logits")  # type: ignore[no-any-return]


class _Canned(Estimator):
    """A model of a head, deep layers and a linear part, of which one may be missing."""

    def __init__(
        self,
        head: _Head,
        model_dir: Any,
        config: RunConfig | None,
        deep: tuple[Any, Any, Any, Any, Any] | None = None,
        linear: tuple[Any, Any] | None = None,
    ) -> None:
        def model(features: Any, labels: Any, mode: str) -> EstimatorSpec:
            parts: list[Any] = []
            trained: list[tuple[Any, float, str]] = []
            if deep is not None:
                columns, hidden, optimizer, activation, dropout = deep
                with variable_scope("dnn"):
                    training = mode == ModeKeys.TRAIN
                    parts.append(_deep(features, columns, hidden, head.width, activation, dropout, training))
                trained.append((optimizer, 0.05, "dnn"))
            if linear is not None:
                columns, optimizer = linear
                with variable_scope("linear"):
                    parts.append(linear_model(features, columns, head.width))
                count = len(columns) if isinstance(columns, list | tuple | set) else 1
                trained.append((optimizer, min(0.2 if deep is None else 0.005, 1 / math.sqrt(count)), "linear"))
            logits = parts[0] if len(parts) == 1 else parts[0] + parts[1]

            def train(loss: Tensor) -> Any:
                done = [
                    _optimizer(optimizer, rate).minimize(loss, var_list=trainable_variables(scope))
                    for optimizer, rate, scope in trained
                ]
                with get_default_graph().control_dependencies([*done, *_updates()]):
                    return assign_add(get_global_step(), 1).op

            return head.spec(logits, labels, mode, train)

        super().__init__(model, model_dir, config)


def _updates() -> list[Any]:
    found = get_default_graph().get_collection(GraphKeys.UPDATE_OPS)
    return [group(*found)] if found else []


class DNNClassifier(_Canned):
    """Dense layers of `hidden_units`, and a softmax over classes, or a sigmoid of two."""

    def __init__(
        self,
        hidden_units: Any,
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Any = activations.relu,
        dropout: float | None = None,
        input_layer_partitioner: Any = None,
        config: RunConfig | None = None,
        **others: Any,
    ) -> None:
        head = _Head(n_classes, label_vocabulary, weight_column)
        super().__init__(head, model_dir, config, (feature_columns, hidden_units, optimizer, activation_fn, dropout))


class DNNRegressor(_Canned):
    """Dense layers of `hidden_units`, and `label_dimension` numbers."""

    def __init__(
        self,
        hidden_units: Any,
        feature_columns: Any,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Any = activations.relu,
        dropout: float | None = None,
        input_layer_partitioner: Any = None,
        config: RunConfig | None = None,
        **others: Any,
    ) -> None:
        head = _Head(None, None, weight_column, label_dimension)
        super().__init__(head, model_dir, config, (feature_columns, hidden_units, optimizer, activation_fn, dropout))


class LinearClassifier(_Canned):
    """A softmax over classes, or a sigmoid of two, of sums of weighted columns."""

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        partitioner: Any = None,
        **others: Any,
    ) -> None:
        head = _Head(n_classes, label_vocabulary, weight_column)
        super().__init__(head, model_dir, config, linear=(feature_columns, optimizer))


class LinearRegressor(_Canned):
    """Sums of weighted columns."""

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: RunConfig | None = None,
        partitioner: Any = None,
        **others: Any,
    ) -> None:
        head = _Head(None, None, weight_column, label_dimension)
        super().__init__(head, model_dir, config, linear=(feature_columns, optimizer))


class DNNLinearCombinedClassifier(_Canned):
    """Dense layers and weighted columns, added, and a softmax over classes, or a sigmoid of two."""

    def __init__(
        self,
        model_dir: Any = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Any = None,
        dnn_activation_fn: Any = activations.relu,
        dnn_dropout: float | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Any = None,
        input_layer_partitioner: Any = None,
        config: RunConfig | None = None,
        **others: Any,
    ) -> None:
        deep, linear = _both(
            linear_feature_columns, linear_optimizer, dnn_feature_columns, dnn_optimizer, dnn_hidden_units,
            dnn_activation_fn, dnn_dropout,
        )  # fmt: skip
        super().__init__(_Head(n_classes, label_vocabulary, weight_column), model_dir, config, deep, linear)


class DNNLinearCombinedRegressor(_Canned):
    """Dense layers and weighted columns, added."""

    def __init__(
        self,
        model_dir: Any = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Any = None,
        dnn_activation_fn: Any = activations.relu,
        dnn_dropout: float | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        input_layer_partitioner: Any = None,
        config: RunConfig | None = None,
        **others: Any,
    ) -> None:
        deep, linear = _both(
            linear_feature_columns, linear_optimizer, dnn_feature_columns, dnn_optimizer, dnn_hidden_units,
            dnn_activation_fn, dnn_dropout,
        )  # fmt: skip
        super().__init__(_Head(None, None, weight_column, label_dimension), model_dir, config, deep, linear)


def _both(
    columns: Any, optimizer: Any, deep_columns: Any, deep_optimizer: Any, hidden: Any, activation: Any, dropout: Any
) -> tuple[Any, Any]:
    """The deep and the linear part, None for one without columns; raises ValueError where there are none at all."""
    if not columns and not deep_columns:
        raise ValueError("Either linear_feature_columns or dnn_feature_columns must be defined.")
    if deep_columns and not hidden:
        raise ValueError("dnn_hidden_units must be defined when dnn_feature_columns is specified.")
    deep = (list(deep_columns), hidden, deep_optimizer, activation, dropout) if deep_columns else None
    return deep, (list(columns), optimizer) if columns else None
