"""Reading a tape: what a computation wrote down, every value in it, and every gradient on the way back.

    python examples/gradient_demo.py        (ends with 1 unless the gradients are those that one finds by hand)

What follows the >>> can be typed into Python as it stands; this script types it for you.
"""

import code
import sys

import numpy as np
from common import draw, reached, run, table

import tapegrad as tg

SESSION = """
# Numbers that want a gradient are leaves of the tape; all that is computed from them is written down.
import numpy as np
import tapegrad as tg
x = tg.tensor([1.0, 2.0, 3.0], np.float64, requires_grad=True)
w = tg.tensor([0.5, -1.0, 0.25], np.float64, requires_grad=True)
z = x * w
h = np.tanh(z)
y = h.sum()

# Every value can be looked at, now and later: no session hides it.
z
h
y

# The tape, oldest first. An op keeps what its rule needs: multiply both factors, tanh what it gave, sum nothing.
tg.show_tape(y)

# The way back, newest first. A leaf has its gradient; a value on the way keeps its own when it was asked to.
h.retain_grad()
z.retain_grad()
y.backward()
h.grad
z.grad
w.grad
x.grad

# The pass let go of what was kept. A function can be differentiated as it stands, as often as one likes.
tg.grad(np.tanh)(0.5), tg.grad(tg.grad(np.tanh))(0.5)
"""
GOAL = 1e-12  # the largest difference from the gradients by hand


def main(options):
    names = typed(SESSION)
    x, w = names["x"].numpy(), names["w"].numpy()
    slope = 1 - np.tanh(x * w) ** 2
    by_hand = {"h": np.ones(3), "z": slope, "w": slope * x, "x": slope * w}
    differences = [np.abs(names[name].grad.numpy() - gradient).max() for name, gradient in by_hand.items()]
    rows = [
        (name, str(names[name].numpy().round(4)), str(names[name].grad.numpy().round(4)), f"{difference:.0e}")
        for name, difference in zip(by_hand, differences, strict=True)
    ]
    table("Values and gradients", ("name", "value", "gradient of y", "off by"), rows)
    draw(options.plot, (7.2, 4.2), paint)
    return reached("Largest difference", max(differences), at_most=GOAL)


def typed(session):
    """Type the lines into an interpreter, as one would at a terminal, and give the names that it then knows."""
    console = code.InteractiveConsole({})
    for line in session.strip().splitlines():
        print(line if line.startswith("#") else f">>> {line}" if line else "")
        console.push(line)
    return console.locals


def paint(figure):
    """tanh and what differentiating it again and again gives."""
    places = np.linspace(-3, 3, 301)
    axes = figure.add_subplot(title="tanh and its derivatives, each the gradient of the one before")
    function = np.tanh
    for order in range(4):
        values = function(places)
        axes.plot(places, values, label="tanh" + "'" * order)
        function = derivative(function)
    axes.axhline(0, color="#d9d9d9", linewidth=0.6, zorder=0)
    axes.legend()


def derivative(function):
    """The derivative of a function of each number of an array: the gradient of the sum."""
    return tg.grad(lambda x: np.sum(function(x)))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
