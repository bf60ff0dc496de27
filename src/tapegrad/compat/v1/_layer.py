"""What all layers and cells are: something with variables of its own, made at its first call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._graph import get_default_graph
from ._nodes import convert
from ._operation import Tensor
from ._shapes import TensorShape
from ._variable_scopes import VariableScope, get_variable, store_of, variable_scope
from ._variables import GraphKeys, Variable

if TYPE_CHECKING:
    from collections.abc import Callable


class InputSpec:
    """What a layer expects of its input: so many dimensions, or a size of some of them."""

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int] | None = None,
    ) -> None:
        self.dtype = dtype
        self.shape = shape
        self.ndim = ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = axes or {}


class Layer:
    """Something that is called with tensors, and makes its variables in a scope of its own at the first call.

    A subclass says in `build` what variables there are, and in `call` what is computed. Without a name, the scope is
    called as the class is, with a number if there is one of that name.
    """

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None, **others: Any) -> None:
        self.trainable = trainable
        self.built = False
        self.input_spec: InputSpec | None = None
        self._dtype = dtype
        self._given_name = name
        self._reuse = others.pop("_reuse", None)
        scope = others.pop("_scope", None)
        if others:
            raise TypeError(f"{type(self).__name__}: unknown arguments {', '.join(map(repr, others))}")
        self._scope: VariableScope | None = None
        self._variables: list[Variable] = []
        self._losses: list[Any] = []
        self._updates: list[Any] = []
        if scope:
            self._open(scope)

    @property
    def name(self) -> str:
        """The last part of its scope's name."""
        return self._base_name if self._scope is None else self._scope.name.rpartition("/")[2]

    @property
    def _base_name(self) -> str:
        if self._given_name:
            return self._given_name
        words = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", type(self).__name__)
        return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()

    @property
    def scope_name(self) -> str:
        """The whole name of its scope; raises ValueError before the first call."""
        if self._scope is None:
            raise ValueError(
                f"No name available for layer scope because the layer {self.name!r} has not been used yet."
            )
        return self._scope.name

    @property
    def dtype(self) -> Any:
        """The dtype of its variables."""
        return self._dtype

    @property
    def graph(self) -> Any:
        """The graph that it is in."""
        return get_default_graph()

    def build(self, input_shape: Any) -> None:
        """Make the variables."""
        self.built = True

    def call(self, inputs: Any, *arguments: Any, **keywords: Any) -> Any:
        """Compute."""
        raise TypeError(f"{type(self).__name__} must say in call what it computes")

    def apply(self, inputs: Any, *arguments: Any, **keywords: Any) -> Any:
        """The same as calling it."""
        return self(inputs, *arguments, **keywords)

    def add_variable(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool = True,
        constraint: Any = None,
        **others: Any,
    ) -> Variable:
        """A variable in the scope of the layer; the loss that its regularizer gives becomes one of the layer's."""
        graph = get_default_graph()
        kept = graph.get_collection_ref(GraphKeys.REGULARIZATION_LOSSES)
        before = len(kept)
        variable = get_variable(
            name, shape, dtype or self._dtype, initializer, regularizer, trainable and self.trainable,
            constraint=constraint,
        )  # fmt: skip
        self._losses += kept[before:]
        if not any(variable is other for other in self._variables):
            self._variables.append(variable)
        return variable

    add_weight = add_variable

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Operations that a training step should run, too."""
        for update in updates if isinstance(updates, list | tuple) else [updates]:
            self._updates.append(update)
            get_default_graph().add_to_collection(GraphKeys.UPDATE_OPS, update)

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Losses that should be added to those of the model."""
        for loss in losses if isinstance(losses, list | tuple) else [losses]:
            self._losses.append(loss)
            get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)

    @property
    def variables(self) -> list[Variable]:
        """All variables, those that are trained first."""
        return [*self.trainable_variables, *self.non_trainable_variables]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that optimizers change."""
        return [variable for variable in self._variables if variable.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that optimizers leave alone."""
        return [variable for variable in self._variables if not variable.trainable]

    weights, trainable_weights, non_trainable_weights = variables, trainable_variables, non_trainable_variables

    @property
    def losses(self) -> list[Any]:
        """The losses of its regularizers."""
        return list(self._losses)

    @property
    def updates(self) -> list[Any]:
        """What a training step should run, too."""
        return list(self._updates)

    def _open(self, scope: Any) -> None:
        if self._scope is not None:
            return
        if scope is None and self._reuse:
            scope = self._base_name
        with variable_scope(scope, default_name=self._base_name) as self._scope:
            pass

    def __call__(self, inputs: Any, *arguments: Any, scope: Any = None, **keywords: Any) -> Any:
        inputs = _converted(inputs)
        self._open(scope)
        assert self._scope is not None
        graph = get_default_graph()
        reuse = True if self.built else self._reuse
        with (
            variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False),
            graph.name_scope(self._scope.original_name_scope),
        ):
            if not self.built:
                first = inputs[0] if isinstance(inputs, list | tuple) and inputs else inputs
                if self._dtype is None and isinstance(first, Tensor) and first.dtype.is_floating:
                    self._dtype = first.dtype
                if isinstance(first, Tensor):
                    self.check(first)
                self.build(
                    [x.shape for x in inputs] if isinstance(inputs, list | tuple) else getattr(inputs, "shape", None)
                )
                self.built = True
            elif isinstance(inputs, Tensor):
                self.check(inputs)
            return self.call(inputs, *arguments, **keywords)

    def check(self, inputs: Tensor) -> None:
        """Raise ValueError for an input that `input_spec` does not allow."""
        spec, shape = self.input_spec, inputs.shape
        if spec is None or shape.ndims is None:
            return
        what = f"Input 0 of layer {self.name} is incompatible with the layer"
        if spec.ndim is not None and shape.ndims != spec.ndim:
            raise ValueError(
                f"{what}: expected ndim={spec.ndim}, found ndim={shape.ndims}. Full shape received: {shape.as_list()}"
            )
        if spec.min_ndim is not None and shape.ndims < spec.min_ndim:
            raise ValueError(
                f"{what}: expected min_ndim={spec.min_ndim}, found ndim={shape.ndims}. Full shape received: "
                f"{shape.as_list()}"
            )
        for axis, size in spec.axes.items():
            if shape[axis].value not in (size, None):
                raise ValueError(
                    f"{what}: expected axis {axis} of input shape to have value {size} but received input with shape "
                    f"{shape.as_list()}"
                )


def _converted(inputs: Any) -> Any:
    if isinstance(inputs, list | tuple):
        converted = [_converted(x) for x in inputs]
        return type(inputs)._make(converted) if hasattr(inputs, "_make") else type(inputs)(converted)
    return inputs if inputs is None or isinstance(inputs, Tensor | dict) else convert(inputs)


def last_size(layer: Layer, input_shape: Any, axis: int = -1) -> int:
    """How many channels the input of a layer has; raises ValueError where that is unknown."""
    shape = TensorShape(input_shape)
    size = shape[axis].value
    if size is None:
        raise ValueError(
            f"The channel dimension of the inputs of {layer.name!r} should be defined, found `None` in shape {shape}: "
            "give the placeholder a last dimension, or use set_shape"
        )
    return size


def activated(outputs: Any, activation: Callable[[Any], Any] | None) -> Any:
    """The outputs after an activation, if there is one."""
    return outputs if activation is None else activation(outputs)


def unique_scope(prefix: str) -> str:
    """`prefix`, with a number if the current scope has one of that name already."""
    return store_of(get_default_graph()).unused(prefix)
