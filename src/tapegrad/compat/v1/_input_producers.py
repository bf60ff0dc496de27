"""Queues of the rows of tensors, again and again, with which input pipelines of queues begin."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors
from ._graph import get_default_graph
from ._infer import Kind
from ._nodes import convert, node
from ._operation import Tensor
from ._queues import (
    FIFOQueue,
    QueueRunner,
    add_queue_runner,
)
from ._shapes import TensorShape
from ._slicing import gather
from ._values import array_in

if TYPE_CHECKING:
    from ._run import Run

__all__ = [
    "input_producer", "limit_epochs", "match_filenames_once", "range_input_producer", "slice_input_producer",
    "string_input_producer",
]  # fmt: skip


def input_producer(
    input_tensor: Any,
    element_shape: Any = None,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    summary_name: str | None = None,
    name: str | None = None,
    cancel_op: Any = None,
) -> FIFOQueue:
    """A queue of the rows of a tensor, again and again or `num_epochs` times, by default shuffled each time."""
    graph = get_default_graph()
    with graph.name_scope(name or "input_producer"):
        rows = convert(input_tensor)
        shape = rows.shape[1:] if element_shape is None else TensorShape(element_shape)
        queue = FIFOQueue(capacity, [rows.dtype], [shape])
        drawn = np.random.default_rng(graph.seed if seed is None else seed)

        def next_epoch(run: Run, value: Any) -> Any:
            array = array_in(value)
            if not len(array):
                raise errors.InvalidArgumentError(None, None, "input_producer requires a non-null input tensor")
            _begin(run, ("epochs", queue), num_epochs)
            return drawn.permutation(array) if shuffle else array

        kind = Kind(rows.shape.sizes, rows.dtype.dtype)
        epoch = node("NextEpoch", next_epoch, [rows], python=True, in_run=True, sample=lambda *_: kind)
        add_queue_runner(QueueRunner(queue, [queue.enqueue_many([epoch])]))
    return queue


def string_input_producer(
    string_tensor: Any,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    name: str | None = None,
    cancel_op: Any = None,
) -> FIFOQueue:
    """A queue of strings, such as the names of files. Raises ValueError where there are none."""
    if not isinstance(string_tensor, Tensor) and not len(string_tensor):
        raise ValueError("string_input_producer requires a non-null input tensor")
    strings = convert([string_tensor] if isinstance(string_tensor, str) else string_tensor)
    return input_producer(strings, [], num_epochs, shuffle, seed, capacity, name=name or "input_producer")


def range_input_producer(
    limit: Any,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    name: str | None = None,
) -> FIFOQueue:
    """A queue of the whole numbers below a limit."""
    numbers = node(
        "Range", lambda n: np.arange(int(array_in(n)), dtype=np.int32), [convert(limit)],
        python=True, sample=lambda *_: Kind((None,), np.dtype(np.int32)),
    )  # fmt: skip
    return input_producer(numbers, [], num_epochs, shuffle, seed, capacity, name=name or "input_producer")


def slice_input_producer(
    tensor_list: Any,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    name: str | None = None,
) -> list[Tensor]:
    """A row of each of several tensors of equally many rows, in an order of its own each time round."""
    if not tensor_list:
        raise ValueError("Expected at least one tensor in slice_input_producer().")
    with get_default_graph().name_scope(name or "input_producer"):
        tensors = [convert(tensor) for tensor in tensor_list]
        count = node(
            "Size", lambda x: np.int32(len(array_in(x))), [tensors[0]],
            sample=lambda *_: Kind((), np.dtype(np.int32)), python=True,
        )  # fmt: skip
        place = range_input_producer(count, num_epochs, shuffle, seed, capacity).dequeue()
        return [gather(tensor, place) for tensor in tensors]


def limit_epochs(tensor: Any, num_epochs: int | None = None, name: str | None = None) -> Tensor:
    """The tensor, `num_epochs` times; then a run raises OutOfRangeError."""
    if num_epochs is None:
        return convert(tensor)
    if num_epochs <= 0:
        raise ValueError(f"num_epochs must be > 0 not {num_epochs}.")
    key = object()

    def counted(run: Run, value: Any) -> Any:
        _begin(run, key, num_epochs)
        return value

    return node(  # type: ignore[no-any-return]
        "LimitEpochs", counted, [convert(tensor)], name, python=True, in_run=True, sample=lambda value: value
    )


def _begin(run: Run, key: Any, limit: int | None) -> None:
    """Count one epoch more of what `key` stands for; raises OutOfRangeError where that is one too many."""
    done = run.session.kept(key, lambda: [0])
    if limit is not None and done[0] >= limit:
        raise errors.OutOfRangeError(None, None, f"Reached limit of {limit}")
    done[0] += 1


def match_filenames_once(pattern: Any, name: str | None = None) -> Tensor:
    """The paths that fit a pattern."""
    patterns = pattern if isinstance(pattern, list | tuple) else [pattern]
    return convert(sorted(path for one in patterns for path in glob.glob(os.fsdecode(one))), name=name)
