"""What the examples share: options, the images, a table, a plot, and the status that an example ends with.

An example is a function `main(options)` that gives whether it reached what it states. Its process ends with 0 when it
did, with 1 when it did not, and with 2 when something was missing, such as the data.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tapegrad as tg
from tapegrad.data import Dataset, datasets, split
from tapegrad.errors import MissingExtraError, TapegradError
from tapegrad.train.extras import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INK, FAINT = "#333333", "#d9d9d9"
COLOURS = ("#0b66a8", "#d1551b", "#2d8a57", "#8453a5", "#b8860b", "#c2407f", "#5b6770", "#17a2a8")
STYLE = {
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}


def run(
    main: Callable[[argparse.Namespace], bool],
    description: str,
    data: str | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """Read the options, by default from the command line, run `main` with them, and give the exit status.

    `data` says what the folder of `--data` holds; an example that needs none has no such option.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    if data is not None:
        variable = f"by default that in the folder that {datasets.FOLDER} names"
        parser.add_argument("--data", metavar="FOLDER", help=f"the folder of {data}; {variable}")
    plot = Path(inspect.getfile(main)).with_suffix(".png").name
    parser.add_argument("--plot", metavar="FILE", default=plot, help=f"where to draw it, {plot} unless given")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers, 0 unless given")
    options = parser.parse_args(arguments)
    tg.random.seed(options.seed)
    try:
        return 0 if main(options) else 1
    except (TapegradError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


class Images(NamedTuple):
    """Images of handwritten digits, one a row, to learn from and to be tested on."""

    name: str
    side: int  # an image has side * side pixels
    training: Dataset
    test: Dataset


def images(folder: str | None) -> Images:
    """MNIST where it was asked for, by option or by environment variable; else the digits that come with tapegrad.

    Raises DataError when MNIST was asked for and is not there.
    """
    if folder is None and not os.environ.get(datasets.FOLDER):
        found = Images("digits", 8, *split(*datasets.digits(), seed=0))
    else:
        found = Images("MNIST", 28, *datasets.mnist(folder))
    count, tests = len(found.training.x), len(found.test.x)
    print(f"{found.name}: {count:,} images of {found.side} x {found.side} to learn from, {tests:,} to be tested on")
    return found


def table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column stands to the left and the others to the right; plain without rich."""
    print()
    if find_spec("rich") is None:
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        print(title)
        for row in (names, ["-" * width for width in widths], *rows):
            first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())
    else:
        from rich.console import Console
        from rich.table import Table

        drawn = Table(title=title, title_justify="left", title_style="bold")
        for place, name in enumerate(names):
            drawn.add_column(name, justify="right" if place else "left", overflow="fold")
        for row in rows:
            drawn.add_row(*row)
        Console(highlight=False, markup=False).print(drawn)


def draw(path: str, size: tuple[float, float], paint: Callable[[Any], None]) -> None:
    """Save what `paint(figure)` draws on a matplotlib figure of so many inches; without matplotlib, say so."""
    try:
        require("matplotlib", extra="plots")
    except MissingExtraError as error:
        print(f"No plot: {error}")
        return
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "axes.prop_cycle": matplotlib.cycler(color=COLOURS)}):
        figure = Figure(figsize=size, dpi=160, layout="constrained")
        paint(figure)
        figure.savefig(path)
    print(f"Plot: {Path(path).resolve()}")


def plain_ticks(axes: Any) -> None:
    """Write the numbers of a logarithmic scale as they are, 0.02 and 0.05 too, where powers of ten are too few."""
    for which in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        which(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "125" else "")


def reached(what: str, figure: float, *, at_least: float | None = None, at_most: float | None = None) -> bool:
    """Say what came out and whether it is on the right side of its goal, and give that."""
    good = figure >= at_least if at_least is not None else figure <= at_most
    goal = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}"
    print(f"{what} {figure:.4g}: the goal of {goal} is {'reached' if good else 'missed'}.")
    return good
