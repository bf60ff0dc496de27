"""Networks written out by hand: a graph in miniature, a network of 26 numbers, and one that reads digits.

    python examples/miniflow.py --data FOLDER       (MNIST)
    python examples/miniflow.py                     (the digits that come with tapegrad)

There are no layers and no optimizer here: a parameter is a Tensor, and a step is one line. It ends with 1 unless the
26 numbers bring the outputs within 0.001 of their targets, and 0.95 of the test images are read right.
"""

import sys

import numpy as np
from common import draw, images, reached, run, table

import tapegrad as tg
from tapegrad import data

ERROR, ACCURACY = 1e-3, 0.95
EPOCHS = {"MNIST": 5, "digits": 40}


def main(options):
    graphs()
    errors = fit_26_numbers()
    source = images(options.data)
    accuracies = read_digits(source, EPOCHS[source.name])
    draw(options.plot, (9, 3.8), lambda figure: paint(figure, errors, accuracies, source.name))
    close = reached("Largest error of the small network", errors[-1], at_most=ERROR)
    return reached("Test accuracy of the large one", accuracies[-1], at_least=ACCURACY) and close


def graphs():
    """The smallest graphs: a sum, a linear layer, and a squared error."""
    print("10 + 20 =", (tg.tensor(10) + tg.tensor(20)).item())
    print("[1, 2] @ W + b =", np.array([1.0, 2.0]) @ tg.tensor([[1, 2, 3], [4, 5, 6]]) + tg.tensor([1, 2, 3]))
    print("squared error =", np.square(tg.tensor([1.0, 2, 3]) - np.array([4.5, 5, 10])).sum().item())


def descend(loss, parameters, rate):
    """One step of gradient descent: all gradients first, then every parameter against its own."""
    loss.backward()
    with tg.no_grad():
        for parameter in parameters:
            parameter -= rate * parameter.grad
            parameter.grad = None


def fit_26_numbers(steps=300):
    """Three inputs, four hidden values through a sigmoid, two outputs through tanh; gives the error after each step."""
    x, target = np.array([1.0, 2.0, 3.0]), np.array([-0.85, 0.72])
    w1 = tg.tensor([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]], np.float64, requires_grad=True)
    b1 = tg.tensor([-2, -6, -1, -7], np.float64, requires_grad=True)
    w2 = tg.tensor([[1.3, 1.4], [1.5, 1.6], [1.7, 1.8], [1.9, 2.0]], np.float64, requires_grad=True)
    b2 = tg.tensor([-2.5, -5], np.float64, requires_grad=True)

    def forward():
        return np.tanh(tg.sigmoid(x @ w1 + b1) @ w2 + b2)

    print(f"\nThe network gives {forward()} and is to give {target}. How it is computed:")
    tg.show_tape(forward())
    rows, errors = [], []
    for step in range(steps + 1):
        y = forward()
        loss = np.square(y - target).sum() / 2
        errors.append(np.abs(y.numpy() - target).max())
        if step in {0, 1, 2, 5, 10, 20, 50, 100, steps}:
            rows.append((f"{step}", str(y.numpy().round(4)), f"{b2.numpy().round(3)}", f"{loss.item():.2e}"))
        descend(loss, (w1, b1, w2, b2), 0.1)
    table("26 numbers learn", ("step", "outputs", "last biases", "half squared error"), rows)
    return errors


def read_digits(source, epochs):
    """A hidden layer of 300 through relu, squared error, batches of 64; gives the test accuracy after each epoch."""
    pixels = source.side**2
    w1 = tg.tensor(tg.random.normal((pixels, 300), 0, pixels**-0.5), requires_grad=True)
    b1 = tg.zeros(300, requires_grad=True)
    w2 = tg.tensor(tg.random.normal((300, 10), 0, 300**-0.5), requires_grad=True)
    b2 = tg.zeros(10, requires_grad=True)
    targets = np.eye(10, dtype=np.float32)
    rows, accuracies = [], []
    for epoch in range(1, epochs + 1):
        for x, y in data.batches(*source.training, 64):
            hidden = tg.relu(x @ w1 + b1)
            outputs = hidden @ w2 + b2
            loss = np.square(outputs - targets[y]).sum(axis=1).mean()
            descend(loss, (w1, b1, w2, b2), 2e-2)
        with tg.no_grad():
            outputs = tg.relu(source.test.x @ w1 + b1) @ w2 + b2
        accuracies.append(np.mean(outputs.numpy().argmax(axis=1) == source.test.y))
        if epoch % -(-epochs // 8) == 0 or epoch == epochs:
            idle = np.mean(hidden.numpy() == 0)
            rows.append((f"{epoch}", f"{loss.item():.4f}", f"{idle:.0%}", f"{accuracies[-1]:.4f}"))
    table(f"{pixels}-300-10 reads {source.name}", ("epoch", "last loss", "hidden at zero", "test accuracy"), rows)
    return accuracies


def paint(figure, errors, accuracies, name):
    left, right = figure.subplots(1, 2)
    left.set(title="26 numbers: largest error of an output", xlabel="step", yscale="log")
    left.plot(errors)
    left.axhline(ERROR, color="#d1551b", linewidth=1, linestyle="--")
    left.annotate("goal", (0, ERROR), (2, 4), textcoords="offset points", color="#d1551b")
    right.set(title=f"{name}: test accuracy", xlabel="epoch")
    right.plot(range(1, len(accuracies) + 1), accuracies, marker="o", markersize=4)
    right.axhline(ACCURACY, color="#d1551b", linewidth=1, linestyle="--")
    right.annotate("goal", (1, ACCURACY), (2, 4), textcoords="offset points", color="#d1551b")
    right.xaxis.get_major_locator().set_params(integer=True)


if __name__ == "__main__":
    sys.exit(run(main, __doc__, data="MNIST's four idx.gz files"))
