"""Sequences to sequences as of old: lists of inputs, one a step. `tf.nn.seq2seq` and `tf.contrib.legacy_seq2seq`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ..._pytree import flatten
from ...ops.activation import softmax
from ...ops.convolution import conv2d
from ...ops.elementwise import tanh
from ...ops.embeddings import embedding as looked_up
from ...ops.product import matmul
from ...ops.reduction import argmax
from ...ops.reduction import sum as summed
from ...ops.shape import reshape
from . import _dtypes as dtypes
from ._control import cond
from ._graph import get_default_graph
from ._missing import NotCoveredError, not_covered
from ._nodes import convert, node
from ._rnn import static_rnn
from ._rnn_cell_base import batch_of, zeros
from ._rnn_wrappers import EmbeddingWrapper, OutputProjectionWrapper, linear
from ._sequence_losses import sequence_loss, sequence_loss_by_example
from ._variable_scopes import get_variable, get_variable_scope, variable_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._operation import Tensor

__all__ = [
    "attention_decoder",
    "basic_rnn_seq2seq",
    "embedding_attention_decoder",
    "embedding_attention_seq2seq",
    "embedding_rnn_decoder",
    "embedding_rnn_seq2seq",
    "embedding_tied_rnn_seq2seq",
    "model_with_buckets",
    "rnn_decoder",
    "sequence_loss",
    "sequence_loss_by_example",
    "tied_rnn_seq2seq",
]


def rnn_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    cell: Any,
    loop_function: Callable[[Any, int], Any] | None = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """The outputs of a cell for a list of inputs, and its last state.

    With a `loop_function` the input of each step after the first is `loop_function(output before, step)`.
    """
    with variable_scope(scope or "rnn_decoder"):
        state, outputs = initial_state, list[Any]()
        for number, x in enumerate(decoder_inputs):
            if loop_function is not None and outputs:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(outputs[-1], number)
            if number:
                get_variable_scope().reuse_variables()
            output, state = cell(x, state)
            outputs.append(output)
    return outputs, state


def basic_rnn_seq2seq(
    encoder_inputs: Sequence[Any], decoder_inputs: Sequence[Any], cell: Any, dtype: Any = dtypes.float32,
    scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """A decoder that begins with the last state of an encoder, which has a cell of the same kind."""
    with variable_scope(scope or "basic_rnn_seq2seq"):
        _, state = static_rnn(copy.deepcopy(cell), encoder_inputs, dtype=dtype)
        return rnn_decoder(decoder_inputs, state, cell)


def tied_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    loop_function: Callable[[Any, int], Any] | None = None,
    dtype: Any = dtypes.float32,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """A decoder that begins with the last state of an encoder, whose variables are the same."""
    with variable_scope("combined_tied_rnn_seq2seq"):
        name = scope or "tied_rnn_seq2seq"
        _, state = static_rnn(cell, encoder_inputs, dtype=dtype, scope=name)
        get_variable_scope().reuse_variables()
        return rnn_decoder(decoder_inputs, state, cell, loop_function, name)


def _rows(table: Any, ids: Any) -> Tensor:
    return node("EmbeddingLookup", looked_up, [table, ids])  # type: ignore[no-any-return]


def _likeliest(table: Any, projection: Any, update: bool) -> Callable[[Any, int], Tensor]:
    """What makes the next input of an output: the row of the class that it is likeliest to be."""

    def next_input(output: Any, _: int) -> Tensor:
        if projection is not None:
            output = node("XwPlusB", lambda x, w, b: matmul(x, w) + b, [output, *projection])
        ids = node("ArgMax", lambda x: argmax(x, axis=1), [output])
        rows = _rows(table, ids)
        if not update:
            rows = node("StopGradient", lambda x: x.detach() if hasattr(x, "detach") else x, [rows])
        return rows

    return next_input


def embedding_rnn_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    cell: Any,
    num_symbols: int,
    embedding_size: int,
    output_projection: Any = None,
    feed_previous: bool = False,
    update_embedding_for_previous: bool = True,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """`rnn_decoder` of class numbers, each of which stands for a row of a table `embedding`.

    With `feed_previous` each input after the first is the class that the output before is likeliest to be.
    """
    with variable_scope(scope or "embedding_rnn_decoder") as opened:
        dtype = opened.dtype if output_projection is None else convert(output_projection[0]).dtype
        table = get_variable("embedding", [num_symbols, embedding_size], dtype=dtype)
        loop = _likeliest(table, output_projection, update_embedding_for_previous) if feed_previous else None
        return rnn_decoder([_rows(table, ids) for ids in decoder_inputs], initial_state, cell, loop)


def _fed_or_not(feed_previous: Any, decode: Callable[[bool, bool], tuple[list[Any], Any]]) -> tuple[list[Any], Any]:
    """`decode(feed_previous, update)`, or where that is a tensor, the choice between both."""
    if isinstance(feed_previous, bool):
        return decode(feed_previous, True)
    rebuild: Any = None
    count = 0

    def branch(fed: bool) -> Callable[[], list[Any]]:
        def build() -> list[Any]:
            nonlocal rebuild, count
            with variable_scope(get_variable_scope(), reuse=None if fed else True):
                outputs, state = decode(fed, False)
            leaves, rebuild = flatten(state)
            count = len(outputs)
            return [*outputs, *leaves]

        return build

    every = cond(feed_previous, branch(True), branch(False), strict=True)
    return every[:count], rebuild(every[count:])


def embedding_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    num_encoder_symbols: int,
    num_decoder_symbols: int,
    embedding_size: int,
    output_projection: Any = None,
    feed_previous: Any = False,
    dtype: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """An encoder and a decoder of class numbers, with a table each.

    The outputs are logits of the classes, unless an `output_projection` (weights, biases) makes them later.
    `feed_previous` may be a tensor.
    """
    with variable_scope(scope or "embedding_rnn_seq2seq", dtype=dtype) as opened:
        encoder = EmbeddingWrapper(copy.deepcopy(cell), num_encoder_symbols, embedding_size)
        _, state = static_rnn(encoder, encoder_inputs, dtype=opened.dtype)
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
        return _fed_or_not(
            feed_previous,
            lambda fed, update: embedding_rnn_decoder(
                decoder_inputs, state, cell, num_decoder_symbols, embedding_size, output_projection, fed, update
            ),
        )


def embedding_tied_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    num_symbols: int,
    embedding_size: int,
    num_decoder_symbols: int | None = None,
    output_projection: Any = None,
    feed_previous: bool = False,
    dtype: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """An encoder and a decoder of class numbers that share their table and the variables of the cell."""
    if not isinstance(feed_previous, bool):
        raise NotCoveredError("embedding_tied_rnn_seq2seq: feed_previous as a tensor is not covered; give a bool")
    with variable_scope(scope or "embedding_tied_rnn_seq2seq", dtype=dtype) as opened:
        table = get_variable("embedding", [num_symbols, embedding_size], dtype=opened.dtype)
        before = [_rows(table, ids) for ids in encoder_inputs]
        after = [_rows(table, ids) for ids in decoder_inputs]
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols or num_symbols)
        loop = _likeliest(table, output_projection, True) if feed_previous else None
        return tied_rnn_seq2seq(before, after, cell, loop, opened.dtype)


def attention_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    attention_states: Any,
    cell: Any,
    output_size: int | None = None,
    num_heads: int = 1,
    loop_function: Callable[[Any, int], Any] | None = None,
    dtype: Any = None,
    scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:
    """`rnn_decoder` that at each step looks at `attention_states` (N, places, size), weighted by how they fit.

    Source: Vinyals et al., Grammar as a foreign language, 2014, section 2.1.
    """
    if not decoder_inputs:
        raise ValueError("Must provide at least 1 input to attention decoder.")
    if num_heads < 1:
        raise ValueError("With less than 1 heads, use a non-attention decoder.")
    states = convert(attention_states)
    if states.shape.ndims != 3 or states.shape[2].value is None:
        raise ValueError(f"Shape[2] of attention_states must be known: {states.shape}")
    size = int(states.shape[2])
    with variable_scope(scope or "attention_decoder", dtype=dtype) as opened:
        dtype = opened.dtype
        places = node("Reshape", lambda x: reshape(x, (x.shape[0], x.shape[1], 1, x.shape[2])), [states])
        features, vectors = [], []
        for head in range(num_heads):
            kernel = get_variable(f"AttnW_{head}", [1, 1, size, size], dtype=dtype)
            features.append(node("Conv2D", conv2d, [places, kernel]))
            vectors.append(get_variable(f"AttnV_{head}", [size], dtype=dtype))

        def attention(query: Any) -> list[Tensor]:
            leaves = flatten(query)[0]
            found = []
            for head in range(num_heads):
                with variable_scope(f"Attention_{head}"):
                    wanted = linear(leaves, size)
                found.append(node("Attention", _attended, [vectors[head], features[head], wanted, states]))
            return found

        count = output_size if output_size is not None else cell.output_size
        state, outputs = initial_state, list[Any]()
        attended = [zeros(batch_of(convert(decoder_inputs[0])), size, dtype)] * num_heads
        if initial_state_attention:
            attended = attention(state)
        for number, x in enumerate(decoder_inputs):
            if number:
                get_variable_scope().reuse_variables()
            if loop_function is not None and outputs:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(outputs[-1], number)
            inner = convert(x)
            width = inner.shape[1].value
            if width is None:
                raise ValueError(f"Could not infer input size from input: {inner.name}")
            output, state = cell(linear([inner, *attended], width), state)
            if number == 0 and initial_state_attention:
                with variable_scope(get_variable_scope(), reuse=True):
                    attended = attention(state)
            else:
                attended = attention(state)
            with variable_scope("AttnOutputProjection"):
                outputs.append(linear([output, *attended], count))
    return outputs, state


def _attended(vector: Any, features: Any, wanted: Any, states: Any) -> Any:
    """The states (N, places, size), averaged by how well their features fit what is wanted (N, size)."""
    fits = summed(vector * tanh(features[:, :, 0] + wanted[:, None]), axis=2)
    return summed(softmax(fits)[:, :, None] * states, axis=1)


def embedding_attention_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    attention_states: Any,
    cell: Any,
    num_symbols: int,
    embedding_size: int,
    num_heads: int = 1,
    output_size: int | None = None,
    output_projection: Any = None,
    feed_previous: bool = False,
    update_embedding_for_previous: bool = True,
    dtype: Any = None,
    scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:
    """`attention_decoder` of class numbers, each of which stands for a row of a table `embedding`."""
    with variable_scope(scope or "embedding_attention_decoder", dtype=dtype) as opened:
        table = get_variable("embedding", [num_symbols, embedding_size], dtype=opened.dtype)
        loop = _likeliest(table, output_projection, update_embedding_for_previous) if feed_previous else None
        return attention_decoder(
            [_rows(table, ids) for ids in decoder_inputs], initial_state, attention_states, cell,
            cell.output_size if output_size is None else output_size, num_heads, loop, opened.dtype,
            initial_state_attention=initial_state_attention,
        )  # fmt: skip


def embedding_attention_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    num_encoder_symbols: int,
    num_decoder_symbols: int,
    embedding_size: int,
    num_heads: int = 1,
    output_projection: Any = None,
    feed_previous: Any = False,
    dtype: Any = None,
    scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Any], Any]:
    """`embedding_rnn_seq2seq` whose decoder looks at all outputs of the encoder."""
    with variable_scope(scope or "embedding_attention_seq2seq", dtype=dtype) as opened:
        encoder = EmbeddingWrapper(copy.deepcopy(cell), num_encoder_symbols, embedding_size)
        encoded, state = static_rnn(encoder, encoder_inputs, dtype=opened.dtype)
        attention_states = node("Pack", _side_by_side, encoded)
        output_size = None
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
            output_size = num_decoder_symbols
        return _fed_or_not(
            feed_previous,
            lambda fed, update: embedding_attention_decoder(
                decoder_inputs, state, attention_states, cell, num_decoder_symbols, embedding_size, num_heads,
                output_size, output_projection, fed, update, initial_state_attention=initial_state_attention,
            ),
        )  # fmt: skip


def _side_by_side(*outputs: Any) -> Any:
    from ...ops.shape import stack

    return stack(outputs, axis=1)


def model_with_buckets(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    buckets: Sequence[tuple[int, int]],
    seq2seq: Callable[[Any, Any], Any],
    softmax_loss_function: Any = None,
    per_example_loss: bool = False,
    name: str | None = None,
) -> tuple[list[Any], list[Any]]:
    """One model for each bucket (inputs, outputs) of lengths, all of the same variables: their outputs and losses."""
    for what, given, longest in (
        ("encoder_inputs", encoder_inputs, buckets[-1][0]),
        ("targets", targets, buckets[-1][1]),
        ("weights", weights, buckets[-1][1]),
    ):
        if len(given) < longest:
            raise ValueError(f"Length of {what} ({len(given)}) must be at least that of last bucket ({longest}).")
    outputs, losses = [], []
    with get_default_graph().name_scope(name or "model_with_buckets"):
        for number, (before, after) in enumerate(buckets):
            with variable_scope(get_variable_scope(), reuse=True if number else None):
                made, _ = seq2seq(encoder_inputs[:before], decoder_inputs[:after])
            outputs.append(made)
            loss = sequence_loss_by_example if per_example_loss else sequence_loss
            losses.append(loss(made, targets[:after], weights[:after], softmax_loss_function=softmax_loss_function))
    return outputs, losses


__getattr__ = not_covered(__name__)
