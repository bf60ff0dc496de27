"""A hidden layer of 300 reads digits: the loss is one number an example, and their gradients add up."""
from __future__ import absolute_import, division, print_function

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_integer("epochs", 5, "Times that all images are seen")
flags.DEFINE_float("learning_rate", 2e-4, "Of momentum")
flags.DEFINE_integer("batch_size", 256, "Images a step")


def main(_):
    mnist = input_data.read_data_sets("MNIST_data/", one_hot=True, seed=3)
    x = tf.placeholder(tf.float32, [None, 784], name="x")
    y_ = tf.placeholder(tf.float32, [None, 10], name="labels")

    W1 = tf.Variable(tf.truncated_normal([784, 300], stddev=0.1, seed=1))
    b1 = tf.Variable(tf.zeros([300]))
    W2 = tf.Variable(tf.zeros([300, 10]))
    b2 = tf.Variable(tf.zeros([10]))
    hidden = tf.nn.relu(tf.matmul(x, W1) + b1)
    y = tf.matmul(hidden, W2) + b2

    loss = tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y)
    train_step = tf.train.MomentumOptimizer(FLAGS.learning_rate, 0.9).minimize(loss)
    correct = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        steps = mnist.train.num_examples // FLAGS.batch_size
        for epoch in range(FLAGS.epochs):
            for _ in range(steps):
                xs, ys = mnist.train.next_batch(FLAGS.batch_size)
                _, value = sess.run([train_step, loss], feed_dict={x: xs, y_: ys})
            print("Epoch %d, mean loss %.4f" % (epoch + 1, value.mean()))
        print("Test accuracy: %g" % accuracy.eval({x: mnist.test.images, y_: mnist.test.labels}))


if __name__ == "__main__":
    tf.app.run()
