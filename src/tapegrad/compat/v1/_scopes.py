"""What surrounds operations while they are built: names, order, devices, collections and shared variables."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ._graph import get_default_graph
from ._old_names import old
from ._variable_scopes import AUTO_REUSE, VariableScope, get_variable, get_variable_scope, store_of, variable_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._variables import Variable

__all__ = [
    "AUTO_REUSE",
    "VariableScope",
    "add_to_collection",
    "add_to_collections",
    "colocate_with",
    "container",
    "control_dependencies",
    "device",
    "get_collection",
    "get_collection_ref",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "make_template",
    "name_scope",
    "no_regularizer",
    "variable_op_scope",
    "variable_scope",
]


@contextlib.contextmanager
def name_scope(name: str | None, default_name: str | None = None, values: Any = None) -> Iterator[str]:
    """Put `name`, or `default_name` if it is None, and a slash before the names of what is built inside."""
    if name is None and default_name is None and values is not None:
        raise ValueError("At least one of name and default_name must be provided where values are")
    with get_default_graph().name_scope(default_name if name is None else name) as scope:
        yield scope


def control_dependencies(control_inputs: Any) -> contextlib.AbstractContextManager[None]:
    """What is built inside runs after `control_inputs`; None lifts all such conditions."""
    return get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function: Any) -> contextlib.AbstractContextManager[None]:
    """Devices are not chosen here: everything runs on the processor."""
    return get_default_graph().device(device_name_or_function)


@contextlib.contextmanager
def container(container_name: str) -> Iterator[None]:
    """Variables are kept by their session: there are no containers to choose from."""
    yield


@contextlib.contextmanager
def colocate_with(op: Any, ignore_existing: bool = False) -> Iterator[None]:
    """Everything is in one place: nothing to say about it."""
    yield


def add_to_collection(name: Any, value: Any) -> None:
    """Add to a collection of the graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Add to several collections of the graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """What is in a collection of the graph: a new list, of those whose names begin with `scope`."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """The list itself that is a collection of the graph."""
    return get_default_graph().get_collection_ref(key)


def get_local_variable(name: str, *arguments: Any, **keywords: Any) -> Variable:
    """A variable that is no part of the model: as get_variable, in the collection of local variables."""
    from ._variables import GraphKeys

    keywords |= {"trainable": False, "collections": [*(keywords.get("collections") or ()), GraphKeys.LOCAL_VARIABLES]}
    return get_variable(name, *arguments, **keywords)


def _variables_scoped(
    values: Any, name_or_scope: Any, default_name: str | None = None, **others: Any
) -> contextlib.AbstractContextManager[VariableScope]:
    return variable_scope(name_or_scope, default_name, values, **others)


variable_op_scope = old("variable_op_scope", "variable_scope", _variables_scoped)


def no_regularizer(_: Any) -> None:
    """A regularizer that adds no loss, whatever the scope around has."""


class _Template:
    """A function whose variables are made at its first call, and used again at every later one."""

    def __init__(self, name: str, function: Callable[..., Any], unique_name: str | None, getter: Any) -> None:
        store = store_of(get_default_graph())
        self._function = function
        self._called = False
        with variable_scope(
            unique_name or store.unused(name), custom_getter=getter, auxiliary_name_scope=False
        ) as self.variable_scope:
            pass

    @property
    def name(self) -> str:
        """The name that its variables begin with."""
        return self.variable_scope.name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        with variable_scope(self.variable_scope, reuse=self._called or None):
            result = self._function(*arguments, **keywords)
        self._called = True
        return result


def make_template(
    name_: str,
    func_: Callable[..., Any],
    create_scope_now_: bool = False,
    unique_name_: str | None = None,
    custom_getter_: Any = None,
    **kwargs: Any,
) -> Any:
    """`func_` as a function whose variables are made once and shared by all calls; `kwargs` are given to each."""
    made: list[_Template] = []

    def template() -> _Template:
        if not made:
            made.append(_Template(name_, func_, unique_name_, custom_getter_))
        return made[0]

    if create_scope_now_:
        template()
    return lambda *arguments, **keywords: template()(*arguments, **(kwargs | keywords))
