"""The worked numbers and experiments of five teaching documents on small neural-network libraries.

Their letters: A, a library in the style of TensorFlow 1; B, notes on computational graphs with layers by hand; D, a
course that goes from Torch's pairs of functions to a graph; E, layers by hand once more. Where a document is wrong, the
right answer stands here, and a comment says so.
"""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.data import batches, datasets
from tapegrad.nn.functional import cross_entropy

RNG = np.random.default_rng(0)


def leaf(values):
    return tg.tensor(np.array(values, np.float64), requires_grad=True)


# A1: nodes, placeholders and a linear layer -------------------------------------------------------


def test_a1_a_sum():
    assert (tg.tensor(10) + tg.tensor(20)).item() == 30


def test_a1_a_linear_layer():
    x, w, b = np.array([1.0, 2.0]), leaf([[1, 2, 3], [4, 5, 6]]), leaf([1, 2, 3])
    y = x @ w + b
    assert y.numpy().tolist() == [10, 14, 18]
    y.sum().backward()
    assert w.grad.numpy().tolist() == [[1, 1, 1], [2, 2, 2]]
    assert b.grad.numpy().tolist() == [1, 1, 1]


def test_a1_a_summed_squared_error():
    x = leaf([1, 2, 3])
    error = ((x - np.array([4.5, 5, 10])) ** 2).sum()
    assert error.item() == 70.25
    error.backward()
    assert x.grad.numpy().tolist() == [-7, -6, -14]


def test_a1_values_are_fed_and_updated():
    """One step of `sgd_update` in the graph linear, sigmoid, mean squared error, against the chain rule by hand."""
    x, t = np.array([[-1.0, -2.0], [-1.0, -2.0]]), np.array([[1.0], [2.0]])
    w, b = leaf([[2.0], [3.0]]), leaf([-3.0])
    s = tg.sigmoid(x @ w + b)
    cost = ((t - s) ** 2).mean()
    cost.backward()
    out = s.numpy()
    dz = 2 / 2 * (out - t) * out * (1 - out)
    assert np.allclose(w.grad.numpy(), x.T @ dz, rtol=1e-14)
    assert np.allclose(b.grad.numpy(), dz.sum(axis=0), rtol=1e-14)
    expected = w.numpy() - 0.01 * (x.T @ dz)
    optim.SGD([w, b], lr=0.01).step()
    assert np.allclose(w.numpy(), expected, rtol=1e-14)


# A2: the multi-layer perceptron -------------------------------------------------------------------


def test_a2_the_gradient_of_softmax_and_cross_entropy_is_s_minus_l():
    z, labels = leaf(RNG.normal(size=(5, 4))), RNG.dirichlet(np.ones(4), 5)
    g = RNG.normal(size=5)
    loss = tg.softmax_cross_entropy(z, labels)
    s = np.exp(z.numpy()) / np.exp(z.numpy()).sum(axis=1, keepdims=True)
    # The document adds (1 - l) log(1 - s) to the loss, but uses the gradient without it.
    assert np.allclose(loss.numpy(), -(labels * np.log(s)).sum(axis=1), rtol=1e-14)
    loss.backward(g)
    assert np.allclose(z.grad.numpy(), g[:, None] * (s - labels), atol=1e-15)
    # In two steps, as written there, it is the same.
    composed = leaf(z.numpy())
    (-(labels * np.log(tg.softmax(composed))).sum(axis=1)).backward(g)
    assert np.allclose(composed.grad.numpy(), z.grad.numpy(), atol=1e-15)


def test_a2_the_jacobian_of_softmax():
    z = RNG.normal(size=4)
    s = np.exp(z) / np.exp(z).sum()
    jacobian = tg.jacobian(tg.softmax)(z)
    assert np.allclose(jacobian, np.diag(s) - np.outer(s, s), atol=1e-15)
    # The document has the elementwise s (1 - s), which is the diagonal alone.
    assert not np.allclose(jacobian, np.diag(s * (1 - s)), atol=1e-3)


def test_a2_the_two_squared_errors():
    y, t = leaf([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.0, 4.0], [3.0, 2.0]])
    half = ((y - t) ** 2).sum(axis=1) / 2
    assert half.numpy().tolist() == [2.5, 4.5]
    half.sum().backward()
    assert y.grad.numpy().tolist() == [[1.0, -2.0], [0.0, 3.0]]
    y.grad = None
    mean = ((y - t) ** 2).mean()
    assert mean.item() == 3.5
    mean.backward()
    assert y.grad.numpy().tolist() == [[0.5, -1.0], [0.0, 1.5]]


