"""The sessions that `t.eval()` and `op.run()` use where none is given."""

from __future__ import annotations

import threading
from typing import Any


class _Stack(threading.local):
    """The default sessions of this thread, the innermost last."""

    def __init__(self) -> None:
        self.sessions: list[Any] = []


_stack = _Stack()


def get_default_session() -> Any:
    """The session that `t.eval()` uses, or None."""
    return _stack.sessions[-1] if _stack.sessions else None


def enter_session(session: Any) -> None:
    """Let `session` be the default one."""
    _stack.sessions.append(session)


def leave_session(session: Any) -> None:
    """Take `session` from the default ones."""
    if session in _stack.sessions:
        _stack.sessions.remove(session)


def session_or_default(session: Any, what: str) -> Any:
    """`session`, or the default one; raises ValueError where there is neither."""
    session = session or get_default_session()
    if session is None:
        raise ValueError(
            f"Cannot {what} without a session: no default session is registered. Use `with sess.as_default()` or "
            f"pass an explicit session to `{what}(session=sess)`"
        )
    return session
