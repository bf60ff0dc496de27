"""A training step in one call, and summaries of what layers give."""

from __future__ import annotations

import functools
from typing import Any

from .._graph import get_default_graph
from .._missing import NotCoveredError
from .._nodes import convert, node
from .._variable_scopes import variable_scope
from .._variables import GraphKeys


def optimize_loss(
    loss: Any,
    global_step: Any,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: Any = None,
    gradient_multipliers: Any = None,
    clip_gradients: Any = None,
    learning_rate_decay_fn: Any = None,
    update_ops: Any = None,
    variables: Any = None,
    name: str | None = None,
    summaries: Any = None,
    colocate_gradients_with_ops: bool = False,
    increment_global_step: bool = True,
) -> Any:
    """A training step that gives the loss. `optimizer` is a name such as "Adam", a class, an instance or a function.

    `clip_gradients` is the largest norm of all gradients together, or a function of the pairs of gradients.
    """
    from .. import train
    from .._clipping import clip_by_global_norm

    if gradient_noise_scale is not None or gradient_multipliers is not None:
        raise NotCoveredError(
            "optimize_loss: gradient_noise_scale and gradient_multipliers are not covered; use compute_gradients and "
            "apply_gradients of an optimizer"
        )
    graph = get_default_graph()
    with variable_scope(name, "OptimizeLoss", [loss, global_step]):
        step = train.get_global_step() if global_step is None else global_step
        updates = graph.get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else list(update_ops)
        rate = learning_rate
        if learning_rate_decay_fn is not None:
            if step is None:
                raise ValueError("global_step is required for learning_rate_decay_fn.")
            rate = learning_rate_decay_fn(rate, step)
        made = _optimizer(optimizer, rate)
        with graph.control_dependencies(updates):
            value = node("Identity", lambda x: x, [convert(loss)])
        pairs = made.compute_gradients(value, variables or graph.get_collection(GraphKeys.TRAINABLE_VARIABLES))
        if callable(clip_gradients):
            pairs = clip_gradients(pairs)
        elif clip_gradients is not None:
            found = [(g, v) for g, v in pairs if g is not None]
            clipped, _ = clip_by_global_norm([g for g, _ in found], clip_gradients)
            pairs = [(g, v) for g, (_, v) in zip(clipped, found, strict=True)]
        done = made.apply_gradients(pairs, global_step=step if increment_global_step else None, name="train")
        with graph.control_dependencies([done]):
            return node("Identity", lambda x: x, [value], "control_dependency")


def _optimizer(optimizer: Any, rate: Any) -> Any:
    from .. import train

    known = {"Adagrad": "AdagradOptimizer", "Adam": "AdamOptimizer", "Ftrl": "FtrlOptimizer",
             "Momentum": "MomentumOptimizer", "RMSProp": "RMSPropOptimizer",
             "SGD": "GradientDescentOptimizer"}  # fmt: skip
    if isinstance(optimizer, str):
        if optimizer not in known:
            raise ValueError(f"Optimizer name should be one of [{', '.join(known)}], you provided {optimizer}.")
        kind = getattr(train, known[optimizer])
        return kind(rate, 0.9) if optimizer == "Momentum" else kind(rate)
    if isinstance(optimizer, type):
        return optimizer(rate)
    return optimizer if hasattr(optimizer, "apply_gradients") else optimizer(rate)


def summarize_tensor(tensor: Any, tag: str | None = None) -> Any:
    """A summary of a tensor: a scalar, or a histogram of more numbers."""
    from .. import summary

    element = convert(tensor)
    kind = summary.scalar if element.shape.ndims == 0 else summary.histogram
    return kind(tag or element.op.name, element)


def summarize_activation(op: Any) -> Any:
    """A histogram of what a layer gives."""
    from .. import summary

    return summary.histogram(f"{op.op.name}/activation", op)


def summarize_tensors(tensors: Any, summarizer: Any = summarize_tensor) -> list[Any]:
    """Summaries of several tensors."""
    return [summarizer(tensor) for tensor in tensors]


def summarize_collection(
    collection: str, name_filter: str | None = None, summarizer: Any = summarize_tensor
) -> list[Any]:
    """Summaries of the tensors of a collection whose names match."""
    import re

    found = get_default_graph().get_collection(collection)
    return [summarizer(x) for x in found if name_filter is None or re.match(name_filter, x.op.name)]


summarize_weights = functools.partial(summarize_collection, GraphKeys.WEIGHTS)
summarize_activations = functools.partial(summarize_collection, GraphKeys.ACTIVATIONS, summarizer=summarize_activation)