def three_layers(zeroed):
    """A network of three layers, of which the last `zeroed` start at zero, weights and biases."""
    tg.random.seed(3)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    for layer in [model[0], model[2], model[4]][3 - zeroed :]:
        layer.weight.assign_(np.zeros(layer.weight.shape))
        layer.bias.assign_(np.zeros(layer.bias.shape))
    return model


def after_training(model):
    """What 200 steps change: the names of the parameters that moved, and the loss before and after."""
    x = np.random.default_rng(1).normal(size=(60, 6)).astype(np.float32)
    # Uneven classes: with even ones the gradient of the output's bias would be zero at the start too.
    y = np.where(x[:, 0] > 1, 2, (x[:, 1] > 0).astype(int))
    before = model.state_dict()
    first = cross_entropy(model(x), y).item()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    after = model.state_dict()
    return {name for name in before if not np.array_equal(before[name], after[name])}, first, loss.item()


def test_a2_with_the_last_two_layers_zero_no_weight_ever_moves():
    moved, first, last = after_training(three_layers(zeroed=2))
    assert moved == {"4.bias"}
    assert last > 0.8 * first


def test_a2_with_only_the_last_layer_zero_it_learns():
    moved, first, last = after_training(three_layers(zeroed=1))
    assert moved == {"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"}
    assert last < 0.1 * first


def mnist_network(widths):
    tg.random.seed(0)
    layers = []
    for inputs, outputs in pairwise(widths):
        layer = nn.Linear(inputs, outputs)
        layer.weight.assign_(nn.init.truncated_normal((inputs, outputs), std=0.1))
        layer.bias.assign_(np.zeros(outputs))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def accuracy(model, examples):
    with tg.no_grad():
        return (model(examples.x).numpy().argmax(axis=1) == examples.y).mean()


def half_squared_error(y, labels):
    return ((y - np.eye(10, dtype=np.float32)[labels]) ** 2).sum(axis=1) / 2


@pytest.fixture(scope="module")
def mnist(data_folder):
    return datasets.mnist(data_folder / "mnist")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("widths", "loss", "goal"),
    [
        ((784, 300, 10), tg.softmax_cross_entropy, 0.95),
        ((784, 10), tg.softmax_cross_entropy, 0.91),  # a linear model can do no better than 0.92 or 0.93
        ((784, 300, 10), half_squared_error, 0.91),
        ((784, 10), half_squared_error, 0.80),
    ],
)
def test_a2_two_epochs_of_mnist_with_a_vector_of_losses(mnist, widths, loss, goal):
    """The gradients of the batch add up, and Momentum(2e-4, 0.9) is a rate for such sums."""
    train, test = mnist
    model = mnist_network(widths)
    optimizer = optim.SGD(model.parameters(), lr=2e-4, momentum=0.9)
    data = batches(*train, 256)
    for _ in range(2):
        for x, y in data:
            optimizer.zero_grad()
            losses = loss(model(x), y)
            losses.backward(np.ones(losses.shape, np.float32))
            optimizer.step()
    assert accuracy(model, test) >= goal


@pytest.mark.slow
def test_a2_with_the_mean_these_rates_reach_much_less(mnist):
    train, test = mnist
    model = mnist_network((784, 300, 10))
    optimizer = optim.SGD(model.parameters(), lr=2e-4, momentum=0.9)
    data = batches(*train, 256)
    for _ in range(2):
        for x, y in data:
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            optimizer.step()
    assert 0.5 < accuracy(model, test) < 0.85


# B: layers by hand --------------------------------------------------------------------------------

B_X = [[-0.93687019, 0.57828754, -0.76800081], [-0.00399834, 0.1000363, -1.1926997]]
B_W = [
    [-0.93569731, 0.72740693, 2.95627284, -0.19767411],
    [0.78800105, 0.3317538, 0.27264821, -0.77995306],
    [-1.71889265, 0.94648079, -0.74407137, 0.08367462],
]
B_DY = [[-0.21584035, 0.67554835, -0.10841518, -2.37497773], [0.36791339, 0.42988391, 0.54364351, -0.63800321]]
B_Y = [[2.65242905, -1.2165348, -2.04052743, -0.33010432], [2.1326927, -1.09858836, 0.90290823, -0.17703194]]
B_DX = [[0.84232656, 1.87684524, 0.8923432], [1.70172023, 1.07836775, -0.68342101]]
B_DW = [
    [0.20074334, -0.63461993, 0.09939727, 2.2275968],
    [-0.08801309, 0.43366518, -0.00831106, -1.4372435],
    [-0.27304463, -1.03154408, -0.56514051, 2.58493105],  # the third is misprinted there as -0.56515051
]


