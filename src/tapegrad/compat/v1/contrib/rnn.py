"""Cells and recurrent networks: `tf.contrib.rnn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....ops.shape import concat
from .. import rnn_cell
from .._missing import not_covered
from .._nodes import node
from .._rnn import bidirectional_dynamic_rnn, static_bidirectional_rnn, static_rnn
from .._variable_scopes import variable_scope
from ..rnn_cell import *
from ._cells import LayerNormBasicLSTMCell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "LayerNormBasicLSTMCell",
    "stack_bidirectional_dynamic_rnn",
    "stack_bidirectional_rnn",
    "static_bidirectional_rnn",
    "static_rnn",
]
__all__ += rnn_cell.__all__

__getattr__ = not_covered(__name__)


def stack_bidirectional_rnn(
    cells_fw: Sequence[Any],
    cells_bw: Sequence[Any],
    inputs: Any,
    initial_states_fw: Any = None,
    initial_states_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Bidirectional networks one above the other, for a list of inputs: the outputs, and the last states."""

    def layer(inputs: Any, fw: Any, bw: Any, state_fw: Any, state_bw: Any) -> tuple[Any, Any, Any]:
        return static_bidirectional_rnn(fw, bw, inputs, state_fw, state_bw, dtype, sequence_length)

    return _stacked(layer, cells_fw, cells_bw, inputs, initial_states_fw, initial_states_bw, scope)


def stack_bidirectional_dynamic_rnn(
    cells_fw: Sequence[Any],
    cells_bw: Sequence[Any],
    inputs: Any,
    initial_states_fw: Any = None,
    initial_states_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    parallel_iterations: Any = None,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Bidirectional networks one above the other: the outputs of both directions side by side, and the last states."""

    def layer(inputs: Any, fw: Any, bw: Any, state_fw: Any, state_bw: Any) -> tuple[Any, Any, Any]:
        both, (last_fw, last_bw) = bidirectional_dynamic_rnn(
            fw, bw, inputs, sequence_length, state_fw, state_bw, dtype, time_major=time_major
        )
        return node("ConcatV2", lambda a, b: concat([a, b], axis=2), both), last_fw, last_bw

    return _stacked(layer, cells_fw, cells_bw, inputs, initial_states_fw, initial_states_bw, scope)


def _stacked(
    layer: Callable[..., tuple[Any, Any, Any]],
    cells_fw: Sequence[Any],
    cells_bw: Sequence[Any],
    inputs: Any,
    states_fw: Any,
    states_bw: Any,
    scope: Any,
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """The outputs of the last layer, and the last states of all; a layer is made of two cells and their states."""
    forward, backward = [], []
    with variable_scope(scope or "stack_bidirectional_rnn"):
        if not cells_fw or len(cells_fw) != len(cells_bw):
            raise ValueError("Forward and Backward cells must have the same depth, of at least one.")
        for number, (fw, bw) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with variable_scope(f"cell_{number}"):
                inputs, state_fw, state_bw = layer(inputs, fw, bw, _at(states_fw, number), _at(states_bw, number))
                forward.append(state_fw)
                backward.append(state_bw)
    return inputs, tuple(forward), tuple(backward)


def _at(states: Any, number: int) -> Any:
    return None if states is None else states[number]
