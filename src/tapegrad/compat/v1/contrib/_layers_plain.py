"""Layers without weights, embeddings, and several layers at once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ....ops.activation import softmax as normalized
from ....ops.elementwise import sqrt
from ....ops.embeddings import embedding as looked_up
from ....ops.reduction import sum as summed
from .._graph import get_default_graph
from .._layers_dense import Dropout, Flatten
from .._layers_pooling import AveragePooling2D, MaxPooling2D
from .._nodes import convert, node
from .._variable_scopes import get_variable, variable_scope
from ._arg_scope import add_arg_scope
from ._layers_weighted import entered, layout_of
from .framework import add_model_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._operation import Tensor


def _pooling(kind: type[MaxPooling2D], default_name: str) -> Callable[..., Any]:
    @add_arg_scope
    def pool2d(
        inputs: Any,
        kernel_size: Any,
        stride: Any = 2,
        padding: str = "VALID",
        data_format: str = "NHWC",
        outputs_collections: Any = None,
        scope: str | None = None,
    ) -> Any:
        with get_default_graph().name_scope(scope or default_name):
            return entered(
                kind(kernel_size, stride, padding, layout_of(data_format))(convert(inputs)), outputs_collections
            )

    pool2d.__doc__ = kind.__doc__
    pool2d._arg_scope_key = f"{__name__}.{kind.__name__}"  # type: ignore[attr-defined]
    return pool2d


max_pool2d = _pooling(MaxPooling2D, "MaxPool2D")
avg_pool2d = _pooling(AveragePooling2D, "AvgPool2D")


@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: str | None = None) -> Any:
    """Every example as one row: `(N, ...) -> (N, numbers)`."""
    with get_default_graph().name_scope(scope or "Flatten"):
        return entered(Flatten()(convert(inputs)), outputs_collections)


@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: str | None = None,
    seed: Any = None,
) -> Any:
    """Each number kept with probability `keep_prob`, and divided by it, if `is_training`."""
    with variable_scope(scope, "Dropout", [inputs]):
        layer = Dropout(1 - keep_prob, noise_shape, seed)
        return entered(layer(convert(inputs), training=is_training), outputs_collections)


def one_hot_encoding(
    labels: Any, num_classes: int, on_value: Any = 1.0, off_value: Any = 0.0, outputs_collections: Any = None,
    scope: str | None = None,
) -> Any:  # fmt: skip
    """Class numbers as vectors of `num_classes` numbers."""
    from .._array import one_hot

    with get_default_graph().name_scope(scope or "OneHotEncoding"):
        return entered(one_hot(labels, num_classes, on_value, off_value), outputs_collections)


def softmax(logits: Any, scope: str | None = None) -> Any:
    """The probabilities of classes, the last dimension of `logits`."""
    return node("Softmax", normalized, [convert(logits)], scope or "softmax")


def unit_norm(inputs: Any, dim: int, epsilon: float = 1e-7, scope: str | None = None) -> Any:
    """`inputs` over their lengths along dimension `dim`."""
    return node(
        "UnitNorm", lambda x: x / sqrt(summed(x * x, axis=dim, keepdims=True) + epsilon), [convert(inputs)], scope
    )


def embed_sequence(
    ids: Any,
    vocab_size: int | None = None,
    embed_dim: int | None = None,
    unique: bool = False,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    scope: Any = None,
    reuse: Any = None,
) -> Tensor:
    """Class numbers (N, L) as rows of a table `embeddings`: `(N, L, embed_dim)`."""
    if not (reuse or (vocab_size and embed_dim)):
        raise ValueError(
            "Must specify vocab size and embedding dimension when not reusing. Got "
            f"vocab_size={vocab_size} and embed_dim={embed_dim}"
        )
    with variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        shape = [vocab_size, embed_dim] if vocab_size and embed_dim else None
        table = get_variable("embeddings", shape, None, initializer, regularizer, trainable)
        if reuse is None:
            add_model_variable(table)
        return node("EmbeddingLookup", looked_up, [table, ids])  # type: ignore[no-any-return]


def stack(inputs: Any, layer: Any, stack_args: Sequence[Any], **kwargs: Any) -> Any:
    """`layer` again and again, each time with the next of `stack_args`."""
    scope, reuse = kwargs.pop("scope", None), kwargs.pop("reuse", None)
    with variable_scope(scope, "Stack", [inputs], reuse=reuse):
        name = scope or _name_of(layer)
        outputs = inputs
        for number, arguments in enumerate(stack_args):
            every = arguments if isinstance(arguments, list | tuple) else [arguments]
            outputs = layer(outputs, *every, **kwargs, scope=f"{name}_{number + 1}")
    return outputs


def repeat(inputs: Any, repetitions: int, layer: Any, *args: Any, **kwargs: Any) -> Any:
    """`layer` so many times, each time with the same arguments."""
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat", [inputs]):
        name = scope or _name_of(layer)
        outputs = inputs
        for number in range(repetitions):
            outputs = layer(outputs, *args, **kwargs, scope=f"{name}_{number + 1}")
    return outputs


def _name_of(layer: Any) -> str:
    while isinstance(layer, functools.partial):
        layer = layer.func
    return str(getattr(layer, "__name__", "stack"))
