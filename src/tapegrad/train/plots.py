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
LINE = 13  # points from one line of text to the next
ROWS, BINS, HEIGHT = 12, 60, 0.85  # of histograms; the height is of the distance between two
COLOURS = ("#0b66a8", "#d1551b", "#2d8a57", "#8453a5")


def plot_losses(
    path: str | os.PathLike[str],
    title: str,
    losses: Mapping[str, Sequence[Sequence[float]] | NDArray[Any]],
    steps: Sequence[float] | None = None,
    label: str = "epoch",
) -> Path:
    """Save the curves of `losses` as a PNG file and give its path: by name, (runs, epochs), on a logarithmic scale.

    Every run is a thin line and the mean of a name's runs a thick one, with the name at its end. `steps` are the
    places of the points along the axis `label`, 1, 2, 3 and so on without. Losses that are not all above zero get a
    plain scale. It draws on a figure of its own: no window opens, and no figure of the caller's changes.
    """
    figure, axes = _figure(title)
    ends: list[tuple[str, float, float, str]] = []
    for (name, runs), colour in zip(losses.items(), COLOURS, strict=False):
        curves = np.asarray(runs)
        places = np.arange(1, curves.shape[1] + 1) if steps is None else np.asarray(steps)
        marker = "o" if len(places) == 1 else ""  # a line needs two points
        mean = curves.mean(axis=0)
        if len(curves) > 1:
            axes.plot(places, curves.T, color=colour, linewidth=0.7, alpha=0.3, marker=marker)
        axes.plot(places, mean, color=colour, linewidth=2.2, solid_capstyle="round", marker=marker)
        ends.append((f"{name} {mean[-1]:.3g}", places[-1], mean[-1], colour))
    if all(np.all(np.asarray(runs) > 0) for runs in losses.values()):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=(1, 2, 5, 10)))
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.margins(x=0.02)
    _label(figure, axes, ends)
    path = Path(path)
    figure.savefig(path)
    return path


def plot_histograms(
    path: str | os.PathLike[str], title: str, iterations: Sequence[int], arrays: Sequence[NDArray[Any]]
) -> Path:
    """Save a histogram of each array as a PNG file and give its path: the first at the top, the last at the bottom.

    Of more than 12 arrays 12 are shown, at equal distances. All have the same bins, of equal width over what the
    shown values span, and every histogram has the height of its own largest bin.
    """
    shown = np.unique(np.linspace(0, len(arrays) - 1, ROWS).round().astype(int))
    values = [np.ravel(arrays[place]) for place in shown]
    finite = np.concatenate([part[np.isfinite(part)] for part in values])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    figure, axes = _figure(title)
    for row, (part, strength) in enumerate(zip(values, np.linspace(0.4, 1, len(shown)), strict=True)):
        counts, _ = np.histogram(part[np.isfinite(part)], edges)
        heights = HEIGHT * counts / max(int(counts.max()), 1)
        axes.stairs(heights - row, edges, baseline=-row, fill=True, color=COLOURS[0], alpha=strength)
        axes.axhline(-row, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_yticks([-row for row in range(len(shown))], [f"{iterations[place]:,}" for place in shown])
    axes.set_ylabel("iteration", color=INK)
    axes.set_xlim(low, high)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    path = Path(path)
    figure.savefig(path)
    return path


def _label(figure: Figure, axes: Any, ends: Sequence[tuple[str, float, float, str]]) -> None:
    """Write each text at the end of its curve, moved up where it would stand on the one below it."""
    figure.draw_without_rendering()  # which settles where on the page a loss lies
    heights = [axes.transData.transform((x, y))[1] * 72 / figure.dpi for _, x, y, _ in ends]
    moves, free = [0.0] * len(ends), -np.inf
    for place in np.argsort(heights):
        moves[place] = max(0.0, free - heights[place])
        free = heights[place] + moves[place] + LINE
    for (text, x, y, colour), move in zip(ends, moves, strict=True):
        axes.annotate(text, (x, y), (6, move), textcoords="offset points", va="center", color=colour)


def _figure(title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(7.2, 4.2), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(which="both", color=FAINT, labelcolor=INK)
    return figure, axes
