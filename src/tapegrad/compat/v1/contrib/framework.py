"""Variables of models, the global step and arguments of scopes: `tf.contrib.framework`."""

from __future__ import annotations

from typing import Any

from ... import v1 as _v1
from .._graph import get_default_graph
from .._missing import not_covered
from .._operation import Tensor
from .._variable_scopes import get_variable
from .._variables import GraphKeys, Variable
from ._arg_scope import add_arg_scope, arg_scope, current_arg_scope, has_arg_scope

__all__ = [
    "add_arg_scope",
    "add_model_variable",
    "arg_scope",
    "assert_global_step",
    "create_global_step",
    "current_arg_scope",
    "get_global_step",
    "get_local_variables",
    "get_model_variables",
    "get_or_create_global_step",
    "get_trainable_variables",
    "get_unique_variable",
    "get_variables",
    "get_variables_by_name",
    "get_variables_to_restore",
    "has_arg_scope",
    "is_tensor",
    "local_variable",
    "model_variable",
    "variable",
]

__getattr__ = not_covered(__name__)


def create_global_step(graph: Any = None) -> Variable:
    """A new global step; raises ValueError if there is one."""
    return _v1.train.create_global_step(graph)  # type: ignore[no-any-return]


def get_global_step(graph: Any = None) -> Any:
    """The global step, or None."""
    return _v1.train.get_global_step(graph)


def get_or_create_global_step(graph: Any = None) -> Variable:
    """The global step, made if there is none."""
    return _v1.train.get_or_create_global_step(graph)  # type: ignore[no-any-return]


def assert_global_step(global_step_tensor: Any) -> None:
    """Raise an error for what cannot be a global step."""
    _v1.train.assert_global_step(global_step_tensor)


@add_arg_scope
def variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: Any = None,
) -> Variable:
    """`tf.get_variable`, whose arguments can come from `arg_scope`."""
    every = None if collections is None else list({GraphKeys.GLOBAL_VARIABLES: 0} | dict.fromkeys(collections))
    return get_variable(
        name, shape, dtype, initializer, regularizer, trainable, every, partitioner=partitioner,
        custom_getter=custom_getter,
    )  # fmt: skip


@add_arg_scope
def model_variable(name: str, *arguments: Any, **keywords: Any) -> Variable:
    """`variable`, in the collection of variables of models, too."""
    found = variable(name, *arguments, **keywords)
    add_model_variable(found)
    return found


def local_variable(initial_value: Any, validate_shape: bool = True, name: str | None = None, **others: Any) -> Variable:
    """A variable that is no part of a model."""
    return Variable(initial_value, False, [GraphKeys.LOCAL_VARIABLES], validate_shape, name=name)


def add_model_variable(var: Variable) -> None:
    """Enter a variable in the collection of variables of models."""
    kept = get_default_graph().get_collection_ref(GraphKeys.MODEL_VARIABLES)
    if not any(var is other for other in kept):
        kept.append(var)


def get_variables(
    scope: Any = None, suffix: str | None = None, collection: str = GraphKeys.GLOBAL_VARIABLES
) -> list[Any]:
    """The variables of a collection whose names begin with `scope` and end with `suffix`."""
    name = getattr(scope, "name", scope)
    found = get_default_graph().get_collection(collection, name)
    return [v for v in found if suffix is None or v.op.name.endswith(suffix)]


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """The variables of models."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """The variables that are no part of a model."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """The variables that optimizers change."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_to_restore(include: Any = None, exclude: Any = None) -> list[Any]:
    """The variables in the scopes `include`, all of them by default, without those in the scopes `exclude`."""
    chosen: dict[Any, None] = {}
    for scope in [None] if include is None else include:
        chosen.update(dict.fromkeys(get_variables(scope)))
    left_out = {v for scope in exclude or () for v in get_variables(scope)}
    return [v for v in chosen if v not in left_out]


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """The variables whose last name is `given_name`."""
    return [v for v in get_variables(scope) if v.op.name.rpartition("/")[2] == given_name]


def get_unique_variable(var_op_name: str) -> Any:
    """The variable of that whole name; raises ValueError if there is none."""
    for candidate in get_variables():
        if candidate.op.name == var_op_name:
            return candidate
    raise ValueError(f"Couldn't find variable {var_op_name}")


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor or a variable."""
    return isinstance(x, Tensor | Variable)
