"""Writing a program down: a function runs once, eagerly, while a tracer hears of every op.

What the tracer knows of a value is the array object itself. Arrays are never written into, so an array that was seen
before is the same value; and it is kept until the trace ends, so that its identity stays its own. An array that was
not seen before came from outside.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
import weakref
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from .._rows import Rows
from .._tape import Tensor, Tracer, mode, observed, wrap
from ..debug.where import user_line
from ..errors import TraceError
from .program import Constant, Entry, Gradient, Kind, Program, Value, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..primitive import Op


_ALONE = 2  # references to a Tensor that only a cell holds: the cell's, and that of the one who asks


class Snapshot:
    """State as it was, to go back to: cells, optimizers, and the generator of random numbers."""

    def __init__(self) -> None:
        self._random = random.get_state()
        self._cells: dict[int, tuple[Any, Any]] = {}
        self._optimizers: dict[int, tuple[Any, list[Any]]] = {}

    def take(self, cell: Any) -> None:
        """Remember what is in a cell now."""
        self._cells.setdefault(id(cell), (cell, cell.read()))

    def take_state(self, optimizer: Any) -> None:
        """Remember what an optimizer keeps now."""
        self._optimizers.setdefault(id(optimizer), (optimizer, list(map(dict, optimizer.state))))

    def optimizers(self) -> list[Any]:
        """The optimizers whose state was taken."""
        return [optimizer for optimizer, _ in self._optimizers.values()]

    def restore(self) -> None:
        """Go back."""
        for cell, array in self._cells.values():
            cell.write(array)
        for optimizer, state in self._optimizers.values():
            optimizer.state = list(map(dict, state))
        random.set_state(self._random)


class Trace(Tracer):
    """The program that is being written, and what has been heard so far."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.state: dict[Variable, Any] = {}
        self.values: dict[Variable, Constant] = {}
        self.kinds: dict[Variable, Kind] = {}
        self.guards: list[tuple[Callable[[], Any], Any]] = []
        self.checks: list[Callable[[], None]] = []
        self.arrays: list[Any] = []  # of each variable, by its number
        self.lines: dict[Variable, str] = {}  # of the user, where a Tensor from outside was first read
        self.digests: dict[Variable, int] = {}  # of constants, which their owner may write into
        self.snapshot = Snapshot()
        self.tensors: set[Variable] = set()  # whose values are Tensors where the function runs by itself
        self._given: list[Tensor] = []  # the arguments
        self._aliases: list[Any] = []  # other arrays with the value of a variable
        self._known: dict[int, Variable] = {}  # by the id of an array
        self._cells: dict[int, Value] = {}  # by the id of the Tensor, which the cell keeps
        self._gradients: dict[int, Gradient] = {}
        self._shared: list[tuple[Any, Tensor]] = []  # weakly, Tensors that have the array of one in a cell

    def argument(self, given: Tensor, tensor: bool) -> Variable:
        """A variable for a Tensor that the function is given, in the place of an array or of a `tensor`."""
        self._given.append(given)
        variable = self._variable(given._array)
        if tensor:
            self.tensors.add(variable)
        return variable

    def program(self, arguments: Sequence[Variable], results: Sequence[Any]) -> Program:
        """What was written, with what became of the state."""
        writes: list[tuple[Any, Variable | None]] = []
        before = {id(cell): variable for variable, cell in self.state.items()}
        for cell in self._cells.values():
            now = self._known.get(id(cell.tensor._array))
            if now is not None and now != before.get(id(cell)):
                writes.append((cell, now))
        for gradient in self._gradients.values():
            left = gradient.tensor._grad
            now = self._of_tensor(left) if isinstance(left, Tensor) else None
            if left is None or now != before.get(id(gradient)):
                writes.append((gradient, now))
        kept = {id(cell) for cell, _ in writes}
        for variable, cell in list(self.state.items()):
            if isinstance(cell, Value) and id(cell) not in kept and sys.getrefcount(cell.tensor) == _ALONE:
                # A Tensor that was made on the way, and that nobody holds: it cannot get another value.
                self._constant(variable, self.lines[variable])
                del self.state[variable]
        for ref, tensor in self._shared:
            if ref() is not None:  # not one of the trace's own
                self.asked(functools.partial(_share, ref, tensor), True)
        return Program(
            tuple(arguments), self.state, self.values, tuple(self.entries), tuple(results), tuple(writes), self.kinds
        )

    def result(self, value: Any) -> Any:
        """The variable of a result; what is not an array is itself."""
        if isinstance(value, Tensor):
            return self._of_tensor(value)
        return self._of_array(value) if isinstance(value, np.ndarray | np.generic) else value

    # What it hears

    def called(self, op: Op, arguments: Sequence[Any], params: dict[str, Any], out: Tensor, seconds: float) -> None:
        """An op ran."""
        if type(out._array) is np.bool:  # there are but two of these objects
            out._array = np.asarray(out._array)
        if id(out._array) in self._known:  # it gave one of its arguments
            return
        self._write(op.name, op.function, self._refer(tuple(arguments)), self._refer(params), out._array)

    def reads(self, tensor: Any, how: str) -> None:
        """A value is about to be read into Python: an error, unless it can never be another."""
        variable = self._of_tensor(tensor)
        if type(variable) is Variable and variable not in self.values:
            raise TraceError(
                f"{how} at {user_line()}: the value of a Tensor is not known while its program is traced, and what is "
                "read now would be frozen in the program. Return the Tensor and read it outside; for a choice use "
                "tapegrad.where or tapegrad.cond, for a loop tapegrad.while_loop or tapegrad.scan"
            )

    def assigns(self, tensor: Any, value: Tensor, array: Any) -> None:
        """A Tensor is about to have another value."""
        if any(tensor is given for given in self._given):
            self.refuses("changing an argument", "the caller's would stay as it is; write x = x + y, and return it")
        variable = self._of_tensor(value)
        known = self._known.get(id(tensor._array))
        if id(tensor) not in self._cells and (known is None or known in self.state):
            cell = self._cells[id(tensor)] = Value(tensor)
            self.snapshot.take(cell)
        if id(array) not in self._known:
            self._aliases.append(array)
            self._known[id(array)] = variable

    def gradient(self, tensor: Any, cleared: bool) -> None:
        """The gradient of a Tensor is about to be looked at, or replaced."""
        if id(tensor) in self._gradients:
            return
        known = self._known.get(id(tensor._array))
        if known is not None and known not in self.state and id(tensor) not in self._cells:
            return  # it was made in the trace
        if isinstance(tensor._grad, Rows):
            tensor._grad = wrap(tensor._grad.dense())
        old = tensor._grad
        cell = self._gradients[id(tensor)] = Gradient(tensor)
        self.snapshot.take(cell)
        if not cleared:
            self.asked(lambda: tensor._grad is None, old is None)
            if isinstance(old, Tensor):
                self.state[self._variable(old._array)] = cell

    def drawn(self, draw: Callable[[], Any], tensor: Tensor) -> None:
        """Random numbers were drawn."""
        self._write("random", draw, (), {}, tensor._array, effect=True)

    def ran(self, name: str, function: Callable[..., Any], inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """A function of arrays gave several."""
        arguments = tuple(self._of_tensor(x) for x in inputs)
        tensor = any(variable in self.tensors for variable in arguments)
        arrays = tuple(y._array for y in outputs)
        together = Variable(len(self.arrays))
        self.arrays.append(arrays)
        self.kinds[together] = Kind((sum(array.nbytes for array in arrays),), np.dtype(np.uint8))
        self.entries.append(Entry(name, function, arguments, {}, together, user_line()))
        for place, array in enumerate(arrays):
            self._write("part", operator.itemgetter(place), (together,), {}, array)
            if tensor:
                self.tensors.add(self._known[id(array)])

    def moves(self, optimizer: Any) -> None:
        """An optimizer is about to step."""
        self.snapshot.take_state(optimizer)

    def moved(self, move: Callable[[Any, Any], Any], parameter: Tensor, gradient: Any, new: Tensor) -> None:
        """An optimizer moved a parameter."""
        self.gradient(parameter, cleared=False)
        arguments = self._of_tensor(parameter), self._of_tensor(gradient)
        self._write("update", move, arguments, {}, new._array, effect=True)

    def computes(self, params: dict[str, Any]) -> bool:
        """Whether there is a value of the program among the parameters of an op, and not only constants."""
        return any(
            variable is not None and variable not in self.values
            for variable in (self._known.get(id(array)) for array in _arrays(params))
        )

    def constant(self, array: Any) -> None:
        """Numbers from outside are about to be in a Tensor."""
        self._of_array(array)

    def refuses(self, what: str, remedy: str) -> None:
        """What a replay could not do: an error."""
        raise TraceError(f"{what} at {user_line()} cannot be in a program: {remedy}")

    def meets(self, tensor: Tensor) -> None:
        """What is made of a Tensor's array next is known to be of this one."""
        self._of_tensor(tensor)

    def made(self, tensor: Tensor, like: Tensor | None = None) -> None:
        """A Tensor was asked for, or one if another one was."""
        variable = self._of_tensor(tensor)
        if like is None or self._of_tensor(like) in self.tensors:
            self.tensors.add(variable)

    def asked(self, ask: Callable[[], Any], answer: Any) -> None:
        """What runs depends on an answer: the program holds as long as the answer is the same."""
        self.guards.append((ask, answer))

    def verifies(self, check: Callable[[], None]) -> None:
        """A function runs anew at each replay; `check` raises where it does something else by now."""
        self.checks.append(check)

    def verified(self) -> None:
        """Raise TraceError where a replay would do something else, and go back to the state before."""
        try:
            for check in self.checks:
                check()
        except BaseException:
            self.snapshot.restore()
            raise
        finally:
            self.checks.clear()  # which keep what they need

    # Variables

    def _variable(self, array: Any) -> Variable:
        variable = self._known[id(array)] = Variable(len(self.arrays))
        self.arrays.append(array)
        self.kinds[variable] = Kind(np.shape(array), np.asarray(array).dtype)
        return variable

    def _write(
        self, name: str, function: Callable[..., Any], arguments: Any, params: Any, array: Any, effect: bool = False
    ) -> None:
        out = self._variable(array)
        entry = Entry(name, function, arguments, params, out, user_line(), effect)
        self.entries.append(entry)
        if effect or any(variable in self.tensors for variable in entry.inputs()):
            self.tensors.add(out)

    def _refer(self, tree: Any) -> Any:
        """`tree` with variables in the place of arrays and Tensors."""
        if isinstance(tree, Tensor):
            return self._of_tensor(tree)
        if isinstance(tree, np.ndarray | np.generic):
            return self._of_array(tree)
        if type(tree) in (tuple, list):
            return type(tree)([self._refer(item) for item in tree])
        if type(tree) is dict:
            return {key: self._refer(item) for key, item in tree.items()}
        return tree

    def _of_tensor(self, tensor: Tensor) -> Any:
        array = tensor._array
        variable = self._known.get(id(array))
        if variable is None:
            if not isinstance(array, np.ndarray | np.generic):  # a Python number in a transform
                return array
            return self._from_outside(tensor)
        cell = self.state.get(variable)
        if isinstance(cell, Value) and cell.tensor is not tensor and id(tensor) not in self._cells:
            self._shared.append((weakref.ref(tensor), cell.tensor))
        return variable

    def _from_outside(self, tensor: Tensor) -> Variable:
        """A variable for a Tensor that was there before the function ran."""
        if not tensor.is_leaf and mode.recording:
            raise TraceError(
                f"a Tensor that was recorded outside of the function, used at {user_line()}, cannot be in a program: "
                "no gradient flows out of a program. Compute it inside, or use t.detach(), or pass it as an argument"
            )
        cell = self._cells[id(tensor)] = Value(tensor)
        self.snapshot.take(cell)
        variable = self._variable(tensor._array)
        self.state[variable] = cell
        self.lines[variable] = user_line()
        self.tensors.add(variable)
        self.asked(functools.partial(_nature, tensor), _nature(tensor))
        return variable

    def _of_array(self, array: Any) -> Variable:
        variable = self._known.get(id(array))
        if variable is None:
            variable = self._variable(array)
            self._constant(variable, user_line())
        return variable

    def _constant(self, variable: Variable, line: str) -> None:
        array = self.arrays[variable.number]
        self.values[variable] = Constant(array, line)
        self.digests[variable] = zlib.crc32(np.ascontiguousarray(array).tobytes())


def _nature(tensor: Tensor) -> Any:
    """What a program takes for granted of a Tensor: whether it requires a gradient, its hooks, and its dtype."""
    entry = tensor._entry
    hooks = entry.watch.hooks if entry is not None and entry.watch is not None else ()
    return entry, tensor._array.dtype, tuple(hooks)


def _arrays(tree: Any) -> Iterator[Any]:
    """The arrays in a nest of tuples, lists and dicts."""
    if isinstance(tree, np.ndarray):
        yield tree
    elif type(tree) in (tuple, list, dict):
        for item in tree.values() if type(tree) is dict else tree:
            yield from _arrays(item)


def _share(ref: Any, tensor: Tensor) -> bool:
    """Whether two Tensors have one array, or one of them is gone."""
    other = ref()
    return other is None or other._array is tensor._array


@contextlib.contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Let `trace` hear of whatever this thread does in this block."""
    with observed(trace):
        mode.tracer = trace
        try:
            yield
        finally:
            mode.tracer = None
