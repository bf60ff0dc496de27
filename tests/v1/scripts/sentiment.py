"""Film reviews, good or bad: how often each word stands there, ten hidden values, one output."""
from __future__ import print_function

import collections
import gzip
import os
import sys

import numpy as np
import tensorflow as tf

HIDDEN, BATCH, EPOCHS = 10, 50, 20


def read(folder, name):
    with gzip.open(os.path.join(folder, name), "rt") as f:
        return [line.strip() for line in f]


def vectors(reviews, words):
    index = {word: i for i, word in enumerate(words)}
    out = np.zeros([len(reviews), len(words)], np.float32)
    for row, review in enumerate(reviews):
        for word in set(review.split(" ")):
            if word in index:
                out[row, index[word]] = 1
    return out


reviews = read(sys.argv[1], "reviews-first2000.txt.gz")
labels = np.array([[label == "positive"] for label in read(sys.argv[1], "labels-first2000.txt.gz")], np.float32)
split = len(reviews) * 4 // 5
counts = collections.Counter(word for review in reviews[:split] for word in review.split(" "))
words = [word for word, count in counts.most_common() if count > 20 and word]
x_train, x_test = vectors(reviews[:split], words), vectors(reviews[split:], words)
print("%d reviews, %d words" % (len(reviews), len(words)))

tf.set_random_seed(1)
inputs = tf.placeholder(tf.float32, [None, len(words)])
targets = tf.placeholder(tf.float32, [None, 1])
hidden = tf.matmul(inputs, tf.Variable(tf.random_normal([len(words), HIDDEN], stddev=0.05)))
w = tf.Variable(tf.random_normal([HIDDEN, 1], stddev=HIDDEN ** -0.5))
output = tf.sigmoid(tf.matmul(hidden, w))
cost = tf.reduce_mean(tf.square(output - targets))
optimizer = tf.train.MomentumOptimizer(0.05, 0.95).minimize(cost)
right = tf.equal(output > 0.5, targets > 0.5)
accuracy = tf.reduce_mean(tf.to_float(right))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch in range(EPOCHS):
        for start in range(0, split, BATCH):
            chosen = slice(start, start + BATCH)
            _, loss = sess.run([optimizer, cost], {inputs: x_train[chosen], targets: labels[:split][chosen]})
    print("Last loss: %g" % loss)
    print("Test accuracy: %g" % sess.run(accuracy, {inputs: x_test, targets: labels[split:]}))
