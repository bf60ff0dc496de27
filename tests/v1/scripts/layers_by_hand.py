"""What notes on graphs compute by hand, by tf.gradients: an affine layer, softmax with loss, and SimpleNet."""
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

x = np.array([[-0.93687019, 0.57828754, -0.76800081], [-0.00399834, 0.1000363, -1.1926997]])
W = np.array([[-0.93569731, 0.72740693, 2.95627284, -0.19767411], [0.78800105, 0.3317538, 0.27264821, -0.77995306],
              [-1.71889265, 0.94648079, -0.74407137, 0.08367462]])
dy = np.array([[-0.21584035, 0.67554835, -0.10841518, -2.37497773], [0.36791339, 0.42988391, 0.54364351, -0.63800321]])
tx, tw = tf.constant(x), tf.constant(W)
out = tf.matmul(tx, tw)
dx, dw = tf.gradients(out, [tx, tw], grad_ys=tf.constant(dy))
logits = tf.constant([[-0.01879012, -0.54829851, 0], [-0.84352563, 0, -0.07835929]], tf.float64)
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1], logits=logits))
slope, = tf.gradients(loss, [logits])
with tf.Session() as sess:
    results = sess.run([out, dx, dw, tf.nn.softmax(logits), slope, loss])
expected = [
    [[2.65242905, -1.2165348, -2.04052743, -0.33010432], [2.1326927, -1.09858836, 0.90290823, -0.17703194]],
    [[0.84232656, 1.87684524, 0.8923432], [1.70172023, 1.07836775, -0.68342101]],
    [[0.20074334, -0.63461993, 0.09939727, 2.2275968], [-0.08801309, 0.43366518, -0.00831106, -1.4372435],
     [-0.27304463, -1.03154408, -0.56514051, 2.58493105]],
    [[0.38345585, 0.225815, 0.39072915], [0.18268511, 0.42466031, 0.39265458]],
    [[-0.30827208, 0.1129075, 0.19536457], [0.09134255, -0.28766984, 0.19632729]],
    0.907498,
]
for found, wanted, tolerance in zip(results, expected, [1e-7, 1e-7, 1e-7, 1e-7, 1e-7, 1e-6]):
    assert np.abs(found - np.array(wanted)).max() < tolerance, (found, wanted)

mnist = input_data.read_data_sets("MNIST_data", one_hot=True, seed=3)
tf.set_random_seed(2)
images, labels = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.float32, [None, 10])
w1 = tf.get_variable("w1", [784, 50], initializer=tf.random_normal_initializer(stddev=0.05))
b1 = tf.get_variable("b1", [50], initializer=tf.zeros_initializer())
w2 = tf.get_variable("w2", [50, 10], initializer=tf.random_normal_initializer(stddev=0.1))
b2 = tf.get_variable("b2", [10], initializer=tf.zeros_initializer())
scores = tf.matmul(tf.sigmoid(tf.matmul(images, w1) + b1), w2) + b2
cost = tf.losses.softmax_cross_entropy(labels, scores)
back = tf.nn.l2_loss(tf.matmul(scores, w2, transpose_b=True)) * 1e-6  # w2 once more, the other way round
params = tf.trainable_variables()
grads, norm = tf.clip_by_global_norm(tf.gradients(cost + back, params), 5.0)
step = tf.train.GradientDescentOptimizer(0.5).apply_gradients(zip(grads, params))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(400):
        xs, ys = mnist.train.next_batch(100)
        sess.run(step, {images: xs, labels: ys})
    right = tf.reduce_mean(tf.to_float(tf.equal(tf.argmax(scores, 1), tf.argmax(labels, 1))))
    print("Test accuracy: %g" % sess.run(right, {images: mnist.test.images, labels: mnist.test.labels}))
