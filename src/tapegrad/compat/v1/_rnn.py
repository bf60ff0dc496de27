"""Recurrent networks: a cell for each step of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._pytree import flatten
from ...ops.elementwise import less, where
from ...ops.shape import concat, flip, reshape, swapaxes
from ._frames import over_rows
from ._infer import Kind, kind_of
from ._nodes import convert, node
from ._old_names import old
from ._rnn_cell_base import batch_of
from ._rnn_wrappers import initial_of
from ._variable_scopes import variable_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._operation import Tensor

__all__ = [
    "bidirectional_dynamic_rnn",
    "bidirectional_rnn",
    "dynamic_rnn",
    "rnn",
    "static_bidirectional_rnn",
    "static_rnn",
]


def dynamic_rnn(
    cell: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: Any = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """All outputs of a cell along sequences, and its last state.

    `inputs` (N, L, ...), or (L, N, ...) if `time_major`, may be a nest of such. After `sequence_length` (N,) steps an
    example's outputs are zeros, and its state stays. The state begins as `initial_state`, or as zeros of `dtype`.
    """
    leaves, rebuild = flatten(inputs)
    xs = [convert(x) for x in leaves]
    with variable_scope(scope or "rnn"):
        rows = xs if time_major else [_swapped(x) for x in xs]
        batch = batch_of(xs[0], 1 if time_major else 0)
        state, pack = flatten(initial_of(cell, initial_state, batch, dtype))
        state = [convert(s) for s in state]
        steps = _steps(rows[0])
        lengths = None if sequence_length is None else convert(sequence_length)
        pack_outputs: Any = None

        def step(rows: list[Tensor], now: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            nonlocal pack_outputs
            at, *values = rows
            output, new = cell(rebuild(values), pack(now))
            outputs, pack_outputs = flatten(output)
            outputs = [convert(y) for y in outputs]
            new = [convert(s) for s in flatten(new)[0]]
            if len(new) != len(now):
                raise ValueError(f"the cell was given a state of {len(now)} tensors, and gave one of {len(new)}")
            if lengths is not None:
                outputs = [_until(at, lengths, y, None) for y in outputs]
                new = [_until(at, lengths, s, old) for s, old in zip(new, now, strict=True)]
            return outputs, new

        outputs, last = over_rows("While", [steps, *rows], state, step, name="while")
        return pack_outputs(outputs if time_major else [_swapped(y) for y in outputs]), pack(last)


def _swapped(x: Tensor) -> Tensor:
    if x.shape.ndims is not None and x.shape.ndims < 2:
        raise ValueError(f"dynamic_rnn: inputs must have a batch and a time dimension, got shape {x.shape}")
    return node("Transpose", lambda value: swapaxes(value, 0, 1), [x], "transpose")  # type: ignore[no-any-return]


def _steps(x: Tensor) -> Tensor:
    """The numbers of the steps."""
    sizes = kind_of(x).sizes
    return node(  # type: ignore[no-any-return]
        "Range", lambda value: np.arange(np.shape(value)[0], dtype=np.int32), [x], "time",
        sample=lambda value: Kind((sizes[0] if sizes else None,), np.dtype(np.int32)),
    )  # fmt: skip


def _until(at: Tensor, lengths: Tensor, new: Tensor, old: Tensor | None) -> Tensor:
    """`new` for examples that are longer than `at`, and otherwise `old`, or zeros."""

    def choose(at: Any, lengths: Any, new: Any, *old: Any) -> Any:
        longer = reshape(less(at, lengths), (-1, *[1] * (new.ndim - 1)))
        return where(longer, new, *(old or (np.zeros((), new.dtype),)))

    return node("Select", choose, [at, lengths, new, *([] if old is None else [old])])  # type: ignore[no-any-return]


def static_rnn(
    cell: Any,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """The outputs of a cell for a list of inputs, a list, and its last state.

    Every input is (N, ...), or a nest of such. After `sequence_length` (N,) steps an example's outputs are zeros, and
    its state stays. The state begins as `initial_state`, or as zeros of `dtype`.
    """
    if not isinstance(inputs, list | tuple):
        raise TypeError("inputs must be a sequence: a list with a tensor for each step, as tf.unstack(x, axis=1) gives")
    if not inputs:
        raise ValueError("inputs must not be empty")
    outputs = []
    with variable_scope(scope or "rnn") as opened:
        state = initial_of(cell, initial_state, batch_of(convert(flatten(inputs[0])[0][0])), dtype)
        lengths = None if sequence_length is None else convert(sequence_length)
        for number, x in enumerate(inputs):
            if number:
                opened.reuse_variables()
            output, new = cell(x, state)
            if lengths is not None:
                at = convert(np.int32(number))
                output = _each(lambda y, at=at: _until(at, lengths, y, None), output)
                new = _each(lambda s, old, at=at: _until(at, lengths, s, old), new, state)
            state = new
            outputs.append(output)
    return outputs, state


def _each(function: Any, *trees: Any) -> Any:
    leaves, rebuild = flatten(trees[0])
    return rebuild([function(*row) for row in zip(leaves, *[flatten(tree)[0] for tree in trees[1:]], strict=True)])


rnn = old("nn.rnn", "nn.static_rnn", static_rnn)


def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    parallel_iterations: Any = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Two cells along the same sequences, one from the end: the outputs of both, and the last states of both."""
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward = dynamic_rnn(
                cell_fw, inputs, sequence_length, initial_state_fw, dtype, time_major=time_major, scope=fw
            )
        with variable_scope("bw") as bw:
            turned = _each(lambda x: _reversed(x, sequence_length, time_major), inputs)
            outputs, state = dynamic_rnn(
                cell_bw, turned, sequence_length, initial_state_bw, dtype, time_major=time_major, scope=bw
            )
        backward = _each(lambda y: _reversed(y, sequence_length, time_major), outputs)
    return (forward[0], backward), (forward[1], state)


