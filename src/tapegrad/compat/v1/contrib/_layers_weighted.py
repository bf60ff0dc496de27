"""Layers with weights, called weights and biases, and their initializers."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from .. import _dtypes as dtypes
from .. import nn
from .._graph import get_default_graph
from .._initializers import Initializer, zeros_initializer
from .._initializers import variance_scaling_initializer as _variance_scaling
from .._layers_convolution import Conv1D, Conv2D, Conv2DTranspose, Conv3D, SeparableConv2D
from .._layers_dense import Dense
from .._missing import NotCoveredError
from .._nodes import convert, node
from .._variable_scopes import get_variable, variable_scope
from ._arg_scope import add_arg_scope
from .framework import add_model_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._layer import Layer


def xavier_initializer(uniform: bool = True, seed: Any = None, dtype: Any = dtypes.float32) -> Initializer:
    """Uniform or normal numbers of variance 2 / (fan in + fan out). Source: Glorot and Bengio, AISTATS 2010."""
    return _variance_scaling(1.0, "fan_avg", "uniform" if uniform else "truncated_normal", seed, dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: Any = None, dtype: Any = dtypes.float32
) -> Initializer:
    """Numbers of variance `factor` over a fan: "FAN_IN", "FAN_OUT" or "FAN_AVG"."""
    if mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise TypeError(f"Unknown mode {mode} [FAN_IN, FAN_OUT, FAN_AVG]")
    return _variance_scaling(factor, mode.lower(), "uniform" if uniform else "truncated_normal", seed, dtype)


def renamed(names: dict[str, str]) -> Callable[..., Any]:
    """A getter under which variables have the names that they have here."""

    def getter(found: Callable[..., Any], name: str, *arguments: Any, **keywords: Any) -> Any:
        scope, slash, last = name.rpartition("/")
        variable = found(scope + slash + names.get(last, last), *arguments, **keywords)
        add_model_variable(variable)
        return variable

    return getter


_NAMES = {"kernel": "weights", "bias": "biases", "depthwise_kernel": "depthwise_weights",
          "pointwise_kernel": "pointwise_weights"}  # fmt: skip


def collected(variables: Sequence[Any], where: Any, names: dict[str, str]) -> None:
    """Enter variables in collections: the same for all, or those that a dict has for weights and biases."""
    graph = get_default_graph()
    for variable in variables if where else ():
        chosen = where.get(names.get(variable.op.name.rpartition("/")[2], ""), ()) if isinstance(where, dict) else where
        for collection in [chosen] if isinstance(chosen, str) else chosen or ():
            graph.add_to_collection(collection, variable)


def entered(outputs: Any, collections: Any) -> Any:
    """`outputs`, entered in collections."""
    for collection in [collections] if isinstance(collections, str) else collections or ():
        get_default_graph().add_to_collection(collection, outputs)
    return outputs


def _weighted(
    inputs: Any,
    scope: Any,
    default_name: str,
    reuse: Any,
    make: Callable[..., Layer],
    activation_fn: Any,
    normalizer_fn: Any,
    normalizer_params: Any,
    biases_initializer: Any,
    variables_collections: Any,
    outputs_collections: Any,
) -> Any:
    """A layer in a scope of its own, then its normalizer, or else its bias, then its activation."""
    with variable_scope(scope, default_name, [inputs], reuse=reuse, custom_getter=renamed(_NAMES)) as opened:
        layer = make(
            use_bias=normalizer_fn is None and biases_initializer is not None, name=opened.name.rpartition("/")[2],
            _scope=opened, _reuse=reuse,
        )  # fmt: skip
        outputs = layer(convert(inputs))
        collected(layer.variables, variables_collections, {"weights": "weights", "biases": "biases"})
        if normalizer_fn is not None:
            outputs = normalizer_fn(outputs, **(normalizer_params or {}))
        if activation_fn is not None:
            outputs = activation_fn(outputs)
    return entered(outputs, outputs_collections)


@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Any = nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: Any = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = zeros_initializer,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """`activation_fn(inputs W + b)`: `(..., inputs) -> (..., num_outputs)`; a normalizer takes the place of b."""
    if not hasattr(num_outputs, "__index__"):
        raise ValueError(f"num_outputs type should be one of int, got {num_outputs!r}.")
    make = functools.partial(
        Dense, num_outputs, kernel_initializer=weights_initializer or xavier_initializer(),
        bias_initializer=biases_initializer, kernel_regularizer=weights_regularizer,
        bias_regularizer=biases_regularizer, trainable=trainable,
    )  # fmt: skip
    return _weighted(
        inputs, scope, "fully_connected", reuse, make, activation_fn, normalizer_fn, normalizer_params,
        biases_initializer, variables_collections, outputs_collections,
    )  # fmt: skip


linear = functools.partial(fully_connected, activation_fn=None)
relu = functools.partial(fully_connected, activation_fn=nn.relu)
relu6 = functools.partial(fully_connected, activation_fn=nn.relu6)


def layout_of(data_format: str | None) -> str:
    """Where a layer looks for channels."""
    if data_format is not None and not data_format.startswith("N"):
        raise ValueError(f"data_format has to be of the form NHWC or NCHW, got {data_format!r}")
    return "channels_first" if data_format is not None and data_format.startswith("NC") else "channels_last"


def _convolution(kind: type[Conv2D], default_name: str) -> Callable[..., Any]:
    @add_arg_scope
    def convolution(
        inputs: Any,
        num_outputs: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: str = "SAME",
        data_format: str | None = None,
        rate: Any = 1,
        activation_fn: Any = nn.relu,
        normalizer_fn: Any = None,
        normalizer_params: Any = None,
        weights_initializer: Any = None,
        weights_regularizer: Any = None,
        biases_initializer: Any = zeros_initializer,
        biases_regularizer: Any = None,
        reuse: Any = None,
        variables_collections: Any = None,
        outputs_collections: Any = None,
        trainable: bool = True,
        scope: Any = None,
    ) -> Any:
        make = functools.partial(
            kind, num_outputs, kernel_size, stride, padding, layout_of(data_format), rate,
            kernel_initializer=weights_initializer or xavier_initializer(), bias_initializer=biases_initializer,
            kernel_regularizer=weights_regularizer, bias_regularizer=biases_regularizer, trainable=trainable,
        )  # fmt: skip
        return _weighted(
            inputs, scope, default_name, reuse, make, activation_fn, normalizer_fn, normalizer_params,
            biases_initializer, variables_collections, outputs_collections,
        )  # fmt: skip

    convolution.__doc__ = f"`activation_fn` of a convolution plus a bias; a normalizer takes its place. {kind.__doc__}"
    convolution._arg_scope_key = f"{__name__}.{kind.__name__}"  # type: ignore[attr-defined]
    return convolution


conv1d = _convolution(Conv1D, "Conv")  # type: ignore[arg-type]
conv2d = convolution2d = convolution = _convolution(Conv2D, "Conv")
conv3d = _convolution(Conv3D, "Conv")  # type: ignore[arg-type]


@add_arg_scope
def conv2d_transpose(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    activation_fn: Any = nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: Any = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = zeros_initializer,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """`activation_fn` of a transposed convolution plus a bias; a normalizer takes its place."""
    make = functools.partial(
        Conv2DTranspose, num_outputs, kernel_size, stride, padding, layout_of(data_format),
        kernel_initializer=weights_initializer or xavier_initializer(), bias_initializer=biases_initializer,
        kernel_regularizer=weights_regularizer, bias_regularizer=biases_regularizer, trainable=trainable,
    )  # fmt: skip
    return _weighted(
        inputs, scope, "Conv2d_transpose", reuse, make, activation_fn, normalizer_fn, normalizer_params,
        biases_initializer, variables_collections, outputs_collections,
    )  # fmt: skip


convolution2d_transpose = conv2d_transpose


@add_arg_scope
def separable_conv2d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    depth_multiplier: int = 1,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    rate: Any = 1,
    activation_fn: Any = nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: Any = None,
    weights_initializer: Any = None,
    pointwise_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = zeros_initializer,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """`activation_fn` of a convolution of each channel by itself, then over channels, plus a bias."""
    if num_outputs is None:
        raise NotCoveredError("separable_conv2d without num_outputs is not covered; use tf.nn.depthwise_conv2d")
    start = weights_initializer or xavier_initializer()
    make = functools.partial(
        SeparableConv2D, num_outputs, kernel_size, stride, padding, layout_of(data_format), rate, depth_multiplier,
        depthwise_initializer=start, pointwise_initializer=pointwise_initializer or start,
        depthwise_regularizer=weights_regularizer, pointwise_regularizer=weights_regularizer,
        bias_initializer=biases_initializer, bias_regularizer=biases_regularizer, trainable=trainable,
    )  # fmt: skip
    return _weighted(
        inputs, scope, "SeparableConv2d", reuse, make, activation_fn, normalizer_fn, normalizer_params,
        biases_initializer, variables_collections, outputs_collections,
    )  # fmt: skip


separable_convolution2d = separable_conv2d


@add_arg_scope
def bias_add(
    inputs: Any,
    activation_fn: Any = None,
    initializer: Any = zeros_initializer,
    regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    data_format: str = "NHWC",
    scope: Any = None,
) -> Any:
    """A bias of its own added to each channel of `inputs`, whose channels come last."""
    if data_format != "NHWC":
        raise NotCoveredError(f"bias_add: data_format {data_format!r} is not covered; give NHWC")
    with variable_scope(scope, "BiasAdd", [inputs], reuse=reuse):
        x = convert(inputs)
        biases = get_variable("biases", [x.shape[-1]], x.dtype, initializer, regularizer, trainable)
        collected([biases], variables_collections, {"biases": "biases"})
        outputs = node("BiasAdd", lambda x, b: x + b, [x, biases])
        if activation_fn is not None:
            outputs = activation_fn(outputs)
    return entered(outputs, outputs_collections)
