"""The count of training steps: a variable of its own collection."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._graph import Graph, get_default_graph
from ._variables import GraphKeys, Variable, variable_of

__all__ = ["assert_global_step", "create_global_step", "get_global_step", "get_or_create_global_step", "global_step"]


def get_global_step(graph: Graph | None = None) -> Variable | None:
    """The count of steps of a graph, or None if it has none."""
    graph = graph or get_default_graph()
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        raise TypeError(f"there should be one variable in the collection {GraphKeys.GLOBAL_STEP!r}, found {found}")
    if found:
        assert_global_step(found[0])
        return variable_of(found[0])
    if "global_step" not in graph._operations:
        return None
    variable = variable_of(graph.get_tensor_by_name("global_step:0"))
    assert_global_step(variable)
    return variable


def create_global_step(graph: Graph | None = None) -> Variable:
    """A new count of steps, int64, from 0. Raises ValueError if there is one."""
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), graph.name_scope(None):
        return Variable(
            np.int64(0),
            trainable=False,
            name="global_step",
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Graph | None = None) -> Variable:
    """The count of steps of a graph, made if there is none."""
    graph = graph or get_default_graph()
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def assert_global_step(global_step_tensor: Any) -> None:
    """Raise TypeError unless this is a whole number, which counts."""
    variable = variable_of(global_step_tensor)
    if not variable.dtype.is_integer:
        raise TypeError(f'Existing "global_step" does not have integer type: {variable.dtype.name}')
    if variable.shape.ndims not in (0, None) and variable.shape.as_list() != [1]:
        raise TypeError(f'Existing "global_step" is not scalar: {variable.shape}')


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of a count of steps in a session."""
    return int(sess.run(global_step_tensor))
