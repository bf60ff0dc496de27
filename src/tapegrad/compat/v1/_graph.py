"""The graph: operations that are calls put off until a session runs them.

An operation holds a function, the tensors it will be called with, and where in the user's code it was built. Nothing
is computed here: shapes and dtypes are found out when someone asks (see `_infer.py`), values by a session.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ...debug.where import user_line
from ...errors import TapegradError
from . import _dtypes as dtypes
from ._shapes import Dimension, TensorShape, compatible, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._infer import Kind

_serials = itertools.count()
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


class Operation:
    """A call that is put off: `function(*values of inputs, **params)`, and what else a session has to know of it.

    `in_run` functions are given the running `Run` first. `python` ones act on Python's world (files, queues, print)
    and so are never part of a compiled program. `sample` computes from arrays that stand for the inputs one that has
    the shape and dtype of the result, where `function` itself is too dear, or does something, or draws.
    """

    def __init__(
        self,
        graph: Graph,
        kind: str,
        function: Callable[..., Any],
        inputs: Sequence[Tensor],
        name: str,
        *,
        outputs: int | None = None,
        python: bool = False,
        in_run: bool = False,
        sample: Callable[..., Any] | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        self.graph = graph
        self.type = kind
        self.function = function
        self.inputs = tuple(inputs)
        self.name = name
        self.python = python
        self.in_run = in_run
        self.sample = sample
        self.params = params or {}
        self.serial = next(_serials)
        self.line = user_line()
        self.frame = graph.frame
        self.control_inputs: list[Operation] = list(dict.fromkeys(itertools.chain(*graph.controls)))
        self.outputs = [Tensor(self, index) for index in range(1 if outputs is None else outputs)]
        self.one = outputs is None  # the function gives the value itself, not a tuple of values
        self.kinds: list[Kind] | None = None  # found out by `_infer`
        self.device = ""

    @property
    def node_def(self) -> Operation:
        """What describes the operation: itself."""
        return self

    @property
    def op(self) -> str:
        """The kind of operation, as a description of a node calls it."""
        return self.type

    def frame_is_within(self, frame: Frame) -> bool:
        """Whether it is inside of that loop or choice."""
        return self.frame is not None and self.frame.within(frame)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run the operation in the default session, or in `session`."""
        _session(session, "run").run(self, feed_dict)

    def get_attr(self, name: str) -> Any:
        """A parameter of the call; `T` and `dtype` are the dtype of the result."""
        if name in ("T", "dtype"):
            return self.outputs[0].dtype
        if name not in self.params:
            raise ValueError(f"Operation {self.name!r} has no attr named {name!r}.")
        return self.params[name]

    def values(self) -> tuple[Tensor, ...]:
        """The outputs."""
        return tuple(self.outputs)

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"


