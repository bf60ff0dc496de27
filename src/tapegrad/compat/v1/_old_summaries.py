"""Summaries as they were called before version 1."""

from __future__ import annotations

from typing import Any

from . import summary
from ._old_names import told
from ._variables import GraphKeys

__all__ = [
    "SummaryWriter", "histogram_summary", "image_summary", "merge_all_summaries", "merge_summary", "scalar_summary",
]  # fmt: skip


def scalar_summary(tags: Any, values: Any, collections: Any = None, name: str | None = None) -> Any:
    """`tf.summary.scalar`."""
    told("tf.scalar_summary", "tf.summary.scalar")
    return summary.scalar(tags, values, collections)


def histogram_summary(tag: str, values: Any, collections: Any = None, name: str | None = None) -> Any:
    """`tf.summary.histogram`."""
    told("tf.histogram_summary", "tf.summary.histogram")
    return summary.histogram(tag, values, collections)


def image_summary(tag: str, tensor: Any, max_images: int = 3, collections: Any = None, name: str | None = None) -> Any:
    """`tf.summary.image`."""
    told("tf.image_summary", "tf.summary.image")
    return summary.image(tag, tensor, max_images, collections)


def merge_summary(inputs: Any, collections: Any = None, name: str | None = None) -> Any:
    """`tf.summary.merge`."""
    told("tf.merge_summary", "tf.summary.merge")
    return summary.merge(inputs, collections, name)


def merge_all_summaries(key: Any = GraphKeys.SUMMARIES) -> Any:
    """`tf.summary.merge_all`."""
    told("tf.merge_all_summaries", "tf.summary.merge_all")
    return summary.merge_all(key)


def SummaryWriter(
    logdir: Any, graph: Any = None, max_queue: int = 10, flush_secs: float = 120, graph_def: Any = None
) -> summary.FileWriter:
    """`tf.summary.FileWriter`."""
    told("tf.train.SummaryWriter", "tf.summary.FileWriter")
    return summary.FileWriter(logdir, graph, max_queue, flush_secs, graph_def)
