"""784-128-10 on standardised pixels, with mytensor."""
import mytensor as mt
import numpy as np
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data", one_hot=True)
mean, deviation = mnist.train.images.mean(), mnist.train.images.std()
rng = np.random.RandomState(0)
X, T = mt.placeholder([None, 784]), mt.placeholder([None, 10])
W1, b1 = mt.Variable(rng.normal(0, 0.05, [784, 128])), mt.Variable(np.zeros(128))
W2, b2 = mt.Variable(rng.normal(0, 0.05, [128, 10])), mt.Variable(np.zeros(10))
hidden = mt.nn.FullConnection(X, W1, b1, mt.relu)
out = mt.nn.FullConnection(hidden, W2, b2)
loss = mt.nn.SoftmaxCrossEntropy(out, T)
train = mt.train.GradientDescentOptimizer(0.05).minimize(loss)
sess = mt.Session()
for _ in range(300):
    images, labels = mnist.train.next_batch(128)
    sess.run(train, {X: (images - mean) / deviation, T: labels})
guess = sess.run(out, {X: (mnist.test.images - mean) / deviation})
print("Test accuracy: %g" % np.mean(guess.argmax(1) == mnist.test.labels.argmax(1)))
