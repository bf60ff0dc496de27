"""Gradients of values on the way: not only leaves keep them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .._tape import Entry, Observer, Tensor, keep_gradient, observed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def keep_gradients() -> Iterator[None]:
    """Let every Tensor that is recorded in this block get its `.grad` from backward passes, as leaves do.

    It does for all of them what `retain_grad` does for one; backward may run after the block. No Tensor is kept alive.
    """
    with observed(_Keeper()):
        yield


class _Keeper(Observer):
    def recorded(self, entry: Entry, tensor: Tensor) -> None:
        if entry.op is not None:
            keep_gradient(tensor)
