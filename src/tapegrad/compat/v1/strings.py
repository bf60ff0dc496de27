"""Strings: `tf.strings`."""

from __future__ import annotations

from ._missing import not_covered
from ._string_ops import as_string, length, lower, reduce_join, regex_replace, substr, upper
from ._string_ops import string_join as join
from ._string_ops import string_split as split
from ._string_ops import string_strip as strip
from ._string_ops import string_to_hash_bucket as to_hash_bucket
from ._string_ops import string_to_hash_bucket_fast as to_hash_bucket_fast
from ._string_ops import string_to_hash_bucket_strong as to_hash_bucket_strong
from ._string_ops import string_to_number as to_number

__all__ = [
    "as_string",
    "join",
    "length",
    "lower",
    "reduce_join",
    "regex_replace",
    "split",
    "strip",
    "substr",
    "to_hash_bucket",
    "to_hash_bucket_fast",
    "to_hash_bucket_strong",
    "to_number",
    "upper",
]

__getattr__ = not_covered(__name__)
