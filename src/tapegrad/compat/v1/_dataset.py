"""Data sets: elements that come one after the other, each an array or a nest of arrays.

A data set is a recipe. An iterator goes through it in Python, and runs the functions of `map`, `filter` and
`flat_map`, which are parts of the graph, on the elements' values.
"""

from __future__ import annotations

import collections
import functools
import glob
import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtypes as dtypes
from . import _nest as nests
from . import errors
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import convert
from ._operation import Tensor
from ._placeholders import placeholder
from ._records import fixed_length_records, records
from ._shapes import TensorShape, sizes_of
from ._values import array_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._iterator import Iterator as DataIterator

    Elements = Iterator[list[Any]]

__all__ = ["Dataset", "FixedLengthRecordDataset", "TFRecordDataset", "TextLineDataset"]


class Going:
    """One going through a data set: the session that runs its functions, and the values of its tensors at the start."""

    def __init__(self, session: Any, values: dict[Tensor, Any]) -> None:
        self.session = session
        self.values = values

    def value(self, of: Any) -> Any:
        """The value of a setting, which may be a tensor."""
        return self.values[of] if isinstance(of, Tensor) else of

    def whole(self, of: Any) -> int | None:
        """A whole number, or None for "without end"."""
        value = self.value(of)
        return None if value is None or int(value) < 0 else int(value)


