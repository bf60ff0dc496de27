"""Plots of a training, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

INK, FAINT = "#333333", "#d9d9d9"
COLOURS = ("#0b66a8", "#d1551b", "#2d8a57", "#8453a5")


def plot_losses(
    path: str | os.PathLike[str], title: str, losses: Mapping[str, Sequence[Sequence[float]] | NDArray[Any]]
) -> Path:
    """Save the curves of `losses` as a PNG file and give its path: by name, (runs, epochs), on a logarithmic scale.

    Every run is a thin line and the mean of a name's runs a thick one, with the name at its end. It draws on a
    figure of its own: no window opens, and no figure of the caller's changes.
    """
    figure = Figure(figsize=(7.2, 4.2), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    for (name, runs), colour in zip(losses.items(), COLOURS, strict=False):
        curves = np.asarray(runs)
        epochs = np.arange(1, curves.shape[1] + 1)
        mean = curves.mean(axis=0)
        if len(curves) > 1:
            axes.plot(epochs, curves.T, color=colour, linewidth=0.7, alpha=0.3)
        axes.plot(epochs, mean, color=colour, linewidth=2.2, solid_capstyle="round")
        axes.annotate(
            f"{name} {mean[-1]:.3g}",
            (epochs[-1], mean[-1]),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("epoch", color=INK)
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=(1, 2, 5, 10)))
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(which="both", color=FAINT, labelcolor=INK)
    axes.margins(x=0.02)
    path = Path(path)
    figure.savefig(path)
    return path
