"""Summaries that are compared: each is made with `tf` of tensors."""

from __future__ import annotations

import math

CASES = {
    "scalar": lambda tf: tf.summary.scalar("loss", tf.constant(0.1)),
    "scalar in a scope": lambda tf: _scoped(tf),
    "scalar of a family": lambda tf: tf.summary.scalar("a b!", tf.constant(2), family="group"),
    "histogram": lambda tf: tf.summary.histogram(
        "w", tf.constant([[0.0, -1.0, 1.0, 1e-13, 0.5], [0.51, 3, 3, -3, 1e30]])
    ),
    "histogram of one number": lambda tf: tf.summary.histogram("w", tf.constant([7])),
    "histogram of nothing": lambda tf: tf.summary.histogram("w", tf.constant([], tf.float32)),
    "images": lambda tf: tf.summary.image("x", tf.constant(pixels(2, 1, 0, 3)), 2),
    "images below 0": lambda tf: tf.summary.image("x", tf.constant(pixels(4, 3, -2, 1))),
    "one image": lambda tf: tf.summary.image("x", tf.cast(pixels(1, 4, 0, 255), tf.uint8), max_outputs=1),
    "dark image": lambda tf: tf.summary.image("x", tf.constant(pixels(1, 1, 0, 0))),
    "text": lambda tf: tf.summary.text("notes", tf.constant(["a", "b"])),
    "merged": lambda tf: tf.summary.merge([tf.summary.scalar("a", 1.0), tf.summary.text("b", tf.constant([b"c\0"]))]),
}


def _scoped(tf):
    with tf.name_scope("train"):
        tf.summary.scalar("loss", tf.constant(0.0))
        return tf.summary.scalar("loss", tf.constant(3, tf.int32))


def pixels(count, channels, low, high):
    """Images (count, 3, 2, channels) of numbers that look drawn."""
    numbers = iter(range(1, 10_000))

    def one():
        place = next(numbers) * 0.7548776662466927
        return float(low + (high - low) * math.floor((place - math.floor(place)) * 255) / 255)

    return [[[[one() for _ in range(channels)] for _ in range(2)] for _ in range(3)] for _ in range(count)]
