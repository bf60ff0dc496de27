"""A line by gradient descent, beside the one of least squares."""
import mytensor as mt
import numpy as np

rng = np.random.RandomState(0)
inputs = rng.uniform(-1, 1, [100, 1])
targets = 2 * inputs - 0.5 + rng.normal(0, 0.1, [100, 1])
x, t = mt.placeholder([None, 1]), mt.placeholder([None, 1])
W, b = mt.Variable([[0.0]]), mt.Variable([0.0])
y = mt.nn.FullConnection(x, W, b, None)
loss = mt.MeanSquareLoss(y, t)
train = mt.train.GradientDescentOptimizer(0.5).minimize(loss)
sess = mt.Session()
for _ in range(200):
    sess.run(train, {x: inputs, t: targets})
exact = np.linalg.lstsq(np.hstack([inputs, np.ones_like(inputs)]), targets, rcond=None)[0].ravel()
print(W.value, b.value, exact, "gradient", W.grad)
print("Distance: %g" % max(abs(W.value[0, 0] - exact[0]), abs(b.value[0] - exact[1])))