class Dataset:
    """Elements of one structure: `structure` is a nest with what is known of each part."""

    def __init__(self, elements: Callable[[Going], Elements], structure: Any, sources: Iterable[Any] = ()) -> None:
        self._elements = elements
        self._structure = structure
        tensors = [x for x in sources if isinstance(x, Tensor)]
        self._sources = list(dict.fromkeys(tensors))  # the tensors whose values a start needs

    @property
    def output_types(self) -> Any:
        """The dtypes of an element."""
        return nests.map_leaves(lambda kind: dtypes.as_dtype(kind.dtype), self._structure)

    @property
    def output_shapes(self) -> Any:
        """The shapes of an element."""
        return nests.map_leaves(lambda kind: TensorShape(kind.sizes), self._structure)

    @property
    def output_classes(self) -> Any:
        """`tf.Tensor`, in the places of an element's parts."""
        return nests.map_leaves(lambda _: Tensor, self._structure)

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
        leaves = [_leaf(x) for x in nests.flatten(tensors)]

        def elements(going: Going) -> Elements:
            yield [np.asarray(going.value(leaf)) for leaf in leaves]

        return Dataset(elements, nests.pack(tensors, map(_kind, leaves)), leaves)

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """One element for each row of all tensors; they have equally many."""
        leaves = [_leaf(x) for x in nests.flatten(tensors)]
        kinds = [_kind(leaf) for leaf in leaves]
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
        shapes = [None] * len(kinds) if output_shapes is None else nests.flatten_up_to(output_types, output_shapes)
        structure = nests.pack(
            output_types,
            [Kind(sizes_of(shape), kind.dtype) for shape, kind in zip(shapes, kinds, strict=True)],
        )
        given = [_leaf(x) for x in args or ()]

        def elements(going: Going) -> Elements:
            for element in generator(*[going.value(leaf) for leaf in given]):
                parts = nests.flatten_up_to(output_types, element)
                arrays = [array_of(part, kind) for part, kind in zip(parts, kinds, strict=True)]
                for array, shape in zip(arrays, shapes, strict=True):
                    if not TensorShape(shape).is_compatible_with(array.shape):
                        raise errors.InvalidArgumentError(
                            None, None, f"from_generator: expected shape {TensorShape(shape)}, got {array.shape}"
                        )
                yield arrays

        return Dataset(elements, structure, given)

    @staticmethod
    def range(*args: Any) -> Dataset:
        """Whole numbers, int64, as Python's range."""
        bounds = [_leaf(x) for x in args]

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
        function = _Function(map_func, self._structure)

        def elements(going: Going) -> Elements:
            # Not a generator, which an error would end: the elements after it are there still.
            return map(functools.partial(function, going), self._elements(going))

        return self._then(elements, function.structure)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Only the elements for which a function is true."""
        function = _Function(predicate, self._structure)

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
        function = _Function(map_func, self._structure, to_dataset=True)
        inner = function.dataset

        def elements(going: Going) -> Elements:
            outer, open_ones = self._elements(going), collections.deque[Any]()

            def opened(element: list[Any]) -> Elements:
                return inner._elements(Going(going.session, going.values | function.sources(going, element)))

            for element in itertools.islice(outer, int(going.value(cycle_length))):
                open_ones.append(opened(element))
            while open_ones:
                current = open_ones[0]
                block = list(itertools.islice(current, int(going.value(block_length))))
                yield from block
                if len(block) < int(going.value(block_length)):
                    open_ones.popleft()
                    following = next(outer, None)
                    if following is not None:
                        open_ones.append(opened(following))
                else:
                    open_ones.rotate(-1)

        outside = [x for x in inner._sources if x not in function.inside]
        return self._then(elements, inner._structure, [_leaf(cycle_length), _leaf(block_length), *outside])

    def batch(self, batch_size: Any, drop_remainder: bool = False) -> Dataset:
        """Several elements as one, with a first dimension of `batch_size`, or less at the end."""
        size = _setting(batch_size)

        def elements(going: Going) -> Elements:
            return (
                [_stacked(parts) for parts in zip(*group, strict=True)]
                for group in self._groups(going, size, drop_remainder)
            )

        return self._then(elements, self._batched(size, drop_remainder), [size])

    def padded_batch(
        self, batch_size: Any, padded_shapes: Any, padding_values: Any = None, drop_remainder: bool = False
    ) -> Dataset:
        """As `batch`, of elements of different shapes, which grow to `padded_shapes`; None is the largest there is."""
        size = _setting(batch_size)
        shapes = [sizes_of(shape) for shape in nests.flatten_up_to(self._structure, padded_shapes)]
        kinds = nests.flatten(self._structure)
        fills: list[Any] = [b"" if kind.dtype.kind == "O" else 0 for kind in kinds]
        if padding_values is not None:
            given = nests.flatten_up_to(self._structure, padding_values)
            fills = [fill if value is None else value for fill, value in zip(fills, given, strict=True)]

        def pad(arrays: Any, shape: Any, fill: Any, kind: Kind) -> Any:
            largest = np.max([array.shape for array in arrays], axis=0).astype(int)
            wanted = [found if asked is None else asked for found, asked in zip(largest, shape, strict=True)]
            if any(found > most for found, most in zip(largest, wanted, strict=True)):
                raise errors.DataLossError(
                    None, None, f"padded_batch: an element of shape {tuple(largest)} does not fit into {tuple(wanted)}"
                )
            out = np.full([len(arrays), *wanted], fill, kind.dtype)
            for row, array in zip(out, arrays, strict=True):
                row[tuple(map(slice, array.shape))] = array
            return out

        def elements(going: Going) -> Elements:
            values = [np.asarray(going.value(_setting(fill))).item() for fill in fills]
            for group in self._groups(going, size, drop_remainder):
                columns = zip(*group, strict=True)
                yield [
                    pad(arrays, shape, fill, kind) if array_dims(arrays) else _stacked(arrays)
                    for arrays, shape, fill, kind in zip(columns, shapes, values, kinds, strict=True)
                ]

        def array_dims(arrays: Any) -> int:
            return int(arrays[0].ndim)

        parts = [Kind(shape, kind.dtype) for shape, kind in zip(shapes, kinds, strict=True)]
        like = Dataset(elements, nests.pack(self._structure, parts))
        return self._then(elements, like._batched(size, drop_remainder), [size, *map(_setting, fills)])

    def _groups(self, going: Going, size: Any, drop_remainder: Any) -> Iterator[list[list[Any]]]:
        source, count = self._elements(going), int(going.value(size))
        if count < 1:
            raise errors.InvalidArgumentError(None, None, f"batch_size must be greater than zero, got {count}")
        while group := list(itertools.islice(source, count)):
            if len(group) == count or not drop_remainder:
                yield group

    def _batched(self, size: Any, drop_remainder: Any) -> Any:
        first = int(size) if drop_remainder and not isinstance(size, Tensor) else None
        return nests.map_leaves(
            lambda kind: Kind(None if kind.sizes is None else (first, *kind.sizes), kind.dtype), self._structure
        )

    def shuffle(self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = None) -> Dataset:
        """Each next element is drawn from the `buffer_size` ones that come next, in another order each time round."""
        size, graph_seed = _setting(buffer_size), get_default_graph().seed
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
        times = _setting(count)

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
        number = _setting(count)
        return self._then(lambda going: itertools.islice(self._elements(going), going.whole(number)), sources=[number])

    def skip(self, count: Any) -> Dataset:
        """All but the first elements."""
        number = _setting(count)

        def elements(going: Going) -> Elements:
            first = going.whole(number)
            return iter(()) if first is None else itertools.islice(self._elements(going), first, None)

        return self._then(elements, sources=[number])

    def shard(self, num_shards: Any, index: Any) -> Dataset:
        """Every `num_shards`-th element, from the one at `index` on."""
        step, first = _setting(num_shards), _setting(index)

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


class TextLineDataset(Dataset):
    """The lines of text files, without their ends."""

    def __init__(self, filenames: Any, compression_type: Any = None, buffer_size: Any = None) -> None:
        files = _leaf(filenames)

        def elements(going: Going) -> Elements:
            for path in _paths(going.value(files)):
                for line in records(path, "lines", _compression(compression_type)):
                    yield [np.array(line, object)]

        super().__init__(elements, Kind((), np.dtype(object)), [files])


class TFRecordDataset(Dataset):
    """The records of TFRecord files."""

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None, num_parallel_reads: Any = None
    ) -> None:
        files = filenames if isinstance(filenames, Dataset) else _leaf(filenames)

        def elements(going: Going) -> Elements:
            if isinstance(files, Dataset):
                paths: Iterable[str] = (os.fsdecode(element[0].item()) for element in files._elements(going))
            else:
                paths = _paths(going.value(files))
            for path in paths:
                for record in records(path, "TFRecord", _compression(compression_type)):
                    yield [np.array(record, object)]

        super().__init__(
            elements, Kind((), np.dtype(object)), files._sources if isinstance(files, Dataset) else [files]
        )


class FixedLengthRecordDataset(Dataset):
    """Pieces of `record_bytes` bytes of files, without `header_bytes` at the start and `footer_bytes` at the end."""

    def __init__(
        self, filenames: Any, record_bytes: Any, header_bytes: Any = 0, footer_bytes: Any = 0, buffer_size: Any = None
    ) -> None:
        files = _leaf(filenames)
        sizes = [_setting(size) for size in (record_bytes, header_bytes or 0, footer_bytes or 0)]

        def elements(going: Going) -> Elements:
            for path in _paths(going.value(files)):
                for record in fixed_length_records(path, *[int(going.value(size)) for size in sizes]):
                    yield [np.array(record, object)]

        super().__init__(elements, Kind((), np.dtype(object)), [files, *sizes])


class _Function:
    """A function of elements, built into the graph once, and run on values."""

    def __init__(self, function: Callable[..., Any], structure: Any, to_dataset: bool = False) -> None:
        graph = get_default_graph()
        with graph.name_scope("dataset_function"), graph.control_dependencies(None):
            self._inputs = [placeholder(kind.dtype, kind.sizes) for kind in nests.flatten(structure)]
            element = nests.pack(structure, self._inputs)
            made = function(*element) if isinstance(element, tuple) else function(element)
            if to_dataset:
                if not isinstance(made, Dataset):
                    raise TypeError(f"flat_map: the function must return a tf.data.Dataset, got {type(made).__name__}")
                self.dataset = made
                self.inside = [x for x in made._sources if _depends(x, set(self._inputs))]
                return
            if isinstance(made, list):
                made = tuple(made)
            self._outputs = [convert(leaf) for leaf in nests.flatten(made)]
            self.structure = nests.pack(made, map(_kind, self._outputs))

    def __call__(self, going: Going, element: list[Any]) -> list[Any]:
        return self._values(going, element, self._outputs)

    def sources(self, going: Going, element: list[Any]) -> dict[Tensor, Any]:
        """The values of those of the inner data set's tensors that depend on an element."""
        return dict(zip(self.inside, self._values(going, element, self.inside), strict=True))

    def _values(self, going: Going, element: list[Any], wanted: list[Tensor]) -> list[Any]:
        if not wanted:
            return []
        found = going.session.run(wanted, dict(zip(self._inputs, element, strict=True)))
        return [np.asarray(value, kind_of(x).dtype) for value, x in zip(found, wanted, strict=True)]


