"""Three inputs, four hidden values through a sigmoid, two outputs through tanh: 26 numbers learn one answer."""
import numpy as np
from miniFlow import *

x, t = Input(), Input()
w1 = Variable([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]])
b1 = Variable([-2, -6, -1, -7])
w2 = Variable([[1.3, 1.4], [1.5, 1.6], [1.7, 1.8], [1.9, 2.0]])
b2 = Variable([-2.5, -5])
hidden = Sigmoid(Linear(x, w1, b1))
out = Tanh(Linear(hidden, w2, b2))
cost = MSE(t, out)

trainables = [w1, b1, w2, b2]
graph = topological_sort({x: [1, 2, 3], t: [-0.85, 0.72]})
print("%d numbers, output %s" % (sum(v.value.size for v in trainables), forward_pass(out, graph)))
assert np.array_equal(out.value.round(2), [0.72, -0.88])
for step in range(1000):
    forward_and_backward(graph)
    sgd_update(trainables, learning_rate=0.1)
forward_pass(graph)
print(out.value)
print("Error: %g" % np.abs(out.value - t.value).max())
