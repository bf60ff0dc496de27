"""MiniFlow, mytensor and ANNbox: what their nodes know, against numbers worked out by other means."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tapegrad.compat import miniflow, mytensor


def numeric(loss, node, graph, step=1e-6):
    """The gradient of a loss by a node's value, by differences."""
    start = node.value
    out = np.zeros_like(start)
    for place in np.ndindex(start.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            node.value = moved
            ends.append(miniflow.forward_pass(loss, graph))
        out[place] = (ends[0] - ends[1]) / (2 * step)
    node.value = start
    return out


@pytest.mark.parametrize("kind", [miniflow.MSE, miniflow.SquaredError, miniflow.SoftmaxCrossEntropy])
@pytest.mark.parametrize("activation", [miniflow.Sigmoid, miniflow.Tanh, miniflow.ReLU])
def test_miniflow_gradients_are_those_of_differences(kind, activation):
    rng = np.random.default_rng(0)
    x, t = miniflow.Input(), miniflow.placeholder()
    w, b = miniflow.Variable(rng.normal(size=(3, 4))), miniflow.variable(rng.normal(size=4))
    hidden = activation(miniflow.Linear(x, w, b))
    twice = miniflow.Add(hidden, miniflow.Mul(hidden, hidden), miniflow.MatMul(x, w))
    loss = kind(t, twice)
    graph = miniflow.topological_sort({x: rng.normal(size=(5, 3)), t: np.eye(4)[[0, 1, 2, 3, 0]]})
    miniflow.forward_and_backward(graph)
    found = {node: node.gradients[node] for node in (x, w, b)}
    for node, gradient in found.items():
        np.testing.assert_allclose(gradient, numeric(loss, node, graph), rtol=1e-5, atol=1e-8)


def test_miniflow_cross_entropy_of_softmax_is_that_of_both_in_one():
    logits = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    target = np.eye(3)[[2, 0]]
    t, z = miniflow.Input(target), miniflow.Variable(logits)
    apart = miniflow.CrossEntropy(t, miniflow.Softmax(z))
    graph = miniflow.topological_sort({t: target})
    assert graph[-1] is apart
    miniflow.forward_and_backward(graph)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(apart.value, -np.log(shares[[0, 1], [2, 0]]).mean())
    np.testing.assert_allclose(z.gradients[z], (shares - target) / 2, atol=1e-12)


def test_miniflow_sorts_what_hangs_together_each_node_after_its_inputs():
    a, b, c = miniflow.Input(), miniflow.Variable(2.0), miniflow.Variable(3.0)
    last = miniflow.Add(miniflow.Mul(a, b), c)
    graph = miniflow.topological_sort({a: 1.0})
    assert set(graph) == {a, b, c, last, last.inbound_nodes[0]}
    places = {node: place for place, node in enumerate(graph)}
    assert all(places[x] < places[node] for node in graph for x in node.inbound_nodes)
    assert miniflow.forward_pass(last, graph) == 5
    assert miniflow.forward_pass(graph) == 5
    last.inbound_nodes[0].inbound_nodes.append(last)
    last.outbound_nodes.append(last.inbound_nodes[0])
    with pytest.raises(ValueError, match="inputs of themselves"):
        miniflow.topological_sort({a: 1.0})


def test_miniflow_tells_what_is_missing():
    x, w = miniflow.Input(name="images"), miniflow.Variable(1.0)
    total = miniflow.Add(x, w)
    with pytest.raises(ValueError, match="the images has no value"):
        miniflow.forward_pass(total, miniflow.topological_sort({x: None}))
    with pytest.raises(ValueError, match="forward_and_backward"):
        miniflow.sgd_update([w])
    with pytest.raises(TypeError, match="only Input and Variable"):
        miniflow.topological_sort({total: 1})
    with pytest.raises(TypeError, match="Add: expected nodes, got float"):
        miniflow.Add(x, 1.0)


def test_a_miniflow_target_of_one_axis_stands_beside_outputs_of_two():
    t, y = miniflow.Input(), miniflow.Variable(np.zeros((3, 1)))
    loss = miniflow.SquaredError(t, y)
    assert miniflow.forward_pass(loss, miniflow.topological_sort({t: [1.0, 2.0, 3.0]})) == 14


def test_a_mytensor_step_takes_all_gradients_before_it_moves_anything():
    x, t = mytensor.placeholder([None, 1]), mytensor.placeholder([None, 1])
    v, w = mytensor.Variable([[2.0]]), mytensor.Variable([[3.0]])
    y = mytensor.matmul(mytensor.nn.FullConnection(x, v, [0.0]), w)
    loss = mytensor.MeanSquareLoss(y, t)
    step = mytensor.train.GradientDescentOptimizer(0.1).minimize(loss)
    assert v.grad is None
    session = mytensor.Session()
    assert session.run(loss, {x: [[1.0]], t: [[5.0]]}) == 0.5
    result, before = session.run([step, y], {x: [[1.0]], t: [[5.0]]})
    assert result is None
    assert before == 6
    np.testing.assert_allclose([v.grad, w.grad], [[[3.0]], [[2.0]]])  # (6 - 5) w and (6 - 5) v, both from before
    np.testing.assert_allclose([v.value, w.value], [[[1.7]], [[2.8]]])
    v.value = [[0.0]]
    assert mytensor.Session().run(y, {x: [[1.0]]}) == 0


def test_mytensor_layers_of_pictures():
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(2, 4, 4, 1)), rng.normal(size=(1, 1, 1, 2))
    x = mytensor.placeholder([None, 4, 4, 1])
    out = mytensor.MaxPool(mytensor.Conv2D(x, mytensor.Variable(kernel), [0.5, -0.5], mytensor.relu))
    found = mytensor.Session().run(out, {x: image})
    whole = np.maximum(image @ kernel[0, 0] + [0.5, -0.5], 0)
    np.testing.assert_allclose(found, whole.reshape(2, 2, 2, 2, 2, 2).max((2, 4)))
    with pytest.raises(TypeError, match=r"activation to be a function.*'relu'"):
        mytensor.FullConnection(x, kernel, 0.0, "relu")