class Tensor:
    """One output of an operation: a name for a value that a session will compute."""

    __slots__ = ("__weakref__", "_known", "index", "op")
    __array_ufunc__ = None  # an array on the left of an operator leaves it to us

    def __init__(self, op: Operation, index: int) -> None:
        self.op = op
        self.index = index
        self._known: Any = None  # a shape that was set by hand

    @property
    def name(self) -> str:
        """`operation:index`."""
        return f"{self.op.name}:{self.index}"

    @property
    def graph(self) -> Graph:
        """The graph that it is in."""
        return self.op.graph

    @property
    def value_index(self) -> int:
        """Which output of its operation it is."""
        return self.index

    @property
    def device(self) -> str:
        """Where it is computed: always here."""
        return ""

    @property
    def dtype(self) -> dtypes.DType:
        """The kind of its numbers."""
        from ._infer import kind_of

        return dtypes.as_dtype(kind_of(self).dtype)

    @property
    def shape(self) -> TensorShape:
        """Its shape, as far as it is known before it is computed."""
        from ._infer import kind_of

        shape = TensorShape(kind_of(self).sizes)
        return shape if self._known is None else shape.merge_with(self._known)

    def get_shape(self) -> TensorShape:
        """Its shape, as far as it is known before it is computed."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Tell more of its shape than can be found out; raises ValueError for what contradicts it."""
        self._known = self.shape.merge_with(shape).sizes

    def consumers(self) -> list[Operation]:
        """The operations that it is an input of."""
        return [op for op in self.graph.get_operations() if self in op.inputs]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Its value, from the default session or from `session`."""
        return _session(session, "eval").run(self, feed_dict)

    def __iter__(self) -> Iterator[Tensor]:
        size = self.shape[0].value if self.shape.ndims else None
        if size is None:
            raise TypeError(
                f"Tensor {self.name!r} of shape {self.shape} cannot be iterated over while the graph is built, as "
                "the size of its first dimension is unknown; use tf.map_fn or tf.while_loop"
            )
        return iter([self[place] for place in range(size)])  # type: ignore[index]  # installed by _operators.py

    def __bool__(self) -> bool:
        raise TypeError(
            f"Using the tensor {self.name!r} (built at {self.op.line}) as a Python bool is not allowed: it has no "
            "value before a session runs it. Use `if t is not None` to ask whether it exists, and tf.cond to choose"
        )

    def __len__(self) -> int:
        raise TypeError(f"len is not defined for the tensor {self.name!r}; use tf.shape(x)[0] or int(x.shape[0])")

    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise TapegradError(
            f"NumPy was given the tensor {self.name!r} (built at {self.op.line}), which has no value before a session "
            "runs it; use tf's function in the place of NumPy's, or sess.run(t)"
        )

    def __float__(self) -> float:
        raise TypeError(f"the tensor {self.name!r} has no value before a session runs it; use sess.run(t)")

    __int__ = __float__  # type: ignore[assignment]

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self  # a copy of what uses it uses the same place in the graph

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={self.shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        return f'Tensor("{self.name}", shape={self.shape}, dtype={self.dtype.name})'


class Frame:
    """The inside of a loop or a choice: the operations built while it is open belong to it, and run each time round."""

    def __init__(self, outer: Frame | None) -> None:
        self.outer = outer

    def within(self, other: Frame | None) -> bool:
        """Whether this is `other` or inside of it."""
        frame: Frame | None = self
        while frame is not None:
            if frame is other:
                return True
            frame = frame.outer
        return other is None


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
    """The default graphs and sessions of this thread, the innermost last."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.sessions: list[Any] = []


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


def get_default_session() -> Any:
    """The session that `t.eval()` uses, or None."""
    return _stack.sessions[-1] if _stack.sessions else None


def enter_session(session: Any) -> None:
    """Let `session` be the default one."""
    _stack.sessions.append(session)


def leave_session(session: Any) -> None:
    """Take `session` from the default ones."""
    if session in _stack.sessions:
        _stack.sessions.remove(session)


def _session(session: Any, what: str) -> Any:
    session = session or get_default_session()
    if session is None:
        raise ValueError(
            f"Cannot {what} without a session: no default session is registered. Use `with sess.as_default()` or "
            f"pass an explicit session to `{what}(session=sess)`"
        )
    return session


# --------------------------------------------------------------------------------------------------
# From Python's values to tensors, and to operations


def convert(value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None) -> Tensor:
    """A tensor of anything that can be one: a tensor, a variable, an array, a number, a string, a list of these."""
    as_element = getattr(value, "_as_graph_element", None)
    if as_element is not None:
        value = as_element()
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype != dtypes.as_dtype(dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {dtypes.as_dtype(dtype).name} for Tensor with dtype "
                f"{value.dtype.name}: {value!r}; convert it with tf.cast"
            )
        return value
    if isinstance(value, Operation):
        raise TypeError(f"Can't convert Operation {value.name!r} to Tensor")
    if isinstance(value, list | tuple) and any(map(_holds_tensors, value)):
        tensors = operands(*value, dtype=dtype)
        return node("Pack", _pack, tensors, name or "stack")
    return constant(value, dtype, name=name, preferred_dtype=preferred_dtype)


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_tensors, value))
    return isinstance(value, Tensor) or hasattr(value, "_as_graph_element")


def _pack(*values: Any) -> Any:
    from ...ops.shape import stack

    return stack(values) if any(hasattr(value, "_array") for value in values) else np.stack(values)


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str | None = None,
    verify_shape: bool = False,
    preferred_dtype: Any = None,
) -> Tensor:
    """A value that never changes: of float32 or int32, if it is made of Python's numbers and `dtype` is silent."""
    array = array_of(value, dtype, preferred_dtype)
    if shape is not None:
        sizes = [int(size) for size in sizes_of(shape) or () if size is not None]
        count = int(np.prod(sizes, dtype=np.int64))
        if array.size == count:
            array = array.reshape(sizes)
        elif array.size and array.size < count and not verify_shape:
            flat = np.concatenate([array.ravel(), np.repeat(array.ravel()[-1:], count - array.size)])
            array = flat.reshape(sizes)  # the last value fills the rest
        elif array.size > count and not verify_shape:
            raise ValueError(f"Too many elements provided: the shape {tuple(sizes)} holds {count}, got {array.size}")
        else:
            raise TypeError(f"Expected Tensor's shape: {tuple(sizes)}, got {array.shape}.")
    array.flags.writeable = False
    return node("Const", _constant, (), name, value=array)


