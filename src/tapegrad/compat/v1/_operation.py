"""Operations, which are calls put off until a session runs them, and tensors, which are their outputs.

An operation holds a function, the tensors it will be called with, and where in the user's code it was built. Nothing
is computed here: shapes and dtypes are found out when someone asks (see `_infer.py`), values by a session.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from ...debug.where import user_line
from ...errors import TapegradError
from . import _dtypes as dtypes
from ._default_session import session_or_default
from ._shapes import TensorShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._graph import Graph
    from ._infer import Kind

_serials = itertools.count()


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
        session_or_default(session, "run").run(self, feed_dict)

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
        return session_or_default(session, "eval").run(self, feed_dict)

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
