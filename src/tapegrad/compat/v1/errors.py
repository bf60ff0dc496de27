"""The errors of a run, as scripts catch them: `tf.errors`."""

from __future__ import annotations

from typing import Any

from ...errors import TapegradError
from ._missing import not_covered

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "DataLossError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
]


class OpError(TapegradError):
    """An operation failed while a graph ran: `op` is the operation, `message` tells what went wrong."""

    error_code = 2

    def __init__(self, node_def: Any, op: Any = None, message: str = "", error_code: int | None = None) -> None:
        if isinstance(node_def, str) and op is None and not message:
            node_def, message = None, node_def
        super().__init__(message)
        self.node_def = node_def
        self.op = op
        self.message = message


class CancelledError(OpError):
    """A run was cancelled."""

    error_code = 1


class UnknownError(OpError):
    """An error without another name."""


class InvalidArgumentError(OpError, ValueError):
    """An operation was given values that it cannot take: a wrong shape, an unfed placeholder."""

    error_code = 3


class DeadlineExceededError(OpError):
    """Something took too long."""

    error_code = 4


class NotFoundError(OpError, FileNotFoundError):
    """A file or a name in a checkpoint does not exist."""

    error_code = 5


class AlreadyExistsError(OpError):
    """What was to be made exists already."""

    error_code = 6


class PermissionDeniedError(OpError):
    """A file may not be read or written."""

    error_code = 7


class ResourceExhaustedError(OpError):
    """Memory, or another resource, ran out."""

    error_code = 8


class FailedPreconditionError(OpError):
    """A variable was used before it was initialized, or the like."""

    error_code = 9


class AbortedError(OpError):
    """An operation was stopped in between."""

    error_code = 10


class OutOfRangeError(OpError):
    """The end of a data set or a queue was reached."""

    error_code = 11


class UnimplementedError(OpError):
    """There is no such operation."""

    error_code = 12


class InternalError(OpError):
    """A fault of the library."""

    error_code = 13


class UnavailableError(OpError):
    """A service is not there."""

    error_code = 14


class DataLossError(OpError):
    """A file is damaged."""

    error_code = 15


__getattr__ = not_covered(__name__)