def _constant(value: Any) -> Any:
    return value


def array_of(value: Any, dtype: Any = None, preferred: Any = None) -> np.ndarray[Any, Any]:
    """A new array of a value, of `dtype`, or of TensorFlow's for such a value."""
    if value is None:
        raise ValueError("None values not supported.")
    kind = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, TensorShape):
        value = [int(size) for size in value]
    elif isinstance(value, list | tuple):
        value = [int(item) if isinstance(item, Dimension) else item for item in value]
    elif isinstance(value, Dimension):
        value = int(value)
    given = isinstance(value, np.ndarray | np.generic)
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError(f"Can't convert non-rectangular Python sequence to Tensor: {value!r}") from None
    if array.dtype.kind in "SU" and not given:
        array = np.array(value, object)  # of NumPy's own kind, strings lose zeros at their ends
    if array.dtype.kind in "SUO":
        if kind is not None and kind != dtypes.string:
            raise TypeError(f"Expected {kind.name}, got {value!r} of type {type(value).__name__!r} instead.")
        if array.dtype.kind == "O" and any(not isinstance(item, str | bytes) for item in array.ravel()):
            raise TypeError(f"Failed to convert {value!r} to a tensor: it holds {type(array.ravel()[0]).__name__}")
        flat = [item.encode() if isinstance(item, str) else bytes(item) for item in array.ravel().tolist()]
        out = np.empty(array.size, object)
        out[:] = flat
        return out.reshape(array.shape)
    if kind is not None:
        if not given and kind.is_integer and array.dtype.kind == "f" and array.size:
            raise TypeError(f"Expected {kind.name}, got {value!r} of type 'float' instead.")
        return array.astype(kind.dtype)
    if given and array.dtype != np.float128:
        return array
    if preferred is not None and array.dtype.kind in "fiu":
        wanted = dtypes.as_dtype(preferred)
        if wanted.is_floating or array.dtype.kind != "f":
            return array.astype(wanted.dtype)
    if array.dtype.kind == "f":
        mixed = isinstance(value, list | tuple) and any(
            type(item) is np.float64 for item in np.ravel(np.array(value, object))
        )
        return array if mixed else array.astype(np.float32)
    if array.dtype.kind in "iu":
        small = not array.size or (array.min() >= -(2**31) and array.max() < 2**31)
        return array.astype(np.int32 if small else np.int64)
    return array


def operands(*values: Any, dtype: Any = None) -> list[Tensor]:
    """Tensors of one dtype: what is a tensor already decides for the numbers and arrays beside it."""
    if dtype is None:
        for value in values:
            as_element = getattr(value, "_as_graph_element", None)
            found = as_element() if as_element is not None else value
            if isinstance(found, Tensor):
                dtype = found.dtype
                break
    return [
        convert(value) if _holds_tensors(value) and not isinstance(value, list | tuple) else convert(value, dtype)
        for value in values
    ]


def node(
    kind: str,
    function: Callable[..., Any],
    inputs: Sequence[Any],
    name: str | None = None,
    *,
    outputs: int | None = None,
    python: bool = False,
    in_run: bool = False,
    sample: Callable[..., Any] | None = None,
    **params: Any,
) -> Any:
    """Add a call to the graph and give its result: a tensor, or a list of `outputs` of them."""
    tensors = [convert(value) for value in inputs]
    graph = tensors[0].graph if tensors else get_default_graph()
    for tensor in tensors:
        if tensor.graph is not graph:
            raise ValueError(f"{tensor!r} must be from the same graph as {tensors[0]!r}.")
    op = graph.add(
        kind, function, tensors, name, outputs=outputs, python=python, in_run=in_run, sample=sample, params=params
    )
    return op.outputs[0] if outputs is None else op.outputs


def fits(value: Any, sizes: Any) -> bool:
    """Whether an array may be fed where `sizes` is expected."""
    return compatible(tuple(np.shape(value)), sizes)
