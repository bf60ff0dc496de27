"""Digits with ANNbox: no session, and every value can be looked at."""
import ANNbox as tf
import numpy as np
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data", one_hot=True)
x = tf.placeholder(tf.float32, [None, 784])
y_ = tf.placeholder(tf.float32, [None, 10])
W1 = tf.Variable(tf.truncated_normal([784, 300], stddev=0.1, seed=1))
b1 = tf.Variable(tf.zeros([300]))
W2 = tf.Variable(tf.zeros([300, 10]))
b2 = tf.Variable(tf.zeros([10]))
hidden = tf.nn.relu(tf.Add(tf.matmul(x, W1), b1))
y = tf.nn.softmax(tf.matmul(hidden, W2) + b2)
loss = tf.nn.cross_entropy_with_logits(logits=y, labels=y_)
squares = tf.reduce_mean(tf.square(tf.nn.Sub(y, y_)))
train_step = tf.train.MomentumOptimizer(2e-4, 0.9).minimize(loss)

tf.global_variables_initializer().run()
before = W2.value
for _ in range(120):
    xs, ys = mnist.train.next_batch(256)
    nodes = train_step.run(feed_dict={x: xs, y_: ys})
assert nodes[-1] is loss and nodes[-1].value.shape == (256,)
assert not before.any() and W2.value.any() and hidden.value.min() == 0
print("Mean loss %.4f, squared error %.4f" % (nodes[-1].value.mean(), squares.my_eval({x: xs, y_: ys})))
guess = y.my_eval(feed_dict={x: mnist.test.images})
print("Test accuracy: %g" % np.mean(guess.argmax(1) == mnist.test.labels.argmax(1)))
