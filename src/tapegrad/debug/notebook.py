"""How a Tensor shows itself in a notebook: what it is in one line, and its numbers, shaded by size, in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._tape import Tensor

ROWS, COLUMNS = 16, 12  # the most that are shown; of more, half from each end
POSITIVE, NEGATIVE, NOT_FINITE = "235,125,20", "40,115,225", "215,0,60"  # through which either theme's background shows


def as_html(tensor: Tensor) -> str:
    """The Tensor as HTML without scripts or anything from elsewhere; colours suit light and dark themes."""
    from html import escape

    array = np.asarray(tensor._array)
    if array.ndim == 0:
        body = f"<code>{escape(_number(array[()]))}</code>"
    elif array.ndim > 2 or not array.size:
        text = np.array2string(array, separator=", ", threshold=200, edgeitems=2)
        style = "margin:0;background:transparent;color:inherit;font-family:monospace"
        body = f'<pre style="{style}">{escape(text)}</pre>'
    else:
        body = _table(array)
    return f'<div><div style="margin-bottom:4px">{escape(_headline(tensor))}</div>{body}</div>'


def _headline(tensor: Tensor) -> str:
    facts = [f"tensor {tensor.shape}", str(tensor.dtype)]
    if tensor._entry is not None:
        facts.append("requires_grad=True" if tensor._entry.op is None else f"op={tensor._entry.op.name}")
    return ", ".join(facts)


def _table(array: np.ndarray[Any, Any]) -> str:
    matrix = array if array.ndim == 2 else array[None]
    rows, columns = (_ends(n, most) for n, most in zip(matrix.shape, (ROWS, COLUMNS), strict=True))
    shown = matrix[np.ix_([i for i in rows if i is not None], [j for j in columns if j is not None])].astype(float)
    finite = np.abs(shown[np.isfinite(shown)])
    largest = float(finite.max(initial=0)) or 1.0
    corner = "<th></th>" if array.ndim == 2 else ""
    lines = [corner + "".join(_head(j) for j in columns)]
    for i in rows:
        cells = "".join(_cell(None if i is None or j is None else matrix[i, j], largest) for j in columns)
        lines.append((_head(i) if array.ndim == 2 else "") + cells)
    body = "".join(f'<tr style="background:transparent">{line}</tr>' for line in lines)
    style = "border-collapse:collapse;margin:0;color:inherit;font-size:inherit"
    return f'<div style="overflow-x:auto"><table style="{style}">{body}</table></div>'


def _ends(size: int, most: int) -> Sequence[int | None]:
    """All places, or those near both ends with None in between."""
    if size <= most:
        return range(size)
    half = most // 2
    return [*range(half), None, *range(size - half, size)]


def _head(place: int | None) -> str:
    style = "text-align:right;padding:2px 6px;font-weight:normal;opacity:0.6"
    return f'<th style="{style}">{"…" if place is None else place}</th>'


def _cell(value: Any, largest: float) -> str:
    style = "text-align:right;padding:2px 6px;font-family:monospace"
    if value is None:
        return f'<td style="{style}">…</td>'
    if np.isfinite(value):
        colour, depth = POSITIVE if value > 0 else NEGATIVE, 0.5 * abs(float(value)) / largest
    else:
        colour, depth = NOT_FINITE, 0.7
    shade = f";background:rgba({colour},{depth:.2f})" if depth else ""
    return f'<td style="{style}{shade}" title="{value!s}">{_number(value)}</td>'


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)
