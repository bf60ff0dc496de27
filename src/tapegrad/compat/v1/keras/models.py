"""Models that are a stack of layers: `tf.keras.models.Sequential`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from ....ops import elementwise, reduction
from ....ops.loss import softmax_cross_entropy
from ....ops.shape import reshape
from .._graph import Graph, get_default_graph
from .._missing import NotCoveredError, not_covered
from .._nodes import node
from .._placeholders import placeholder
from .._session import Session
from .._variables import GraphKeys, group, variables_initializer
from .optimizers import optimizer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._operation import Tensor
    from .._shapes import TensorShape

__all__ = ["History", "Sequential"]

__getattr__ = not_covered(__name__)

_NARROW = 1e-7  # how near to 0 and 1 a probability may come


class History:
    """What `fit` gives: `history` has a list for the loss and for each metric, with a number for each epoch."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []


class Sequential:
    """Layers one after the other, with a session of their own.

    The first layer says `input_shape`, the shape of an example, or the data of `fit` do.
    """

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None) -> None:
        self.name = name or "sequential"
        self.layers: list[Any] = []
        self.graph: Graph = get_default_graph()
        self._session: Session | None = None
        self._compiled: tuple[Any, Any, list[Any]] | None = None
        self._outputs: Tensor | None = None
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Add a layer at the end."""
        if self._outputs is not None:
            raise ValueError("a model that has run takes no further layers")
        self.layers.append(layer)

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, **others: Any) -> None:
        """Say what the model is fitted by: an optimizer and a loss, and metrics to show, all of which may be names."""
        if others:
            raise NotCoveredError(f"Sequential.compile: {', '.join(others)} is not covered; leave it out")
        self._compiled = optimizer_of(optimizer), loss, list(metrics or [])

    def _built(self, shape: tuple[int, ...], labels: Any = None) -> None:
        """Build the graph for examples of a shape, and the step for labels."""
        with self.graph.as_default():
            if self._outputs is None:
                self._inputs = placeholder("float32", [None, *shape])
                self._training = placeholder("bool", [])
                self._updates: list[Any] = []
                x: Any = self._inputs
                before = len(self.graph.get_collection(GraphKeys.UPDATE_OPS))
                for layer in self.layers:
                    takes = "training" in inspect.signature(layer.call).parameters
                    x = layer(x, training=self._training) if takes else layer(x)
                self._updates = self.graph.get_collection(GraphKeys.UPDATE_OPS)[before:]
                self._outputs = x
                self._labels: Tensor | None = None
                self._session = Session(graph=self.graph)
            if labels is not None and self._labels is None:
                if self._compiled is None:
                    raise RuntimeError("You must compile a model before training/testing. Use `model.compile`.")
                optimizer, loss, metrics = self._compiled
                self._labels = placeholder("float32", [None, *np.shape(labels)[1:]])
                self._loss = node("Loss", _loss(loss), [self._labels, self._outputs])
                self._metrics = [
                    node("Metric", _metric(metric, loss, self._outputs.shape), [self._labels, self._outputs])
                    for metric in metrics
                ]
                total = self._loss
                for layer in self.layers:
                    for extra in getattr(layer, "losses", []):
                        total = total + extra
                with self.graph.control_dependencies(self._updates):
                    self._step = group(optimizer.minimize(total, var_list=self.trainable_variables))
            assert self._session is not None
            missing = [v for v in self.graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
                       if not self._session.is_initialized(v)]  # fmt: skip
            self._session.run(variables_initializer(missing))

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables of all layers that are fitted."""
        return [variable for layer in self.layers for variable in layer.trainable_variables]

    @property
    def weights(self) -> list[Any]:
        """The variables of all layers."""
        return [variable for layer in self.layers for variable in layer.variables]

    def get_weights(self) -> list[Any]:
        """The values of all variables."""
        if self._session is None:
            raise ValueError("the model has no weights yet; call fit, evaluate or predict first")
        return [self._session.run(variable) for variable in self.weights]

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int = 1,
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        **others: Any,
    ) -> History:
        """Fit the model to examples `x` and labels `y`, in batches of 32 unless told otherwise; gives the history."""
        if callbacks or others:
            what = ", ".join(["callbacks", *others] if callbacks else others)
            raise NotCoveredError(f"Sequential.fit: {what} is not covered; leave it out")
        x, y = np.asarray(x, np.float32), np.asarray(y)
        if validation_split:
            place = int(len(x) * (1 - validation_split))
            x, y, validation_data = x[:place], y[:place], (x[place:], y[place:])
        self._built(x.shape[1:], y)
        assert self._session is not None
        history = History()
        for epoch in range(epochs):
            order = np.random.permutation(len(x)) if shuffle else np.arange(len(x))  # noqa: NPY002  # np.random.seed
            sums = np.zeros(1 + len(self._metrics))
            for begin in range(0, len(x), batch_size or 32):
                places = order[begin : begin + (batch_size or 32)]
                fed = {self._inputs: x[places], self._labels: y[places], self._training: True}
                figures = self._session.run([self._loss, *self._metrics, self._step], fed)[:-1]
                sums += np.array(figures) * len(places)
            told = dict(zip(self.metrics_names, sums / len(x), strict=True))
            if validation_data is not None:
                after = self.evaluate(validation_data[0], validation_data[1], verbose=0)
                told |= {f"val_{name}": value for name, value in zip(
                    self.metrics_names, after if isinstance(after, list) else [after], strict=True)}  # fmt: skip
            history.epoch.append(epoch)
            for name, value in told.items():
                history.history.setdefault(name, []).append(float(value))
            if verbose:
                print(f"Epoch {epoch + 1}/{epochs} - " + " - ".join(f"{n}: {v:.4f}" for n, v in told.items()))
        return history

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` gives."""
        metrics = self._compiled[2] if self._compiled else []
        return ["loss", *[m if isinstance(m, str) else m.__name__ for m in metrics]]

    def evaluate(self, x: Any = None, y: Any = None, batch_size: int | None = None, verbose: int = 1) -> Any:
        """The loss of examples `x` with labels `y`, or a list of it and the metrics."""
        x, y = np.asarray(x, np.float32), np.asarray(y)
        self._built(x.shape[1:], y)
        assert self._session is not None
        sums = np.zeros(1 + len(self._metrics))
        for begin in range(0, len(x), batch_size or 32):
            part = slice(begin, begin + (batch_size or 32))
            fed = {self._inputs: x[part], self._labels: y[part], self._training: False}
            sums += np.array(self._session.run([self._loss, *self._metrics], fed)) * len(x[part])
        figures = (sums / len(x)).tolist()
        if verbose:
            print(" - ".join(f"{n}: {v:.4f}" for n, v in zip(self.metrics_names, figures, strict=True)))
        return figures if len(figures) > 1 else figures[0]

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """What the model gives for examples."""
        x = np.asarray(x, np.float32)
        self._built(x.shape[1:])
        assert self._session is not None
        size = batch_size or 32
        parts = [
            self._session.run(self._outputs, {self._inputs: x[begin : begin + size], self._training: False})
            for begin in range(0, len(x), size)
        ]
        return np.concatenate(parts)

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """The likeliest class of each example."""
        outputs = self.predict(x, batch_size)
        return outputs.argmax(-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype(np.int32)

    def summary(self) -> None:
        """Print the layers, and how many numbers each has."""
        shape = getattr(self.layers[0], "input_shape", None) if self.layers else None
        if self._outputs is None and shape is not None:
            self._built(tuple(shape))
        for layer in self.layers:
            count = sum(int(np.prod(v.shape.as_list())) for v in layer.variables)
            print(f"{layer.name:<30}{type(layer).__name__:<24}{count:>12,}")
        print(f"{'in all':<54}{sum(int(np.prod(v.shape.as_list())) for v in self.weights):>12,}")

    def save(self, *arguments: Any, **keywords: Any) -> None:
        """Not covered: raises NotCoveredError."""
        raise NotCoveredError("files of Keras models are not covered; tf.train.Saver saves the values of variables")

    save_weights = load_weights = save


def _loss(loss: Any) -> Any:
    if callable(loss):
        return loss
    if loss not in _LOSSES:
        raise ValueError(f"Unknown loss function: {loss!r}; there are {', '.join(_LOSSES)}")
    return _LOSSES[loss]


def _logs(p: Any) -> Any:
    return elementwise.log(elementwise.clip(p, _NARROW, 1 - _NARROW))


def _categorical(y: Any, p: Any) -> Any:
    shares = p / reduction.sum(p, axis=-1, keepdims=True)
    return reduction.mean(reduction.sum(-y * _logs(shares), axis=-1))


def _sparse(y: Any, p: Any) -> Any:
    return reduction.mean(softmax_cross_entropy(_logs(p), reshape(y, p.shape[:-1]).astype(np.int64)))


def _binary(y: Any, p: Any) -> Any:
    return reduction.mean(-(y * _logs(p) + (1 - y) * _logs(1 - p)))


def _squares(y: Any, p: Any) -> Any:
    return reduction.mean(elementwise.square(y - p))


def _sizes(y: Any, p: Any) -> Any:
    return reduction.mean(elementwise.abs(y - p))


_LOSSES = {
    "binary_crossentropy": _binary,
    "categorical_crossentropy": _categorical,
    "mae": _sizes,
    "mean_absolute_error": _sizes,
    "mean_squared_error": _squares,
    "mse": _squares,
    "sparse_categorical_crossentropy": _sparse,
}


def _metric(metric: Any, loss: Any, shape: TensorShape) -> Any:
    if callable(metric):
        return metric
    if metric in ("acc", "accuracy"):
        if shape[-1].value == 1:
            return lambda y, p: reduction.mean(elementwise.equal(y > 0.5, p > 0.5).astype(np.float32))
        if loss == "sparse_categorical_crossentropy":
            return lambda y, p: reduction.mean(
                elementwise.equal(reduction.argmax(p, axis=-1), reshape(y, p.shape[:-1])).astype(np.float32)
            )
        return lambda y, p: reduction.mean(
            elementwise.equal(reduction.argmax(p, axis=-1), reduction.argmax(y, axis=-1)).astype(np.float32)
        )
    if metric not in _LOSSES:
        raise ValueError(f"Unknown metric function: {metric!r}; there are accuracy, {', '.join(_LOSSES)}")
    return _LOSSES[metric]
