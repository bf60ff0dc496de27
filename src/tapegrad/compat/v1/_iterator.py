"""Iterators over data sets: tensors that are the next element at every run."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _nest as nests
from . import errors
from ._elements import Going, Structured, structure_of
from ._graph import get_default_graph
from ._infer import Kind
from ._nodes import convert, node
from ._values import array_in

if TYPE_CHECKING:
    from ._dataset import Dataset
    from ._operation import Operation, Tensor
    from ._run import Run

__all__ = ["Iterator", "make_initializable_iterator", "make_one_shot_iterator"]

_numbers = itertools.count()


class Iterator(Structured):
    """Goes through a data set; each session has its own place in it."""

    def __init__(self, structure: Any, dataset: Dataset | None = None, handle: Tensor | None = None) -> None:
        super().__init__(structure)
        self._dataset = dataset  # of a one-shot iterator, which starts by itself
        self._handle = handle
        self._initializer: Operation | None = None
        self._number = next(_numbers)

    @staticmethod
    def from_structure(
        output_types: Any, output_shapes: Any = None, shared_name: str | None = None, output_classes: Any = None
    ) -> Iterator:
        """An iterator for any data set of such elements; `make_initializer` starts it on one."""
        return Iterator(structure_of(output_types, output_shapes))

    @staticmethod
    def from_string_handle(
        string_handle: Any, output_types: Any, output_shapes: Any = None, output_classes: Any = None
    ) -> Iterator:
        """The iterator that a string stands for, which another one's `string_handle` gave."""
        return Iterator(structure_of(output_types, output_shapes), handle=convert(string_handle))

    @property
    def initializer(self) -> Operation:
        """The operation that starts it. Raises ValueError where there is none."""
        if self._initializer is None:
            raise ValueError(
                "this iterator has no initializer: a one-shot iterator starts by itself, and one of from_structure by "
                "what make_initializer(dataset) gives"
            )
        return self._initializer

    def make_initializer(self, dataset: Dataset, name: str | None = None) -> Operation:
        """An operation that starts it on a data set. Raises TypeError for elements of another structure."""
        if nests.flatten(self.output_types) != nests.flatten(dataset.output_types):
            raise TypeError(
                f"Expected output types {self.output_types} but got dataset with output types {dataset.output_types}."
            )
        for ours, theirs in zip(nests.flatten(self.output_shapes), nests.flatten(dataset.output_shapes), strict=True):
            if not ours.is_compatible_with(theirs):
                raise TypeError(
                    f"Expected output shapes compatible with {self.output_shapes} but got dataset with output shapes "
                    f"{dataset.output_shapes}."
                )
        sources = dataset._sources

        def start(run: Run, *values: Any) -> tuple[()]:
            arrays = list(map(array_in, values))
            self._place(run)["elements"] = dataset._elements(
                Going(run.session, dict(zip(sources, arrays, strict=True)))
            )
            return ()

        graph = sources[0].graph if sources else None
        return (graph or get_default_graph()).add(
            "MakeIterator", start, sources, name or "make_initializer", outputs=0, python=True, in_run=True
        )

    def get_next(self, name: str | None = None) -> Any:
        """The next element: a nest of tensors. At the end a run raises tf.errors.OutOfRangeError."""
        kinds = nests.flatten(self._structure)
        inputs = [] if self._handle is None else [self._handle]
        outputs = node(
            "IteratorGetNext", self._next, inputs, name, outputs=len(kinds), python=True, in_run=True,
            sample=lambda *_: kinds,
        )  # fmt: skip
        return nests.pack(self._structure, outputs)

    def string_handle(self, name: str | None = None) -> Tensor:
        """A string that stands for it."""

        def handle(run: Run) -> Any:
            run.session.kept("iterators", dict)[self._number] = self
            return np.array(b"iterator %d" % self._number, object)

        return node(  # type: ignore[no-any-return]
            "IteratorToStringHandle", handle, (), name, python=True, in_run=True,
            sample=lambda: Kind((), np.dtype(object)),
        )  # fmt: skip

    def _place(self, run: Run) -> dict[str, Any]:
        return run.session.kept(self, dict)  # type: ignore[no-any-return]

    def _next(self, run: Run, *handle: Any) -> list[Any]:
        if handle:
            number = int(np.asarray(handle[0], object).item().split()[-1])
            return run.session.kept("iterators", dict)[number]._next(run)  # type: ignore[no-any-return]
        place = self._place(run)
        if "elements" not in place:
            if self._dataset is None:
                raise errors.FailedPreconditionError(
                    None,
                    None,
                    "GetNext() failed because the iterator has not been initialized. Ensure that you have run the "
                    "initializer operation for this iterator before getting the next element.",
                )
            sources = self._dataset._sources
            values = run.session.run(sources) if sources else []
            place["elements"] = self._dataset._elements(Going(run.session, dict(zip(sources, values, strict=True))))
        element = next(place["elements"], None)
        if element is None:
            place["elements"] = iter(())
            raise errors.OutOfRangeError(None, None, "End of sequence")
        return element  # type: ignore[no-any-return]


def make_one_shot_iterator(dataset: Dataset) -> Iterator:
    """An iterator that goes through a data set once, and needs no start."""
    return Iterator(dataset._structure, dataset)


def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> Iterator:
    """An iterator that starts whenever its `initializer` runs."""
    iterator = Iterator(dataset._structure)
    iterator._initializer = iterator.make_initializer(dataset)
    return iterator