ANNBOX = """
import numpy as np
import tapegrad.compat.annbox as tf
import tapegrad.compat.v1 as v1

assert tf.matmul is v1.matmul and tf.nn.relu is v1.nn.relu and tf.train.Saver is v1.train.Saver
x = tf.placeholder(tf.float32, [None, 2])
with tf.variable_scope("layer"):
    W = tf.get_variable("W", initializer=tf.constant([[1.0], [2.0]]))
y = tf.nn.Sub(tf.matmul(x, W), 1.0)
loss = tf.square(y)  # one number an example
step = tf.train.MomentumOptimizer(0.1, 0.5).minimize(loss)
try:
    y.value
except ValueError as error:
    assert "was in no run yet" in str(error)
tf.initialize_variables([W]).run()
tf.global_variables_initializer().run()
assert W.value.tolist() == [[1], [2]] and W.value() is W._tensor and W.my_eval().tolist() == [[1], [2]]
feed = {x: [[1, 0], [0, 1]]}
assert y.my_eval(feed).tolist() == [[0], [1]]
before = W.value
nodes = step.run(feed)
assert nodes[-1] is loss and W in nodes and x in nodes and len(nodes) == len(set(nodes)), nodes
places = [nodes.index(n) for n in (x, W, y, loss)]
assert places == sorted(places)
assert loss.value.tolist() == [[0], [1]] and y.value.tolist() == [[0], [1]]
assert before.tolist() == [[1], [2]]
np.testing.assert_allclose(W.value, [[1], [1.8]])  # 2 * 1 / 10 of the sum, not of the mean
assert y.run(feed)[-1] is y
p = tf.nn.softmax(tf.constant([[1.0, 2.0]]))
q = tf.constant([[0.25, 0.75]])
labels = tf.constant([[0.0, 1.0]])
np.testing.assert_allclose(tf.nn.cross_entropy_with_logits(p, labels).my_eval(), [np.log(1 + np.exp(-1))], rtol=1e-6)
np.testing.assert_allclose(tf.nn.cross_entropy_with_logits(q, labels).my_eval(), [-np.log(0.75)], rtol=1e-6)
for kind in ("Nesterov", "Nadam", "Adam", "Adagrad", "Adadelta", "RMSProp", "GradientDescent"):
    with tf.variable_scope(kind):
        v = tf.get_variable("v", [1], initializer=tf.constant_initializer(1.0))
    down = getattr(tf.train, kind + "Optimizer")(0.1).minimize(tf.square(v), var_list=[v])
    tf.global_variables_initializer().run()
    for _ in range(3):
        down.run()
    assert abs(v.value[0]) < 1, (kind, v.value)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    sess.run(step, feed)
    np.testing.assert_allclose(W.value, [[1], [1.8]])
print("done")
"""


def test_annbox_needs_no_session_and_shows_every_value():
    done = subprocess.run([sys.executable, "-c", ANNBOX], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr
