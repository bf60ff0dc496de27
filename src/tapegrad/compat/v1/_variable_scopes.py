"""Variable scopes: prefixes of variables' names, and whether a variable of a name is new or is there already."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
from typing import TYPE_CHECKING, Any

from . import _dtypes as dtypes
from ._graph import Graph, get_default_graph
from ._missing import NotCoveredError
from ._nodes import convert
from ._shapes import TensorShape, compatible, sizes_of
from ._variables import GraphKeys, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._operation import Tensor


class _Reuse(enum.Enum):
    AUTO_REUSE = 1


AUTO_REUSE = _Reuse.AUTO_REUSE


class VariableScope:
    """A prefix of variables' names, with what get_variable takes where it is not told."""

    def __init__(
        self, name: str, outer: VariableScope | None = None, *, original_name_scope: str = "", **told: Any
    ) -> None:
        self.name = name
        self.original_name_scope = original_name_scope
        self.reuse: Any = told.get("reuse") or (outer.reuse if outer is not None else False)
        self.initializer = _chosen("initializer", told, outer)
        self.regularizer = _chosen("regularizer", told, outer)
        self.constraint = _chosen("constraint", told, outer)
        self.dtype: dtypes.DType = dtypes.as_dtype(_chosen("dtype", told, outer) or dtypes.float32)
        self.custom_getter = _joined(told.get("custom_getter"), outer.custom_getter if outer is not None else None)
        self.use_resource = False
        self.caching_device = self.partitioner = None

    def reuse_variables(self) -> None:
        """From here on, get_variable gives variables that exist."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """What a new variable begins with, where get_variable is not told."""
        self.initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        """What a new variable is regularized by, where get_variable is not told."""
        self.regularizer = regularizer

    def set_dtype(self, dtype: Any) -> None:
        """The dtype of a new variable, where get_variable is not told."""
        self.dtype = dtypes.as_dtype(dtype)

    def set_custom_getter(self, custom_getter: Any) -> None:
        """What is called in the place of get_variable."""
        self.custom_getter = custom_getter

    def get_collection(self, name: str) -> list[Any]:
        """What of a collection is in this scope."""
        return get_default_graph().get_collection(name, self.name + "/" if self.name else None)

    def global_variables(self) -> list[Variable]:
        """The variables in this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Variable]:
        """The local variables in this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def trainable_variables(self) -> list[Variable]:
        """The variables in this scope that optimizers change."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def get_variable(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        reuse: Any = None,
        custom_getter: Any = None,
        constraint: Any = None,
        **others: Any,
    ) -> Variable:
        """The variable `name` of this scope; see `get_variable`."""
        found = functools.partial(_get_single, self)
        getter = _joined(custom_getter, self.custom_getter)
        arguments: dict[str, Any] = {
            "shape": shape,
            "dtype": dtype if dtype is not None or _is_value(initializer) else self.dtype,
            "initializer": self.initializer if initializer is None else initializer,
            "regularizer": self.regularizer if regularizer is None else regularizer,
            "reuse": self.reuse if reuse is None else reuse,
            "constraint": self.constraint if constraint is None else constraint,
            **others,
        }
        whole = f"{self.name}/{name}" if self.name else name
        return found(whole, **arguments) if getter is None else getter(found, whole, **arguments)  # type: ignore[no-any-return]


def _chosen(what: str, told: dict[str, Any], outer: VariableScope | None) -> Any:
    value = told.get(what)
    return getattr(outer, what) if value is None and outer is not None else value


def _joined(getter: Any, outer: Any) -> Any:
    """A getter which calls `getter`, for which `outer` is what gets variables."""
    if getter is None or outer is None:
        return outer if getter is None else getter
    return lambda found, *arguments, **keywords: getter(functools.partial(outer, found), *arguments, **keywords)


def _is_value(initializer: Any) -> bool:
    return initializer is not None and not callable(initializer)