def test_b_matmul():
    x, w = leaf(B_X), leaf(B_W)
    y = x @ w
    y.backward(np.array(B_DY))
    assert np.abs(y.numpy() - B_Y).max() < 1e-7
    assert np.abs(x.grad.numpy() - B_DX).max() < 1e-7
    assert np.abs(w.grad.numpy() - B_DW).max() < 1e-7


@pytest.mark.parametrize("one_hot", [False, True])
def test_b_softmax_with_loss(one_hot):
    scores = leaf([[-0.01879012, -0.54829851, 0], [-0.84352563, 0, -0.07835929]])
    labels = np.array([0, 1])
    loss = cross_entropy(scores, np.eye(3)[labels] if one_hot else labels)
    loss.backward()
    probabilities = [[0.38345585, 0.225815, 0.39072915], [0.18268511, 0.42466031, 0.39265458]]
    gradient = [[-0.30827208, 0.1129075, 0.19536457], [0.09134255, -0.28766984, 0.19632729]]
    assert np.abs(tg.softmax(scores).numpy() - probabilities).max() < 1e-7
    assert np.abs(scores.grad.numpy() - gradient).max() < 1e-7
    assert loss.item() == pytest.approx(0.907498, abs=1e-6)


def test_b_branch_repeat_and_sum():
    """What goes two ways gets both gradients; repeating N times and summing over N are each other's gradient."""
    x, g, h = leaf(RNG.normal(size=(1, 8))), RNG.normal(size=(1, 8)), RNG.normal(size=(7, 8))
    (x * g + x * g).sum().backward()
    assert np.allclose(x.grad.numpy(), 2 * g, rtol=1e-15)
    x.grad = None
    np.repeat(x, 7, axis=0).backward(h)
    assert np.allclose(x.grad.numpy(), h.sum(axis=0, keepdims=True), rtol=1e-14)
    y = leaf(h)
    y.sum(axis=0, keepdims=True).backward(g)
    assert np.array_equal(y.grad.numpy(), np.repeat(g, 7, axis=0))


def test_b_sigmoid():
    x, g = leaf([-2.0, 0.0, 3.0]), RNG.normal(size=3)
    y = tg.sigmoid(x)
    y.backward(g)
    # The document drops the `1 +` of the denominator once.
    out = 1 / (1 + np.exp([2.0, 0.0, -3.0]))
    assert np.allclose(y.numpy(), out, rtol=1e-15)
    assert np.allclose(x.grad.numpy(), g * out * (1 - out), rtol=1e-14)


class Tied(nn.Module):
    """Words in, hidden numbers, words out, through one matrix used both ways."""

    def __init__(self):
        self.embed = nn.Linear(6, 4, bias=False, dtype=np.float64)
        self.out = self.embed.weight

    def forward(self, x):
        return np.tanh(self.embed(x)) @ self.out.T


def test_b_a_weight_tied_through_its_transpose_gets_both_gradients_once():
    tg.random.seed(1)
    model, x, labels = Tied(), RNG.normal(size=(5, 6)), np.array([0, 5, 2, 2, 1])
    assert [p.shape for p in model.parameters()] == [(6, 4)]
    w = model.out.numpy()

    # By hand: two matrices of the same value, whose gradients are added.
    h = np.tanh(x @ w)
    z = h @ w.T
    dz = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    dz[np.arange(5), labels] -= 1
    dz /= 5
    as_output = dz.T @ h
    as_input = x.T @ ((dz @ w) * (1 - h**2))
    optimizer = optim.SGD([*model.parameters(), model.out], lr=0.5)
    cross_entropy(model(x), labels).backward()
    assert np.allclose(model.out.grad.numpy(), as_input + as_output, atol=1e-14)
    optimizer.step()
    assert np.allclose(model.embed.weight.numpy(), w - 0.5 * (as_input + as_output), atol=1e-14)
    assert model.embed.weight is model.out


