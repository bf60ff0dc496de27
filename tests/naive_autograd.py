"""A second autograd, as naive as can be, to compare the real one with.

It has no gradient rules that could be wrong: the derivatives of each step come from a complex step,
`f(x + ih) = f(x) + ih f'(x) + O(h^2)`, which is exact to the last digits since nothing is subtracted. So its functions
must be written for complex arrays: `relu` is `where(x.real > 0, x, 0)`. It has no tape and no order: the gradient
of a node is asked for recursively, and is the sum of what its consumers pass on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

TINY = 1e-30


class Released(Exception):
    """A graph was walked again that an earlier walk had let go."""


class Node:
    """A value, what it was computed from, and who waits for its gradient."""

    def __init__(self, value: Any, wanted: bool = False) -> None:
        self.value = np.asarray(value, np.float64)
        self.wanted = wanted
        self.parents: list[tuple[Node, np.ndarray]] = []  # each with the Jacobian: its elements x the node's
        self.hooks: list[Callable[[np.ndarray], np.ndarray | None]] = []
        self.receivers: list[Receiver] = []
        self.released = False


class Receiver:
    """Whoever has a `.grad`, which adds up over the walks."""

    def __init__(self) -> None:
        self.grad: np.ndarray | None = None


def apply(function: Callable[..., Any], *arguments: Node) -> Node:
    """A node for `function(*arguments)`, with the Jacobian for each argument whose gradient is wanted."""
    values = [a.value for a in arguments]
    out = Node(function(*values), any(a.wanted for a in arguments))
    out.parents = [(a, jacobian(function, values, i)) for i, a in enumerate(arguments) if a.wanted]
    return out


def jacobian(function: Callable[..., Any], values: Sequence[np.ndarray], index: int) -> np.ndarray:
    """The derivatives of all elements of the result by each element of the argument `index`."""
    rows = []
    for place in np.ndindex(values[index].shape):
        moved = values[index].astype(np.complex128)
        moved[place] += 1j * TINY
        out = function(*values[:index], moved, *values[index + 1 :])
        rows.append(np.ravel(np.imag(out)) / TINY)
    return np.array(rows).reshape(values[index].size, -1)


def reachable(node: Node, found: list[Node] | None = None) -> list[Node]:
    """The node and all that it was computed from."""
    found = [] if found is None else found
    if node not in found:
        found.append(node)
        for parent, _ in node.parents:
            reachable(parent, found)
    return found


def backward(root: Node, cotangent: np.ndarray, retain_graph: bool = False) -> None:
    """Add the gradient of `root`, times `cotangent`, to the `grad` of all receivers on the way."""
    nodes = reachable(root)
    if any(node.released for node in nodes):
        raise Released
    known: dict[Node, np.ndarray] = {}

    def gradient(node: Node) -> np.ndarray:
        if node not in known:
            total = cotangent if node is root else np.zeros(node.value.shape)
            for consumer in nodes:
                for parent, matrix in consumer.parents:
                    if parent is node:
                        total = total + (matrix @ gradient(consumer).ravel()).reshape(node.value.shape)
            for hook in node.hooks:
                replaced = hook(total)
                total = total if replaced is None else replaced
            known[node] = total
        return known[node]

    for node in nodes:
        for receiver in node.receivers:
            receiver.grad = gradient(node) if receiver.grad is None else receiver.grad + gradient(node)
        gradient(node)  # its hooks run although nobody may receive it
        node.released = bool(node.parents) and not retain_graph
