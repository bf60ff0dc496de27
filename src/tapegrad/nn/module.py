"""The base of models: an object whose parameters, buffers and parts are simply its attributes.

    class Net(nn.Module):
        def __init__(self):
            self.hidden = nn.Linear(784, 300)
            self.out = nn.Linear(300, 10)

        def forward(self, x):
            return self.out(tg.relu(self.hidden(x)))

A Tensor among the attributes is state: a parameter when it requires a gradient, a buffer when it does not. A
module among them is a part. Lists, tuples and dicts of both count too. What a forward pass leaves behind is not
state when it was recorded, or when its name starts with an underscore. Nothing is registered, and nothing else
is needed: `forward` is called by calling the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._tape import Tensor
from ..errors import DTypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray


class Module:
    """The base of models and of their parts; subclasses write `forward`."""

    training: bool = True
    forward: Callable[..., Any]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.forward(*arguments, **options)

    # What is inside. A dictionary keeps what it is given in order, so names come in the order of assignment.

    def members(self) -> Iterator[tuple[str, Any]]:
        """Every attribute by name, those in lists, tuples and dicts too: `layers.0` is the first of `layers`."""
        return _flat(vars(self).items())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module, whose name is `prefix`, and all modules inside it, each once, the outer before the inner."""
        yield from self._named_modules(prefix, set())

    def _named_modules(self, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, value in self.members():
            if isinstance(value, Module):
                yield from value._named_modules(_join(prefix, name), seen)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters of this module and of those inside it, each once, by the name that leads to it first."""
        return ((name, tensor) for name, tensor in self._state() if tensor.requires_grad)

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The buffers of this module and of those inside it, each once, by the name that leads to it first."""
        return ((name, tensor) for name, tensor in self._state() if not tensor.requires_grad)

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            for name, value in module.members():
                if isinstance(value, Tensor) and _is_state(name, value) and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(prefix, name), value

    def parameters(self) -> Iterator[Tensor]:
        """The parameters, each once: what an optimizer is given."""
        return (parameter for _, parameter in self.named_parameters())

    def buffers(self) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers())

    # Training or not

    def train(self, mode: bool = True) -> Self:
        """Behave as in training, or with False as in use; this module and all inside it. Gives the module."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Behave as in use, where nothing is dropped out or averaged: `train(False)`."""
        return self.train(False)

    # Saving

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The values of all parameters and buffers by name, as they are now: later steps do not change them."""
        return {name: tensor.numpy() for name, tensor in self._state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the values that `state_dict` gave, or arrays or Tensors of the same names, shapes and dtypes.

        Raises ValueError for names that are missing or unexpected, ShapeError or DTypeError for values that do
        not fit; the module is then unchanged.
        """
        mine = dict(self._state())
        missing, unexpected = [n for n in mine if n not in state], [n for n in state if n not in mine]
        if missing or unexpected:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: the names differ; missing: {', '.join(missing) or 'none'}; "
                f"unexpected: {', '.join(unexpected) or 'none'}"
            )
        values = {
            name: value.numpy() if isinstance(value := state[name], Tensor) else np.asarray(value) for name in mine
        }
        for name, tensor in mine.items():
            value, where = values[name], f"{type(self).__name__}.load_state_dict: {name}"
            if value.shape != tensor.shape:
                raise ShapeError(f"{where}: expected shape {tensor.shape}, got {value.shape}")
            if value.dtype != tensor.dtype:
                raise DTypeError(f"{where}: expected {tensor.dtype}, got {value.dtype}; convert it with astype first")
        for name, tensor in mine.items():
            tensor.assign_(values[name])

    # Showing

    def extra_repr(self) -> str:
        """What stands between the parentheses of this module's repr; nothing, unless a subclass says."""
        return ""

    def __repr__(self) -> str:
        return "\n".join(self._lines("", set()))

    def _lines(self, label: str, seen: set[int]) -> Iterator[str]:
        """This module and those inside it, a line each, with how many numbers its parameters have."""
        line = f"{label}{type(self).__name__}({self.extra_repr()})"
        if id(self) in seen:
            yield f"{line}  # as above"
            return
        seen.add(id(self))
        count = sum(parameter._array.size for parameter in self.parameters())
        yield f"{line}  # {count:,} parameters" if count else line
        for name, value in self.members():
            if isinstance(value, Module):
                yield from (f"  {line}" for line in value._lines(f"{name}: ", seen))


def _is_state(name: str, tensor: Tensor) -> bool:
    return tensor.is_leaf and (tensor.requires_grad or not name.startswith("_"))


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _flat(items: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    for name, value in items:
        if isinstance(value, dict):
            yield from _flat((f"{name}.{key}", item) for key, item in value.items())
        elif isinstance(value, list | tuple):
            yield from _flat((f"{name}.{place}", item) for place, item in enumerate(value))
        else:
            yield str(name), value
