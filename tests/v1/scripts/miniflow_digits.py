"""784-300-10 with ReLU and a squared error, by MiniFlow."""
import numpy as np
from miniFlow import *
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data", one_hot=True)
rng = np.random.RandomState(0)
X, T = placeholder(), placeholder()
W1, b1 = variable(rng.normal(0, 784 ** -0.5, [784, 300])), variable(np.zeros(300))
W2, b2 = variable(rng.normal(0, 300 ** -0.5, [300, 10])), variable(np.zeros(10))
out = Linear(ReLU(Linear(X, W1, b1)), W2, b2)
cost = SquaredError(T, out)
xs, ts = mnist.train.next_batch(64)
graph = topological_sort({X: xs, T: ts})
for step in range(400):
    X.value, T.value = mnist.train.next_batch(64)
    forward_and_backward(graph)
    sgd_update([W1, b1, W2, b2], 2e-2 / 64)
X.value, T.value = mnist.test.images, mnist.test.labels
forward_pass(graph)
print("Test accuracy: %g" % np.mean(out.value.argmax(1) == T.value.argmax(1)))
