"""Layers' functions: activations, convolution, pooling, losses on logits, embeddings, cells: `tf.nn`."""

from __future__ import annotations

from . import (
    _activations,
    _convolution,
    _embeddings,
    _losses_on_logits,
    _normalization,
    _pooling,
    _rnn,
    _sampling,
    rnn_cell,
)
from . import _seq2seq as seq2seq
from ._activations import *
from ._blocks import depth_to_space, space_to_depth
from ._convolution import *
from ._embeddings import *
from ._losses_on_logits import *
from ._missing import not_covered
from ._normalization import *
from ._pooling import *
from ._rnn import *
from ._sampling import *

__all__ = ["depth_to_space", "rnn_cell", "seq2seq", "space_to_depth"]
__all__ += _activations.__all__
__all__ += _convolution.__all__
__all__ += _embeddings.__all__
__all__ += _losses_on_logits.__all__
__all__ += _normalization.__all__
__all__ += _pooling.__all__
__all__ += _rnn.__all__
__all__ += _sampling.__all__

__getattr__ = not_covered(__name__)
