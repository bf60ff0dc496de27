"""Decoding one step after another until every sequence has ended: `tf.contrib.seq2seq`."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._pytree import flatten
from ...ops.elementwise import equal, greater_equal, logical_or, maximum, where
from ...ops.embeddings import embedding as looked_up
from ...ops.reduction import all as every
from ...ops.reduction import argmax
from ...ops.shape import reshape, swapaxes
from . import _dtypes as dtypes
from ._control import while_loop
from ._infer import Kind
from ._nodes import constant, convert, node
from ._rnn import _each, _swapped
from ._rnn_cell_base import batch_of, zeros
from ._shapes import TensorShape
from ._tensor_arrays import TensorArray
from ._variable_scopes import variable_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

BasicDecoderOutput = collections.namedtuple("BasicDecoderOutput", ("rnn_output", "sample_id"))
BasicDecoderOutput.__doc__ = "What a step gives: the output of the cell, and the class that was chosen by it."


class Helper:
    """What chooses classes, and the next inputs: `initialize`, `sample` and `next_inputs`, and the `batch_size`."""

    batch_size: Any = None

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        """Which sequences have ended before the first step, and its inputs."""
        raise TypeError(f"{type(self).__name__} must have initialize")

    def sample(self, time: Tensor, outputs: Tensor, state: Any, name: str | None = None) -> Tensor:
        """The classes of a step."""
        return node("ArgMax", lambda x: argmax(x, axis=-1).astype(np.int32), [outputs])  # type: ignore[no-any-return]

    def next_inputs(
        self, time: Tensor, outputs: Tensor, state: Any, sample_ids: Tensor, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        """Which sequences have ended, the inputs of the next step, and the state."""
        raise TypeError(f"{type(self).__name__} must have next_inputs")


class TrainingHelper(Helper):
    """Inputs are those of the training data: (N, L, ...), or (L, N, ...) if `time_major`."""

    def __init__(self, inputs: Any, sequence_length: Any, time_major: bool = False, name: str | None = None) -> None:
        leaves, self._pack = flatten(inputs)
        self._rows = [convert(x) if time_major else _swapped(convert(x)) for x in leaves]
        self._lengths = convert(sequence_length, dtypes.int32)
        if self._lengths.shape.ndims not in (None, 1):
            raise ValueError(f"Expected sequence_length to be a vector, but received shape: {self._lengths.shape}")
        self.batch_size = batch_of(self._lengths)

    def _at(self, time: Any) -> Any:
        # After the last step there is nothing more to read; the row is not used.
        return self._pack([node("Row", lambda x, t: x[np.minimum(_number(t), len(x) - 1)], [x, time],
                                sample=lambda x, t: x[0]) for x in self._rows])  # fmt: skip

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        """Which sequences are empty, and the first inputs."""
        return node("Equal", lambda n: equal(n, 0), [self._lengths]), self._at(constant(0))

    def next_inputs(
        self, time: Tensor, outputs: Tensor, state: Any, sample_ids: Tensor, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        """Which sequences have no more steps, and the inputs of the next one."""
        after = time + 1  # type: ignore[operator]
        return node("GreaterEqual", greater_equal, [after, self._lengths]), self._at(after), state


def _number(value: Any) -> int:
    from ._arguments import plain

    return int(plain(value))


class GreedyEmbeddingHelper(Helper):
    """The input of a step is the row of the class that the step before was likeliest to be.

    `embedding` is a table or a function of classes; sequences begin with `start_tokens` (N,), and end with `end_token`.
    """

    def __init__(self, embedding: Any, start_tokens: Any, end_token: Any) -> None:
        self._lookup: Callable[[Any], Any] = (
            embedding if callable(embedding) else lambda ids: node("EmbeddingLookup", looked_up, [embedding, ids])
        )
        self._start = convert(start_tokens, dtypes.int32)
        self._end = convert(end_token, dtypes.int32)
        if self._start.shape.ndims not in (None, 1):
            raise ValueError("start_tokens must be a vector")
        self.batch_size = batch_of(self._start)

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any]:
        """No sequence has ended, and the inputs are the rows of the first classes."""
        return node("Zeros", lambda x: np.zeros(x.shape, bool), [self._start]), self._lookup(self._start)

    def next_inputs(
        self, time: Tensor, outputs: Tensor, state: Any, sample_ids: Tensor, name: str | None = None
    ) -> tuple[Tensor, Any, Any]:
        """Which sequences have come to their end, and the rows of the classes that were chosen."""
        return node("Equal", equal, [sample_ids, self._end]), self._lookup(sample_ids), state


class SampleEmbeddingHelper(GreedyEmbeddingHelper):
    """As the greedy one, but classes are drawn by their probabilities, those of the logits over a temperature."""

    def __init__(
        self, embedding: Any, start_tokens: Any, end_token: Any, softmax_temperature: Any = None, seed: Any = None
    ) -> None:
        super().__init__(embedding, start_tokens, end_token)
        self._temperature = softmax_temperature
        self._seed = seed

    def sample(self, time: Tensor, outputs: Tensor, state: Any, name: str | None = None) -> Tensor:
        """The classes of a step."""
        from ._random_ops import multinomial

        logits = outputs if self._temperature is None else outputs / self._temperature  # type: ignore[operator]
        drawn = multinomial(logits, 1, seed=self._seed)
        return node("Reshape", lambda x: reshape(x, (-1,)).astype(np.int32), [drawn])  # type: ignore[no-any-return]


class Decoder:
    """What `dynamic_decode` takes steps of: `initialize`, `step`, `output_size`, `output_dtype`, `batch_size`."""


class BasicDecoder(Decoder):
    """A cell whose outputs, through `output_layer` if there is one, choose classes by a helper."""

    def __init__(self, cell: Any, helper: Any, initial_state: Any, output_layer: Any = None) -> None:
        self._cell = cell
        self._helper = helper
        self._state = initial_state
        self._layer = output_layer

    @property
    def batch_size(self) -> Any:
        """How many sequences there are."""
        return self._helper.batch_size

    @property
    def output_size(self) -> BasicDecoderOutput:
        """The sizes of an output."""
        size = self._cell.output_size
        if self._layer is not None:
            size = self._layer.units if hasattr(self._layer, "units") else None
        return BasicDecoderOutput(size, TensorShape([]))

    @property
    def output_dtype(self) -> BasicDecoderOutput:
        """The dtypes of an output."""
        return BasicDecoderOutput(convert(flatten(self._state)[0][0]).dtype, dtypes.int32)

    def initialize(self, name: str | None = None) -> tuple[Tensor, Any, Any]:
        """Which sequences have ended, the first inputs, and the first state."""
        return (*self._helper.initialize(), self._state)

    def step(self, time: Tensor, inputs: Any, state: Any, name: str | None = None) -> tuple[Any, Any, Any, Tensor]:
        """One step: the outputs, the state, the inputs of the next step, and which sequences have ended."""
        output, new = self._cell(inputs, state)
        if self._layer is not None:
            output = self._layer(output)
        chosen = self._helper.sample(time=time, outputs=output, state=new)
        ended, following, new = self._helper.next_inputs(time=time, outputs=output, state=new, sample_ids=chosen)
        return BasicDecoderOutput(output, chosen), new, following, ended


def dynamic_decode(
    decoder: Any,
    output_time_major: bool = False,
    impute_finished: bool = False,
    maximum_iterations: Any = None,
    parallel_iterations: int = 32,
    swap_memory: bool = False,
    scope: Any = None,
) -> tuple[Any, Any, Tensor]:
    """The outputs (N, L, ...) of a decoder's steps until all sequences have ended, its last state, and their lengths.

    With `impute_finished` the outputs of sequences that have ended are zeros, and their states stay.
    """
    with variable_scope(scope or "decoder"):
        ended, inputs, state = decoder.initialize()
        if maximum_iterations is not None:
            most = convert(maximum_iterations, dtypes.int32)
            ended = node("LogicalOr", lambda ended, most: logical_or(ended, most <= 0), [ended, most])
        batch = batch_of(convert(ended))
        kinds, pack_outputs = flatten(decoder.output_dtype)
        kept = [TensorArray(kind, size=0, dynamic_size=True) for kind in kinds]
        lengths = zeros(batch, TensorShape([]), dtypes.int32)

        def goes_on(time: Tensor, kept: Any, state: Any, inputs: Any, ended: Tensor, lengths: Tensor) -> Tensor:
            return node("NotAll", lambda ended: np.logical_not(every(ended)), [ended],  # type: ignore[no-any-return]
                        sample=lambda ended: Kind((), np.dtype(bool)))  # fmt: skip

        def turn(time: Tensor, kept: Any, state: Any, inputs: Any, ended: Tensor, lengths: Tensor) -> Any:
            outputs, new, following, done = decoder.step(time, inputs, state)
            now = node("LogicalOr", logical_or, [ended, done])
            if maximum_iterations is not None:
                now = node("LogicalOr", lambda now, t, most: logical_or(now, t + 1 >= most), [now, time, most])
            counted = node("Where", lambda ended, lengths, t: where(ended, lengths, maximum(lengths, t + 1)),
                           [ended, lengths, time])  # fmt: skip
            leaves = [convert(y) for y in flatten(outputs)[0]]
            if impute_finished:
                leaves = [_unless(ended, y, None) for y in leaves]
                new = _each(lambda s, old: _unless(ended, s, old), new, state)
            written = [array.write(time, y) for array, y in zip(kept, leaves, strict=True)]
            return time + 1, written, new, following, now, counted  # type: ignore[operator]

        _, kept, state, _, _, lengths = while_loop(goes_on, turn, [constant(0), kept, state, inputs, ended, lengths])
        stacked = [array.stack() for array in kept]
    outputs = pack_outputs(stacked if output_time_major else [_turned(y) for y in stacked])
    return outputs, state, lengths


def _turned(y: Tensor) -> Tensor:
    return node("Transpose", lambda y: swapaxes(y, 0, 1), [y], "transpose")  # type: ignore[no-any-return]


def _unless(ended: Tensor, new: Any, old: Any) -> Tensor:
    """`new` where a sequence goes on, otherwise `old`, or zeros."""

    def choose(ended: Any, new: Any, *old: Any) -> Any:
        kept = old[0] if old else np.zeros((), new.dtype)
        return where(reshape(ended, (-1, *[1] * (new.ndim - 1))), kept, new)

    return node("Select", choose, [ended, new, *([] if old is None else [old])])  # type: ignore[no-any-return]
