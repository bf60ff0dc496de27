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

from .._pytree import flatten
from .._tape import Tensor, no_grad
from .._tape import mode as thread
from ..debug.columns import in_columns
from ..errors import DTypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import DTypeLike, NDArray


class Module:
    """The base of models and of their parts; subclasses write `forward`."""

    _training: bool = True
    forward: Callable[..., Any]
    _forward_hooks: tuple[Callable[[Module, tuple[Any, ...], Any], Any], ...] = ()

    @property
    def training(self) -> bool:
        """Whether the module behaves as in training, and not as in use; `train` and `eval` set it for all inside."""
        if thread.tracer is not None:
            thread.tracer.asked(lambda: self._training, self._training)
        return self._training

    @training.setter
    def training(self, value: bool) -> None:
        self._training = value

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        out = self.forward(*arguments, **options)
        for hook in self._forward_hooks:
            replaced = hook(self, arguments, out)
            if replaced is not None:
                out = replaced
        return out

    def register_forward_hook(self, hook: Callable[[Module, tuple[Any, ...], Any], Any]) -> Callable[[], None]:
        """Call `hook(module, arguments, out)` after each `forward`; what it gives, unless None, takes `out`'s place.

        Gives a function that removes the hook.
        """
        self._forward_hooks = (*self._forward_hooks, hook)

        def remove() -> None:
            self._forward_hooks = tuple(h for h in self._forward_hooks if h is not hook)

        return remove

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

    def to(self, dtype: DTypeLike) -> Self:
        """Give every floating-point parameter and buffer `dtype`. Gives the module.

        The Tensors stay the same objects, so an optimizer keeps its parameters. Their gradients are dropped, and what
        was recorded before no longer reaches them. Raises DTypeError for a dtype that is not a floating-point one.
        """
        new = np.dtype(dtype)
        if new.kind != "f":
            raise DTypeError(f"{type(self).__name__}.to: expected a floating-point dtype, got {new}")
        for _, tensor in self._state():
            if tensor.dtype.kind == "f" and tensor.dtype != new:
                _convert(tensor, new)
        return self

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

    def summary(self, *examples: Any) -> str:
        """A table of the modules, a line each: name, layer, and how many numbers its own parameters have.

        With `examples`, the arguments of a call, it also has the shape of what each module gave. That call runs as in
        use, as after `eval()`, and records nothing. A parameter that several modules share counts for the first.
        """
        shapes = self._shapes(examples) if examples else {}
        rows, seen = [], set()
        for name, module in self.named_modules():
            own = [v for n, v in module.members() if isinstance(v, Tensor) and _is_state(n, v) and v.requires_grad]
            new = {id(tensor): tensor for tensor in own if id(tensor) not in seen}
            seen |= set(new)
            count = sum(tensor.size for tensor in new.values())
            layer = f"{type(module).__name__}({module.extra_repr()})"
            rows.append(
                [name, layer, *([shapes.get(id(module), "")] if examples else []), f"{count:,}" if count else ""]
            )
        total = sum(parameter.size for parameter in self.parameters())
        head = ["name", "layer", *(["output shape"] if examples else []), "parameters"]
        blank = [""] * (len(head) - 2)
        lines = in_columns([head, *rows, ["total", *blank, f"{total:,}"]], "<" * (len(head) - 1) + ">")
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def _shapes(self, examples: tuple[Any, ...]) -> dict[int, str]:
        """The shape of what each module inside gives when this one is called with `examples`, by the module's id."""
        modules = [module for _, module in self.named_modules()]
        modes = [module.training for module in modules]
        shapes: dict[int, str] = {}

        def note(module: Module, arguments: tuple[Any, ...], out: Any) -> None:
            shapes[id(module)] = ", ".join(str(np.shape(leaf)) for leaf in flatten(out)[0])

        removals = [module.register_forward_hook(note) for module in modules]
        try:
            with no_grad():
                self.eval()(*examples)
        finally:
            for module, mode, remove in zip(modules, modes, removals, strict=True):
                module.training = mode
                remove()
        return shapes

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


def _convert(tensor: Tensor, dtype: np.dtype[Any]) -> None:
    """Give a leaf another dtype. An entry keeps the dtype that it was made with, so the leaf needs another one."""
    old = tensor._entry
    tensor.requires_grad = False
    tensor._array = tensor._array.astype(dtype)
    tensor._grad = None
    if old is not None:
        tensor.requires_grad = True
        assert tensor._entry is not None
        tensor._entry.watch, old.watch = old.watch, None  # hooks move along


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
