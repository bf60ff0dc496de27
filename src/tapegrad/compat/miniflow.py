"""MiniFlow, a library to learn from: nodes that know their inputs, a sort, and two passes.

A node computes its `value` from those of its `inbound_nodes`, and keeps `gradients`: of the last node of the graph by
each node that it was computed from, through this one, and by itself. The gradients are tapegrad's.

    x, w, b, target = Input(), Variable(w0), Variable(b0), Input()
    loss = MSE(target, Sigmoid(Linear(x, w, b)))
    graph = topological_sort({x: x0, target: y0})
    forward_and_backward(graph)
    sgd_update([w, b], 0.01)
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from ..nn import functional
from ..ops import activation, elementwise, product, reduction
from ..transforms import vjp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "MSE",
    "Add",
    "CrossEntropy",
    "Input",
    "Linear",
    "MatMul",
    "Mul",
    "Node",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "Sub",
    "Tanh",
    "Variable",
    "forward_and_backward",
    "forward_pass",
    "placeholder",
    "sgd_update",
    "topological_sort",
    "variable",
]


class Node:
    """A place in the graph. A subclass says by `compute` how its value comes of those of its inputs."""

    def __init__(self, *inbound_nodes: Node, name: str | None = None) -> None:
        for node in inbound_nodes:
            if not isinstance(node, Node):
                raise TypeError(
                    f"{type(self).__name__}: expected nodes, got {type(node).__name__}; Variable(x) makes a value one"
                )
        self.name = name or type(self).__name__
        self.inbound_nodes = list(inbound_nodes)
        self.outbound_nodes: list[Node] = []
        self.value: Any = None
        self.gradients: dict[Node, Any] = {}
        self._pullback: Any = None
        for node in dict.fromkeys(inbound_nodes):
            node.outbound_nodes.append(self)

    def compute(self, *values: Any) -> Any:
        """The value, of those of the inputs, by functions that tapegrad differentiates."""
        raise TypeError(f"{type(self).__name__}: define compute(*values of the inputs)")

    def forward(self) -> None:
        """Set `value`."""
        self.value, self._pullback = vjp(self.compute, *[node.value for node in self.inbound_nodes])

    def backward(self) -> None:
        """Set `gradients`: what all that was computed from this node says of it, passed on to its inputs."""
        whole = sum(node.gradients[self] for node in self.outbound_nodes if self in node.gradients)
        g = whole if self.outbound_nodes else np.ones_like(self.value)
        self.gradients = {}
        if self._pullback is not None:
            g = np.broadcast_to(np.asarray(g, self.value.dtype), self.value.shape)
            for node, part in zip(self.inbound_nodes, self._pullback(g), strict=True):
                self.gradients[node] = self.gradients[node] + part if node in self.gradients else part
        self.gradients[self] = g

    def __repr__(self) -> str:
        return f"<{self.name}: {self.value}>"


class Input(Node):
    """A node without inputs, whose value is given: to `topological_sort`, or by hand."""

    def __init__(self, value: Any = None, name: str | None = None) -> None:
        super().__init__(name=name)
        self.feed(value)

    def feed(self, value: Any) -> None:
        """Give it a value; whole numbers become numbers that have gradients."""
        array = None if value is None else np.asarray(value)
        self.value = array if array is None or array.dtype.kind == "f" else array.astype(np.float64)

    def forward(self) -> None:
        """Nothing: the value is there, or ValueError tells that it is not."""
        if self.value is None:
            raise ValueError(f"the {self.name} has no value: give it one in the feed_dict of topological_sort")
        self.feed(self.value)  # it may have been set by hand


class Variable(Input):
    """An input that is learned."""


placeholder = Input
variable = Variable


class Add(Node):
    """The sum of any number of nodes."""

    def compute(self, *values: Any) -> Any:
        """`x + y + ...`"""
        total, *rest = values
        for value in rest:
            total = elementwise.add(total, value)
        return total


class Mul(Node):
    """The product of any number of nodes, element by element."""

    def compute(self, *values: Any) -> Any:
        """`x * y * ...`"""
        whole, *rest = values
        for value in rest:
            whole = elementwise.multiply(whole, value)
        return whole


class Sub(Node):
    """The difference of two nodes."""

    def compute(self, *values: Any) -> Any:
        """`x - y`"""
        return elementwise.subtract(*values)


class MatMul(Node):
    """The matrix product of two nodes."""

    def compute(self, *values: Any) -> Any:
        """`X W`"""
        return product.matmul(*values)


class Linear(Node):
    """`Linear(X, W, b)`: (N, in), (in, out), (out,) -> (N, out), or (in,) -> (out,)."""

    def compute(self, *values: Any) -> Any:
        """`X W + b`"""
        x, weight, bias = values
        return elementwise.add(product.matmul(x, weight), bias)


class Sigmoid(Node):
    """The logistic function of a node."""

    def compute(self, *values: Any) -> Any:
        """`1 / (1 + exp(-x))`"""
        return activation.sigmoid(*values)


class ReLU(Node):
    """A node where it is above 0, and 0 elsewhere."""

    def compute(self, *values: Any) -> Any:
        """`max(x, 0)`"""
        return activation.relu(*values)


class Tanh(Node):
    """The hyperbolic tangent of a node."""

    def compute(self, *values: Any) -> Any:
        """`tanh x`"""
        return elementwise.tanh(*values)


class Softmax(Node):
    """The probabilities of classes along the last axis, of their logits."""

    def compute(self, *values: Any) -> Any:
        """`exp(x) / sum(exp(x))`"""
        return activation.softmax(values[0], axis=-1)


class SquaredError(Node):
    """`SquaredError(target, output)`: the sum of the squares of all differences."""

    def compute(self, *values: Any) -> Any:
        """`sum((target - output)^2)`"""
        return reduction.sum(elementwise.square(self.difference(*values)))

    def difference(self, target: Any, output: Any) -> Any:
        """`target - output`, with the target in the output's shape."""
        if np.shape(target) != np.shape(output) and np.size(target) == np.size(output):
            target = target.reshape(np.shape(output))  # (N,) beside (N, 1) would be every target with every output
        return elementwise.subtract(target, output)


