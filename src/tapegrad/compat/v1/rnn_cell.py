"""Recurrent cells: `tf.nn.rnn_cell`, which is also most of `tf.contrib.rnn`."""

from __future__ import annotations

from ._lstm_cells import BasicLSTMCell, LSTMCell, LSTMStateTuple
from ._missing import not_covered
from ._rnn_cell_base import LayerRNNCell, RNNCell
from ._rnn_cells import BasicRNNCell, GRUCell, MultiRNNCell
from ._rnn_wrappers import (
    DeviceWrapper,
    DropoutWrapper,
    EmbeddingWrapper,
    InputProjectionWrapper,
    OutputProjectionWrapper,
    ResidualWrapper,
)

__all__ = [
    "BasicLSTMCell",
    "BasicRNNCell",
    "DeviceWrapper",
    "DropoutWrapper",
    "EmbeddingWrapper",
    "GRUCell",
    "InputProjectionWrapper",
    "LSTMCell",
    "LSTMStateTuple",
    "LayerRNNCell",
    "MultiRNNCell",
    "OutputProjectionWrapper",
    "RNNCell",
    "ResidualWrapper",
]

__getattr__ = not_covered(__name__)
