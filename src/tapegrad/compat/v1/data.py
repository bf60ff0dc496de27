"""Data sets and iterators over them: `tf.data`."""

from __future__ import annotations

from . import _data_experimental as experimental
from ._dataset import Dataset
from ._file_datasets import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset
from ._iterator import Iterator, make_initializable_iterator, make_one_shot_iterator
from ._missing import not_covered

__all__ = [
    "Dataset", "FixedLengthRecordDataset", "Iterator", "TFRecordDataset", "TextLineDataset", "experimental",
    "get_output_classes", "get_output_shapes", "get_output_types", "make_initializable_iterator",
    "make_one_shot_iterator",
]  # fmt: skip


def get_output_types(of: Dataset | Iterator) -> object:
    """The dtypes of the elements of a data set or an iterator."""
    return of.output_types


def get_output_shapes(of: Dataset | Iterator) -> object:
    """The shapes of the elements of a data set or an iterator."""
    return of.output_shapes


def get_output_classes(of: Dataset | Iterator) -> object:
    """`tf.Tensor`, in the places of the elements' parts."""
    return of.output_classes


__getattr__ = not_covered(__name__)
