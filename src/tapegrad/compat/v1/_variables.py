"""Variables: what a session keeps between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._missing import NotCoveredError
from ._nodes import convert, node
from ._operation import Operation, Tensor
from ._shapes import TensorShape, compatible, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from . import _dtypes as dtypes
    from ._run import Run


class GraphKeys:
    """The names of the usual collections."""

    GLOBAL_VARIABLES = VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    SUMMARIES = "summaries"
    SUMMARY_OP = "summary_op"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    SAVERS = "savers"
    SAVEABLE_OBJECTS = "saveable_objects"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    READY_OP = "ready_op"
    GLOBAL_STEP = "global_step"
    EVAL_STEP = "eval_step"
    TRAIN_OP = "train_op"
    COND_CONTEXT = "cond_context"
    WHILE_CONTEXT = "while_context"


class Variable:
    """A value that a session keeps: it starts as `initial_value`, and assignments and optimizers change it.

    Each session has its own value. In the graph a variable stands for its value at the moment when it is used.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Callable[[Any], Any] | None = None,
        **others: Any,  # use_resource, synchronization, aggregation: nothing here depends on them
    ) -> None:
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        graph = get_default_graph()
        name = name or "Variable"
        self.constraint = constraint
        self.trainable = trainable
        with graph.outside():
            whole = graph.unique_name(name)
            with (
                graph.name_scope(whole + "/"),
                graph.name_scope("Initializer" if callable(initial_value) else whole + "/"),
            ):
                value = initial_value() if callable(initial_value) else initial_value
                self.initial_value: Tensor = convert(value, dtype, name="initial_value")
            kind = kind_of(self.initial_value)
            sizes = self.initial_value.shape.sizes
            self._tensor: Tensor = node(
                "VariableV2", _value, (), whole + "/", in_run=True,
                sample=lambda **_: Kind(sizes if validate_shape else None, kind.dtype), variable=self,
            )  # fmt: skip
            self._validate_shape = validate_shape
            self.initializer: Operation = node(
                "Assign", _initialize, [self.initial_value], whole + "/Assign/", in_run=True,
                sample=lambda value, **_: value, target=self,
            ).op  # fmt: skip
        if collections is None:
            collections = [GraphKeys.GLOBAL_VARIABLES]
        if trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
        graph.add_to_collections(list(collections), self)

    def _as_graph_element(self) -> Tensor:
        return self._tensor

    @property
    def name(self) -> str:
        """`operation:0`."""
        return self._tensor.name

    @property
    def op(self) -> Operation:
        """The operation that stands for it."""
        return self._tensor.op

    @property
    def graph(self) -> Any:
        """The graph that it is in."""
        return self._tensor.graph

    @property
    def dtype(self) -> dtypes.DType:
        """The kind of its numbers."""
        return self._tensor.dtype

    @property
    def shape(self) -> TensorShape:
        """Its shape."""
        return self._tensor.shape

    def get_shape(self) -> TensorShape:
        """Its shape."""
        return self._tensor.shape

    def set_shape(self, shape: Any) -> None:
        """Tell more of its shape; raises ValueError for what contradicts it."""
        self._tensor.set_shape(shape)

    @property
    def device(self) -> str:
        """Where it is kept: always here."""
        return ""

    def value(self) -> Tensor:
        """Its value, as a tensor."""
        return self._tensor

    def read_value(self) -> Tensor:
        """Its value at this place in the order of the graph."""
        return node("Identity", _same, [self._tensor], self.op.name.rpartition("/")[2] + "/read")  # type: ignore[no-any-return]

    def initialized_value(self) -> Tensor:
        """Its value, or the one that it will start with, if it has none yet."""
        return node(
            "InitializedValue", _or_initial, [self.initial_value], None, in_run=True, sample=_same_sample, of=self
        )  # type: ignore[no-any-return]

    def eval(self, session: Any = None) -> Any:
        """Its value in the default session, or in `session`."""
        return self._tensor.eval(session=session)

    def load(self, value: Any, session: Any = None) -> None:
        """Give it a value now, in the default session or in `session`."""
        from ._default_session import get_default_session
        from ._values import array_of

        chosen = session or get_default_session()
        if chosen is None:
            raise ValueError("Either session argument should be provided or default session should be established")
        array = array_of(value, self.dtype)
        _check(self, array)
        chosen.assign(self, array)

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """An operation that gives it `value`; as a tensor, it is the new value."""
        return assign(self, value, name=name)

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        """An operation that adds `delta` to it; as a tensor, it is the new value."""
        return assign_add(self, delta, name=name)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        """An operation that subtracts `delta` from it; as a tensor, it is the new value."""
        return assign_sub(self, delta, name=name)

    def to_proto(self, export_scope: Any = None) -> Any:
        """Not covered: raises NotCoveredError."""
        raise NotCoveredError("protocol buffers of variables are not covered; tf.train.Saver saves values")

    def __iter__(self) -> Any:
        raise TypeError("'Variable' object is not iterable.")

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}_ref>"


def _value(run: Run, *, variable: Variable) -> Any:
    """Nothing: a variable's value is read when it is used."""


def _same(value: Any) -> Any:
    return value


def _same_sample(value: Any, **_: Any) -> Any:
    return value


