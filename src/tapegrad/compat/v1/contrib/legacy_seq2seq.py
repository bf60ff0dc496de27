"""Sequences to sequences as of old: `tf.contrib.legacy_seq2seq`."""

from __future__ import annotations

from .. import _seq2seq
from .._missing import not_covered
from .._seq2seq import *

__all__ = _seq2seq.__all__

__getattr__ = not_covered(__name__)
