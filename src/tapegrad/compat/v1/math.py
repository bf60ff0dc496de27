"""Arithmetic and reductions: `tf.math`."""

from __future__ import annotations

from . import _clipping, _math, _reductions, _segments
from ._activations import log_softmax, softmax, softplus, softsign
from ._clipping import *
from ._embeddings import in_top_k, top_k
from ._math import *
from ._math import div_no_nan as divide_no_nan
from ._missing import not_covered
from ._normalization import l2_normalize, zero_fraction
from ._reductions import *
from ._reductions import reduce_euclidean_norm, reduce_std, reduce_variance
from ._segments import *
from ._slicing import invert_permutation

__all__ = [
    "divide_no_nan",
    "in_top_k",
    "invert_permutation",
    "l2_normalize",
    "log_softmax",
    "reduce_euclidean_norm",
    "reduce_std",
    "reduce_variance",
    "softmax",
    "softplus",
    "softsign",
    "top_k",
    "zero_fraction",
]
__all__ += _clipping.__all__
__all__ += _math.__all__
__all__ += _reductions.__all__
__all__ += _segments.__all__

__getattr__ = not_covered(__name__)