def _depends(tensor: Tensor, on: set[Tensor]) -> bool:
    seen, waiting = set(), [tensor]
    while waiting:
        one = waiting.pop()
        if one in on:
            return True
        if one not in seen:
            seen.add(one)
            waiting += one.op.inputs
    return False


def _leaf(value: Any) -> Any:
    """A tensor as it is; anything else as an array of its own dtype."""
    if isinstance(value, Tensor) or hasattr(value, "_as_graph_element"):
        return convert(value)
    if isinstance(value, list | tuple) and any(isinstance(x, Tensor) or hasattr(x, "_as_graph_element") for x in value):
        return convert(value)
    if isinstance(value, np.ndarray) and value.dtype.kind not in "SUO":
        return value
    return array_of(value)


def _setting(value: Any) -> Any:
    """A number that may be a tensor."""
    return convert(value) if isinstance(value, Tensor) or hasattr(value, "_as_graph_element") else value


def _kind(leaf: Any) -> Kind:
    if isinstance(leaf, Tensor):
        return Kind(leaf.shape.sizes, leaf.dtype.dtype)
    return Kind(leaf.shape, leaf.dtype)


def _stacked(arrays: Any) -> Any:
    try:
        return np.stack(arrays)
    except ValueError:
        shapes = sorted({array.shape for array in arrays})
        raise errors.InvalidArgumentError(
            None, None, f"Cannot batch tensors with different shapes: {shapes}; padded_batch makes them alike"
        ) from None


def _paths(files: Any) -> list[str]:
    return [os.fsdecode(path) for path in np.asarray(files, object).ravel()]


def _compression(kind: Any) -> str:
    return "" if kind is None else str(kind)
