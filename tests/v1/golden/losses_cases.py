"""Losses and metrics that are compared: each is made with `tf`."""

from __future__ import annotations

LOGITS = [[2.0, -1.0, 0.5], [0.25, 0.0, -3.0], [1.0, 1.0, 1.5], [-2.0, 0.125, 4.0]]
ONE_HOT = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
BINARY = [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
CLASSES = [0, 2, 1, 1]
PROBABLE = [[0.9, 0.2, 0.4], [0.1, 0.5, 0.7], [0.6, 0.3, 0.99], [0.01, 0.55, 0.35]]
WEIGHTS = [[1.0], [0.5], [0.0], [2.0]]

LOSSES = {
    "mean_squared_error": lambda tf, x, **k: tf.losses.mean_squared_error(BINARY, x, **k),
    "absolute_difference": lambda tf, x, **k: tf.losses.absolute_difference(BINARY, x, **k),
    "huber_loss": lambda tf, x, **k: tf.losses.huber_loss(BINARY, x, delta=0.75, **k),
    "log_loss": lambda tf, x, **k: tf.losses.log_loss(BINARY, tf.sigmoid(x), **k),
    "hinge_loss": lambda tf, x, **k: tf.losses.hinge_loss(BINARY, x, **k),
    "cosine_distance": lambda tf, x, **k: tf.losses.cosine_distance(BINARY, x, axis=1, **k),
    "sigmoid_cross_entropy": lambda tf, x, **k: tf.losses.sigmoid_cross_entropy(BINARY, x, **k),
    "sigmoid_cross_entropy smoothed": lambda tf, x, **k: tf.losses.sigmoid_cross_entropy(
        BINARY, x, label_smoothing=0.2, **k
    ),
    "softmax_cross_entropy": lambda tf, x, **k: tf.losses.softmax_cross_entropy(ONE_HOT, x, **_flat(k)),
    "softmax_cross_entropy smoothed": lambda tf, x, **k: tf.losses.softmax_cross_entropy(
        ONE_HOT, x, label_smoothing=0.3, **_flat(k)
    ),
    "sparse_softmax_cross_entropy": lambda tf, x, **k: tf.losses.sparse_softmax_cross_entropy(CLASSES, x, **_flat(k)),
}
REDUCTIONS = [
    "none", "weighted_sum", "weighted_sum_over_batch_size", "weighted_mean", "weighted_sum_by_nonzero_weights",
]  # fmt: skip


def _flat(keywords):
    """The keywords, with weights as losses of one number an example take them."""
    if isinstance(keywords.get("weights"), list):
        keywords["weights"] = [weight for (weight,) in keywords["weights"]]
    return keywords


def losses(tf, make):
    """Each way to reduce, with and without weights: the loss and its gradient."""
    x = tf.constant(LOGITS)
    found = {"plain": make(tf, x)}
    for reduction in REDUCTIONS:
        found[reduction] = make(tf, x, weights=WEIGHTS, reduction=reduction)
    found["half"] = make(tf, x, weights=0.5)
    names = [loss.name for loss in tf.losses.get_losses()]
    with tf.Session() as session:
        both = {name: (loss, tf.gradients(loss, x)[0]) for name, loss in found.items()}
        values = {name: [part.tolist() for part in session.run(pair)] for name, pair in both.items()}
        return {"values": values, "name": names[0]}


METRICS = {
    "accuracy": lambda tf, y, p, **k: tf.metrics.accuracy(tf.cast(y, tf.int64), tf.cast(p > 0.5, tf.int64), **k),
    "mean": lambda tf, y, p, **k: tf.metrics.mean(p, **k),
    "mean_squared_error": lambda tf, y, p, **k: tf.metrics.mean_squared_error(y, p, **k),
    "root_mean_squared_error": lambda tf, y, p, **k: tf.metrics.root_mean_squared_error(y, p, **k),
    "mean_absolute_error": lambda tf, y, p, **k: tf.metrics.mean_absolute_error(y, p, **k),
    "precision": lambda tf, y, p, **k: tf.metrics.precision(y, p > 0.5, **k),
    "recall": lambda tf, y, p, **k: tf.metrics.recall(y, p > 0.5, **k),
    "true_positives": lambda tf, y, p, **k: tf.metrics.true_positives(y, p > 0.5, **k),
    "false_positives": lambda tf, y, p, **k: tf.metrics.false_positives(y, p > 0.5, **k),
    "true_negatives": lambda tf, y, p, **k: tf.metrics.true_negatives(y, p > 0.5, **k),
    "false_negatives": lambda tf, y, p, **k: tf.metrics.false_negatives(y, p > 0.5, **k),
    "auc": lambda tf, y, p, **k: tf.metrics.auc(y, p, **k),
}


def metrics(tf, make):
    """The value and the update after each of four batches, twice with weights."""
    y, p, w = (tf.placeholder(tf.float32, [None]) for _ in range(3))
    value, update = make(tf, y, p)
    weighted = make(tf, y, p, weights=w)
    names = [variable.name for variable in tf.local_variables()]
    found = []
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        found.append(float(session.run(value)))
        for labels, predictions in zip(BINARY, PROBABLE):  # noqa: B905  (both have four rows)
            fed = {y: labels, p: predictions, w: [0.5, 0.0, 2.0]}
            found += [float(session.run(x, fed)) for x in (update, value, weighted[1])]
    return {"values": found, "names": names}
