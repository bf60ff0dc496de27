"""Functions that give an estimator batches of arrays: `tf.estimator.inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._dataset import Dataset
from ._graph import get_default_graph
from ._infer import Kind
from ._missing import not_covered
from ._values import array_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["numpy_input_fn", "pandas_input_fn"]


def numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
) -> Callable[[], Any]:
    """A function that gives batches of an array, or of a dict of arrays, and of `y`, if there is one.

    Raises ValueError where `shuffle` is not said, and for arrays of different lengths.
    """
    if not isinstance(shuffle, bool):
        raise ValueError(f"shuffle must be provided and explicitly set as boolean (True for training); got {shuffle}")
    columns = {name: np.asarray(value) for name, value in x.items()} if isinstance(x, dict) else {None: np.asarray(x)}
    if isinstance(x, dict) and not x:
        raise ValueError("x cannot be an empty dict")
    labels: dict[Any, Any] = {}
    if y is not None:
        labels = {name: np.asarray(value) for name, value in (y if isinstance(y, dict) else {None: y}).items()}
    lengths = {len(array) for array in (*columns.values(), *labels.values())}
    if len(lengths) > 1:
        raise ValueError(f"Length of tensors in x and y is mismatched: {sorted(lengths)}")

    def input_fn() -> Any:
        arrays = [_settled(array) for array in (*columns.values(), *labels.values())]
        parts = _batches(arrays, batch_size, num_epochs, shuffle)
        names = [*columns, *labels]
        given, wanted = parts[: len(columns)], parts[len(columns) :]
        features = dict(zip(columns, given, strict=True)) if isinstance(x, dict) else given[0]
        if y is None:
            return features
        targets = dict(zip(names[len(columns) :], wanted, strict=True)) if isinstance(y, dict) else wanted[0]
        return features, targets

    return input_fn


def pandas_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
    target_column: str = "target",
) -> Callable[[], Any]:
    """As `numpy_input_fn`, of the columns of a DataFrame and of a Series."""
    if target_column in x:
        raise ValueError(f"Cannot use name {target_column} for target column: DataFrame already has a column with it")
    if y is not None and not np.array_equal(x.index, y.index):
        raise ValueError("Index for x and y are mismatched.")
    columns = {str(name): np.asarray(x[name]) for name in x.columns}
    labels: Any = None
    if y is not None:
        labels = np.asarray(y) if y.ndim == 1 else {str(name): np.asarray(y[name]) for name in y.columns}
    return numpy_input_fn(columns, labels, batch_size, num_epochs, shuffle)


def _settled(array: Any) -> Any:
    return array_of(array) if array.dtype.kind in "SUO" else array


def _batches(arrays: list[Any], size: int, epochs: int | None, shuffle: bool) -> list[Any]:
    """Tensors of the next rows of all arrays; a batch may hold the end of one epoch and the beginning of the next."""
    count, seed = len(arrays[0]), get_default_graph().seed

    def places() -> Iterator[Any]:
        drawn = np.random.default_rng(seed)
        kept, done = np.empty(0, np.int64), 0
        while epochs is None or done < epochs or len(kept):
            while len(kept) < size and (epochs is None or done < epochs):
                kept = np.concatenate([kept, drawn.permutation(count) if shuffle else np.arange(count)])
                done += 1
            yield kept[:size]
            kept = kept[size:]

    def elements(going: Any) -> Iterator[list[Any]]:
        for chosen in places():
            yield [array[chosen] for array in arrays]

    kinds = tuple(Kind((None, *array.shape[1:]), array.dtype) for array in arrays)
    return list(Dataset(elements, kinds).make_one_shot_iterator().get_next())


__getattr__ = not_covered(__name__)
