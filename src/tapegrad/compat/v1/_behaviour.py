"""Switches between TensorFlow 1 and 2, which stand at 1 here, and what tells about tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array import identity
from ._infer import constant_value
from ._nodes import convert
from ._operation import Operation, Tensor
from ._shapes import Dimension, TensorShape, compatible
from ._sparse import SparseTensor
from ._variables import Variable, no_op

__all__ = [
    "AggregationMethod",
    "UnconnectedGradients",
    "VariableAggregation",
    "VariableSynchronization",
    "add_check_numerics_ops",
    "assert_variables_initialized",
    "dimension_value",
    "disable_control_flow_v2",
    "disable_eager_execution",
    "disable_resource_variables",
    "disable_tensor_equality",
    "disable_v2_behavior",
    "disable_v2_tensorshape",
    "enable_resource_variables",
    "ensure_shape",
    "executing_eagerly",
    "get_static_value",
    "is_tensor",
    "resource_variables_enabled",
    "tables_initializer",
]


def disable_v2_behavior() -> None:
    """Nothing: this is TensorFlow 1."""


disable_control_flow_v2 = disable_eager_execution = disable_resource_variables = disable_v2_behavior
disable_tensor_equality = disable_v2_tensorshape = disable_v2_behavior


def enable_resource_variables() -> None:
    """Nothing: a variable has the value that it has when it is used, as resource variables do."""


def resource_variables_enabled() -> bool:
    """True: see `enable_resource_variables`."""
    return True


def executing_eagerly() -> bool:
    """False: operations are put off."""
    return False


class AggregationMethod:
    """How gradients are added up; here always in one way."""

    ADD_N = DEFAULT = 0
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients:
    """What stands for a gradient where no path leads to."""

    NONE = "none"
    ZERO = "zero"


class VariableSynchronization:
    """When variables on several machines are made equal; here there is one."""

    AUTO, NONE, ON_WRITE, ON_READ = range(4)


class VariableAggregation:
    """How variables on several machines are put together; here there is one."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = range(4)


def is_tensor(x: Any) -> bool:
    """Whether this is a tensor, a sparse one or a variable."""
    return isinstance(x, Tensor | SparseTensor | Variable)


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value of a tensor if it is small and the same in every run; otherwise None."""
    return constant_value(convert(tensor))


def dimension_value(dimension: Any) -> int | None:
    """The size of a dimension, or None."""
    return dimension.value if isinstance(dimension, Dimension) else dimension


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """`x`, with a shape that is known from now on; a run raises InvalidArgumentError for another one."""
    from ._arguments import plain
    from ._nodes import node

    wanted = TensorShape(shape)

    def check(value: Any) -> Any:
        if not compatible(np.shape(getattr(value, "_array", value)), wanted.sizes):
            raise ValueError(
                f"Shape of tensor {tensor.name} {list(plain(value).shape)} is not compatible with {wanted}"
            )
        return value

    tensor = convert(x)
    out: Tensor = node("EnsureShape", check, [identity(tensor)], name)
    out.set_shape(wanted)
    return out


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """An operation that does nothing: vocabularies are ready when they are made."""
    return no_op(name)


def assert_variables_initialized(var_list: Any = None) -> Operation:
    """An operation that does nothing: to use a variable without a value is an error anyway."""
    return no_op("assert_variables_initialized")


def add_check_numerics_ops() -> Operation:
    """An operation that raises InvalidArgumentError if any tensor of the graph has been NaN or infinite in its run."""
    from ._graph import get_default_graph
    from ._math import check_numerics
    from ._variables import group

    graph = get_default_graph()
    if graph.frame is not None:
        raise ValueError("add_check_numerics_ops: inside of a loop or a choice this is not covered")
    tensors = [
        tensor
        for op in graph.get_operations()
        if op.frame is None and op.type not in ("Placeholder", "Assign", "VariableV2", "Const")
        for tensor in op.outputs
        if tensor.dtype.is_floating
    ]
    return group(*[check_numerics(tensor, tensor.name) for tensor in tensors])
