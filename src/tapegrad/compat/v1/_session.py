"""Sessions: they keep the values of variables, and run graphs.

What is fetched again and again with feeds of the same shapes is compiled; see `_planned.py`.
"""

from __future__ import annotations

import collections
import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._pytree import contents
from ..._tape import Tensor as Value
from ..._tape import mode, recording
from ...tensor import tensor as new_value
from . import errors
from ._default_session import enter_session, leave_session
from ._graph import Graph, get_default_graph
from ._growth import Growth
from ._missing import NotCoveredError
from ._operation import Tensor
from ._planned import Planned
from ._shapes import TensorShape, compatible
from ._values import array_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._variables import Variable

__all__ = ["InteractiveSession", "Session"]

_MOST = 64  # plans kept; the one that was not used for longest goes


def _pairs(key: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """A tensor and what it is fed, of a key that is a nest of tensors, such as the state of a network, each."""
    if isinstance(key, tuple) and not hasattr(key, "op"):
        for part, fed in zip(key, value, strict=True):
            yield from _pairs(part, fed)
    else:
        yield key, value


class BaseSession:
    """What runs a graph: `graph`, by default the current one. `target` and `config` are for other machines."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        self.graph = get_default_graph() if graph is None else graph
        self.config = config
        self._values: dict[Any, Any] = {}  # of variables, and of what else lives as long as the session
        self._plans: collections.OrderedDict[Any, Planned] = collections.OrderedDict()
        self._own: dict[Variable, Any] = {}  # arrays that nobody else holds; see `own`
        self._closed = False
        self._watched: list[tuple[Tensor, Callable[[Any], Any]]] = []
        self._growth = Growth(self.graph)

    # What operations ask of a session

    def read(self, variable: Variable, wanted: bool) -> Any:
        """The value of a variable, recorded from where a gradient of it is `wanted`."""
        self._own.pop(variable, None)  # who reads an array may keep it
        return self.look(variable, wanted)

    def look(self, variable: Variable, wanted: bool = False) -> Any:
        """What `read` gives, for who copies of it what is needed, and keeps neither the array nor a part of it."""
        value = self._values.get(variable)
        if value is None:
            raise errors.FailedPreconditionError(
                None,
                None,
                f"Attempting to use uninitialized value {variable.op.name} (defined at {variable.op.line}). Run "
                "tf.global_variables_initializer() first, or restore a checkpoint",
            )
        return value if wanted or not isinstance(value, Value) else value.detach()

    def own(self, variable: Variable) -> Any:
        """The array of a variable, to write into: one that nothing but the session holds.

        Arrays are values everywhere else, and any of them may be held by someone: by the tape of this run, by another
        variable that was given it, by a caller. So the first time the session makes a copy, and notes that it did.
        The note is gone as soon as someone reads the variable, except for lookups, which copy rows; and it holds for
        that one array, so that assigning, loading or restoring another one ends it, too.
        """
        value = self.look(variable, True)
        if self._own.get(variable) is not value._array:
            value._array = self._own[variable] = np.array(value._array)
        return value._array

    def is_initialized(self, variable: Variable) -> bool:
        """Whether a variable has a value."""
        return variable in self._values

    def assign(self, variable: Variable, value: Any) -> Any:
        """Give a variable a value."""
        kept = self._values.get(variable)
        if mode.tracer is None and isinstance(value, Value) and isinstance(kept, Value):
            array = value._array
            if array.shape == kept._array.shape and array.dtype == kept._array.dtype:
                kept._array = array
                return value.detach()
        with recording(False):
            if isinstance(value, Value):
                value = value.detach()
            array = value._array if isinstance(value, Value) else np.asarray(value)
            if isinstance(kept, Value) and kept.shape == array.shape and kept.dtype == array.dtype:
                kept.assign_(value)
            elif array.dtype.kind in "Oc":  # strings and complex numbers are no tensors of ours
                self._values[variable] = array
            else:
                self._values[variable] = new_value(array, dtype=array.dtype, requires_grad=array.dtype.kind == "f")
        return value

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What an operation keeps from run to run in this session: an iterator, a queue."""
        if key not in self._values:
            self._values[key] = make()
        return self._values[key]

    # What scripts ask

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """The values of `fetches`, a tensor, an operation (None), a name or any nest of these, for what is fed."""
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        self._growth.look()
        found: dict[Any, None] = {}
        self._flatten(fetches, found)
        feeds = self._fed(feed_dict or {})
        key = (
            tuple(found),
            tuple((tensor, value.shape, value.dtype) for tensor, value in feeds.items()),
            tuple(tensor for tensor, _ in self._watched),
        )
        planned = self._plans.get(key)
        if planned is None:
            planned = Planned(self, [*found, *(tensor for tensor, _ in self._watched)], list(feeds))
            self._plans[key] = planned
            if len(self._plans) > _MOST:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
        with np.errstate(all="ignore"):  # log(0) is -inf here, without a word, as it was
            values = planned(feeds)
        for tensor, tell in self._watched:
            tell(values[tensor])
        return self._packed(fetches, values)

    def partial_run(self, *arguments: Any, **keywords: Any) -> Any:
        """Not covered: raises NotCoveredError."""
        raise NotCoveredError("partial_run is not covered; fetch everything in one run")

    def watch(self, tensor: Any, tell: Callable[[Any], Any] | None = None) -> None:
        """In every run from now on, compute `tensor` too, and hand its value to `tell`, or print it."""
        element = self.graph.as_graph_element(tensor)

        def show(value: Any) -> None:
            print(f"{element.name} = {value}")

        self._watched.append((element, tell or show))

    def _flatten(self, fetches: Any, found: dict[Any, None]) -> None:
        """Note every element of a nest of fetches."""
        if isinstance(fetches, list | tuple | dict):
            for item in fetches.values() if isinstance(fetches, dict) else fetches:
                self._flatten(item, found)
            return
        opened = contents(fetches) if not hasattr(fetches, "_as_graph_element") else None
        if opened is not None:
            for item in opened.values():
                self._flatten(item, found)
            return
        found[self._element(fetches)] = None

    def _element(self, fetch: Any) -> Any:
        if fetch is None:
            raise TypeError("Fetch argument None has invalid type <class 'NoneType'>")
        try:
            return self.graph.as_graph_element(fetch)
        except TypeError as error:
            raise TypeError(
                f"Fetch argument {fetch!r} has invalid type {type(fetch)}, must be a string or Tensor. ({error})"
            ) from None
        except ValueError as error:
            raise ValueError(f"Fetch argument {fetch!r} cannot be interpreted as a Tensor. ({error})") from None
        except KeyError as error:
            raise ValueError(f"Fetch argument {fetch!r} cannot be interpreted as a Tensor. ({error.args[0]})") from None

    def _packed(self, fetches: Any, values: dict[Any, Any]) -> Any:
        """The values in the place of what was fetched."""
        if isinstance(fetches, tuple) and hasattr(fetches, "_fields"):
            return type(fetches)._make([self._packed(item, values) for item in fetches])  # type: ignore[attr-defined]
        if isinstance(fetches, list | tuple):
            return type(fetches)([self._packed(item, values) for item in fetches])
        if isinstance(fetches, dict):
            return type(fetches)((key, self._packed(item, values)) for key, item in fetches.items())
        if not hasattr(fetches, "_as_graph_element") and contents(fetches) is not None:
            from ..._pytree import tree_map

            return tree_map(lambda item: values[self._element(item)], fetches)
        return values[self._element(fetches)]

    def _fed(self, feed_dict: Any) -> dict[Tensor, Any]:
        """The arrays that are fed, each checked against its tensor."""
        feeds: dict[Tensor, Any] = {}
        for item, fed in (pair for key, value in feed_dict.items() for pair in _pairs(key, value)):
            try:
                tensor = self.graph.as_graph_element(item)
            except (TypeError, ValueError, KeyError) as error:
                raise TypeError(f"Cannot interpret feed_dict key as Tensor: {error}") from None
            if isinstance(fed, Tensor):
                raise TypeError(
                    "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python "
                    f"scalars, strings, lists, numpy ndarrays; feed sess.run({fed.name!r}) for {tensor.name!r}"
                )
            feeds[tensor] = self._checked(tensor, fed)
        return feeds

    def _checked(self, tensor: Tensor, fed: Any) -> Any:
        dtype = tensor.dtype
        sizes = tensor.shape.sizes
        if type(fed) is np.ndarray and fed.dtype == dtype.dtype and fed.dtype.kind != "O":
            array = fed
        else:
            try:
                array = array_of(
                    fed.numpy() if isinstance(fed, Value) else fed, dtype if dtype.name != "string" else None
                )
            except (TypeError, ValueError) as error:
                raise type(error)(
                    f"Cannot feed a value for Tensor {tensor.name!r} (built at {tensor.op.line}): {error}"
                ) from None
        if not compatible(np.shape(array), sizes):
            raise ValueError(
                f"Cannot feed value of shape {array.shape} for Tensor {tensor.name!r}, which has shape "
                f"{TensorShape(sizes)} (built at {tensor.op.line})"
            )
        return array

    # As a context

    def as_default(self) -> contextlib.AbstractContextManager[BaseSession]:
        """Let `t.eval()` use this session."""

        @contextlib.contextmanager
        def default() -> Iterator[BaseSession]:
            enter_session(self)
            try:
                with self.graph.as_default():
                    yield self
            finally:
                leave_session(self)

        return default()

    @property
    def graph_def(self) -> Graph:
        """What describes the graph: itself."""
        return self.graph

    @property
    def sess_str(self) -> bytes:
        """The target, as TensorFlow gives it."""
        return b""

    def list_devices(self) -> list[str]:
        """The processor."""
        return ["/device:CPU:0"]

    def close(self) -> None:
        """Forget the values of variables; a closed session runs nothing."""
        self._closed = True
        self._values.clear()
        self._own.clear()
        self._plans.clear()


class Session(BaseSession):
    """Runs a graph. As a context it is the default session, and is closed at the end."""

    def __enter__(self) -> Session:
        self._entered = self.as_default()
        self._entered.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._entered.__exit__(*exception)
        self.close()


class InteractiveSession(BaseSession):
    """A session that is the default one from the start, for a notebook or a REPL."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        enter_session(self)

    def close(self) -> None:
        """Forget everything, and be no longer the default session."""
        leave_session(self)
        super().close()
