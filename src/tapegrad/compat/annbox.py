"""ANNbox, which imitates TensorFlow and hides nothing: `import ANNbox as tf`.

All of TensorFlow 1's names, and its own: no session is needed, and every value can be looked at.

    step = tf.train.MomentumOptimizer(2e-4, 0.9).minimize(loss)
    tf.global_variables_initializer().run()
    nodes = step.run({x: images, y: labels})      # what led to the loss in order, which is the last
    nodes[-1].value, W.value, output.my_eval({x: images})
"""

from __future__ import annotations

import types
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from ..optim import rules
from . import v1
from ._one_session import session_of
from .v1 import nn as _nn
from .v1 import train as _train
from .v1._default_session import enter_session, get_default_session
from .v1._graph import get_default_graph
from .v1._math import add, log, multiply, negative, subtract
from .v1._nodes import convert
from .v1._operation import Operation, Tensor
from .v1._optimizer import Optimizer
from .v1._optimizers import AdamOptimizer
from .v1._reductions import reduce_sum
from .v1._run import Plan
from .v1._variable_scopes import get_variable as _get_variable
from .v1._variables import Variable as _Variable
from .v1._variables import global_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

_latest: weakref.WeakKeyDictionary[Tensor, Any] = weakref.WeakKeyDictionary()  # the last value of each node


class _OfEachGraph:
    """The default session where there is no other: that of the default graph."""

    def __getattr__(self, name: str) -> Any:
        return getattr(session_of(get_default_graph()), name)


enter_session(_OfEachGraph())


def run(fetched: Any, feed_dict: Mapping[Any, Any] | None = None, doing: Operation | None = None) -> list[Any]:
    """Compute a node, and do an operation: gives the nodes that led to it in order, itself last, with their values."""
    last = convert(fetched)
    feeds = {} if feed_dict is None else dict(feed_dict)
    given = [last.graph.as_graph_element(x) for x in feeds]
    plan = Plan([last], given)
    nodes: list[Any] = [*given, *(x for op in plan.operations for x in op.outputs if x not in given and x is not last)]
    values = get_default_session().run([*nodes, last, *([] if doing is None else [doing])], feeds)
    _latest.update(zip([*nodes, last], values, strict=False))
    variables = {variable._tensor: variable for variable in global_variables()}
    return [variables.get(x, x) for x in [*nodes, last]]


def _value_of(tensor: Tensor) -> Any:
    """The value that the last run gave it; raises ValueError if there was none."""
    if tensor not in _latest:
        raise ValueError(
            f"{tensor.name!r} was in no run yet: call .run(feed_dict) on what needs it, or .my_eval(feed_dict)"
        )
    return _latest[tensor]


Tensor.run = run  # type: ignore[attr-defined]
Tensor.my_eval = lambda self, feed_dict=None: get_default_session().run(self, feed_dict)  # type: ignore[attr-defined]
Tensor.value = property(_value_of)  # type: ignore[attr-defined]


class _Array(np.ndarray[Any, Any]):
    """A variable's value; called, as TensorFlow's `W.value()` is, it gives the tensor."""

    tensor: Tensor

    def __call__(self) -> Tensor:
        return self.tensor


class Variable(_Variable):
    """A value that is kept from run to run, and can be looked at."""

    @property  # type: ignore[override]
    def value(self) -> Any:
        """What it is now."""
        array = np.asarray(get_default_session().run(self._tensor)).view(_Array)
        array.tensor = self._tensor
        return array

    def my_eval(self, feed_dict: Any = None) -> Any:
        """What it is now."""
        return get_default_session().run(self._tensor, feed_dict)

    def run(self, feed_dict: Any = None) -> list[Any]:
        """The variable alone, as the one node that leads to it."""
        return run(self, feed_dict)


def get_variable(*arguments: Any, **keywords: Any) -> Variable:
    """`tf.get_variable`, of a variable that can be looked at."""
    variable = _get_variable(*arguments, **keywords)
    variable.__class__ = Variable
    return variable  # type: ignore[return-value]


class Step:
    """What an optimizer does to lower a loss: `run` does it once, and gives the nodes."""

    def __init__(self, op: Operation, loss: Tensor) -> None:
        self.op, self.loss = op, loss

    def _as_graph_element(self) -> Operation:
        return self.op

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.op.name

    def run(self, feed_dict: Any = None) -> list[Any]:
        """Move the variables once: gives the nodes that led to the loss in order, the loss last."""
        return run(self.loss, feed_dict, self.op)


class _Stepping:
    """Optimizers whose `minimize` gives a Step."""

    def minimize(self, loss: Any, *arguments: Any, **keywords: Any) -> Step:
        """A Step; a loss that has many numbers is lowered by the sum of their gradients."""
        return Step(super().minimize(loss, *arguments, **keywords), convert(loss))  # type: ignore[misc]


class _Nadam(AdamOptimizer):
    """Adam with Nesterov's look ahead."""

    def __init__(self, *arguments: Any, name: str = "Nadam", **keywords: Any) -> None:
        super().__init__(*arguments, **{"name": name, **keywords})

    def _numbers(self, dtype: Any) -> Any:
        _one, rate, beta1, rest1, beta2, rest2, epsilon = super()._numbers(dtype)
        return [multiply(rate, rest1), multiply(rate, beta1), beta1, rest1, beta2, rest2, epsilon]

    def _rule(self) -> Any:
        return rules._nadam


class _Nesterov(_train.MomentumOptimizer):
    """Momentum that takes the gradient where its velocity leads to."""

    def __init__(self, learning_rate: Any, momentum: Any = 0.9, name: str = "Nesterov") -> None:
        super().__init__(learning_rate, momentum, name=name, use_nesterov=True)


def cross_entropy_with_logits(logits: Any, labels: Any, name: str | None = None) -> Tensor:
    """The cross entropy `-sum(labels log(probabilities))` of each example: `(N, C), (N, C) -> (N,)`.

    `logits` are probabilities already, as softmax gives them: its gradient, and so the whole, is that of
    softmax_cross_entropy_with_logits.
    """
    probabilities = convert(logits)
    if probabilities.op.type == "Softmax":
        return _nn.softmax_cross_entropy_with_logits(labels=labels, logits=probabilities.op.inputs[0], name=name)
    return negative(reduce_sum(multiply(labels, log(probabilities)), axis=-1), name)


class _With(types.ModuleType):
    """A module with some names more."""

    def __init__(self, module: types.ModuleType, **more: Any) -> None:
        super().__init__(f"{__name__}.{module.__name__.rpartition('.')[2]}", module.__doc__)
        self.__dict__.update(more)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


Add = add
Sub = subtract
nn = _With(_nn, Add=add, Sub=subtract, cross_entropy_with_logits=cross_entropy_with_logits)
train = _With(
    _train,
    **{
        name: type(name, (_Stepping, kind), {"__doc__": kind.__doc__, "__module__": __name__})
        for name, kind in {
            **{name: kind for name, kind in vars(_train).items() if name.endswith("Optimizer")},
            "NadamOptimizer": _Nadam,
            "NesterovOptimizer": _Nesterov,
        }.items()
        if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
    },
)


def __getattr__(name: str) -> Any:
    return getattr(v1, name)
