"""Watching: the values that a parameter, an activation or a gradient takes while a model is trained.

Arrays are values here: a step gives a parameter a new array and leaves the old one. So a history of a parameter is
the arrays themselves, and keeping it copies nothing.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np

from .._pytree import flatten
from .._tape import Tensor, mode
from .extras import require

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ..nn import Module

GRADIENT = ".grad"


def statistics(array: NDArray[Any]) -> dict[str, float]:
    """The mean, the standard deviation, the smallest and the largest of an array, where all values are too many."""
    if not array.size:
        return dict.fromkeys(("mean", "std", "min", "max"), float("nan"))
    return {name: float(getattr(array, name)()) for name in ("mean", "std", "min", "max")}


class Watch:
    """The history of one name: `iterations`, and in `values` what `keep` made of the array at each of them.

    `iterations` counts the steps that the training had made, so that 0 is before the first.
    """

    def __init__(self, model: Module, name: str, every: int, keep: Callable[[NDArray[Any]], Any]) -> None:
        if every < 1:
            raise ValueError(f"watch: expected to look every 1 or more iterations, got every={every}")
        self.name = name
        self.every = every
        self.keep = keep
        self.iterations: list[int] = []
        self.values: list[Any] = []
        self.source = source(model, name)
        if isinstance(self.source, Activation):
            self.source.listen()

    def look(self, iteration: int) -> None:
        """Add what the name stands for now, if it is anything."""
        array = self.source.read()
        if array is not None:
            self.iterations.append(iteration)
            self.values.append(self.keep(array))

    def clear(self) -> None:
        """Forget what was kept."""
        self.iterations, self.values = [], []

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Save the histograms of what was kept, one above the other in the order of time, as PNG; give the path.

        Raises ValueError when nothing was seen yet, and MissingExtraError without matplotlib.
        """
        require("matplotlib", extra="plots")
        from .plots import plot_histograms

        if not self.values:
            raise ValueError(f"plot: expected values of {self.name}, but none came by yet")
        return plot_histograms(path, self.name, self.iterations, [np.asarray(value) for value in self.values])


class State:
    """A parameter or a buffer, or the gradient of a parameter, to be read."""

    def __init__(self, tensor: Tensor, gradient: bool) -> None:
        self._tensor = tensor
        self._gradient = gradient

    def read(self) -> NDArray[Any] | None:
        """The array as it is now; None for a gradient that there is not."""
        tensor = self._tensor.grad if self._gradient else self._tensor
        return None if tensor is None else tensor.numpy()


class Activation:
    """What a module gave when it was last called in training (the first array of several), or the gradient of that."""

    def __init__(self, module: Module, gradient: bool) -> None:
        self._module = module
        self._gradient = gradient
        self._out: Any = None

    def listen(self) -> None:
        """Take note of what the module gives from now on."""
        self._module.register_forward_hook(self._note)

    def _note(self, module: Module, arguments: Any, out: Any) -> None:
        if not mode.recording:  # it is being evaluated, which is no training
            return
        out = next(iter(flatten(out)[0]), None)
        if isinstance(out, Tensor):
            if self._gradient and out.requires_grad:
                out.retain_grad()
            self._out = out if self._gradient else out.numpy()

    def read(self) -> NDArray[Any] | None:
        """The array of the last call; None before the first, and for a gradient that there is not."""
        if self._gradient and self._out is not None:
            return None if self._out.grad is None else self._out.grad.numpy()
        return self._out  # type: ignore[no-any-return]


def source(model: Module, name: str) -> State | Activation:
    """What a name stands for: a parameter, a buffer or a module's output, or with `.grad` behind it its gradient.

    Raises ValueError for a name that the model does not have.
    """
    gradient = name.endswith(GRADIENT)
    base = name.removesuffix(GRADIENT)
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    modules = dict(model.named_modules())
    if base in tensors:
        return State(tensors[base], gradient)
    if base in modules:
        return Activation(modules[base], gradient)
    names = [*tensors, *filter(None, modules)]
    near = difflib.get_close_matches(base, names, 3) or names[:10]
    raise ValueError(
        f'watch: expected a parameter, a buffer or a module of the model, got "{base}"; try {", ".join(near)}'
    )
