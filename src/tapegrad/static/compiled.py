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
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .._closures import swapping
from .._dtype import get_default_dtype
from .._pytree import contents, flatten
from .._tape import Tensor, mode, wrap
from ..errors import LostGradientError, TraceError
from .agreement import compare, equal
from .apart import apart, not_apart
from .fusion import optimized
from .lost import recorded, without_gradient
from .program import Program, Variable
from .replay import Replay, values
from .tracer import Snapshot, Trace, tracing
from .updates import all_last

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
        self._lock = threading.RLock()  # held while tracing; the function may call others
        self._warned = False

    @property
    def programs(self) -> list[Program]:
        """The programs that there are, the one used last at the end."""
        return [run.program for run in self._runs]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if mode.observers or mode.inside_a_program:  # a part of one, or somebody wants to see every op
            return self._function(*arguments, **keywords)
        kinds: list[Any] = [mode.recording, get_default_dtype()]
        arrays: list[Any] = []
        _describe(arguments, kinds, arrays)
        if keywords:
            _describe(keywords, kinds, arrays)
        run = self._found(kinds)
        if run is None:
            with swapping, self._lock:  # in this order everywhere: what runs again under the first may come here
                run = self._found(kinds)  # another thread may have traced it meanwhile
                if run is None:
                    run = _Run(self._function, kinds, self._fuse)
                    result = run.trace(arguments, keywords)
                    self._keep(run)
                    return result
        if run.checked:
            return run.replayed(arrays)
        with swapping, self._lock:
            return run.replayed(arrays) if run.checked else run.check(arrays, arguments, keywords)

    def _found(self, kinds: list[Any]) -> _Run | None:
        """The program for such arguments, if there is one and all that it depends on is as it was."""
        runs = self._runs
        for run in reversed(runs):
            if run.key == kinds and run.holds():
                if run is not runs[-1]:
                    self._keep(run)
                return run
        return None

    def _keep(self, run: _Run) -> None:
        """Let a program be the one that was used last."""
        with self._lock:
            runs = [*(other for other in self._runs if other is not run), run]
            self._runs = runs[-_MOST:]  # another list, since other threads may be reading the old one
        if len(runs) > _MOST and not self._warned:
            self._warned = True
            warnings.warn(
                f"compile: {self!r} has been traced for more than {_MOST} kinds of arguments, and the programs used "
                "longest ago are forgotten. Numbers in Python are fixed in a program: pass what changes as arrays, "
                "such as np.float32(0.1)",
                stacklevel=3,
            )

    def __repr__(self) -> str:
        return f"<compiled {getattr(self._function, '__qualname__', self._function)}>"

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
    if not isinstance(fuse, bool):
        raise TypeError(f"compile: expected True or False for fuse, got {fuse!r}")
    if function is not None and not callable(function):
        raise TypeError(f"compile: expected a function, got {type(function).__name__}")
    if function is None:
        return functools.partial(compile, fuse=fuse)
    return Compiled(function, fuse)


def trace(function: Callable[..., Any], *examples: Any) -> Program:
    """The program of a function of such arguments: it runs once, and all state is put back."""
    if mode.tracer is not None:
        raise TraceError("trace: a program is being traced already, and a program is not a part of another")
    _describe(examples, [], [])
    run = _Run(function, [], fuse=False)
    try:
        run.trace(examples, {})
    finally:
        run.traced.snapshot.restore()
    return run.whole


