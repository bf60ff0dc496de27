"""MiniFlow's first graphs: a sum, a linear layer, a squared error, and its gradients."""
import numpy as np
from miniFlow import *

x, y = placeholder(), placeholder()
f = Add(x, y)
print("10 + 20 =", forward_pass(f, topological_sort({x: 10, y: 20})))
assert f.value == 30

X, W, b = Input(), Input(), Input()
line = Linear(X, W, b)
graph = topological_sort({X: [1, 2], W: [[1, 2, 3], [4, 5, 6]], b: [1, 2, 3]})
print(forward_pass(line, graph))
assert np.array_equal(line.value, [10, 14, 18])
assert line.inbound_nodes == [X, W, b] and X.outbound_nodes == [line]

target, output = Input(), variable()
loss = SquaredError(target, output)
mean = MSE(target, output)
graph = topological_sort({target: [1, 2, 3], output: [4.5, 5, 10]})
assert graph.index(loss) > graph.index(output)
forward_pass(graph)
assert abs(mean.value - 70.25 / 3) < 1e-12
print("Squared error: %g" % loss.value)
