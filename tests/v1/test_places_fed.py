"""Places that are fed, into tensors that are constant: programs take them anew in each run."""

import numpy as np
import pytest

import tapegrad.compat.v1 as tf

TABLE = np.arange(12, dtype=np.float32).reshape(4, 3)
VECTOR = np.arange(4, dtype=np.float32)

CASES = {
    "gather": lambda i: tf.gather(TABLE, i),
    "gather_vector": lambda i: tf.gather(VECTOR, i),
    "gather_axis": lambda i: tf.gather(TABLE.T, i, axis=1),
    "gather_nd": lambda i: tf.gather_nd(TABLE, tf.stack([i, i % 3], 1)),
    "embedding": lambda i: tf.nn.embedding_lookup(TABLE, i),
    "one_hot": lambda i: tf.one_hot(i, 4),
    "item": lambda i: tf.constant(TABLE)[i[0]],
    "items": lambda i: tf.constant(TABLE)[i[0], 1:],
    "scatter_nd": lambda i: tf.scatter_nd(tf.expand_dims(i, 1), [1.0, 2.0], [4]),
    "segments": lambda i: tf.unsorted_segment_sum([1.0, 2.0], i, 4),
    "loss": lambda i: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=i, logits=TABLE[:2] ** 2 @ np.eye(3, 4, dtype=np.float32)
    ),
    "in_top_k": lambda i: tf.nn.in_top_k(np.eye(4, dtype=np.float32)[:2], i, 1),
    "sequence_mask": lambda i: tf.sequence_mask(i, 5),
    "reverse_sequence": lambda i: tf.reverse_sequence(TABLE[:2], i, seq_axis=1),
    "where": lambda i: tf.where(i > 2, [1.0, 2.0], [3.0, 4.0]),
    "sparse": lambda i: tf.sparse_to_dense(i, [4], 1.0),
    "matmul": lambda i: tf.sparse_tensor_dense_matmul(
        tf.SparseTensor(tf.stack([tf.to_int64(i), [0, 1]], 1), [1.0, 2.0], [4, 4]), TABLE
    ),
    "permutation": lambda i: tf.boolean_mask(TABLE, tf.reduce_any(tf.equal(tf.expand_dims(i, 1), [0, 1, 2, 3]), 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_other_places_give_other_values(name):
    i = tf.placeholder(tf.int32, [2])
    y = CASES[name](i)
    sess = tf.Session()
    same, other = np.array([0, 2], np.int32), np.array([1, 3], np.int32)
    first = [sess.run(y, {i: same}) for _ in range(6)]
    changed = sess.run(y, {i: other})
    np.testing.assert_array_equal(first[0], first[-1])
    with tf.Session() as anew:
        np.testing.assert_allclose(changed, anew.run(y, {i: other}), 1e-6)
    assert not np.array_equal(changed, first[0])
