"""One session a graph, for libraries whose scripts make none, or make one only to run with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .v1._session import Session

if TYPE_CHECKING:
    from .v1._graph import Graph


def session_of(graph: Graph) -> Session:
    """The session of a graph, made when it is first asked for, which lives as long as the graph."""
    kept = vars(graph)
    if "session" not in kept:
        kept["session"] = Session(graph=graph)
    return kept["session"]  # type: ignore[no-any-return]
