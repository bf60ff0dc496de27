"""Files, and what is read out of them: `tf.io`."""

from __future__ import annotations

from . import _image_files, gfile
from ._image_files import *
from ._input_producers import match_filenames_once
from ._missing import not_covered
from ._queues import FIFOQueue, PaddingFIFOQueue, QueueBase, RandomShuffleQueue
from ._records_parsing import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    VarLenFeature,
    parse_example,
    parse_single_example,
)
from ._sequence_examples import parse_single_sequence_example
from ._string_ops import decode_base64, decode_csv, decode_raw, encode_base64, matching_files, read_file, write_file
from .python_io import TFRecordCompressionType, TFRecordOptions, TFRecordWriter, tf_record_iterator

__all__ = [
    "FIFOQueue", "FixedLenFeature", "FixedLenSequenceFeature", "PaddingFIFOQueue", "QueueBase", "RandomShuffleQueue",
    "TFRecordCompressionType", "TFRecordOptions", "TFRecordWriter", "VarLenFeature", "decode_base64", "decode_csv",
    "decode_raw", "encode_base64", "gfile", "match_filenames_once", "matching_files", "parse_example",
    "parse_single_example", "parse_single_sequence_example", "read_file", "tf_record_iterator", "write_file",
]  # fmt: skip
__all__ += _image_files.__all__

__getattr__ = not_covered(__name__)
