"""The tape as a picture: the text that Graphviz draws from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import facts

if TYPE_CHECKING:
    from .._tape import Tensor


def to_dot(y: Tensor) -> str:
    """The tape that led to `y` as Graphviz text, which `dot -Tsvg` makes a picture of.

    Leaves are filled, constants are dashed, and arguments enter an op from left to right. The text depends on the
    tape alone: nodes are named by their places in it, `n1` the oldest.
    """
    entries = facts.led_to("to_dot", y)
    names = {entry: f"n{number}" for number, entry in enumerate(entries, 1)}
    lines = [
        "digraph tape {",
        '  graph [ordering="in"];',
        '  node [shape="box", style="rounded", fontname="Helvetica", fontsize="11"];',
    ]
    for entry, name in names.items():
        leaf = "" if entry.op is not None else ', style="rounded,filled", fillcolor="#cfe3f7"'
        lines.append(f"  {name} [label={quoted(facts.call(entry), facts.result(entry))}{leaf}];")
        for index, parent in enumerate(entry.parents):
            source = f"{name}c{index}" if parent is None else names[parent]
            if parent is None:
                lines.append(f'  {source} [label={quoted(facts.constant(entry, index))}, style="rounded,dashed"];')
            lines.append(f"  {source} -> {name};")
    return "\n".join([*lines, "}"]) + "\n"


def quoted(*lines: str) -> str:
    """A label of several lines. Graphviz gives a meaning to backslashes, quotes and, as HTML does, to ampersands."""
    escaped = [
        line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for line in lines
    ]
    return '"' + "\\n".join(escaped) + '"'
