"""Layers' functions: activations, convolution, pooling, losses on logits, embeddings, cells: `tf.nn`."""

from __future__ import annotations

__all__: list[str] = []

from . import rnn_cell as rnn_cell
from ._rnn import *
