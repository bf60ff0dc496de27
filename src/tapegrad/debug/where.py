"""Where the user is: the innermost line of the call stack that is neither tapegrad's nor NumPy's."""

from __future__ import annotations

import os
import sys

import numpy as np

_PACKAGES = os.path.dirname(os.path.dirname(__file__)), os.path.dirname(np.__file__)  # where this one and NumPy are
_NOT_THE_USERS = tuple(package + os.sep for package in _PACKAGES)


def user_line() -> str:
    """The user's `file:line`."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_NOT_THE_USERS) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
