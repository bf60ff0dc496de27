"""Cells around cells: dropout, residual connections, embeddings, projections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._pytree import flatten
from ...ops.embeddings import embedding
from ._initializers import random_uniform_initializer, zeros_initializer
from ._layer import activated
from ._math import matmul
from ._missing import NotCoveredError
from ._nodes import convert, node
from ._rnn_cell_base import RNNCell, add_bias, joined
from ._variable_scopes import get_variable, get_variable_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor


def initial_of(cell: Any, initial_state: Any, batch: Any, dtype: Any) -> Any:
    """The state that a network begins with: what is given, or zeros."""
    if initial_state is not None:
        return initial_state
    if dtype is None:
        raise ValueError("If there is no initial_state, you must give a dtype.")
    return cell.zero_state(batch, dtype)


class _Wrapper(RNNCell):
    """A cell around another one, whose variables keep the names that they have without it."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self._cell = cell

    @property
    def wrapped_cell(self) -> Any:
        """The cell inside."""
        return self._cell

    @property
    def state_size(self) -> Any:
        """The size of the state of the cell inside."""
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        """The size of the output of the cell inside."""
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """A state of zeros for `batch_size` examples."""
        return self._cell.zero_state(batch_size, dtype)

    @property
    def variables(self) -> list[Any]:
        """The variables of the cell inside."""
        return self._cell.variables  # type: ignore[no-any-return]

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables of the cell inside that optimizers change."""
        return self._cell.trainable_variables  # type: ignore[no-any-return]

    weights, trainable_weights = variables, trainable_variables


class DropoutWrapper(_Wrapper):
    """A cell with dropout: a number is kept with these probabilities, and divided by them.

    With `variational_recurrent` the same numbers are dropped in all steps of a run. Source: Gal and Ghahramani, A
    theoretically grounded application of dropout in recurrent neural networks, 2016.
    """

    def __init__(
        self,
        cell: Any,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False,
        input_size: Any = None,
        dtype: Any = None,
        seed: Any = None,
        dropout_state_filter_visitor: Any = None,
    ) -> None:
        super().__init__(cell)
        if dropout_state_filter_visitor is not None:
            raise NotCoveredError("DropoutWrapper: dropout_state_filter_visitor is not covered; leave it out")
        for name, value in {
            "input": input_keep_prob, "state": state_keep_prob, "output": output_keep_prob,
        }.items():  # fmt: skip
            if isinstance(value, float | int) and not 0 <= value <= 1:
                raise ValueError(f"Parameter {name}_keep_prob must be between 0 and 1: {value}")
        self._keep = {"input": input_keep_prob, "state": state_keep_prob, "output": output_keep_prob}
        self._seed = seed
        self._noise: dict[Any, Tensor] = {}
        if variational_recurrent:
            if dtype is None:
                raise ValueError("When variational_recurrent=True, dtype must be provided")
            if input_size is None and not self._all("input"):
                raise ValueError("When variational_recurrent=True and input_keep_prob < 1.0 or is unknown, input_size "
                                 "must be provided")  # fmt: skip
            sizes = {"input": input_size, "state": cell.state_size, "output": cell.output_size}
            for what, size in sizes.items():
                if not self._all(what):
                    for place, one in enumerate(flatten(size)[0]):
                        self._noise[what, place] = self._drawn([1, *np.atleast_1d(one)], dtype, what, place)

    def _all(self, what: str) -> bool:
        keep = self._keep[what]
        return isinstance(keep, float | int) and keep >= 1

    def _drawn(self, shape: Any, dtype: Any, what: str, place: int) -> Tensor:
        from ._random_ops import random_uniform

        seed = None if self._seed is None else self._seed + 1000 * sorted(self._keep).index(what) + place
        return random_uniform([int(size) for size in shape], dtype=dtype, seed=seed)

    def _dropped(self, tree: Any, what: str) -> Any:
        if self._all(what):
            return tree
        leaves, rebuild = flatten(tree)
        # As in TensorFlow, the cell of an LSTM is spared: dropping from it would make it forget.
        spared = {0} if what == "state" and hasattr(tree, "c") else set()
        return rebuild([x if i in spared else self._drop(x, what, i) for i, x in enumerate(leaves)])

    def _drop(self, x: Any, what: str, place: int) -> Any:
        noise = self._noise.get((what, place))
        if noise is None:
            from .nn import dropout

            return dropout(convert(x), keep_prob=self._keep[what], seed=self._seed)
        keep = convert(self._keep[what], x.dtype)
        return node("VariationalDropout", lambda x, u, keep: x / keep * np.floor(u + keep), [x, noise, keep])

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **keywords: Any) -> Any:  # type: ignore[override]
        output, new = self._cell(self._dropped(inputs, "input"), state, **_scoped(scope))
        return self._dropped(output, "output"), self._dropped(new, "state")


def _scoped(scope: Any) -> dict[str, Any]:
    return {} if scope is None else {"scope": scope}


class ResidualWrapper(_Wrapper):
    """A cell whose inputs are added to its outputs, or joined with them by `residual_fn`."""

    def __init__(self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(cell)
        self._residual = residual_fn

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **keywords: Any) -> Any:  # type: ignore[override]
        output, new = self._cell(inputs, state, **_scoped(scope))
        if self._residual is not None:
            return self._residual(inputs, output), new
        given, leaves = flatten(inputs)[0], flatten(output)
        return leaves[1]([x + y for x, y in zip(given, leaves[0], strict=True)]), new


class DeviceWrapper(_Wrapper):
    """A cell on a device: there is only one."""

    def __init__(self, cell: Any, device: Any) -> None:
        super().__init__(cell)

    def __call__(self, inputs: Any, state: Any, scope: Any = None, **keywords: Any) -> Any:  # type: ignore[override]
        return self._cell(inputs, state, **_scoped(scope))


class EmbeddingWrapper(_Wrapper):
    """A cell whose inputs are class numbers, each of which stands for a row of a table."""

    def __init__(
        self, cell: Any, embedding_classes: int, embedding_size: int, initializer: Any = None, reuse: Any = None
    ) -> None:
        super().__init__(cell)
        if embedding_classes <= 0 or embedding_size <= 0:
            raise ValueError(
                f"Both embedding_classes and embedding_size must be > 0: {embedding_classes}, {embedding_size}."
            )
        self._reuse = reuse
        self._table = embedding_classes, embedding_size
        self._initializer = initializer

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        start = self._initializer or get_variable_scope().initializer
        if start is None:
            start = random_uniform_initializer(-np.sqrt(3.0), np.sqrt(3.0))  # of variance 1
        dtype = convert(flatten(state)[0][0]).dtype
        table = get_variable("embedding", self._table, initializer=start, dtype=dtype)
        rows = node("EmbeddingLookup", lambda table, ids: embedding(table, ids.reshape(-1)), [table, inputs])
        return self._cell(rows, state)


class InputProjectionWrapper(_Wrapper):
    """A cell whose inputs are first multiplied by a matrix."""

    def __init__(
        self, cell: Any, num_proj: int, activation: Any = None, input_size: Any = None, reuse: Any = None
    ) -> None:
        super().__init__(cell)
        self._reuse = reuse
        self._num_proj = num_proj
        self._activation = activation

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        return self._cell(activated(linear(inputs, self._num_proj), self._activation), state)


class OutputProjectionWrapper(_Wrapper):
    """A cell whose outputs are then multiplied by a matrix."""

    def __init__(self, cell: Any, output_size: int, activation: Any = None, reuse: Any = None) -> None:
        super().__init__(cell)
        if output_size < 1:
            raise ValueError(f"Parameter output_size must be > 0: {output_size}.")
        self._reuse = reuse
        self._projected_size = output_size
        self._activation = activation

    @property
    def output_size(self) -> int:
        """The number of columns of the matrix."""
        return self._projected_size

    def call(self, inputs: Any, state: Any) -> Any:
        """One step."""
        output, new = self._cell(inputs, state)
        return activated(linear(output, self._projected_size), self._activation), new


def linear(inputs: Any, size: int, bias: bool = True) -> Tensor:
    """Tensors side by side, multiplied by a matrix `kernel`, and a `bias` added, of the current scope."""
    every = inputs if isinstance(inputs, list | tuple) else [inputs]
    x = convert(every[0]) if len(every) == 1 else joined(*every)
    depth = x.shape[1].value
    if depth is None:
        raise ValueError(f"linear expects shape[1] to be provided for shape {x.shape}, but saw None")
    outputs = matmul(x, get_variable("kernel", [depth, size], dtype=x.dtype))
    if bias:
        outputs = add_bias(outputs, get_variable("bias", [size], dtype=x.dtype, initializer=zeros_initializer()))
    return outputs
