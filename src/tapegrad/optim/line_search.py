"""How far to go along a line: a point that is lower by enough, and where it is flat enough."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ENOUGH = 1e-4  # of the decrease that the slope at the start promises
FLAT = 0.9  # how much of the slope at the start may be left
EVALUATIONS = 25


class Point(NamedTuple):
    """A place on the line, with the value and the slope there."""

    at: float
    value: float
    slope: float


def strong_wolfe(evaluate: Callable[[float], Point], start: Point, first: float) -> Point:
    """A point where the strong Wolfe conditions hold, or the lowest that was found.

    `evaluate` tells the point at a positive place, `start` is the one at 0, where the slope is negative, and `first`
    the place to try first. A value that is not finite counts as too high. Source: Nocedal and Wright, Numerical
    optimization, second edition, algorithms 3.5 and 3.6.
    """
    low, best = start, start
    high: Point | None = None
    at = first
    for _ in range(EVALUATIONS):
        point = evaluate(at)
        if point.value < best.value:
            best = point
        too_high = not point.value <= start.value + ENOUGH * at * start.slope or not math.isfinite(point.slope)
        if too_high or point.value >= low.value:
            high = point  # a good point lies between the low one and this
        elif abs(point.slope) <= FLAT * -start.slope:
            return point
        else:
            # It is the lowest so far. The way down from it leads to the other end, or back over the former lowest.
            if (point.slope >= 0) if high is None else (point.slope * (high.at - point.at) >= 0):
                high = low
            low = point
        if high is None:
            at = 2 * low.at
        else:
            at = _between(low, high)
            if abs(high.at - low.at) * abs(start.slope) < 1e-16 * max(1.0, abs(start.value)):
                break  # values no longer tell the points apart
    return best


def _between(low: Point, high: Point) -> float:
    """Where the cubic through two points has its minimum, if that is well inside, or else the middle."""
    middle = (low.at + high.at) / 2
    width = high.at - low.at
    if not (math.isfinite(high.value) and math.isfinite(high.slope)):
        return middle
    d = low.slope + high.slope - 3 * (high.value - low.value) / width
    under = d * d - low.slope * high.slope
    if under < 0:
        return middle
    root = math.copysign(math.sqrt(under), width)
    below = high.slope - low.slope + 2 * root
    if below == 0:
        return middle
    at = high.at - width * (high.slope + root - d) / below
    inside = abs(at - middle) <= 0.4 * abs(width)  # a tenth of the width away from both ends
    return at if inside else middle
