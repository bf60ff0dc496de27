"""What the optimizers and schedules are compared by: each case is made with `tf`, TensorFlow or tapegrad's names."""

from __future__ import annotations

STEPS = 8

OPTIMIZERS = {
    "descent": lambda tf: tf.train.GradientDescentOptimizer(0.05),
    "momentum": lambda tf: tf.train.MomentumOptimizer(0.05, 0.9),
    "nesterov": lambda tf: tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
    "adagrad": lambda tf: tf.train.AdagradOptimizer(0.2),
    "adadelta": lambda tf: tf.train.AdadeltaOptimizer(1.0, 0.9, 1e-4),
    "adam": lambda tf: tf.train.AdamOptimizer(0.1),
    "adam of large epsilon": lambda tf: tf.train.AdamOptimizer(0.1, 0.8, 0.9, epsilon=0.1),
    "rmsprop": lambda tf: tf.train.RMSPropOptimizer(0.05),
    "rmsprop with momentum": lambda tf: tf.train.RMSPropOptimizer(0.05, 0.8, 0.9, 1e-3),
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


def train(tf, make):
    """The loss of each step, and the name and the last value of every variable: of a small net, and of a vector."""
    with tf.name_scope("data"):
        x = tf.constant([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [-0.75, 1.0, 0.125], [2.0, -2.0, 1.0]])
        y = tf.constant([[1.0], [-1.0], [0.5], [2.0]])
    with tf.name_scope("layer"):
        w = tf.Variable([[0.5, -0.25], [1.0, 0.75], [-0.5, 0.125]], name="W")
    b = tf.Variable([0.1, -0.1], name="b")
    v = tf.Variable([[0.5], [-1.0]], name="v")
    d = tf.matmul(tf.matmul(x, w) + b, v) - y
    loss = tf.reduce_mean(d * d)
    step = tf.train.get_or_create_global_step()
    with tf.name_scope("training"):
        optimizer = make(tf)
        train_op = optimizer.minimize(loss, global_step=step)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = [float(session.run([loss, train_op])[0]) for _ in range(STEPS)]
        values = {variable.name: session.run(variable).tolist() for variable in tf.global_variables()}
    slots = {name: optimizer.get_slot(w, name).name for name in optimizer.get_slot_names()}
    return {"losses": losses, "values": values, "operation": train_op.name, "slots": slots}


SCHEDULES = {
    "exponential": lambda tf, step: tf.train.exponential_decay(0.1, step, 10, 0.5),
    "exponential in stairs": lambda tf, step: tf.train.exponential_decay(0.1, step, 10, 0.5, staircase=True),
    "natural": lambda tf, step: tf.train.natural_exp_decay(0.1, step, 10, 0.5),
    "natural in stairs": lambda tf, step: tf.train.natural_exp_decay(0.1, step, 10, 0.5, staircase=True),
    "inverse time": lambda tf, step: tf.train.inverse_time_decay(0.1, step, 10, 0.5),
    "polynomial": lambda tf, step: tf.train.polynomial_decay(0.1, step, 20, 0.01, power=0.5),
    "polynomial in cycles": lambda tf, step: tf.train.polynomial_decay(0.1, step, 20, 0.01, cycle=True),
    "piecewise": lambda tf, step: tf.train.piecewise_constant(step, [5, 20], [1.0, 0.5, 0.1]),
    "cosine": lambda tf, step: tf.train.cosine_decay(0.1, step, 20, 0.1),
    "cosine with restarts": lambda tf, step: tf.train.cosine_decay_restarts(0.1, step, 7, 2.0, 0.9, 0.1),
    "cosine with equal restarts": lambda tf, step: tf.train.cosine_decay_restarts(0.1, step, 7, 1.0),
    "linear cosine": lambda tf, step: tf.train.linear_cosine_decay(0.1, step, 20),
}
AT = [0, 1, 5, 6, 9, 10, 15, 20, 21, 33]


def scheduled(tf, make):
    """The rate at some steps, and the name of its tensor."""
    step = tf.placeholder(tf.int64, [])
    rate = make(tf, step)
    with tf.Session() as session:
        return {"rates": [float(session.run(rate, {step: at})) for at in AT], "dtype": rate.dtype.name}
