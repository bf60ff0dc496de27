"""Graphs in files, which are not covered."""

from __future__ import annotations

from typing import Any

from ._missing import NotCoveredError

__all__ = ["export_meta_graph", "import_meta_graph", "write_graph"]


def import_meta_graph(
    meta_graph_or_file: Any, clear_devices: bool = False, import_scope: Any = None, **keywords: Any
) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError(
        f"import_meta_graph({meta_graph_or_file!r}): graphs are not read from files. Run the code that built the "
        "graph, then tf.train.Saver().restore(sess, path)"
    )


def export_meta_graph(filename: Any = None, *arguments: Any, **keywords: Any) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError(
        "export_meta_graph: graphs are not written to files; tf.train.Saver saves the variables, and the code that "
        "built the graph builds it again"
    )


def write_graph(graph_or_graph_def: Any, logdir: Any, name: str, as_text: bool = True) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError(
        "write_graph: graphs are not written to files; tf.summary.FileWriter(logdir, sess.graph) shows one in "
        "TensorBoard"
    )
