"""A small AlexNet reads digits, with dropout, a decaying rate and summaries."""
from __future__ import print_function

import tempfile

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("/tmp/data/", one_hot=True, seed=3)
steps, batch_size = 80, 64
tf.set_random_seed(0)


def weight_variable(shape):
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1), name="weights")


def bias_variable(shape):
    return tf.Variable(tf.constant(0.1, shape=shape), name="biases")


def conv_pool(name, x, k, inputs, outputs):
    with tf.name_scope(name):
        w, b = weight_variable([k, k, inputs, outputs]), bias_variable([outputs])
        conv = tf.nn.conv2d(x, w, strides=[1, 1, 1, 1], padding="SAME")
        act = tf.nn.relu(tf.nn.bias_add(conv, b))
        tf.summary.histogram("activation", act)
        return tf.nn.max_pool(act, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])
keep_prob = tf.placeholder(tf.float32)

images = tf.reshape(x, [-1, 28, 28, 1])
pool1 = conv_pool("conv1", images, 3, 1, 8)
pool2 = conv_pool("conv2", pool1, 3, 8, 16)
print(pool2.get_shape())
size = pool2.get_shape()[1:].num_elements()
flat = tf.reshape(pool2, [-1, size])
fc1 = tf.nn.relu(tf.nn.xw_plus_b(flat, weight_variable([size, 64]), bias_variable([64])))
fc1 = tf.nn.dropout(fc1, keep_prob)
pred = tf.matmul(fc1, weight_variable([64, 10])) + bias_variable([10])

cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=pred, labels=y))
global_step = tf.Variable(0, trainable=False, name="global_step")
rate = tf.train.exponential_decay(0.002, global_step, 50, 0.9)
optimizer = tf.train.AdamOptimizer(rate).minimize(cost, global_step=global_step)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(pred, 1), tf.argmax(y, 1)), tf.float32))
tf.summary.scalar("cost", cost)
merged = tf.summary.merge_all()

init = tf.global_variables_initializer()
with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as sess:
    sess.run(init)
    writer = tf.summary.FileWriter(tempfile.mkdtemp(), sess.graph)
    for step in range(steps):
        batch_x, batch_y = mnist.train.next_batch(batch_size)
        sess.run(optimizer, feed_dict={x: batch_x, y: batch_y, keep_prob: 0.75})
        if step % 20 == 0:
            summary, loss = sess.run([merged, cost], feed_dict={x: batch_x, y: batch_y, keep_prob: 1.0})
            writer.add_summary(summary, global_step=step)
            print("Iter %d, minibatch loss %.4f" % (step, loss))
    writer.close()
    print("Testing accuracy:", sess.run(accuracy, {x: mnist.test.images, y: mnist.test.labels, keep_prob: 1.0}))
