"""Queues of tensors, and what fills them.

A queue with a `QueueRunner` is filled when something is taken from it: there are no threads, so that the order is the
same each time. Threads of a script's own may fill and empty queues, too: what is full or empty makes them wait.
"""

from __future__ import annotations

import collections
import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from . import errors
from ._default_session import get_default_session
from ._graph import get_default_graph
from ._infer import Kind
from ._nodes import convert, node
from ._operation import Operation, Tensor
from ._shapes import TensorShape, sizes_of
from ._values import array_of
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._run import Run

__all__ = ["FIFOQueue", "PaddingFIFOQueue", "QueueBase", "QueueRunner", "RandomShuffleQueue"]

_PATIENCE = 30.0  # seconds: nothing else here could fill a queue for so long
_numbers = itertools.count()


class _Contents:
    """What is in a queue, in one session."""

    def __init__(self) -> None:
        self.elements: collections.deque[list[Any]] = collections.deque()
        self.changed = threading.Condition()
        self.closed = False
        self.filling = False
        self.ended: list[Any] = []  # operations that have nothing more to add


class QueueBase:
    """Elements of several parts each, of `dtypes` and `shapes`, at most `capacity` of them."""

    def __init__(self, dtypes_: Any, shapes: Any, names: Any, capacity: int, least: int, name: str) -> None:
        kinds = dtypes_ if isinstance(dtypes_, list | tuple) else [dtypes_]
        self.dtypes = [dtypes.as_dtype(kind) for kind in kinds]
        if shapes is None:
            self.shapes = [TensorShape(None)] * len(self.dtypes)
        else:
            parts = shapes if len(self.dtypes) > 1 or _is_list_of_shapes(shapes) else [shapes]
            self.shapes = [TensorShape(sizes_of(shape)) for shape in parts]
        if len(self.shapes) != len(self.dtypes):
            raise ValueError(f"Queue shapes must be as many as dtypes, got {len(self.shapes)} and {len(self.dtypes)}")
        self.names = None if names is None else list(names if isinstance(names, list | tuple) else [names])
        self._capacity = float("inf") if capacity < 0 else capacity
        self._least = least
        self.name = get_default_graph().unique_name(name)
        self._runners: list[QueueRunner] = []
        self._number = next(_numbers)

    # What a subclass says

    def _take(self, elements: collections.deque[list[Any]]) -> list[Any]:
        return elements.popleft()

    # Operations

    def enqueue(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds one element; it waits while the queue is full."""
        tensors = self._parts(vals)

        def put(run: Run, *values: Any) -> tuple[()]:
            self._put(run, [_array(value) for value in values])
            return ()

        return self._add("QueueEnqueueV2", put, tensors, name or f"{self.name}_enqueue")

    def enqueue_many(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds an element for each row."""
        tensors = self._parts(vals)

        def put(run: Run, *values: Any) -> tuple[()]:
            for rows in zip(*map(_array, values), strict=True):
                self._put(run, [np.asarray(row, object if isinstance(row, bytes) else None) for row in rows])
            return ()

        return self._add("QueueEnqueueManyV2", put, tensors, name or f"{self.name}_EnqueueMany")

    def dequeue(self, name: str | None = None) -> Any:
        """The next element, a tensor for each part. A run waits for it, or raises OutOfRangeError at the end."""
        kinds = [Kind(shape.sizes, kind.dtype) for shape, kind in zip(self.shapes, self.dtypes, strict=True)]
        return self._taken("QueueDequeueV2", lambda run: self._get(run, 1)[0], kinds, name)

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """The next n elements, stacked. A run raises OutOfRangeError at the end, even if there are some."""
        return self._several("QueueDequeueManyV2", n, False, name)

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """The next n elements, stacked, or fewer at the end."""
        return self._several("QueueDequeueUpToV2", n, True, name)

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """An operation after which nothing is added, and what takes more than is there fails."""

        def shut(run: Run) -> tuple[()]:
            self._close(run)
            return ()

        return self._add("QueueCloseV2", shut, [], name or f"{self.name}_Close")

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are."""
        return node(  # type: ignore[no-any-return]
            "QueueSizeV2", lambda run: np.int32(len(self._contents(run).elements)), (), name or f"{self.name}_Size",
            python=True, in_run=True, sample=lambda: Kind((), np.dtype(np.int32)),
        )  # fmt: skip

    def is_closed(self, name: str | None = None) -> Tensor:
        """Whether it was closed."""
        return node(  # type: ignore[no-any-return]
            "QueueIsClosedV2", lambda run: np.bool_(self._contents(run).closed), (), name or f"{self.name}_Closed",
            python=True, in_run=True, sample=lambda: Kind((), np.dtype(bool)),
        )  # fmt: skip

    # The parts

    def _add(self, kind: str, act: Any, tensors: Sequence[Tensor], name: str) -> Operation:
        return get_default_graph().add(kind, act, tensors, name, outputs=0, python=True, in_run=True)

    def _parts(self, values: Any) -> list[Tensor]:
        if isinstance(values, dict):
            if self.names is None:
                raise ValueError("Queue must have names to enqueue a dictionary")
            values = [values[name] for name in self.names]
        items = values if isinstance(values, list | tuple) and len(self.dtypes) > 1 else _one(values)
        if len(items) != len(self.dtypes):
            raise ValueError(f"expected {len(self.dtypes)} parts of an element, got {len(items)}")
        return [convert(value, kind) for value, kind in zip(items, self.dtypes, strict=True)]

    def _contents(self, run: Run) -> _Contents:
        return run.session.kept(self, _Contents)  # type: ignore[no-any-return]

    def _put(self, run: Run, element: list[Any]) -> None:
        contents = self._contents(run)
        with contents.changed:
            # What fills a queue on demand may overfill it by a few: there is nobody to wait for.
            ready = lambda: contents.closed or contents.filling or len(contents.elements) < self._capacity  # noqa: E731
            if not contents.changed.wait_for(ready, _PATIENCE):
                raise errors.DeadlineExceededError(
                    None, None, f"the queue {self.name} has been full for {_PATIENCE:.0f} s, and nothing takes from it"
                )
            if contents.closed:
                raise errors.CancelledError(None, None, f"Queue {self.name!r} is closed.")
            contents.elements.append(element)
            contents.changed.notify_all()

    def _get(self, run: Run, count: int, fewer: bool = False) -> list[list[Any]]:
        contents = self._contents(run)
        self._fill(run, contents, count + self._least)
        with contents.changed:

            def enough() -> bool:
                least = 0 if contents.closed else self._least
                return contents.closed or len(contents.elements) >= count + least

            if not contents.changed.wait_for(enough, _PATIENCE):
                raise errors.DeadlineExceededError(
                    None,
                    None,
                    f"the queue {self.name} has had nothing to take for {_PATIENCE:.0f} s, and nothing fills it; call "
                    "tf.train.start_queue_runners first, or enqueue",
                )
            if len(contents.elements) < count and not (fewer and contents.elements):
                raise errors.OutOfRangeError(
                    None,
                    None,
                    f"{type(self).__name__} '{self.name}' is closed and has insufficient elements "
                    f"(requested {count}, current size {len(contents.elements)})",
                )
            found = [self._take(contents.elements) for _ in range(min(count, len(contents.elements)))]
            contents.changed.notify_all()
            return found

    def _fill(self, run: Run, contents: _Contents, count: int) -> None:
        """Let the runners that were started fill the queue."""
        if not self._runners or contents.filling:
            return
        started = [runner for runner in self._runners if runner in run.session.kept("started runners", set)]
        if not started:
            if len(contents.elements) < count and not contents.closed:
                raise errors.FailedPreconditionError(
                    None,
                    None,
                    f"the queue {self.name} is empty, and what fills it was not started: call "
                    "tf.train.start_queue_runners(sess=sess) before the first run",
                )
            return
        contents.filling = True
        try:
            while len(contents.elements) < count and not contents.closed:
                left = [op for runner in started for op in runner.enqueue_ops if op not in contents.ended]
                if not left:
                    self._close(run)
                for op in left:
                    try:
                        run.session.run(op)
                    except (errors.OutOfRangeError, errors.CancelledError):
                        contents.ended.append(op)
        finally:
            contents.filling = False

    def _close(self, run: Run) -> None:
        contents = self._contents(run)
        with contents.changed:
            contents.closed = True
            contents.changed.notify_all()

    def _several(self, kind: str, n: Any, fewer: bool, name: str | None) -> Any:
        count = None if isinstance(n, Tensor) else int(n)
        first = None if fewer else count
        kinds = [
            Kind(None if shape.sizes is None else (first, *shape.sizes), dtype.dtype)
            for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
        ]

        def take(run: Run, *given: Any) -> list[Any]:
            elements = self._get(run, int(_array(given[0])) if given else count or 0, fewer)
            return [self._stacked(parts) for parts in zip(*elements, strict=True)]

        return self._taken(kind, take, kinds, name, [n] if isinstance(n, Tensor) else [])

    def _stacked(self, parts: Any) -> Any:
        return np.stack(parts)

    def _taken(
        self, kind: str, take: Callable[..., Any], kinds: list[Kind], name: str | None, inputs: Sequence[Tensor] = ()
    ) -> Any:
        outputs = node(
            kind, take, inputs, name or f"{self.name}_{kind.removeprefix('Queue').removesuffix('V2')}",
            outputs=len(kinds), python=True, in_run=True, sample=lambda *_: kinds,
        )  # fmt: skip
        if self.names is not None:
            return dict(zip(self.names, outputs, strict=True))
        return outputs[0] if len(outputs) == 1 else outputs


class FIFOQueue(QueueBase):
    """What comes first goes first."""

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "fifo_queue",
    ) -> None:
        super().__init__(dtypes, shapes, names, capacity, 0, name)


class PaddingFIFOQueue(QueueBase):
    """As FIFOQueue; elements that are taken together may differ in size, and grow with zeros to the largest."""

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "padding_fifo_queue",
    ) -> None:
        super().__init__(dtypes, shapes, names, capacity, 0, name)

    def _stacked(self, parts: Any) -> Any:
        largest = np.max([part.shape for part in parts], axis=0).astype(int)
        out = np.full([len(parts), *largest], b"" if parts[0].dtype.kind == "O" else 0, parts[0].dtype)
        for number, part in enumerate(parts):  # a number each, perhaps, which is no row to write into
            place: Any = (number, *map(slice, part.shape))
            out[place] = part
        return out


class RandomShuffleQueue(QueueBase):
    """What goes next is drawn; `min_after_dequeue` elements are left, so that there is something to draw from."""

    def __init__(
        self,
        capacity: int,
        min_after_dequeue: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        seed: int | None = None,
        shared_name: str | None = None,
        name: str = "random_shuffle_queue",
    ) -> None:
        super().__init__(dtypes, shapes, names, capacity, min_after_dequeue, name)
        chosen = get_default_graph().seed if seed is None else seed
        self._drawn = np.random.default_rng(chosen)

    def _take(self, elements: collections.deque[list[Any]]) -> list[Any]:
        place = int(self._drawn.integers(len(elements)))
        elements[place], elements[-1] = elements[-1], elements[place]
        return elements.pop()


class QueueRunner:
    """What fills a queue: operations that add to it. It does so when something is taken, once it was started."""

    def __init__(
        self,
        queue: Any = None,
        enqueue_ops: Any = None,
        close_op: Any = None,
        cancel_op: Any = None,
        queue_closed_exception_types: Any = None,
        queue_runner_def: Any = None,
        import_scope: Any = None,
    ) -> None:
        if queue is None or not enqueue_ops:
            raise ValueError("Must provide queue and enqueue_ops.")
        self.queue, self.name = queue, queue.name
        self.enqueue_ops = list(dict.fromkeys(enqueue_ops))
        queue._runners.append(self)

    def create_threads(self, sess: Any, coord: Any = None, daemon: bool = False, start: bool = False) -> list[Any]:
        """No threads, as there are none: what is taken from the queue of `sess` is computed then."""
        _start(sess, self)
        return []


def add_queue_runner(qr: QueueRunner, collection: Any = GraphKeys.QUEUE_RUNNERS) -> None:
    """Let `start_queue_runners` start it, too."""
    get_default_graph().add_to_collection(collection, qr)


def start_queue_runners(
    sess: Any = None,
    coord: Any = None,
    daemon: bool = True,
    start: bool = True,
    collection: Any = GraphKeys.QUEUE_RUNNERS,
) -> list[Any]:
    """Let the queues of a session be filled from now on. Gives no threads, as there are none."""
    session = sess or get_default_session()
    if session is None:
        raise ValueError(
            "Cannot start queue runners: No default session is registered. Use `with sess.as_default()` or pass an "
            "explicit session to tf.train.start_queue_runners(sess=sess)"
        )
    for runner in get_default_graph().get_collection(collection):
        _start(session, runner)
    return []


def _start(session: Any, runner: QueueRunner) -> None:
    getattr(session, "raw_session", session).kept("started runners", set).add(runner)


def _is_list_of_shapes(shapes: Any) -> bool:
    return isinstance(shapes, list | tuple) and any(isinstance(s, list | tuple | TensorShape) for s in shapes)


def _one(values: Any) -> list[Any]:
    """The one part of an element, which may be alone in a list."""
    if isinstance(values, list | tuple) and len(values) == 1:
        return list(values)
    return [values]


def _array(value: Any) -> Any:
    found = getattr(value, "_array", value)
    return array_of(found) if isinstance(found, bytes | str) else np.asarray(found)
