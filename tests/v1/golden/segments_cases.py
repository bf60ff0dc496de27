"""Segments reduced and boxes drawn and chosen, made with `tf`, TensorFlow or tapegrad's names."""

from __future__ import annotations

from typing import Any

import numpy as np

KINDS = ("max", "min", "prod", "mean", "sum")


def segments(tf: Any, kind: str) -> list[Any]:
    """Of sorted and of unsorted numbers, with gradients, numbers without rows, rows left out, and whole numbers."""
    numbers = np.random.RandomState(0)
    x, y = tf.constant(numbers.randn(7, 2), tf.float32), tf.constant(numbers.randn(2, 3, 2), tf.float32)
    by_order = getattr(tf, "segment_" + kind)(x, [0, 0, 1, 3, 3, 3, 4])
    by_number = getattr(tf, "unsorted_segment_" + kind)(y, [[3, 0, -1], [0, 3, 5]], 6)
    whole = getattr(tf, "segment_" + kind)(tf.constant([5, 7, 2], tf.int32), [0, 0, 1])
    return [by_order, tf.gradients(by_order**2, x)[0], by_number, tf.gradients(by_number[::3], y)[0], whole]


def boxes(tf: Any) -> list[Any]:
    """Some boxes reach beyond the picture, and some are turned round."""
    numbers = np.random.RandomState(1)
    found = []
    for depth in (1, 3, 4):
        images = numbers.rand(2, 7, 9, depth).astype(np.float32)
        places = numbers.uniform(-0.3, 1.3, (2, 12, 4)).astype(np.float32)
        found.append(tf.image.draw_bounding_boxes(images, places))
        inside = np.sort(numbers.rand(2, 3, 2, 2), 2).reshape(2, 3, 4).astype(np.float32)
        found.append(tf.image.draw_bounding_boxes(images, inside, colors=numbers.rand(2, depth).astype(np.float32)))
    for most, share, least in ((5, 0.5, float("-inf")), (20, 0.3, 0.2), (20, 0.1, float("-inf"))):
        corner = numbers.rand(30, 2)
        places = np.concatenate([corner, corner + numbers.uniform(-0.2, 1, (30, 2))], 1).astype(np.float32)
        scores = np.round(numbers.rand(30), 1).astype(np.float32)
        found.append(tf.image.non_max_suppression(places, scores, most, share, score_threshold=least))
    return found
