"""Decoders of sequences, and their losses: `tf.contrib.seq2seq`."""

from __future__ import annotations

from .._decoders import (
    BasicDecoder,
    BasicDecoderOutput,
    Decoder,
    GreedyEmbeddingHelper,
    Helper,
    SampleEmbeddingHelper,
    TrainingHelper,
    dynamic_decode,
)
from .._missing import not_covered
from .._sequence_losses import padded_sequence_loss as sequence_loss

__all__ = [
    "BasicDecoder",
    "BasicDecoderOutput",
    "Decoder",
    "GreedyEmbeddingHelper",
    "Helper",
    "SampleEmbeddingHelper",
    "TrainingHelper",
    "dynamic_decode",
    "sequence_loss",
]

__getattr__ = not_covered(__name__)
