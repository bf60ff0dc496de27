"""Steps along gradients of tables of which some rows were looked up, made with `tf`, TensorFlow or tapegrad's names."""

from __future__ import annotations

import numpy as np

STEPS = 6

OPTIMIZERS = {
    "descent": lambda tf: tf.train.GradientDescentOptimizer(0.05),
    "momentum": lambda tf: tf.train.MomentumOptimizer(0.05, 0.9),
    "nesterov": lambda tf: tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
    "adagrad": lambda tf: tf.train.AdagradOptimizer(0.2),
    "adadelta": lambda tf: tf.train.AdadeltaOptimizer(1.0, 0.9, 1e-4),
    "adam": lambda tf: tf.train.AdamOptimizer(0.1),
    "rmsprop": lambda tf: tf.train.RMSPropOptimizer(0.05, 0.8, 0.9, 1e-3),
    "rmsprop centred": lambda tf: tf.train.RMSPropOptimizer(0.05, momentum=0.5, centered=True),
    "ftrl": lambda tf: tf.train.FtrlOptimizer(
        0.2, l1_regularization_strength=0.3, l2_regularization_strength=0.1, l2_shrinkage_regularization_strength=0.05
    ),
    "proximal descent": lambda tf: tf.train.ProximalGradientDescentOptimizer(0.05, 0.2, 0.1),
    "proximal adagrad": lambda tf: tf.train.ProximalAdagradOptimizer(0.2, 0.1, 0.3, 0.1),
    "decayed": lambda tf: tf.train.MomentumOptimizer(
        tf.train.exponential_decay(0.1, tf.train.get_or_create_global_step(), 3, 0.5, staircase=True), 0.9
    ),
}


def minimized(tf, optimizer, loss, step):
    return optimizer.minimize(loss, global_step=step)


def by_pairs(change):
    """What goes to `apply_gradients` after `change` of the gradients."""

    def training(tf, optimizer, loss, step):
        gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
        return optimizer.apply_gradients(zip(change(tf, gradients), variables, strict=True), global_step=step)

    return training


def _each(change):
    return by_pairs(lambda tf, gradients: [change(tf, gradient) for gradient in gradients])


def _rebuilt(tf, gradient):
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.IndexedSlices(0.5 * gradient.values, gradient.indices, gradient.dense_shape)


#: how gradients get to a momentum, which goes on moving rows that are not looked up only where it is given whole tables
ROUTES = {
    "clipped together": by_pairs(lambda tf, gradients: tf.clip_by_global_norm(gradients, 0.5)[0]),
    "clipped by norm": _each(lambda tf, gradient: tf.clip_by_norm(gradient, 0.3)),
    "clipped by value": _each(lambda tf, gradient: tf.clip_by_value(gradient, -0.1, 0.1)),
    "scaled": _each(lambda tf, gradient: 0.5 * tf.convert_to_tensor(gradient)),
    "rebuilt": _each(_rebuilt),
    "of the whole table, too": lambda tf, optimizer, loss, step: minimized(
        tf, optimizer, loss + 0.1 * tf.nn.l2_loss(next(v for v in tf.trainable_variables() if "table" in v.name)), step
    ),
}


def train(tf, make, training=minimized):
    """The loss of each step, and the last value of every variable: tables of rows, of numbers and of matrices."""
    draw = np.random.RandomState(5)
    ids = tf.placeholder(tf.int32, [2, 3])
    others = tf.placeholder(tf.int64, [None])
    table = tf.Variable(draw.randn(9, 4).astype("f"), name="table")
    numbers = tf.Variable(draw.randn(7).astype("f"), name="numbers")
    matrices = tf.Variable(draw.randn(5, 4, 2).astype("f"), name="matrices")
    bias = tf.Variable(tf.zeros([2]), name="bias")
    found = tf.reduce_sum(tf.nn.embedding_lookup(table, ids), 1)  # (2, 4)
    more = tf.gather(table, others)[:2]  # of the same table once more
    made = tf.einsum("ij,ijk->ik", found * tf.sigmoid(more), tf.nn.embedding_lookup(matrices, others[:2])) + bias
    loss = tf.reduce_mean(tf.square(made - 1)) + tf.reduce_mean(tf.square(tf.gather(numbers, others)))
    step = tf.train.get_or_create_global_step()
    train_op = training(tf, make(tf), loss, step)
    losses = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):  # with ids that come twice, and rows that are never looked up
            fed = {ids: draw.randint(0, 7, (2, 3)), others: draw.randint(0, 4, 4)}
            losses.append(float(session.run([loss, train_op], fed)[0]))
        values = {v.name: np.asarray(session.run(v)).tolist() for v in tf.global_variables()}
    return {"losses": losses, "values": values}


def gradients(tf):
    """What `tf.gradients` gives for a table: as slices, as a tensor, and the norm that clipping measures."""
    table = tf.Variable(np.arange(12, dtype="f").reshape(6, 2))
    rows = tf.nn.embedding_lookup(table, [[3, 1], [3, 5]])
    (gradient,) = tf.gradients(tf.reduce_sum(rows * rows), table)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        parts = gradient.values, gradient.indices, gradient.dense_shape, tf.convert_to_tensor(gradient)
        found = session.run([*parts, tf.global_norm([gradient]), tf.clip_by_norm(gradient, 1.0).values])
    return [np.asarray(array).tolist() for array in found]
