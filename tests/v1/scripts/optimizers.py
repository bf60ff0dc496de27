"""The optimizers of tf.train on one valley, from one place."""
from __future__ import print_function

import tensorflow as tf

optimizers = [
    tf.train.GradientDescentOptimizer(0.02),
    tf.train.MomentumOptimizer(0.01, 0.9),
    tf.train.MomentumOptimizer(0.01, 0.9, use_nesterov=True),
    tf.train.AdagradOptimizer(0.5),
    tf.train.AdadeltaOptimizer(10.0, rho=0.9),
    tf.train.AdamOptimizer(0.1),
    tf.train.RMSPropOptimizer(0.05, momentum=0.5),
]

sess = tf.InteractiveSession()
worst = 0.0
for number, optimizer in enumerate(optimizers):
    with tf.variable_scope("run%d" % number):
        x = tf.get_variable("x", initializer=tf.constant([2.0, 1.0]))
    loss = tf.reduce_sum(tf.constant([1.0, 10.0]) * x ** 2)
    step = optimizer.minimize(loss, var_list=[x])
    sess.run(tf.global_variables_initializer())
    for _ in range(500):
        sess.run(step)
    value = loss.eval()
    worst = max(worst, value)
    print("%-28s %s  loss %.2e" % (type(optimizer).__name__, x.eval(), value))
print("Largest loss: %g" % worst)
