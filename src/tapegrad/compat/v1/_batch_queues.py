"""Batches of elements, which a queue holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _nest as nests
from ._graph import get_default_graph
from ._nodes import convert
from ._queues import (
    FIFOQueue,
    PaddingFIFOQueue,
    QueueBase,
    QueueRunner,
    RandomShuffleQueue,
    add_queue_runner,
)
from ._shapes import TensorShape

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["batch", "batch_join", "shuffle_batch", "shuffle_batch_join"]


def batch(
    tensors: Any,
    batch_size: Any,
    num_threads: int = 1,
    capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Any = None,
    dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """Several elements as one: `tensors`, one of them, a list or a dict, again and again."""
    return _batched(
        [tensors], batch_size, _queue(capacity, dynamic_pad), enqueue_many, shapes, allow_smaller_final_batch,
        name or "batch",
    )  # fmt: skip


def batch_join(
    tensors_list: Any,
    batch_size: Any,
    capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Any = None,
    dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `batch`, of several sources in turn."""
    return _batched(
        tensors_list, batch_size, _queue(capacity, dynamic_pad), enqueue_many, shapes,
        allow_smaller_final_batch, name or "batch_join",
    )  # fmt: skip


def shuffle_batch(
    tensors: Any,
    batch_size: Any,
    capacity: int,
    min_after_dequeue: int,
    num_threads: int = 1,
    seed: int | None = None,
    enqueue_many: bool = False,
    shapes: Any = None,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `batch`, drawn from at least `min_after_dequeue` elements."""
    return _batched(
        [tensors], batch_size, _drawing(capacity, min_after_dequeue, seed),
        enqueue_many, shapes, allow_smaller_final_batch, name or "shuffle_batch",
    )  # fmt: skip


def shuffle_batch_join(
    tensors_list: Any,
    batch_size: Any,
    capacity: int,
    min_after_dequeue: int,
    seed: int | None = None,
    enqueue_many: bool = False,
    shapes: Any = None,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `shuffle_batch`, of several sources in turn."""
    return _batched(
        tensors_list, batch_size, _drawing(capacity, min_after_dequeue, seed),
        enqueue_many, shapes, allow_smaller_final_batch, name or "shuffle_batch_join",
    )  # fmt: skip


def _queue(capacity: int, padded: bool) -> Callable[..., QueueBase]:
    """What makes a queue of dtypes and shapes."""
    kind: Any = PaddingFIFOQueue if padded else FIFOQueue
    return lambda kinds, shapes: kind(capacity, kinds, shapes)


def _drawing(capacity: int, least: int, seed: int | None) -> Callable[..., QueueBase]:
    """What makes a queue of dtypes and shapes, from which elements are drawn."""
    return lambda kinds, shapes: RandomShuffleQueue(capacity, least, kinds, shapes, seed=seed)


def _batched(sources: Any, size: Any, make: Any, many: bool, shapes: Any, fewer: bool, name: str) -> Any:
    """What a queue of elements gives, a batch at a time, in the structure of the elements."""
    with get_default_graph().name_scope(name):
        nest = _as_tuples(sources[0])
        every = [[convert(part) for part in nests.flatten(_as_tuples(source))] for source in sources]
        known = [part.shape[1:] if many else part.shape for part in every[0]] if shapes is None else shapes
        for shape, part in zip(known, every[0], strict=True):
            if TensorShape(shape).ndims is None:
                raise ValueError(
                    f"All shapes must be fully defined: {part!r} has none; say it with t.set_shape, or by shapes="
                )
        queue: QueueBase = make([part.dtype for part in every[0]], list(known))
        add = queue.enqueue_many if many else queue.enqueue
        add_queue_runner(QueueRunner(queue, [add(parts) for parts in every]))
        found = queue.dequeue_up_to(size) if fewer else queue.dequeue_many(size)
        packed = nests.pack(nest, found if isinstance(found, list) else [found])
    if isinstance(sources[0], list | tuple):
        return packed[0] if len(packed) == 1 else list(packed)
    return packed


def _as_tuples(nest: Any) -> Any:
    return tuple(nest) if isinstance(nest, list) else nest
