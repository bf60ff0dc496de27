"""What was new in `tf.data`: two steps in one, as functions for `apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._missing import not_covered

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._dataset import Dataset

__all__ = ["AUTOTUNE", "ignore_errors", "map_and_batch", "shuffle_and_repeat"]

AUTOTUNE = -1


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: int | None = None) -> Callable[[Dataset], Dataset]:
    """Shuffle, then repeat."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: Any,
    num_parallel_batches: Any = None,
    drop_remainder: bool = False,
    num_parallel_calls: Any = None,
) -> Callable[[Dataset], Dataset]:
    """Map, then batch."""
    return lambda dataset: dataset.map(map_func).batch(batch_size, drop_remainder)


def ignore_errors() -> Callable[[Dataset], Dataset]:
    """Leave elements out that could not be computed."""
    return lambda dataset: dataset._without_errors()


__getattr__ = not_covered(__name__)
