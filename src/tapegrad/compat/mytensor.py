"""mytensor, fully connected layers on a small base: `import mytensor as mt`.

    x, t = mt.placeholder([None, 1]), mt.placeholder([None, 1])
    w, b = mt.Variable([[0.0]]), mt.Variable([0.0])
    loss = mt.nn.MeanSquareLoss(mt.nn.FullConnection(x, w, b), t)
    step = mt.train.GradientDescentOptimizer(0.1).minimize(loss)
    mt.Session().run(step, {x: inputs, t: targets})

Numbers are of float64. A variable needs no initializing: it has a `value`, and a `grad` after a step.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import numpy as np

from ._one_session import session_of
from .v1 import nn as _nn
from .v1._gradients import gradients
from .v1._graph import get_default_graph
from .v1._math import add, cos, divide, exp, log, matmul, multiply, sin, square, subtract
from .v1._optimizers import GradientDescentOptimizer as _GradientDescentOptimizer
from .v1._placeholders import placeholder as _placeholder
from .v1._reductions import reduce_mean
from .v1._variables import Variable as _Variable
from .v1._variables import global_variables, trainable_variables
from .v1.nn import relu, sigmoid, softmax, tanh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .v1._operation import Operation, Tensor

__all__ = [
    "Conv2D",
    "FullConnection",
    "MaxPool",
    "MeanSquareLoss",
    "Session",
    "SoftmaxCrossEntropy",
    "Variable",
    "add",
    "cos",
    "divide",
    "exp",
    "log",
    "matmul",
    "multiply",
    "nn",
    "placeholder",
    "relu",
    "sigmoid",
    "sin",
    "softmax",
    "square",
    "subtract",
    "tanh",
    "train",
]


class Variable(_Variable):
    """What is learned: `value`, which may be set, and `grad`, the gradient of the last step, None before the first."""

    def __init__(self, value: Any, grad: Any = None, name: str | None = None) -> None:
        super().__init__(np.array(value, np.float64), name=name)
        self.grad = grad

    @property  # type: ignore[override]
    def value(self) -> Any:
        """What it is now."""
        return _ready(self.graph).run(self._tensor)

    @value.setter
    def value(self, value: Any) -> None:
        self.load(value, _ready(self.graph))


def placeholder(shape: Any = None, name: str | None = None) -> Tensor:
    """What is fed: None as a size of `shape` takes any."""
    return _placeholder(np.float64, shape, name)


class Session:
    """Runs nodes. All sessions see the same variables."""

    def run(self, node: Any, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """The value of a node, or of each of a list of them; None for a step of an optimizer, which it does."""
        session = _ready(get_default_graph())
        nodes = list(node) if isinstance(node, list | tuple) else [node]
        steps = [x for x in nodes if isinstance(x, Step)]
        values, slopes = session.run([nodes, [x.gradients for x in steps]], feed_dict)
        for step, arrays in zip(steps, slopes, strict=True):
            for variable, array in zip(step.variables, arrays, strict=True):
                variable.grad = array  # type: ignore[attr-defined]
        return values if isinstance(node, list | tuple) else values[0]

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def _ready(graph: Any) -> Any:
    """The session of a graph, in which every variable has a value."""
    session = session_of(graph)
    with graph.as_default():
        for variable in global_variables():
            if not session.is_initialized(variable):
                session.run(variable.initializer)
    return session


class Step:
    """One step of an optimizer: all gradients first, from the weights before it."""

    def __init__(self, op: Operation, variables: Sequence[_Variable], slopes: Sequence[Tensor]) -> None:
        self.op, self.variables, self.gradients = op, variables, slopes

    def _as_graph_element(self) -> Operation:
        return self.op


class GradientDescentOptimizer:
    """Steps down the gradient."""

    def __init__(self, learning_rate: Any) -> None:
        self._rule = _GradientDescentOptimizer(learning_rate)

    def minimize(self, loss: Tensor) -> Step:
        """A Step that lowers `loss`."""
        pairs = [(g, v) for g, v in zip(gradients(loss, trainable_variables()), trainable_variables(), strict=True)]
        found = [(g, v) for g, v in pairs if g is not None]
        return Step(self._rule.apply_gradients(found), [v for _, v in found], [g for g, _ in found])


def FullConnection(X: Any, W: Any, b: Any, activation: Callable[[Any], Any] | None = None) -> Tensor:
    """`activation(X W + b)`: (N, in), (in, out), (out,) -> (N, out)."""
    return _activated(add(matmul(X, W), b), activation, "FullConnection")


def Conv2D(
    X: Any,
    W: Any,
    b: Any = None,
    activation: Callable[[Any], Any] | None = None,
    strides: int = 1,
    padding: str = "SAME",
) -> Tensor:
    """`activation(X * W + b)`: (N, H, W, C), (KH, KW, C, F), (F,) -> (N, OH, OW, F)."""
    out = _nn.conv2d(X, W, strides=[1, strides, strides, 1], padding=padding)
    return _activated(out if b is None else add(out, b), activation, "Conv2D")


def MaxPool(X: Any, size: int = 2, strides: int | None = None, padding: str = "VALID") -> Tensor:
    """The largest of each window, channel by channel: (N, H, W, C) -> (N, OH, OW, C)."""
    step = size if strides is None else strides
    return _nn.max_pool(X, ksize=[1, size, size, 1], strides=[1, step, step, 1], padding=padding)


def MeanSquareLoss(y: Any, t: Any) -> Tensor:
    """`mean((y - t)^2) / 2`."""
    return divide(reduce_mean(square(subtract(y, t))), 2.0)


def SoftmaxCrossEntropy(logits: Any, labels: Any) -> Tensor:
    """The mean over N rows of `-sum(labels log(softmax(logits)))`: both (N, classes)."""
    return reduce_mean(_nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def _activated(x: Tensor, activation: Any, name: str) -> Tensor:
    if activation is None:
        return x
    if not callable(activation):
        raise TypeError(f"{name}: expected activation to be a function, such as mt.relu, got {activation!r}")
    return activation(x)  # type: ignore[no-any-return]


def _module(name: str, *functions: Any) -> types.ModuleType:
    module = types.ModuleType(f"{__name__}.{name}")
    module.__dict__.update({function.__name__: function for function in functions})
    return module


nn = _module("nn", FullConnection, Conv2D, MaxPool, MeanSquareLoss, SoftmaxCrossEntropy, relu, sigmoid, softmax, tanh)
train = _module("train", GradientDescentOptimizer)
