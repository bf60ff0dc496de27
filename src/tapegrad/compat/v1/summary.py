"""What TensorBoard shows: `tf.summary`.

Summaries and event files are made by tensorboardX, which `pip install "tapegrad[tensorboard]"` brings. Without it
scripts run all the same: a summary is an empty string, and a `FileWriter` warns that it writes nothing.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import re
import time
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ...train.extras import require
from . import errors
from ._graph import Graph, get_default_graph
from ._infer import Kind, kind_of
from ._missing import NotCoveredError, not_covered
from ._nodes import convert, node
from ._png import encode_png
from ._values import array_in
from ._variables import GraphKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "FileWriter",
    "FileWriterCache",
    "histogram",
    "image",
    "merge",
    "merge_all",
    "scalar",
    "tensor_summary",
    "text",
]

_STRING = Kind((), np.dtype(object))
_FROM_EXTRA = {
    "Summary": "summary_pb2", "SummaryMetadata": "summary_pb2", "HistogramProto": "summary_pb2", "Event": "event_pb2",
    "SessionLog": "event_pb2", "TaggedRunMetadata": "event_pb2",
}  # fmt: skip

_not_there = not_covered(__name__)


def __getattr__(name: str) -> Any:
    if name not in _FROM_EXTRA:
        return _not_there(name)
    return getattr(_messages(_FROM_EXTRA[name]), name)


def _messages(module: str) -> Any:
    """A module of protocol messages. Raises MissingExtraError where the extra is not installed."""
    require("tensorboardX", extra="tensorboard")
    return importlib.import_module(f"tensorboardX.proto.{module}")


@functools.cache
def _is_written() -> bool:
    """Whether there is what writes summaries."""
    return find_spec("tensorboardX") is not None


# --------------------------------------------------------------------------------------------------
# Summaries: tensors of strings


def _summary(
    kind: str,
    name: str,
    tensor: Any,
    fill: Callable[[Any, str, Any], None],
    collections: Any,
    family: str | None,
) -> Tensor:
    """A tensor of a summary that `fill(summary, tag, array)` fills, whose tag is the name of its operation."""
    cleaned = re.sub(r"[^-/\w.]", "_", name).lstrip("/")
    graph = get_default_graph()
    with graph.name_scope(f"{family}/{cleaned}" if family else cleaned) as scope:
        tag = f"{family}/{scope[:-1]}" if family else scope[:-1]

        def write(value: Any) -> Any:
            if not _is_written():
                return np.array(b"", object)
            message = _messages("summary_pb2").Summary()
            fill(message, tag, array_in(value))
            return np.array(message.SerializeToString(), object)  # of NumPy's own kind, it would lose zeros at its end

        out: Tensor = node(kind, write, [convert(tensor)], scope, python=True, sample=lambda *_: _STRING)
    graph.add_to_collections([GraphKeys.SUMMARIES] if collections is None else list(collections), out)
    return out


def scalar(name: str, tensor: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """A summary of one number."""

    def fill(message: Any, tag: str, value: Any) -> None:
        if value.shape:
            raise ValueError(f"tags and values not the same shape: [] != {list(value.shape)} (tag {tag!r})")
        message.value.add(tag=tag, simple_value=float(value))

    return _summary("ScalarSummary", name, tensor, fill, collections, family)


def histogram(name: str, values: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """A summary of how often values of each size are there.

    A run raises InvalidArgumentError for what is not finite.
    """

    def fill(message: Any, tag: str, array: Any) -> None:
        flat = array.reshape(-1).astype(np.float64)
        if not np.isfinite(flat).all():
            what = "Nan" if np.isnan(flat).any() else "Infinity"
            raise errors.InvalidArgumentError(None, None, f"{what} in summary histogram for: {tag}")
        limits, counts = _buckets(flat)
        histo = message.value.add(tag=tag).histo
        largest = np.finfo(np.float64).max
        histo.min, histo.max = flat.min(initial=largest), flat.max(initial=-largest)
        histo.num, histo.sum, histo.sum_squares = flat.size, flat.sum(), (flat * flat).sum()
        histo.bucket_limit.extend(limits)
        histo.bucket.extend(counts)

    return _summary("HistogramSummary", name, values, fill, collections, family)


@functools.cache
def _limits() -> Any:
    """The upper limits of buckets, each 1.1 times as far from 0 as the one before."""
    positive = []
    limit = 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    largest = np.finfo(np.float64).max
    positive.append(largest)
    return np.array([*(-value for value in reversed(positive)), 0.0, *positive])


def _buckets(values: Any) -> tuple[list[float], list[float]]:
    """The limits of the buckets that hold `values`, and their counts; empty ones side by side are one."""
    every = _limits()
    places = np.minimum(np.searchsorted(every, values, side="right"), len(every) - 1)
    counts = np.bincount(places, minlength=len(every))
    # A bucket is kept unless it is empty and the next one is, too.
    kept = (counts > 0) | np.append(counts[1:] > 0, True)
    return every[kept].tolist(), counts[kept].astype(float).tolist()


def image(name: str, tensor: Any, max_outputs: int = 3, collections: Any = None, family: str | None = None) -> Tensor:
    """A summary of the first images of (N, H, W, C) with 1, 3 or 4 channels.

    uint8 is shown as it is. Other images are scaled so that their largest number is white, or, with numbers below 0,
    so that 0 is grey.
    """

    def fill(message: Any, tag: str, array: Any) -> None:
        if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
            raise ValueError(
                f"Tensor must be 4-D with last dim 1, 3, or 4, not {list(array.shape)} (tag {tag!r}); reshape it to "
                "[-1, height, width, channels]"
            )
        for place, one in enumerate(array[:max_outputs]):
            label = f"{tag}/image" if max_outputs == 1 else f"{tag}/image/{place}"
            value = message.value.add(tag=label)
            value.image.height, value.image.width, value.image.colorspace = one.shape
            value.image.encoded_image_string = encode_png(one if one.dtype == np.uint8 else _scaled(one))

    return _summary("ImageSummary", name, tensor, fill, collections, family)


def _scaled(image: Any) -> Any:
    finite = np.isfinite(image).all(axis=-1, keepdims=True)
    known = np.where(finite, image, 0).astype(np.float32)
    low, high = known.min(), np.abs(known).max()
    scale, offset = (127, 128) if low < 0 else (255, 0)
    grey = known * np.float32(0 if high < 1e-6 else scale / high) + offset
    red = np.array([255, 0, 0, 255])[: image.shape[-1]]  # for what is not finite
    return np.where(finite, grey, red).astype(np.uint8)


def text(name: str, tensor: Any, collections: Any = None) -> Tensor:
    """A summary of strings."""

    def fill(message: Any, tag: str, array: Any) -> None:
        value = message.value.add(tag=tag)
        value.metadata.plugin_data.plugin_name = "text"
        value.tensor.dtype = _messages("types_pb2").DT_STRING
        for size in array.shape:
            value.tensor.tensor_shape.dim.add(size=size)
        value.tensor.string_val.extend(array.ravel().tolist())

    return _summary("TensorSummaryV2", name, tensor, fill, collections, None)


def tensor_summary(name: str, tensor: Any, *arguments: Any, **keywords: Any) -> Any:
    """Not covered: raises NotCoveredError."""
    raise NotCoveredError("tf.summary.tensor_summary is not covered; scalar, histogram, image and text are")


def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Tensor:
    """One summary of several."""

    def join(*parts: Any) -> Any:  # messages that follow each other are read as one
        return np.array(b"".join(np.asarray(part, object).item() for part in parts), object)

    with get_default_graph().name_scope(name or "Merge"):
        out: Tensor = node("MergeSummary", join, list(inputs), python=True, sample=lambda *_: _STRING)
    get_default_graph().add_to_collections(list(collections or []), out)
    return out


def merge_all(key: Any = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Tensor | None:
    """One summary of all that a collection has, or None if it has none."""
    found = get_default_graph().get_collection(key, scope)
    return merge(found, name=name) if found else None


# --------------------------------------------------------------------------------------------------
# Event files

_writers = itertools.count()


class FileWriter:
    """Writes summaries and a graph to an event file in `logdir`, which TensorBoard reads.

    Without tensorboardX it warns, and writes nothing.
    """

    def __init__(
        self,
        logdir: Any,
        graph: Any = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ) -> None:
        self._logdir = os.fspath(logdir)
        self._suffix = filename_suffix or ""
        self._flush_secs = flush_secs
        self._flushed = time.monotonic()
        self._file: Any = None
        if not _is_written():
            warnings.warn(
                f"FileWriter: nothing is written to {self._logdir}, as tensorboardX is not installed; run: "
                'pip install "tapegrad[tensorboard]"',
                stacklevel=2,
            )
            return
        self._open()
        if graph is None and session is not None:
            graph = session.graph
        if graph is not None or graph_def is not None:
            self.add_graph(graph if graph is not None else graph_def)

    def _open(self) -> None:
        writers = importlib.import_module("tensorboardX.event_file_writer")
        os.makedirs(self._logdir, exist_ok=True)
        # One process may open two within a second, which is all that the name of a file would tell them by.
        suffix = f".{os.getpid()}.{next(_writers)}{self._suffix}"
        self._file = writers.EventsWriter(os.path.join(self._logdir, "events"), suffix)

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def get_logdir(self) -> str:
        """The folder."""
        return self._logdir

    def add_event(self, event: Any) -> None:
        """Write an event."""
        if self._file is None:
            if _is_written():
                warnings.warn("Attempting to use a closed FileWriter.", stacklevel=3)
            return
        self._file.write_event(event)
        if time.monotonic() - self._flushed > self._flush_secs:
            self.flush()

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a summary, as a run gave it or as a Summary message, for a step."""
        if not _is_written():
            return
        event = self._event(global_step)
        if isinstance(summary, bytes):
            event.summary.ParseFromString(summary)
        else:
            event.summary.CopyFrom(summary)
        self.add_event(event)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Write a graph: the names, kinds, inputs and shapes of its operations."""
        if not _is_written():
            return
        event = self._event(global_step)
        event.graph_def = graph_message(graph if isinstance(graph, Graph) else graph_def or graph).SerializeToString()
        self.add_event(event)

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Nothing: there is nothing in the metadata of a run."""

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Write that a session started or stopped."""
        if _is_written():
            event = self._event(global_step)
            event.session_log.CopyFrom(session_log)
            self.add_event(event)

    def flush(self) -> None:
        """Write what waits to be written."""
        self._flushed = time.monotonic()
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Write what waits to be written, and close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def reopen(self) -> None:
        """Go on in another file, after `close`."""
        if self._file is None and _is_written():
            self._open()

    def _event(self, step: Any) -> Any:
        event = _messages("event_pb2").Event(wall_time=time.time())
        if step is not None:
            event.step = int(step)
        return event


class FileWriterCache:
    """One FileWriter a folder."""

    _writers: dict[str, FileWriter] = {}  # noqa: RUF012  (one for all)

    @classmethod
    def get(cls, logdir: Any) -> FileWriter:
        """The writer of a folder."""
        if logdir not in cls._writers:
            cls._writers[logdir] = FileWriter(logdir, graph=get_default_graph())
        return cls._writers[logdir]

    @classmethod
    def clear(cls) -> None:
        """Close and forget all writers."""
        for writer in cls._writers.values():
            writer.close()
        cls._writers.clear()


def graph_message(graph: Any) -> Any:
    """A graph as TensorBoard reads it: a GraphDef message."""
    if not isinstance(graph, Graph):
        raise TypeError(f"expected a tf.Graph, such as sess.graph, got {type(graph).__name__}")
    message = _messages("graph_pb2").GraphDef()
    message.versions.producer = 21
    for op in graph.get_operations():
        described = message.node.add(name=op.name, op=op.type)
        described.input.extend(x.op.name if x.index == 0 else f"{x.op.name}:{x.index}" for x in op.inputs)
        described.input.extend(f"^{other.name}" for other in op.control_inputs)
        shapes = described.attr["_output_shapes"].list
        for output in op.outputs:
            sizes, shape = kind_of(output).sizes, shapes.shape.add()
            if sizes is None:
                shape.unknown_rank = True
            for size in sizes or ():
                shape.dim.add(size=-1 if size is None else size)
    return message