class _Store:
    """The variables that get_variable made in a graph, the current scope, and how often each scope was opened."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.scope = VariableScope("")
        self.opened: dict[str, int] = {}

    def close_inner(self, name: str) -> None:
        for key in self.opened:
            if key.startswith(name + "/"):
                self.opened[key] = 0

    def unused(self, prefix: str) -> str:
        """`prefix`, with a number if the current scope has one of that name already."""
        whole = f"{self.scope.name}/{prefix}" if self.scope.name else prefix
        if not self.opened.get(whole):
            return prefix
        number = 1
        while self.opened.get(f"{whole}_{number}"):
            number += 1
        return f"{prefix}_{number}"


def store_of(graph: Graph) -> _Store:
    """What belongs to the scopes of a graph."""
    if graph.variable_store is None:
        graph.variable_store = _Store()
    return graph.variable_store  # type: ignore[no-any-return]


def get_variable_scope() -> VariableScope:
    """The current variable scope."""
    return store_of(get_default_graph()).scope


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: Any = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Variable:
    """The variable `name` of the current scope: a new one, or where the scope says reuse, the one that exists.

    `initializer` is called with the shape and the dtype, or is the value itself, which then tells the shape. Without
    one, floats begin as Glorot and Bengio's uniform numbers and whole numbers as zeros. Raises ValueError for a
    variable that exists and should not, or the other way round, or has another shape.
    """
    if partitioner is not None:
        raise NotCoveredError("get_variable: partitioned variables are not covered; leave partitioner out")
    return get_variable_scope().get_variable(
        name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer, trainable=trainable,
        collections=collections, validate_shape=validate_shape, custom_getter=custom_getter, constraint=constraint,
    )  # fmt: skip


def _get_single(
    scope: VariableScope,
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    reuse: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    validate_shape: bool = True,
    constraint: Any = None,
    **ignored: Any,
) -> Variable:
    graph = get_default_graph()
    known = store_of(graph).variables
    sizes = sizes_of(shape)
    if name in known:
        return _existing(known[name], name, reuse, sizes, dtype)
    if reuse is True:
        raise ValueError(
            f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean to set "
            f"reuse=tf.AUTO_REUSE in VarScope?{_similar(name, known)}"
        )
    if _is_value(initializer):
        if shape is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        start: Any = convert(initializer, dtype)
    else:
        kind = dtypes.as_dtype(dtype or dtypes.float32)
        start = _starting(initializer, name, shape, kind)
    with graph.name_scope(None):
        variable = Variable(
            start, trainable is not False, collections, validate_shape, name=name, dtype=dtype, constraint=constraint
        )
    known[name] = variable
    if regularizer is not None:
        with graph.name_scope(name + "/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _existing(variable: Variable, name: str, reuse: Any, sizes: Any, dtype: Any) -> Variable:
    if not reuse:
        raise ValueError(
            f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in "
            f"VarScope? Originally defined at:\n\n  {variable.op.line}\n"
        )
    if not compatible(variable.shape.sizes, sizes):
        raise ValueError(
            f"Trying to share variable {name}, but specified shape {TensorShape(sizes)} and found shape "
            f"{variable.shape} (defined at {variable.op.line})."
        )
    if dtype is not None and variable.dtype != dtype:
        raise ValueError(
            f"Trying to share variable {name}, but specified dtype {dtypes.as_dtype(dtype).name} and found dtype "
            f"{variable.dtype.name} (defined at {variable.op.line})."
        )
    return variable


def _similar(name: str, known: dict[str, Variable]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    return f" The nearest that exists is {close[0]}, defined at {known[close[0]].op.line}." if close else ""


def _starting(initializer: Any, name: str, shape: Any, dtype: dtypes.DType) -> Callable[[], Tensor]:
    """What makes the first value of a new variable."""
    from ._initializers import glorot_uniform_initializer, zeros_initializer

    if initializer is None:
        if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
            raise ValueError(f"An initializer for variable {name} of {dtype} is required")
        initializer = glorot_uniform_initializer() if dtype.is_floating else zeros_initializer()
    if inspect.isclass(initializer):
        initializer = initializer()
    sizes = sizes_of(shape)
    if sizes is None and not _takes_shape(initializer):
        return initializer  # type: ignore[no-any-return]
    if sizes is None or None in sizes:
        raise ValueError(
            f"Shape of a new variable ({name}) must be fully defined, but instead was {TensorShape(sizes)}."
        )
    takes_dtype = _takes(initializer, "dtype")
    return lambda: initializer(list(sizes), dtype=dtype) if takes_dtype else initializer(list(sizes))


def _takes_shape(function: Any) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _takes(function: Any, name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


# --------------------------------------------------------------------------------------------------
# Opening a scope


@contextlib.contextmanager
def variable_scope(
    name_or_scope: Any,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: Any = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> Iterator[VariableScope]:
    """Put a name before the names of variables, and a name scope around what is built inside; gives the scope.

    A scope that was got before is opened again, wherever one is. `default_name` gets a number if it is taken.
    `reuse` is True for variables that exist, tf.AUTO_REUSE for either, and otherwise that of the scope around.
    """
    if partitioner is not None:
        raise NotCoveredError("variable_scope: partitioned variables are not covered; leave partitioner out")
    if name_or_scope is None and default_name is None:
        raise TypeError("If default_name is None then name_or_scope is required")
    if name_or_scope is None and reuse:
        raise ValueError("reuse=True cannot be used without a name_or_scope")
    if name_or_scope is not None and not isinstance(name_or_scope, str | VariableScope):
        raise TypeError(f"VariableScope: name_or_scope must be a string or VariableScope, got {name_or_scope!r}")
    graph = get_default_graph()
    store = store_of(graph)
    told = {
        "initializer": initializer, "regularizer": regularizer, "custom_getter": custom_getter, "reuse": reuse,
        "dtype": dtype, "constraint": constraint,
    }  # fmt: skip
    again = name_or_scope if isinstance(name_or_scope, VariableScope) else None
    last: Any = again.name.rpartition("/")[2] if again is not None else name_or_scope or default_name
    names = graph.name_scope(last) if auxiliary_name_scope and last else contextlib.nullcontext(graph.scope)
    before, opened = store.scope, None
    with names as name_scope:
        if again is not None:
            scope = VariableScope(again.name, again, original_name_scope=again.original_name_scope, **told)
            store.opened[scope.name] = store.opened.get(scope.name, 0) + 1
            opened = dict(store.opened)
        else:
            own: Any = name_or_scope if name_or_scope is not None else store.unused(str(default_name))
            whole = f"{before.name}/{own}" if before.name else own
            scope = VariableScope(whole, before, original_name_scope=name_scope, **told)
            store.opened[whole] = store.opened.get(whole, 0) + 1
        store.scope = scope
        try:
            yield scope
        finally:
            store.close_inner(scope.name)
            if opened is not None:
                store.opened = opened
            store.scope = before