class MSE(SquaredError):
    """`MSE(target, output)`: the mean of the squares of all differences."""

    def compute(self, *values: Any) -> Any:
        """`mean((target - output)^2)`"""
        return reduction.mean(elementwise.square(self.difference(*values)))


class CrossEntropy(Node):
    """`CrossEntropy(target, probabilities)`, both (N, classes): the mean over the N rows."""

    def compute(self, *values: Any) -> Any:
        """`mean(-sum(target log(probabilities)))`"""
        target, probabilities = values
        rows = reduction.sum(elementwise.multiply(target, elementwise.log(probabilities)), axis=-1)
        return elementwise.negative(reduction.mean(rows))


class SoftmaxCrossEntropy(Node):
    """`SoftmaxCrossEntropy(target, logits)`, both (N, classes): the mean over the N rows."""

    def compute(self, *values: Any) -> Any:
        """`mean(-sum(target log(softmax(logits))))`"""
        target, logits = values
        return functional.cross_entropy(logits, target)


# --------------------------------------------------------------------------------------------------
# The graph


def topological_sort(feed_dict: Mapping[Input, Any]) -> list[Node]:
    """All nodes that hang together with those of `feed_dict`, each after its inputs, by Kahn's algorithm.

    The nodes of `feed_dict` are given their values. Raises ValueError where nodes go round in a circle.
    """
    for fed, value in feed_dict.items():
        if not isinstance(fed, Input):
            raise TypeError(f"topological_sort: only Input and Variable nodes are fed, got {fed!r}")
        if value is not None:
            fed.feed(value)
    missing = {node: len(set(node.inbound_nodes)) for node in _together(feed_dict)}
    ready = deque(node for node, count in missing.items() if count == 0)
    graph: list[Node] = []
    while ready:
        node = ready.popleft()
        graph.append(node)
        for later in node.outbound_nodes:
            missing[later] -= 1
            if missing[later] == 0:
                ready.append(later)
    if len(graph) < len(missing):
        raise ValueError("topological_sort: some nodes are inputs of themselves")
    return graph


def _together(nodes: Iterable[Node]) -> dict[Node, None]:
    """Everything that can be reached along the edges, both ways."""
    found = dict.fromkeys(nodes)
    waiting = deque(found)
    while waiting:
        node = waiting.popleft()
        for other in [*node.inbound_nodes, *node.outbound_nodes]:
            if other not in found:
                found[other] = None
                waiting.append(other)
    return found


def forward_pass(output: Node | Sequence[Node], sorted_nodes: Sequence[Node] | None = None) -> Any:
    """Compute all nodes: `forward_pass(output, sorted_nodes)` gives the value of `output`, `forward_pass(graph)` that
    of the last node."""
    graph = list(output) if sorted_nodes is None and not isinstance(output, Node) else list(sorted_nodes or ())
    for node in graph:
        node.forward()
    return output.value if isinstance(output, Node) else graph[-1].value


def forward_and_backward(graph: Sequence[Node]) -> None:
    """Compute all nodes in order, and then their gradients in the opposite one."""
    forward_pass(graph)
    for node in reversed(graph):
        node.backward()


def sgd_update(trainables: Iterable[Input], learning_rate: float = 1e-2) -> None:
    """Move every trainable node one step down its gradient."""
    for node in trainables:
        if node not in node.gradients:
            raise ValueError(f"{node!r} has no gradient yet: call forward_and_backward(graph) first")
        node.value = node.value - learning_rate * node.gradients[node]
