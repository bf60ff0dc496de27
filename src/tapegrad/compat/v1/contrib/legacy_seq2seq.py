"""Sequences to sequences as of old: `tf.contrib.legacy_seq2seq`."""

from __future__ import annotations

from .. import _seq2seq
from .._seq2seq import *

__all__ = _seq2seq.__all__