def _reversed(x: Any, sequence_length: Any, time_major: bool) -> Tensor:
    """Sequences from their ends: each from its own, where lengths are given."""
    axis = 0 if time_major else 1
    if sequence_length is None:
        return node("ReverseV2", lambda value: flip(value, axis), [convert(x)])  # type: ignore[no-any-return]

    def turn(value: Any, lengths: Any) -> Any:
        count, steps = np.shape(value)[1 - axis], np.shape(value)[axis]
        place = np.arange(steps)[None, :]
        ends = reshape(lengths, (count, 1))
        places = where(less(place, ends), ends - 1 - place, place)
        examples = np.arange(count)[:, None]
        return value[swapaxes(places, 0, 1), examples.T] if time_major else value[examples, places]

    def sample(value: Any, lengths: Any) -> Any:
        return value if time_major else value + np.zeros((len(lengths), *[1] * (value.ndim - 1)), value.dtype)

    return node("ReverseSequence", turn, [convert(x), convert(sequence_length)], sample=sample)  # type: ignore[no-any-return]


def static_bidirectional_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Sequence[Any],
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any, Any]:
    """Two cells along a list of inputs, one from the end: their outputs side by side, and the last state of each."""
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, state_fw = static_rnn(cell_fw, inputs, initial_state_fw, dtype, sequence_length, scope=fw)
        with variable_scope("bw") as bw:
            turned = _reversed_list(inputs, sequence_length)
            outputs, state_bw = static_rnn(cell_bw, turned, initial_state_bw, dtype, sequence_length, scope=bw)
        backward = _reversed_list(outputs, sequence_length)
    both = [
        node("ConcatV2", lambda a, b: concat([a, b], axis=1), [a, b], "concat")
        for a, b in zip(forward, backward, strict=True)
    ]
    return both, state_fw, state_bw


bidirectional_rnn = old("nn.bidirectional_rnn", "nn.static_bidirectional_rnn", static_bidirectional_rnn)


def _reversed_list(values: Sequence[Any], sequence_length: Any) -> list[Any]:
    if sequence_length is None:
        return list(values)[::-1]
    turned = _reversed(convert(list(values)), sequence_length, time_major=True)
    return [turned[place] for place in range(len(values))]  # type: ignore[index]
