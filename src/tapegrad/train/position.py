"""Where a training stands: what must be kept to go on from there as if it had never stopped."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass
class Position:
    """How far a training is, and what it has summed up on the way; losses are sums over examples."""

    epoch: int = 0  # epochs that are done
    batch: int = 0  # batches of the epoch that is going on
    iteration: int = 0  # batches in all
    order: NDArray[Any] | None = None  # the rows in the order of this epoch, None for their own
    rows: int = 0  # of the data set
    size: int = 0  # of a batch
    loss: float = 0.0  # of this epoch so far
    seen: int = 0  # examples of this epoch so far
    interval_loss: float = 0.0  # since the last line of `eval_interval`
    interval_seen: int = 0
    seconds: float = 0.0  # of training, validation included
    history: list[Any] = field(default_factory=list)  # a dict an epoch
    intervals: list[Any] = field(default_factory=list)  # (iteration, mean loss) for each line of `eval_interval`
    best: float = float("inf")  # the lowest validation loss
    best_epoch: int = 0
    best_model: dict[str, Any] | None = None  # the model's state then
    stopped: bool = False  # early

    def state(self) -> dict[str, Any]:
        """All of it, by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def of(cls, state: Any, path: object) -> Position:
        """The position that `state` gave. Raises DataError, which names the file it came from, for anything else."""
        kinds = {entry.name: type(value) for entry in fields(cls) if (value := getattr(_START, entry.name)) is not None}
        kinds |= {"order": np.ndarray, "best_model": dict}
        if not isinstance(state, dict) or state.keys() != kinds.keys():
            raise DataError(f"{path}: expected a training with {', '.join(kinds)}, found something else")
        for name, kind in kinds.items():
            value = state[name]
            if type(value) is not kind and not (value is None and getattr(_START, name) is None):
                raise DataError(f"{path}: expected {name} to be {kind.__name__}, found {type(value).__name__}")
        position = cls(**state)
        if not position._fits():
            raise DataError(f"{path}: expected numbers of a training that fit together, found others")
        return position

    def _fits(self) -> bool:
        """Whether what came out of a file can be gone on from."""
        batches = -(-self.rows // self.size) if self.size > 0 else 0
        order = self.order
        return (
            min(self.epoch, self.iteration, self.rows, self.size, self.seen, self.interval_seen) >= 0
            and 0 <= self.batch <= batches
            and (order is None or (order.ndim == 1 and np.array_equal(np.sort(order), np.arange(self.rows))))
            and (order is None or order.dtype == np.int64)
            and all(isinstance(row, dict) and _numbers(row.values()) for row in self.history)
            and all(isinstance(pair, list) and len(pair) == 2 and _numbers(pair) for pair in self.intervals)
        )


def _numbers(values: Iterable[object]) -> bool:
    return all(type(value) in (int, float) for value in values)


_START = Position()
