"""Every optimizer at work: how fast it teaches a network to read digits, and the path that it takes down a valley.

    python examples/optimizers.py --data FOLDER     (MNIST)
    python examples/optimizers.py                   (the digits that come with tapegrad)

The valley is Rosenbrock's function, (1 - x)^2 + 100 (y - x^2)^2: its floor is a curve along which it hardly falls, and
its walls are steep. It ends with 1 unless with each optimizer 0.9 of the test images are read right, and the path
ends where the function is below 0.5, of 24.2 at the start.
"""

import sys
import time
from itertools import chain, islice, repeat

import numpy as np
from common import draw, images, plain_ticks, reached, run, table

import tapegrad as tg
from tapegrad import data, nn, optim

ACCURACY, VALLEY = 0.9, 0.5
STEPS, VALLEY_STEPS = 900, 2_000
START = [-1.2, 1.0]
RULES = {  # its learning rate for the network, and for the valley
    "SGD": (optim.SGD, 0.2, 1.5e-3),
    "Momentum": (optim.Momentum, 0.05, 4e-4),
    "Nesterov": (optim.Nesterov, 0.05, 4e-4),
    "Adagrad": (optim.Adagrad, 0.02, 1.0),
    "Adadelta": (optim.Adadelta, 1.0, 1.0),
    "RMSprop": (optim.RMSprop, 0.002, 0.005),
    "Adam": (optim.Adam, 0.002, 0.03),
    "AdamW": (optim.AdamW, 0.002, 0.03),
    "Nadam": (optim.Nadam, 0.002, 0.03),
    "Adamax": (optim.Adamax, 0.004, 0.1),
    "Lion": (optim.Lion, 0.0005, 0.002),
}


def main(options):
    source = images(options.data)
    rows, curves, accuracies, paths = [], {}, {}, {}
    for name, (optimizer, rate, valley_rate) in RULES.items():
        tg.random.seed(options.seed)  # so that all start with the same weights and see the same batches
        started = time.perf_counter()
        curves[name], accuracies[name] = learn(source, optimizer, rate)
        seconds = time.perf_counter() - started
        paths[name] = descend(optimizer, valley_rate)
        left = rosenbrock(paths[name][-1])
        rows.append((name, f"{rate:g}", f"{accuracies[name]:.4f}", f"{seconds:.1f}", f"{valley_rate:g}", f"{left:.1e}"))
        print(f"{name}: test accuracy {accuracies[name]:.4f}, Rosenbrock's function {left:.1e}")
    paths["L-BFGS"] = leap()
    rows.append(("L-BFGS", *"----", f"{rosenbrock(paths['L-BFGS'][-1]):.1e}"))
    names = ("optimizer", "rate", "test accuracy", "seconds", "valley rate", "left of 24.2")
    table(f"{STEPS} batches of {source.name}, {VALLEY_STEPS:,} steps in the valley", names, rows)
    draw(options.plot, (10, 10), lambda figure: paint(figure, source.name, curves, paths))
    good = reached("Lowest test accuracy", min(accuracies.values()), at_least=ACCURACY)
    highest = max(rosenbrock(path[-1]) for path in paths.values())
    return reached("Highest end in the valley", highest, at_most=VALLEY) and good


def learn(source, optimizer, rate):
    """Train a network of 100 hidden values; gives the loss of each batch, and the test accuracy at the end."""
    model = nn.Sequential(nn.Linear(source.side**2, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = optimizer(model.parameters(), rate)
    batches = data.batches(*source.training, 128)
    losses = []
    for x, y in islice(chain.from_iterable(repeat(batches)), STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with tg.no_grad():
        return losses, np.mean(model(source.test.x).numpy().argmax(axis=1) == source.test.y)


def rosenbrock(point):
    """A valley whose lowest point is (1, 1), where it is 0."""
    return (1 - point[0]) ** 2 + 100 * (point[1] - point[0] ** 2) ** 2


def descend(optimizer, rate):
    """Walk down the valley; gives the places on the way, (steps + 1, 2)."""
    place = tg.tensor(START, np.float64, requires_grad=True)
    optimizer = optimizer([place], rate)
    path = [place.numpy()]
    for _ in range(VALLEY_STEPS):
        optimizer.zero_grad()
        rosenbrock(place).backward()
        optimizer.step()
        path.append(place.numpy())
    return np.array(path)


def leap():
    """Walk down the valley with L-BFGS, which asks for the function as often as it likes; gives the places."""
    place = tg.tensor(START, np.float64, requires_grad=True)
    optimizer = optim.LBFGS([place], max_iter=1)

    def height():
        optimizer.zero_grad()
        value = rosenbrock(place)
        value.backward()
        return value

    path = [place.numpy()]
    for _ in range(40):
        optimizer.step(height)
        path.append(place.numpy())
    return np.array(path)


def paint(figure, name, curves, paths):
    above, below = figure.subfigures(2, 1, height_ratios=(2, 3))
    axes = above.add_subplot(title=f"{name}: loss of the batches, averaged over 50", xlabel="step", yscale="log")
    for (rule, losses), colour in zip(curves.items(), colours(len(paths)), strict=False):
        axes.plot(np.convolve(losses, np.ones(50) / 50, "valid"), label=rule, color=colour, linewidth=1.4)
    plain_ticks(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    x, y = np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-1, 3, 200))
    heights = np.log10(rosenbrock((x, y)) + 1e-2)
    panels = below.subplots(3, 4, sharex=True, sharey=True).ravel()
    for panel, (rule, path), colour in zip(panels, paths.items(), colours(len(paths)), strict=True):
        panel.contourf(x, y, heights, levels=20, cmap="Greys", alpha=0.5)
        panel.plot(*path.T, color=colour, linewidth=1.2)
        panel.plot(*path[-1], "o", color=colour, markersize=5)
        panel.plot(1, 1, "+", color="black", markersize=9, markeredgewidth=1)
        panel.set(xlim=(-2, 2), ylim=(-1, 3))
        panel.set_title(rule, color=colour, fontsize=10)


def colours(count):
    """Colours around the circle of hues, one for each."""
    from matplotlib import colormaps

    return colormaps["turbo"](np.linspace(0.03, 0.95, count))[:, :3] * 0.85


if __name__ == "__main__":
    sys.exit(run(main, __doc__, data="MNIST's four idx.gz files"))
