"""Where the user is: the innermost line of the call stack that is neither tapegrad's nor NumPy's."""

from __future__ import annotations

import os
import sys

import numpy as np

_NOT_THE_USERS = tuple(os.path.dirname(path) + os.sep for path in (os.path.dirname(__file__), np.__file__))


def user_line() -> str:
    """The user's `file:line`."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_NOT_THE_USERS) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