def _or_initial(run: Run, initial: Any, *, of: Variable) -> Any:
    return run.session.read(of, False) if run.session.is_initialized(of) else initial


def _check(variable: Variable, value: Any) -> None:
    """Raise ValueError for a value of another shape."""
    shape = tuple(np.shape(value))
    if variable._validate_shape and not compatible(variable.shape.sizes, shape):
        raise ValueError(
            f"Assign requires shapes of both tensors to match: {variable.name} is {variable.shape} (defined at "
            f"{variable.op.line}), the value {shape}"
        )


def _initialize(run: Run, value: Any, *, target: Variable) -> Any:
    return run.session.assign(target, value)


def _assign(run: Run, value: Any, *, target: Variable, validate: bool = True) -> Any:
    if validate:
        _check(target, value)
    return run.session.assign(target, value)


def _assign_add(run: Run, delta: Any, *, target: Variable) -> Any:
    return run.session.assign(target, run.session.read(target, False) + delta)


def _assign_sub(run: Run, delta: Any, *, target: Variable) -> Any:
    return run.session.assign(target, run.session.read(target, False) - delta)


def variable_of(ref: Any) -> Variable:
    """The variable that `ref` is or stands for; raises TypeError for anything else."""
    if isinstance(ref, Variable):
        return ref
    found = ref.op.params.get("variable") or ref.op.params.get("target") if isinstance(ref, Tensor) else None
    if found is None:
        raise TypeError(f"expected a tf.Variable, got {ref!r}")
    return found  # type: ignore[no-any-return]


def _assignment(kind: str, function: Any, ref: Any, value: Any, name: str | None, **params: Any) -> Tensor:
    variable = variable_of(ref)
    return node(  # type: ignore[no-any-return]
        kind, function, [convert(value, variable.dtype)], name, in_run=True,
        sample=lambda value, **_: Kind(variable.shape.sizes, variable.dtype.dtype), target=variable, **params,
    )  # fmt: skip


def assign(
    ref: Any, value: Any, validate_shape: bool | None = None, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """An operation that gives the variable `ref` a value; as a tensor, it is the new value."""
    return _assignment("Assign", _assign, ref, value, name, validate=validate_shape is not False)


def assign_add(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """An operation that adds to the variable `ref`; as a tensor, it is the new value."""
    return _assignment("AssignAdd", _assign_add, ref, value, name)


def assign_sub(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """An operation that subtracts from the variable `ref`; as a tensor, it is the new value."""
    return _assignment("AssignSub", _assign_sub, ref, value, name)


# --------------------------------------------------------------------------------------------------
# Collections of variables, and what initializes them


def global_variables(scope: str | None = None) -> list[Variable]:
    """All variables of the graph."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """The variables that are not part of a model, such as the counts of a metric."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """The variables that optimizers change."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Variable]:
    """The variables of models."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Variable]:
    """The variables that moving averages are kept of."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing, and so waits for its control inputs."""
    return get_default_graph().add("NoOp", _nothing, (), name, outputs=0)


def _nothing() -> tuple[()]:
    return ()


def group(*inputs: Any, name: str | None = None, **others: Any) -> Operation:
    """An operation that is done when all of `inputs` are."""
    flat: list[Any] = []
    for item in inputs:
        flat += item if isinstance(item, list | tuple) else [item]
    graph = get_default_graph()
    with graph.control_dependencies(flat):
        return no_op(name or "group_deps")


def variables_initializer(var_list: Any, name: str = "init") -> Operation:
    """An operation that gives each variable of `var_list` its initial value."""
    return group(*[variable.initializer for variable in var_list], name=name)


def global_variables_initializer() -> Operation:
    """An operation that gives all variables of the graph their initial values."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """An operation that gives local variables their initial values."""
    return variables_initializer(local_variables())


def is_variable_initialized(variable: Variable) -> Tensor:
    """Whether a variable has a value."""
    return node(  # type: ignore[no-any-return]
        "IsVariableInitialized", lambda run, of: np.bool_(run.session.is_initialized(of)), (), None, in_run=True,
        python=True, sample=lambda **_: np.bool_(True), of=variable_of(variable),
    )  # fmt: skip


def report_uninitialized_variables(var_list: Any = None, name: str = "report_uninitialized_variables") -> Tensor:
    """The names of the variables that have no value yet."""
    variables = [*global_variables(), *local_variables()] if var_list is None else list(var_list)

    def names(run: Run) -> Any:
        missing = [v.op.name.encode() for v in variables if not run.session.is_initialized(v)]
        out = np.empty(len(missing), object)
        out[:] = missing
        return out

    return node(
        "ReportUninitialized", names, (), name, in_run=True, python=True, sample=lambda: Kind((None,), np.dtype(object))
    )  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# Initial values


def shape_of_initial(shape: Any) -> list[int]:
    """A shape that a variable can have."""
    sizes = sizes_of(shape)
    if sizes is None or None in sizes:
        raise ValueError(
            f"Shape of a new variable must be fully defined, but instead was {TensorShape(sizes)}: the layer's input "
            "needs a known last dimension, as in tf.placeholder(tf.float32, [None, 784])"
        )
    return [int(size) for size in sizes if size is not None]