@pytest.mark.slow
def test_b_simple_net_on_mnist(mnist):
    """784-50-10 with relu, rate 0.1, 10,000 iterations of batch 100: the document reports 0.978 and 0.968."""
    train, test = mnist
    tg.random.seed(0)
    model = nn.Sequential(nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))
    for layer in (model[0], model[2]):
        layer.weight.assign_(nn.init.normal(layer.weight.shape, std=0.01))
        layer.bias.assign_(np.zeros(layer.bias.shape))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    data = batches(*train, 100)
    for x, y in islice((batch for _ in range(17) for batch in data), 10_000):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
    assert accuracy(model, train) == pytest.approx(0.978, abs=0.005)
    assert accuracy(model, test) == pytest.approx(0.968, abs=0.005)


# D: a network of 26 parameters --------------------------------------------------------------------

D_X, D_TARGET = np.array([1.0, 2.0, 3.0]), np.array([-0.85, 0.72])
D_W1 = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]]
D_B1 = [-2, -6, -1, -7]
D_W2 = [[1.3, 1.4], [1.5, 1.6], [1.7, 1.8], [1.9, 2.0]]
D_B2 = [-2.5, -5]


def test_d_the_net_starts_where_the_document_says_and_reaches_its_target():
    w1, b1, w2, b2 = parameters = [leaf(values) for values in (D_W1, D_B1, D_W2, D_B2)]
    assert sum(p.size for p in parameters) == 26

    def forward():
        return np.tanh(tg.sigmoid(D_X @ w1 + b1) @ w2 + b2)

    assert forward().numpy().round(2).tolist() == [0.72, -0.88]
    optimizer = optim.SGD(parameters, lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        (((forward() - D_TARGET) ** 2).sum() / 2).backward()
        optimizer.step()
    assert np.abs(forward().numpy() - D_TARGET).max() < 1e-3


def test_d_every_module_is_a_pair_of_functions():
    """The gradients of the first step, from pairs of functions by hand: output, and gradient of the input."""
    w1, b1, w2, b2 = parameters = [leaf(values) for values in (D_W1, D_B1, D_W2, D_B2)]
    hidden = tg.sigmoid(D_X @ w1 + b1)
    out = np.tanh(hidden @ w2 + b2)
    (((out - D_TARGET) ** 2).sum() / 2).backward()
    h, y = hidden.numpy(), out.numpy()
    d_tanh = (y - D_TARGET) * (1 - y**2)
    d_sigmoid = (d_tanh @ w2.numpy().T) * h * (1 - h)
    expected = np.outer(D_X, d_sigmoid), d_sigmoid, np.outer(h, d_tanh), d_tanh
    for p, gradient in zip(parameters, expected, strict=True):
        assert np.allclose(p.grad.numpy(), gradient, atol=1e-15)


# E: layers by hand, again -------------------------------------------------------------------------


def test_e_affine():
    layer, x = nn.Linear(3, 4, dtype=np.float64), leaf(RNG.normal(size=(5, 3)))
    dout = RNG.normal(size=(5, 4))
    layer(x).backward(dout)
    assert np.allclose(x.grad.numpy(), dout @ layer.weight.numpy().T, rtol=1e-13)
    assert np.allclose(layer.weight.grad.numpy(), x.numpy().T @ dout, rtol=1e-13)
    assert np.allclose(layer.bias.grad.numpy(), dout.sum(axis=0), rtol=1e-13)


def test_e_relu_is_a_mask():
    x, dout = leaf([[1.0, -0.5], [-2.0, 3.0], [0.0, -0.0]]), RNG.normal(size=(3, 2))
    y = tg.relu(x)
    y.backward(dout)
    assert y.numpy().tolist() == [[1.0, 0.0], [0.0, 3.0], [0.0, 0.0]]
    assert x.grad.numpy().tolist() == (dout * [[1, 0], [0, 1], [0, 0]]).tolist()


def test_e_softmax_with_loss():
    scores, labels = leaf(RNG.normal(size=(6, 4))), RNG.integers(0, 4, 6)
    cross_entropy(scores, labels).backward()
    y = np.exp(scores.numpy()) / np.exp(scores.numpy()).sum(axis=1, keepdims=True)
    assert np.allclose(scores.grad.numpy(), (y - np.eye(4)[labels]) / 6, atol=1e-15)
