"""Checks for ops and gradient rules: tapegrad's own tests use them, and yours can.

    from tapegrad.testing import check_gradients

    check_gradients(my_op, np.array([[0.5, -1.0], [2.0, 0.3]]))

`tapegrad.testing.strategies` holds Hypothesis strategies for shapes, dtypes, arrays, axes and indices. It alone needs
Hypothesis, and is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..errors import KinkError
from .gradients import check_gradients

if TYPE_CHECKING:
    from . import strategies

__all__ = ["KinkError", "check_gradients", "strategies"]


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return importlib.import_module(".strategies", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
