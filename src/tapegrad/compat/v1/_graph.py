"""The graph: operations with unique names, what they are built within, and collections; and which graph is built."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING, Any

from ._operation import Frame, Operation, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


class Graph:
    """Operations with unique names, and collections of what belongs together."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}
        self._taken: dict[str, int] = {}
        self._collections: dict[Any, list[Any]] = {}
        self.scope = ""  # of names, with a slash at its end
        self.controls: list[list[Operation]] = []
        self.frame: Frame | None = None
        self.seed: int | None = None
        self.finalized = False
        self.gradient_names: dict[str, str] = {}  # for kinds of operations that are built now
        self.variable_store: Any = None  # what get_variable made, kept by _variable_scopes.py

    # Building

    def add(
        self, kind: str, function: Callable[..., Any], inputs: Sequence[Tensor], name: str | None, **about: Any
    ) -> Operation:
        """A new operation; see `Operation` for what `about` may tell."""
        if self.finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        op = Operation(self, kind, function, inputs, self.unique_name(name or kind), **about)
        self._operations[op.name] = op
        return op

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` in the current scope, with a number if it is taken; a name that ends with a slash is whole."""
        if not isinstance(name, str):
            raise TypeError(f"a name must be a string, got {type(name).__name__}: {name!r}")
        if name.endswith("/"):
            return name[:-1]
        if not _NAME.fullmatch(self.scope + name):
            raise ValueError(f"{name!r} is not a valid scope name")
        whole = self.scope + name
        count = self._taken.get(whole.lower(), 0)
        if mark_as_used:
            self._taken[whole.lower()] = count + 1
        if count == 0:
            return whole
        unique = f"{whole}_{count}"
        while unique.lower() in self._taken:
            count += 1
            unique = f"{whole}_{count}"
        if mark_as_used:
            self._taken[whole.lower()] = count + 1
            self._taken[unique.lower()] = 1
        return unique

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Put `name` and a slash before the names of what is built inside; gives the whole, unique prefix."""
        before = self.scope
        if not name:
            self.scope = ""
        elif name.endswith("/"):
            self.scope = name
        else:
            self.scope = self.unique_name(name) + "/"
        try:
            yield self.scope
        finally:
            self.scope = before

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Any) -> Iterator[None]:
        """What is built inside runs after `control_inputs`; None lifts all such conditions."""
        before = self.controls
        if control_inputs is None:
            self.controls = []
        else:
            elements = [self.as_graph_element(x) for x in control_inputs if x is not None]
            self.controls = [*before, [x.op if isinstance(x, Tensor) else x for x in elements]]
        try:
            yield
        finally:
            self.controls = before

    @contextlib.contextmanager
    def open_frame(self) -> Iterator[Frame]:
        """What is built inside belongs to a loop or a choice."""
        before = self.frame
        controls, self.controls = self.controls, []
        self.frame = frame = Frame(before)
        try:
            yield frame
        finally:
            self.frame = before
            self.controls = controls

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """What is built inside belongs to no loop and no choice, and waits for nothing: a variable, say."""
        frame, self.frame = self.frame, None
        try:
            with self.control_dependencies(None):
                yield
        finally:
            self.frame = frame

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Let this be the graph that operations are added to."""
        _stack.graphs.append(self)
        try:
            yield self
        finally:
            _stack.graphs.remove(self)

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Inside of this block, operations of these types have the gradients that are registered under these names."""
        if not isinstance(op_type_map, dict):
            raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        before, self.gradient_names = self.gradient_names, {**self.gradient_names, **op_type_map}
        try:
            yield
        finally:
            self.gradient_names = before

    @contextlib.contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Devices are not chosen here: everything runs on the processor."""
        yield

    def finalize(self) -> None:
        """Refuse further operations."""
        self.finalized = True

    # Looking up

    def get_operations(self) -> list[Operation]:
        """All operations, in the order in which they were built."""
        return list(self._operations.values())

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of that name; raises KeyError if there is none."""
        if name not in self._operations:
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
        return self._operations[name]

    def get_tensor_by_name(self, name: str) -> Tensor:
        """The tensor called `operation:index`; raises KeyError if there is none."""
        operation, colon, index = name.rpartition(":")
        if not colon or not index.isdecimal():
            raise ValueError(
                f"The name {name!r} looks like an (invalid) Operation name, not a Tensor. Tensor names must be of the "
                'form "<op_name>:<output_index>".'
            )
        if operation not in self._operations or int(index) >= len(self._operations[operation].outputs):
            raise KeyError(f"The name {name!r} refers to a Tensor which does not exist.")
        return self._operations[operation].outputs[int(index)]

    def as_graph_element(self, value: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The Tensor or Operation that something stands for; raises TypeError or ValueError if it does for none."""
        convert = getattr(value, "_as_graph_element", None)
        if convert is not None:
            value = convert()
        if isinstance(value, Tensor | Operation):
            if value.graph is not self:
                raise ValueError(f"{value!r} is not an element of this graph.")
            return value
        if isinstance(value, str):
            return self.get_tensor_by_name(value) if ":" in value else self.get_operation_by_name(value)
        raise TypeError(f"Can not convert a {type(value).__name__} into a Tensor or Operation.")

    def as_graph_def(self, from_version: Any = None, add_shapes: bool = False) -> Graph:
        """What describes the graph: itself."""
        return self

    @property
    def node(self) -> list[Operation]:
        """What describes its operations: themselves."""
        return self.get_operations()

    # Collections

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Add to a collection."""
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Add to several collections."""
        for name in {names} if isinstance(names, str) else dict.fromkeys(names):
            self.add_to_collection(name, value)

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """What is in a collection: a new list, of those whose names begin with `scope`."""
        found = self._collections.get(name, [])
        return [x for x in found if scope is None or (hasattr(x, "name") and re.match(scope, x.name))]

    def get_collection_ref(self, name: Any) -> list[Any]:
        """The list that is the collection itself."""
        return self._collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list[Any]:
        """The names of all collections."""
        return list(self._collections)

    def clear_collection(self, name: Any) -> None:
        """Empty a collection."""
        self._collections.pop(name, None)


class _Stack(threading.local):
    """The default graphs of this thread, the innermost last."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []


_stack = _Stack()
_global = Graph()


def get_default_graph() -> Graph:
    """The graph that operations are added to."""
    return _stack.graphs[-1] if _stack.graphs else _global


def reset_default_graph() -> None:
    """Begin with an empty graph."""
    global _global
    if _stack.graphs:
        raise AssertionError("Do not use tf.reset_default_graph() to clear nested graphs.")
    _global = Graph()
