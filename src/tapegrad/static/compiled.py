"""`compile`: a function runs eagerly while its program is written down, and is replayed from then on.

    @tg.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

The first call with arguments of some shapes and dtypes is traced. The second is replayed and also runs eagerly, from
the same state, and both must agree in every value: what was frozen in the program, and is not what it was, is found
there. From the third on it is replayed.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .._pytree import flatten
from .._tape import Tensor, mode, wrap
from ..errors import LostGradientError, TraceError
from .passes import optimized
from .program import Program, Variable
from .replay import Replay, values
from .tracer import Snapshot, Trace, tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST = 16  # programs of one function; the one that was not used for longest goes


class Compiled:
    """What `compile` gives: a function that is traced once for each kind of arguments, and replayed then."""

    def __init__(self, function: Callable[..., Any], fuse: bool) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._fuse = fuse
        self._runs: list[_Run] = []  # the one used last is the last
        self._lock = threading.Lock()

    @property
    def programs(self) -> list[Program]:
        """The programs that there are, the one used last at the end."""
        return [run.program for run in self._runs]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if mode.tracer is not None:  # a part of what is being traced
            return self._function(*arguments, **keywords)
        leaves, rebuild = flatten((arguments, keywords))
        key = tuple(map(_kind, leaves))
        for place in range(len(self._runs) - 1, -1, -1):
            run = self._runs[place]
            if run.key == key and run.holds():
                if place < len(self._runs) - 1:
                    with self._lock:
                        self._runs.remove(run)
                        self._runs.append(run)
                return run([_array(leaf) for leaf in leaves if _varies(leaf)], leaves, rebuild)
        run = _Run(self._function, key, self._fuse)
        result = run.trace(leaves, rebuild)
        with self._lock:
            self._runs.append(run)
            del self._runs[:-_MOST]
        return result

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def compile(function: Callable[..., Any] | None = None, *, fuse: bool = True) -> Any:
    """Make a function that is traced at its first call and replayed from then on; also a decorator.

    Arguments and results are arrays, Tensors, and containers of them; a number, a string or None among the arguments
    is fixed in a program, so that another value makes another program, as another shape or dtype does, and another
    answer of `module.training`. Parameters, buffers, gradients, optimizers and random numbers are state: a replay
    reads and moves them as the function itself would. With `fuse`, elementwise steps are compiled into kernels, which
    may round the last bits otherwise.

    Raises TraceError where the function would freeze a value in its program, and LostGradientError for recorded
    arguments.
    """
    if function is None:
        return functools.partial(compile, fuse=fuse)
    return Compiled(function, fuse)


def trace(function: Callable[..., Any], *examples: Any) -> Program:
    """The program of a function of such arguments: it runs once, and all state is put back."""
    leaves, rebuild = flatten((examples, {}))
    run = _Run(function, (), fuse=False)
    try:
        run.trace(leaves, rebuild)
    finally:
        run.traced.snapshot.restore()
    return run.whole


class _Run:
    """One program of a function, and how to run it."""

    def __init__(self, function: Callable[..., Any], key: tuple[Any, ...], fuse: bool) -> None:
        self.key = key
        self._function = function
        self._fuse = fuse
        self._checked = False

    def holds(self) -> bool:
        """Whether everything is as it was that the program depends on."""
        return all(ask() == answer for ask, answer in self._guards)

    def trace(self, leaves: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]) -> Any:
        """Run the function, and write its program down."""
        result = self._written(leaves, rebuild)
        self._guards = self.traced.guards
        self.program = optimized(self.whole, self._fuse)
        self._replay = Replay(self.program)
        return result

    def _written(self, leaves: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]) -> Any:
        self.traced = written = Trace()
        given, arguments = [], []
        for leaf in leaves:
            if _varies(leaf):
                # An object of its own: one array may be given twice, or be state, too.
                array = np.asarray(_array(leaf)).view()
                given.append(written.argument(array, isinstance(leaf, Tensor)))
                leaf = wrap(array)
            arguments.append(leaf)
        positional, keywords = rebuild(arguments)
        with tracing(written):
            result = self._function(*positional, **keywords)
        outputs, self._rebuild = flatten(result)
        refs = [written.result(output) for output in outputs]
        self._tensors = [ref in written.tensors for ref in refs]
        self._places = [place for place, ref in enumerate(refs) if type(ref) is Variable]
        self._fixed = [None if type(ref) is Variable else ref for ref in refs]
        self.whole = written.program(given, [refs[place] for place in self._places])
        return self._given([written.arrays[refs[place].number] for place in self._places])

    def __call__(self, arrays: list[Any], leaves: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]) -> Any:
        if self._checked:
            return self._given(self._replay(arrays))
        result = self._check(arrays, leaves, rebuild)
        self._checked = True
        del self.whole, self.traced
        return result

    def _given(self, arrays: Sequence[Any]) -> Any:
        """The result, made of its arrays: Tensors where the function itself gives Tensors."""
        outputs = list(self._fixed)
        for place, array in zip(self._places, arrays, strict=True):
            outputs[place] = wrap(array) if self._tensors[place] else array
        return self._rebuild(outputs)

    def _check(self, arrays: list[Any], leaves: Sequence[Any], rebuild: Callable[[Sequence[Any]], Any]) -> Any:
        """Replay, go back, run the function, and raise TraceError where they differ."""
        program = self.whole
        before = Snapshot()
        for cell in [*program.state.values(), *(cell for cell, _ in program.writes)]:
            before.take(cell)
        for optimizer in self.traced.snapshot.optimizers():
            before.take_state(optimizer)
        _, replayed = values(program, arrays)
        before.restore()
        result = self._written(leaves, rebuild)
        _compare(program, replayed, self.whole, self.traced)
        return result


def _compare(program: Program, replayed: dict[Variable, Any], again: Program, traced: Trace) -> None:
    """Raise TraceError unless the function did at its second call what its program says, with the same values."""
    here = "compile: at the second call"
    for variable, constant in program.values.items():
        other = again.values.get(variable)
        if other is None or not _same(constant.array, other.array):
            raise TraceError(
                f"{here}, a constant of the program is not what it was: {constant!r}. It was made outside of "
                "tapegrad's ops, and is frozen in the program. Pass it as an argument, keep it in a Tensor that the "
                "function reads and assigns, draw it by tapegrad.random, or compute it with tapegrad's functions"
            )
    for first, second in zip(program.entries, again.entries, strict=False):
        if (first.name, first.arguments, first.out) != (second.name, second.arguments, second.out):
            raise TraceError(
                f"{here}, the function did something else: {second.name} at {second.line} in the place of "
                f"{first.name} at {first.line}. A choice in Python is frozen in a program: make it by an argument that "
                "is a Python value, by tapegrad.where or by tapegrad.cond"
            )
        if not _same(replayed[first.out], traced.arrays[second.out.number]):
            raise TraceError(
                f"{here}, replaying {first.name} at {first.line} gave other values than the function itself. "
                "Something that it uses is frozen in the program; make it an argument, state in a Tensor, or a draw of "
                "tapegrad.random"
            )
    if len(program.entries) != len(again.entries):
        raise TraceError(
            f"{here}, the function ran {len(again.entries)} ops, where its program has {len(program.entries)}. A loop "
            "or a choice in Python is frozen in a program: make it depend on an argument that is a Python value"
        )


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays are the same in every bit."""
    a, b = np.asarray(a), np.asarray(b)
    return a is b or (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def _varies(leaf: Any) -> bool:
    """Whether an argument's leaf is an array that may be another at each call."""
    return isinstance(leaf, np.ndarray | np.generic) or (isinstance(leaf, Tensor) and not leaf.requires_grad)


def _array(leaf: Any) -> Any:
    return leaf._array if isinstance(leaf, Tensor) else leaf


def _kind(leaf: Any) -> Any:
    """What makes a program for one argument fit another one."""
    if _varies(leaf):
        return isinstance(leaf, Tensor), leaf.shape, leaf.dtype
    if isinstance(leaf, Tensor):
        if not leaf.is_leaf and mode.recording:
            raise LostGradientError(
                "compile: an argument was recorded, and no gradient flows through a program; compile the whole step, "
                "with its backward pass, or pass t.detach()"
            )
        return _Same(leaf)
    try:
        hash(leaf)
    except TypeError:
        raise TypeError(
            f"compile: expected arrays, Tensors, numbers and strings as arguments, got {type(leaf).__name__}, which "
            "cannot be told from another one"
        ) from None
    return type(leaf), leaf


class _Same:
    """A parameter among the arguments: the program is for this one."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)
