"""Batch and layer normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....ops.elementwise import sqrt
from .._graph import get_default_graph
from .._initializers import zeros_initializer
from .._layers_normalization import BatchNormalization
from .._missing import NotCoveredError
from .._nodes import convert, node
from .._variable_scopes import get_variable, variable_scope
from .._variables import GraphKeys
from ._arg_scope import add_arg_scope
from ._layers_weighted import collected, entered, renamed

if TYPE_CHECKING:
    from .._operation import Tensor


@add_arg_scope
def batch_norm(
    inputs: Any,
    decay: Any = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Any = None,
    param_initializers: Any = None,
    param_regularizers: Any = None,
    updates_collections: Any = GraphKeys.UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_decay: Any = 0.99,
    adjustment: Any = None,
) -> Any:
    """Numbers less the mean of their channel in the batch, over its deviation; moving averages unless `is_training`.

    Without `updates_collections` the averages move whenever the result is computed.
    """
    if batch_weights is not None or zero_debias_moving_mean or renorm or adjustment is not None:
        raise NotCoveredError(
            "batch_norm: batch_weights, zero_debias_moving_mean, renorm and adjustment are not covered; leave them out"
        )
    graph = get_default_graph()
    start, regular = param_initializers or {}, param_regularizers or {}
    chosen = {f"{name}_initializer": start[name] for name in ("beta", "gamma", "moving_mean", "moving_variance")
              if name in start}  # fmt: skip
    chosen |= {f"{name}_regularizer": regular[name] for name in ("beta", "gamma") if name in regular}
    with variable_scope(scope, "BatchNorm", [inputs], reuse=reuse, custom_getter=renamed({})) as opened:
        layer = BatchNormalization(
            -1 if data_format == "NHWC" else 1, decay, epsilon, center, scale, fused=fused, trainable=trainable,
            name=opened.name.rpartition("/")[2], _scope=opened, _reuse=reuse, **chosen,
        )  # fmt: skip
        kept = graph.get_collection_ref(GraphKeys.UPDATE_OPS)
        before = len(kept)
        outputs = layer(convert(inputs), training=is_training)
        updates = kept[before:]
        collected(layer.variables, variables_collections, {v: v for v in ("beta", "gamma")})
        if updates_collections is None:
            del kept[before:]
            with graph.control_dependencies(updates):
                outputs = node("Identity", lambda x: x, [outputs])
        elif updates_collections != GraphKeys.UPDATE_OPS:
            del kept[before:]
            for update in updates:
                graph.add_to_collections(updates_collections, update)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
    return entered(outputs, outputs_collections)


@add_arg_scope
def layer_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    activation_fn: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    begin_norm_axis: int = 1,
    begin_params_axis: int = -1,
    scope: Any = None,
) -> Any:
    """Each example's numbers, from `begin_norm_axis` on, less their mean and over their deviation."""
    from ....ops.elementwise import square
    from ....ops.reduction import mean

    x = convert(inputs)
    with variable_scope(scope, "LayerNorm", [inputs], reuse=reuse, custom_getter=renamed({})):
        size = x.shape[begin_params_axis:].as_list()
        learned = []
        if center:
            learned.append(get_variable("beta", size, x.dtype, zeros_initializer(), trainable=trainable))
        if scale:
            learned.append(get_variable("gamma", size, x.dtype, _ones, trainable=trainable))
        collected(learned, variables_collections, {v: v for v in ("beta", "gamma")})

        def standard(x: Any, *learned: Any) -> Any:
            axes = tuple(range(begin_norm_axis % x.ndim, x.ndim))
            centred = x - mean(x, axis=axes, keepdims=True)
            y = centred / sqrt(mean(square(centred), axis=axes, keepdims=True) + 1e-12)
            rest = list(learned)
            shift = rest.pop(0) if center else 0
            return y * (rest.pop(0) if scale else 1) + shift

        outputs = node("LayerNorm", standard, [x, *learned])
        if activation_fn is not None:
            outputs = activation_fn(outputs)
    return entered(outputs, outputs_collections)


def _ones(shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
    from .._initializers import ones_initializer

    return ones_initializer()(shape, dtype)