class _Run:
    """One program of a function, and how to run it."""

    def __init__(self, function: Callable[..., Any], key: list[Any], fuse: bool) -> None:
        self.key = key
        self.checked = False
        self._function = function
        self._fuse = fuse

    def holds(self) -> bool:
        """Whether everything is as it was that the program depends on."""
        return all(ask() == answer for ask, answer in self._guards)

    def trace(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Run the function, and write its program down."""
        result = self._written(arguments, keywords)
        self._guards = self.traced.guards
        self.program = program = optimized(self.whole, self._fuse)
        self._replay = Replay(program)
        # What fails does so before anything moves, unless something else comes after an update.
        self._restored = [] if all_last(program) else self.traced.snapshot.optimizers()
        kept = [*program.results, *(variable for _, variable in program.writes if variable)]
        all_apart = len(set(kept)) == len(kept) and not_apart(program).isdisjoint(kept)
        self._suspects = range(0 if all_apart else len(program.results))
        return result

    def _written(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        self.traced = written = Trace()
        leaves, rebuild = flatten((arguments, keywords))
        given: list[Variable] = []
        for place, leaf in enumerate(leaves):
            if _varies(leaf):
                # An object of its own: one array may be given twice, or be state, too.
                array = np.asarray(leaf._array if isinstance(leaf, Tensor) else leaf).view()
                own = wrap(array)
                given.append(written.argument(own, isinstance(leaf, Tensor)))
                leaves[place] = own
        positional, named = rebuild(leaves)
        del leaves
        with tracing(written):
            outputs, self._rebuild = flatten(self._function(*positional, **named))
        written.verified()
        refs = [written.result(output) for output in outputs]
        self._lost = [isinstance(output, Tensor) and recorded(output) for output in outputs]
        del outputs, positional, named  # which Tensors are still held is asked next
        self._tensors = [ref in written.tensors for ref in refs]
        self._places = [place for place, ref in enumerate(refs) if type(ref) is Variable]
        self._fixed = [None if type(ref) is Variable else ref for ref in refs]
        self.whole = written.program(given, [refs[place] for place in self._places])
        arrays = [written.arrays[variable.number] for variable in given]
        for cell, variable in self.whole.writes:
            left = written.arrays[variable.number] if variable else None
            if apart(left, arrays) is not left:  # the caller may write into it
                cell.write(apart(left, arrays))
        results = [written.arrays[refs[place].number] for place in self._places]
        return self._given(results, range(len(results)), arrays, self.whole)

    def replayed(self, arrays: list[Any]) -> Any:
        """The result of a replay; where that fails, optimizers are as they were before."""
        before = [(optimizer, list(optimizer.state)) for optimizer in self._restored]
        try:
            results = self._replay(arrays)
        except BaseException:
            for optimizer, state in before:
                optimizer.state = state
            raise
        return self._given(results, self._suspects, arrays, self.program)

    def _given(
        self, results: Sequence[Any], suspects: Sequence[int], arguments: Sequence[Any], program: Program
    ) -> Any:  # fmt: skip
        """The result, made of its arrays: Tensors where the function itself gives Tensors.

        Those of the `suspects` are copied if they lie in memory into which somebody else may write: the caller into
        arguments, and into results that are arrays.
        """
        outputs = list(self._fixed)
        for place, array in zip(self._places, results, strict=True):
            outputs[place] = array
        for number in suspects:
            place = self._places[number]
            others = list(arguments)
            if not self._tensors[place]:
                others += [constant.array for constant in program.values.values()]
                others += [cell.read() for cell in [*program.state.values(), *(cell for cell, _ in program.writes)]]
                others += [outputs[other] for other in self._places if other != place]
            outputs[place] = apart(outputs[place], others)
        for place in self._places:
            if self._lost[place] and mode.recording:
                outputs[place] = without_gradient(outputs[place])
            elif self._tensors[place]:
                outputs[place] = wrap(outputs[place])
        return self._rebuild(outputs)

    def check(self, arrays: list[Any], arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Replay, go back, run the function, and raise TraceError where they differ."""
        program, first, fixed = self.whole, self.traced, self._fixed
        before = Snapshot()
        for cell in [*program.state.values(), *(cell for cell, _ in program.writes)]:
            before.take(cell)
        for optimizer in first.snapshot.optimizers():
            before.take_state(optimizer)
        try:
            _, replayed = values(program, arrays)
        except Exception:  # the function itself tells better what is wrong
            replayed = {}
        finally:
            before.restore()
        try:
            result = self._written(arguments, keywords)
            compare(program, first, replayed, self.whole, self.traced)
            if not equal(fixed, self._fixed):
                raise TraceError(
                    f"compile: at the second call, the function gave other values of Python: {self._fixed} in the "
                    f"place of {fixed}. They are frozen in a program: give them as arrays, or compute them outside"
                )
        except BaseException:
            self.whole, self.traced = program, first
            raise
        self.checked = True
        del self.whole, self.traced
        return result


def _varies(leaf: Any) -> bool:
    """Whether an argument's leaf is an array that may be another at each call."""
    return isinstance(leaf, np.ndarray | np.generic) or (isinstance(leaf, Tensor) and not leaf.requires_grad)


def _describe(tree: Any, kinds: list[Any], arrays: list[Any]) -> None:
    """Add to `kinds` what makes a program for some arguments fit others, and to `arrays` what may differ."""
    kind = type(tree)
    if kind is np.ndarray:
        kinds += (np.ndarray, tree.shape, tree.dtype)
        arrays.append(tree)
    elif kind is tuple or kind is list:
        kinds += (kind, len(tree))
        for item in tree:
            _describe(item, kinds, arrays)
    elif isinstance(tree, Tensor):
        if tree._entry is None:
            kinds += (Tensor, tree._array.shape, tree._array.dtype)
            arrays.append(tree._array)
            return
        if not tree.is_leaf and mode.recording:
            raise LostGradientError(
                "compile: an argument was recorded, and no gradient flows through a program; compile the whole step, "
                "with its backward pass, or pass t.detach()"
            )
        kinds.append(_Same(tree))
    elif isinstance(tree, np.ndarray | np.generic):
        kinds += (np.ndarray, tree.shape, tree.dtype)
        arrays.append(np.asarray(tree))  # not a matrix, nor an array with a mask
    elif isinstance(tree, float):
        kinds += (kind, repr(tree))  # where -0.0 is not 0.0, and a NaN is itself
    elif (opened := contents(tree)) is not None:
        kinds += (kind, tuple(opened))
        for item in opened.values():
            _describe(item, kinds, arrays)
    else:
        try:
            hash(tree)
        except TypeError:
            raise TypeError(
                f"compile: expected arrays, Tensors, numbers and strings as arguments, got {kind.__name__}, which "
                "cannot be told from another one"
            ) from None
        kinds += (kind, tree)


class _Same:
    """A parameter among the arguments: the program is for this one."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)
