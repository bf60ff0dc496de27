"""Data sets: elements that come one after the other, each an array or a nest of arrays.

A data set is a recipe. An iterator goes through it in Python, and runs the functions of `map`, `filter` and
`flat_map`, which are parts of the graph, on the elements' values.
"""

from __future__ import annotations

import collections
import functools
import glob
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from . import _nest as nests
from . import errors
from ._batching import batched, groups, padded, stacked
from ._element_functions import ElementFunction, depends
from ._elements import Going, Structured, kind_of_leaf, leaf_of, setting, structure_of
from ._graph import get_default_graph
from ._infer import Kind
from ._operation import Tensor
from ._shapes import TensorShape, sizes_of
from ._values import array_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._iterator import Iterator as DataIterator

    Elements = Iterator[list[Any]]

__all__ = ["Dataset"]


class Dataset(Structured):
    """Elements of one structure: `structure` is a nest with what is known of each part."""

    def __init__(self, elements: Callable[[Going], Elements], structure: Any, sources: Iterable[Any] = ()) -> None:
        super().__init__(structure)
        self._elements = elements
        tensors = [x for x in sources if isinstance(x, Tensor)]
        self._sources = list(dict.fromkeys(tensors))  # the tensors whose values a start needs

    def make_one_shot_iterator(self) -> DataIterator:
        """An iterator that goes through it once, and needs no start."""
        from ._iterator import make_one_shot_iterator

        return make_one_shot_iterator(self)

    def make_initializable_iterator(self, shared_name: str | None = None) -> DataIterator:
        """An iterator that starts whenever its `initializer` runs."""
        from ._iterator import make_initializable_iterator

        return make_initializable_iterator(self)

    # Where elements come from

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element."""
        leaves = [leaf_of(x) for x in nests.flatten(tensors)]

        def elements(going: Going) -> Elements:
            yield [np.asarray(going.value(leaf)) for leaf in leaves]

        return Dataset(elements, nests.pack(tensors, map(kind_of_leaf, leaves)), leaves)

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """One element for each row of all tensors; they have equally many."""
        leaves = [leaf_of(x) for x in nests.flatten(tensors)]
        kinds = [kind_of_leaf(leaf) for leaf in leaves]
        if any(kind.sizes == () for kind in kinds):
            raise ValueError("from_tensor_slices: a single number has no rows; use from_tensors")
        counts = {kind.sizes[0] for kind in kinds if kind.sizes and kind.sizes[0] is not None}
        if len(counts) > 1:
            raise ValueError(
                f"from_tensor_slices: dimensions {sorted(counts)} are not compatible: rows must be as many"
            )
        parts = [Kind(None if kind.sizes is None else kind.sizes[1:], kind.dtype) for kind in kinds]

        def elements(going: Going) -> Elements:
            for rows in zip(*[going.value(leaf) for leaf in leaves], strict=True):
                yield [np.asarray(row, kind.dtype) for row, kind in zip(rows, kinds, strict=True)]

        return Dataset(elements, nests.pack(tensors, parts), leaves)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]], output_types: Any, output_shapes: Any = None, args: Any = None
    ) -> Dataset:
        """What `generator(*args)` yields, each in the structure of `output_types`."""
        if not callable(generator):
            raise TypeError("`generator` must be callable: give the function, and not what it returns.")
        kinds = [dtypes.as_dtype(kind) for kind in nests.flatten(output_types)]
        structure = structure_of(output_types, output_shapes)
        shapes = [TensorShape(kind.sizes) for kind in nests.flatten(structure)]
        given = [leaf_of(x) for x in args or ()]

        def elements(going: Going) -> Elements:
            for element in generator(*[going.value(leaf) for leaf in given]):
                parts = nests.flatten_up_to(output_types, element)
                arrays = [array_of(part, kind) for part, kind in zip(parts, kinds, strict=True)]
                for array, shape in zip(arrays, shapes, strict=True):
                    if not shape.is_compatible_with(array.shape):
                        raise errors.InvalidArgumentError(
                            None, None, f"from_generator: expected shape {shape}, got {array.shape}"
                        )
                yield arrays

        return Dataset(elements, structure, given)

    @staticmethod
    def range(*args: Any) -> Dataset:
        """Whole numbers, int64, as Python's range."""
        bounds = [leaf_of(x) for x in args]

        def elements(going: Going) -> Elements:
            for number in range(*[int(going.value(x)) for x in bounds]):
                yield [np.asarray(number, np.int64)]

        return Dataset(elements, Kind((), np.dtype(np.int64)), bounds)

    @staticmethod
    def zip(datasets: Any) -> Dataset:
        """Elements of several data sets side by side, until one ends."""
        every: list[Dataset] = nests.flatten(datasets)

        def elements(going: Going) -> Elements:
            for parts in zip(*[dataset._elements(going) for dataset in every], strict=False):
                yield list(itertools.chain(*parts))

        structure = nests.pack(datasets, [dataset._structure for dataset in every])
        return Dataset(elements, structure, itertools.chain(*[dataset._sources for dataset in every]))

    @staticmethod
    def list_files(file_pattern: Any, shuffle: bool | None = None, seed: int | None = None) -> Dataset:
        """The paths that fit a pattern, or one of several, by default shuffled."""
        patterns = [file_pattern] if isinstance(file_pattern, str) else list(file_pattern)
        paths = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
        if not paths:
            raise errors.InvalidArgumentError(None, None, f"No files matched pattern: {', '.join(patterns)}")
        dataset = Dataset.from_tensor_slices(np.array(paths, object))
        return dataset.shuffle(len(paths), seed) if shuffle is None or shuffle else dataset

    # What is made of them

    def _then(
        self, elements: Callable[[Going], Elements], structure: Any = None, sources: Iterable[Any] = ()
    ) -> Dataset:
        return Dataset(
            elements, self._structure if structure is None else structure, itertools.chain(self._sources, sources)
        )

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None) -> Dataset:
        """What a function makes of each element; the parts of a tuple are its arguments."""
        function = ElementFunction(map_func, self._structure)

        def elements(going: Going) -> Elements:
            # Not a generator, which an error would end: the elements after it are there still.
            return map(functools.partial(function, going), self._elements(going))

        return self._then(elements, function.structure)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Only the elements for which a function is true."""
        function = ElementFunction(predicate, self._structure)

        def elements(going: Going) -> Elements:
            return filter(lambda element: function(going, element)[0], self._elements(going))

        return self._then(elements)

    def flat_map(self, map_func: Callable[..., Any]) -> Dataset:
        """The elements of the data set that a function makes of each element, one data set after the other."""
        return self.interleave(map_func, cycle_length=1)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = 1,
        block_length: Any = 1,
        num_parallel_calls: Any = None,
    ) -> Dataset:
        """As `flat_map`, but `block_length` elements at a time of `cycle_length` data sets in turn."""
        function = _DatasetFunction(map_func, self._structure)

        def elements(going: Going) -> Elements:
            outer, open_ones = self._elements(going), collections.deque[Any]()

            for element in itertools.islice(outer, int(going.value(cycle_length))):
                open_ones.append(function.opened(going, element))
            while open_ones:
                current = open_ones[0]
                block = list(itertools.islice(current, int(going.value(block_length))))
                yield from block
                if len(block) < int(going.value(block_length)):
                    open_ones.popleft()
                    following = next(outer, None)
                    if following is not None:
                        open_ones.append(function.opened(going, following))
                else:
                    open_ones.rotate(-1)

        sources = [leaf_of(cycle_length), leaf_of(block_length), *function.outside]
        return self._then(elements, function.dataset._structure, sources)

    def batch(self, batch_size: Any, drop_remainder: bool = False) -> Dataset:
        """Several elements as one, with a first dimension of `batch_size`, or less at the end."""
        size = setting(batch_size)

        def elements(going: Going) -> Elements:
            for group in groups(self._elements(going), int(going.value(size)), drop_remainder):
                yield [stacked(parts) for parts in zip(*group, strict=True)]

        return self._then(elements, batched(self._structure, size, drop_remainder), [size])

    def padded_batch(
        self, batch_size: Any, padded_shapes: Any, padding_values: Any = None, drop_remainder: bool = False
    ) -> Dataset:
        """As `batch`, of elements of different shapes, which grow to `padded_shapes`; None is the largest there is."""
        size = setting(batch_size)
        shapes = [sizes_of(shape) for shape in nests.flatten_up_to(self._structure, padded_shapes)]
        kinds = nests.flatten(self._structure)
        fills: list[Any] = [b"" if kind.dtype.kind == "O" else 0 for kind in kinds]
        if padding_values is not None:
            given = nests.flatten_up_to(self._structure, padding_values)
            fills = [fill if value is None else value for fill, value in zip(fills, given, strict=True)]

        def elements(going: Going) -> Elements:
            values = [np.asarray(going.value(setting(fill))).item() for fill in fills]
            for group in groups(self._elements(going), int(going.value(size)), drop_remainder):
                columns = zip(*group, strict=True)
                yield [
                    padded(arrays, shape, fill, kind)
                    for arrays, shape, fill, kind in zip(columns, shapes, values, kinds, strict=True)
                ]

        parts = [Kind(shape, kind.dtype) for shape, kind in zip(shapes, kinds, strict=True)]
        structure = batched(nests.pack(self._structure, parts), size, drop_remainder)
        return self._then(elements, structure, [size, *map(setting, fills)])

    def shuffle(self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = None) -> Dataset:
        """Each next element is drawn from the `buffer_size` ones that come next, in another order each time round."""
        size, graph_seed = setting(buffer_size), get_default_graph().seed
        chosen = graph_seed if seed is None else seed
        kept = [np.random.default_rng(None if chosen is None else int(np.asarray(chosen)))]

        def elements(going: Going) -> Elements:
            drawn = kept[0]
            if reshuffle_each_iteration is False:
                drawn = np.random.default_rng(0 if chosen is None else int(np.asarray(chosen)))
            source = self._elements(going)
            waiting = list(itertools.islice(source, int(going.value(size))))
            for element in source:
                place = int(drawn.integers(len(waiting)))
                yield waiting[place]
                waiting[place] = element
            for place in drawn.permutation(len(waiting)):
                yield waiting[place]

        return self._then(elements, sources=[size])

    def repeat(self, count: Any = None) -> Dataset:
        """All elements `count` times, or for ever."""
        times = setting(count)

        def elements(going: Going) -> Elements:
            limit = going.whole(times)
            for _ in itertools.count() if limit is None else range(limit):
                element = None
                for element in self._elements(going):
                    yield element
                if element is None:  # an empty data set, repeated for ever, has no end either
                    return

        return self._then(elements, sources=[times])

    def take(self, count: Any) -> Dataset:
        """The first elements."""
        number = setting(count)
        return self._then(lambda going: itertools.islice(self._elements(going), going.whole(number)), sources=[number])

    def skip(self, count: Any) -> Dataset:
        """All but the first elements."""
        number = setting(count)

        def elements(going: Going) -> Elements:
            first = going.whole(number)
            return iter(()) if first is None else itertools.islice(self._elements(going), first, None)

        return self._then(elements, sources=[number])

    def shard(self, num_shards: Any, index: Any) -> Dataset:
        """Every `num_shards`-th element, from the one at `index` on."""
        step, first = setting(num_shards), setting(index)

        def elements(going: Going) -> Elements:
            return itertools.islice(self._elements(going), int(going.value(first)), None, int(going.value(step)))

        return self._then(elements, sources=[step, first])

    def concatenate(self, dataset: Dataset) -> Dataset:
        """These elements, then those of another data set."""
        if self.output_types != dataset.output_types:
            raise TypeError(
                f"Two datasets to concatenate have different types {self.output_types} and {dataset.output_types}"
            )
        kinds = [
            a if a.sizes == b.sizes else Kind(None, a.dtype)
            for a, b in zip(nests.flatten(self._structure), nests.flatten(dataset._structure), strict=True)
        ]

        def elements(going: Going) -> Elements:
            return itertools.chain(self._elements(going), dataset._elements(going))

        return self._then(elements, nests.pack(self._structure, kinds), dataset._sources)

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number, counted from `start`, and an element."""

        def elements(going: Going) -> Elements:
            for number, element in enumerate(self._elements(going), start):
                yield [np.asarray(number, np.int64), *element]

        return self._then(elements, (Kind((), np.dtype(np.int64)), self._structure))

    def cache(self, filename: Any = "") -> Dataset:
        """The elements, computed once and kept in memory; a file is not written."""
        kept: list[Any] = []

        def elements(going: Going) -> Elements:
            if kept:
                yield from kept[0]
                return
            found = []
            for element in self._elements(going):
                found.append(element)
                yield element
            kept.append(found)

        return self._then(elements)

    def prefetch(self, buffer_size: Any) -> Dataset:
        """The same: elements are computed when they are asked for."""
        return self

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function makes of the data set."""
        return transformation_func(self)

    def _without_errors(self) -> Dataset:
        def elements(going: Going) -> Elements:
            source = self._elements(going)
            while True:
                try:
                    element = next(source, None)
                except errors.OpError:
                    continue
                if element is None:
                    return
                yield element

        return self._then(elements)


class _DatasetFunction(ElementFunction):
    """A function that makes a data set of each element."""

    dataset: Dataset

    def _keep(self, made: Any) -> None:
        if not isinstance(made, Dataset):
            raise TypeError(f"flat_map: the function must return a tf.data.Dataset, got {type(made).__name__}")
        self.dataset = made
        self._outputs = [x for x in made._sources if depends(x, set(self._inputs))]

    def opened(self, going: Going, element: list[Any]) -> Elements:
        """The elements of the data set that is made of an element."""
        values = zip(self._outputs, self(going, element), strict=True)
        return self.dataset._elements(Going(going.session, going.values | dict(values)))

    @property
    def outside(self) -> list[Tensor]:
        """The tensors that the data sets need, and that are the same for all elements."""
        return [x for x in self.dataset._sources if x not in self._outputs]
