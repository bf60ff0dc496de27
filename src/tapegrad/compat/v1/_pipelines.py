"""Input pipelines of queues: producers of names and numbers, batches, and readers of files."""

from __future__ import annotations

import abc
import glob
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _nest as nests
from . import errors
from ._graph import get_default_graph
from ._infer import Kind
from ._missing import NotCoveredError
from ._nodes import convert, node
from ._operation import Tensor
from ._queues import (
    FIFOQueue,
    PaddingFIFOQueue,
    QueueBase,
    QueueRunner,
    RandomShuffleQueue,
    add_queue_runner,
    start_queue_runners,
)
from ._records import fixed_length_records, open_file, records
from ._shapes import TensorShape
from ._slicing import gather
from ._values import array_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._run import Run

__all__ = [
    "QueueRunner", "add_queue_runner", "batch", "batch_join", "input_producer", "limit_epochs", "match_filenames_once",
    "range_input_producer", "shuffle_batch", "shuffle_batch_join", "slice_input_producer", "start_queue_runners",
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


# --------------------------------------------------------------------------------------------------
# Batches


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


# --------------------------------------------------------------------------------------------------
# Readers


class ReaderBase(abc.ABC):
    """Reads records of the files that a queue names, one after the other."""

    def __init__(self, kind: str, name: str | None) -> None:
        self._kind = kind
        self._name = name

    @abc.abstractmethod
    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        """The keys and records of a file."""

    def read(self, queue: QueueBase, name: str | None = None) -> tuple[Tensor, Tensor]:
        """The key of the next record, and the record."""
        text = Kind((), np.dtype(object))
        key, value = node(
            "ReaderReadV2", lambda run: self._next(run, queue), (), name or f"{self._kind}Read", outputs=2, python=True,
            in_run=True, sample=lambda: [text, text],
        )  # fmt: skip
        return key, value

    def read_up_to(self, queue: QueueBase, num_records: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
        """The keys of the next records, and the records; fewer at the end."""
        texts = Kind((None,), np.dtype(object))

        def several(run: Run) -> Any:
            found: list[Any] = []
            while len(found) < int(num_records):
                try:
                    found.append(self._next(run, queue))
                except errors.OutOfRangeError:
                    if not found:
                        raise
                    break
            return [np.array(part, object) for part in zip(*[[k.item(), v.item()] for k, v in found], strict=True)]

        keys, values = node(
            "ReaderReadUpToV2", several, (), name, outputs=2, python=True, in_run=True, sample=lambda: [texts, texts]
        )
        return keys, values

    def _next(self, run: Run, queue: QueueBase) -> list[Any]:
        place = run.session.kept(self, dict)
        while True:
            found = next(place.get("records", iter(())), None)
            if found is not None:
                return [np.array(part, object) for part in found]
            path = os.fsdecode(np.asarray(queue._get(run, 1)[0][0], object).item())
            place["records"] = self._of_file(path)


class TextLineReader(ReaderBase):
    """Lines of text, by `file:line`."""

    def __init__(self, skip_header_lines: int | None = None, name: str | None = None) -> None:
        super().__init__("TextLineReader", name)
        self._skipped = skip_header_lines or 0

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        for number, line in enumerate(records(path, "lines"), 1):
            if number > self._skipped:
                yield f"{path}:{number}".encode(), line


class TFRecordReader(ReaderBase):
    """Records of TFRecord files, by `file:byte`."""

    def __init__(self, name: str | None = None, options: Any = None) -> None:
        super().__init__("TFRecordReader", name)
        self._compression = getattr(options, "compression", "")

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        place = 0
        for record in records(path, "TFRecord", self._compression):
            yield f"{path}:{place}".encode(), record
            place += len(record) + 16


class WholeFileReader(ReaderBase):
    """Whole files, by their paths."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__("WholeFileReader", name)

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        with open_file(path) as file:
            yield path.encode(), file.read()


class FixedLengthRecordReader(ReaderBase):
    """Pieces of `record_bytes` bytes, by `file:number`."""

    def __init__(
        self,
        record_bytes: int,
        header_bytes: int | None = None,
        footer_bytes: int | None = None,
        hop_bytes: int | None = None,
        name: str | None = None,
        encoding: str | None = None,
    ) -> None:
        if hop_bytes not in (None, 0, record_bytes) or encoding:
            raise NotCoveredError("FixedLengthRecordReader: hop_bytes and encoding are not covered")
        super().__init__("FixedLengthRecordReader", name)
        self._sizes = record_bytes, header_bytes or 0, footer_bytes or 0

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        for number, record in enumerate(fixed_length_records(path, *self._sizes)):
            yield f"{path}:{number}".encode(), record


class IdentityReader(ReaderBase):
    """The strings of the queue themselves, as keys and as records."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__("IdentityReader", name)

    def _of_file(self, path: str) -> Iterator[tuple[bytes, bytes]]:
        yield path.encode(), path.encode()
