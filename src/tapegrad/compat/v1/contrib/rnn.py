"""Cells and recurrent networks: `tf.contrib.rnn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import rnn_cell
from .._missing import not_covered
from .._nodes import node
from .._rnn import bidirectional_dynamic_rnn, static_bidirectional_rnn, static_rnn
from .._variable_scopes import variable_scope
from ..rnn_cell import *
from ._cells import LayerNormBasicLSTMCell

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    forward, backward = [], []
    outputs = inputs
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for number, (fw, bw) in enumerate(_pairs(cells_fw, cells_bw)):
            with variable_scope(f"cell_{number}"):
                outputs, state_fw, state_bw = static_bidirectional_rnn(
                    fw, bw, outputs, _at(initial_states_fw, number), _at(initial_states_bw, number), dtype,
                    sequence_length,
                )  # fmt: skip
                forward.append(state_fw)
                backward.append(state_bw)
    return outputs, tuple(forward), tuple(backward)


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
    from ....ops.shape import concat

    forward, backward = [], []
    outputs = inputs
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for number, (fw, bw) in enumerate(_pairs(cells_fw, cells_bw)):
            with variable_scope(f"cell_{number}"):
                both, (state_fw, state_bw) = bidirectional_dynamic_rnn(
                    fw, bw, outputs, sequence_length, _at(initial_states_fw, number), _at(initial_states_bw, number),
                    dtype, time_major=time_major,
                )  # fmt: skip
                outputs = node("ConcatV2", lambda a, b: concat([a, b], axis=2), both)
                forward.append(state_fw)
                backward.append(state_bw)
    return outputs, tuple(forward), tuple(backward)


def _pairs(cells_fw: Sequence[Any], cells_bw: Sequence[Any]) -> list[tuple[Any, Any]]:
    if not cells_fw or len(cells_fw) != len(cells_bw):
        raise ValueError("Forward and Backward cells must have the same depth, of at least one.")
    return list(zip(cells_fw, cells_bw, strict=True))


def _at(states: Any, number: int) -> Any:
    return None if states is None else states[number]
