"""Data sets that are compared: each is made with `tf`; all their elements are read."""

from __future__ import annotations

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]


def _pairs(tf):
    return tf.data.Dataset.from_tensor_slices((ROWS, [0, 1, 2, 3, 4]))


def _ragged(tf):
    def rows():
        for size in (3, 1, 0, 2):
            yield list(range(size)), size

    return tf.data.Dataset.from_generator(rows, (tf.int32, tf.int64), (tf.TensorShape([None]), tf.TensorShape([])))


CASES = {
    "slices": _pairs,
    "slices of a dict": lambda tf: tf.data.Dataset.from_tensor_slices({"b": ROWS, "a": [b"x", b"y", b"z", b"u", b"v"]}),
    "slices of a dict and labels": lambda tf: tf.data.Dataset.from_tensor_slices(({"x": ROWS}, [1, 2, 3, 4, 5])).batch(
        2
    ),
    "slices of tensors": lambda tf: tf.data.Dataset.from_tensor_slices(tf.constant(ROWS) * 2).batch(3),
    "tensors": lambda tf: tf.data.Dataset.from_tensors((ROWS, 3)),
    "range": lambda tf: tf.data.Dataset.range(3, 13, 4),
    "generator": lambda tf: tf.data.Dataset.from_generator(lambda: iter([1, 2, 3]), tf.float32),
    "map": lambda tf: _pairs(tf).map(lambda x, y: (tf.reduce_sum(x) + 1.0, {"y": y * y})),
    "map of one": lambda tf: tf.data.Dataset.range(6).map(lambda x: tf.cast(x, tf.float32) / 2.0, num_parallel_calls=4),
    "map with what is outside": lambda tf: _captured(tf),
    "filter": lambda tf: tf.data.Dataset.range(10).filter(lambda x: tf.equal(x % 3, 1)),
    "batch": lambda tf: _pairs(tf).batch(2),
    "batch without remainder": lambda tf: _pairs(tf).batch(2, drop_remainder=True),
    "batch of a tensor's size": lambda tf: tf.data.Dataset.range(5).batch(tf.constant(3, tf.int64)),
    "repeat": lambda tf: tf.data.Dataset.range(3).repeat(2),
    "repeat then batch": lambda tf: tf.data.Dataset.range(3).repeat().batch(2).take(4),
    "take and skip": lambda tf: tf.data.Dataset.range(10).skip(2).take(5),
    "take all": lambda tf: tf.data.Dataset.range(3).take(-1),
    "skip all": lambda tf: tf.data.Dataset.range(3).skip(-1),
    "shard": lambda tf: tf.data.Dataset.range(10).shard(3, 1),
    "zip": lambda tf: tf.data.Dataset.zip((tf.data.Dataset.range(3), {"k": _pairs(tf)})),
    "concatenate": lambda tf: tf.data.Dataset.range(2).concatenate(tf.data.Dataset.range(5, 7)),
    "flat_map": lambda tf: tf.data.Dataset.range(4).flat_map(tf.data.Dataset.range),
    "flat_map of slices": lambda tf: _pairs(tf).flat_map(
        lambda x, y: tf.data.Dataset.from_tensor_slices(x).map(lambda one: (one, one * 2.0))
    ),
    "interleave": lambda tf: tf.data.Dataset.range(1, 6).interleave(
        lambda x: tf.data.Dataset.from_tensors(x).repeat(x), cycle_length=2, block_length=2
    ),
    "padded_batch": lambda tf: _ragged(tf).padded_batch(3, ([None], [])),
    "padded_batch of a size": lambda tf: _ragged(tf).padded_batch(2, ([4], []), (-1, tf.constant(0, tf.int64))),
    "cache and prefetch": lambda tf: tf.data.Dataset.range(3).cache().repeat(2).prefetch(1),
    "apply": lambda tf: tf.data.Dataset.range(3).apply(lambda dataset: dataset.map(lambda x: x + 1)),
    "shuffled whole": lambda tf: _sorted_whole(tf),
}


def _captured(tf):
    offset = tf.constant(10, tf.int64) * 2
    return tf.data.Dataset.range(5).map(lambda x: x + offset)


def _sorted_whole(tf):
    return tf.data.Dataset.range(50).shuffle(7, seed=1).batch(50).map(lambda x: tf.reduce_sum(x))


def _plain(value):
    """A value as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in sorted(value.items())}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        return value.decode()
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def elements(tf, make):
    """All elements."""
    following = make(tf).make_one_shot_iterator().get_next()
    found = []
    with tf.Session() as session:
        while True:
            try:
                found.append(_plain(session.run(following)))
            except tf.errors.OutOfRangeError:
                break
    return found
