"""Messages of the program: `tf.logging`, over Python's logger called `tensorflow`."""

from __future__ import annotations

import logging as python
import sys
from logging import DEBUG, ERROR, FATAL, INFO, WARN
from typing import Any

from ._missing import not_covered

__all__ = [
    "DEBUG", "ERROR", "FATAL", "INFO", "WARN", "TaskLevelStatusMessage", "debug", "error", "fatal", "flush",
    "get_verbosity", "info", "log", "log_every_n", "log_first_n", "log_if", "set_verbosity", "vlog", "warn", "warning",
]  # fmt: skip

_logger = python.getLogger("tensorflow")
_counts: dict[str, int] = {}


class _Stream(python.StreamHandler[Any]):
    """Writes to whatever the stream of errors is at the moment."""

    def __init__(self) -> None:
        python.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


if not python.getLogger().handlers:
    _handler = _Stream()
    _handler.setFormatter(python.Formatter("%(levelname)s:%(name)s:%(message)s"))
    _logger.addHandler(_handler)
    _logger.propagate = False
_logger.setLevel(WARN)

debug, info, warning, error, fatal, log = (
    _logger.debug, _logger.info, _logger.warning, _logger.error, _logger.fatal, _logger.log,
)  # fmt: skip
warn = warning


def get_verbosity() -> int:
    """The least level that is shown."""
    return _logger.getEffectiveLevel()


def set_verbosity(v: Any) -> None:
    """Set the least level that is shown: DEBUG, INFO, WARN, ERROR or FATAL."""
    _logger.setLevel(v)


def vlog(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message at a level."""
    _logger.log(level, msg, *args, **kwargs)


def TaskLevelStatusMessage(msg: Any) -> None:
    """Write a message as an error."""
    _logger.error(msg)


def log_if(level: int, msg: Any, condition: Any, *args: Any) -> None:
    """Write a message if a condition holds."""
    if condition:
        _logger.log(level, msg, *args)


def log_every_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Write a message at every n-th call from the same line, and at the first."""
    log_if(level, msg, not _calls() % n, *args)


def log_first_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Write a message at the first n calls from the same line."""
    log_if(level, msg, _calls() < n, *args)


def _calls() -> int:
    """How often the user's line came here before."""
    from ...debug.where import user_line

    line = user_line()
    count = _counts.get(line, 0)
    _counts[line] = count + 1
    return count


def flush() -> None:
    """Write what waits to be written."""
    for handler in _logger.handlers:
        handler.flush()


__getattr__ = not_covered(__name__)
