"""Choices and loops that depend on values, and stay in a program: `cond`, `while_loop` and `scan`.

By themselves they are Python's: the functions run on Tensors, and every op is recorded as always. While a program is
traced, one of them is a single entry, whose functions run anew at each replay, on that call's values. Its gradient is
an entry of the same kind, which runs the functions again and differentiates what they did; so every order exists. That
entry is given the gradients that the inputs have from later ops, and goes on adding to these, so the bits are those of
the functions by themselves. Those of gradients of gradients need not be: what comes to a value inside from its gradient
and what comes to it from the outputs goes back in two entries, and rounds in each.
"""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ._closures import Surroundings, swapping
from ._pytree import contents, flatten, tree_map
from ._tape import Entry, Tensor, Together, Tracer, mode, next_serial, wrap
from .debug.where import user_line
from .errors import DTypeError, ShapeError, TraceError
from .ops.shape import stack
from .primitive import FULL, Op
from .tensor import asarray
from .transforms import Cotangents, Linearized, at_own_entry, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["cond", "scan", "while_loop"]


def cond(predicate: Any, true_function: Callable[..., Any], false_function: Callable[..., Any], *operands: Any) -> Any:
    """`true_function(*operands)` where `predicate`, one number, holds, and `false_function(*operands)` otherwise.

    Only the chosen function runs. In a program both must give containers of the same shapes and dtypes: ShapeError
    or DTypeError says where they do not; and what only the other one uses has a gradient there, of zeros, where it has
    none otherwise. A recorded operand that is given as it is becomes another Tensor, at an entry of its own.
    """
    if np.shape(predicate) != ():
        raise ShapeError(
            f"cond: expected one number as the predicate, got shape {np.shape(predicate)}; reduce it with any or all, "
            "or choose for each element with tapegrad.where"
        )
    if mode.tracer is None or not isinstance(predicate, Tensor):
        return _run(true_function if predicate else false_function, operands)

    def choose(predicate: Tensor, *operands: Any) -> Any:
        return (true_function if predicate else false_function)(*operands)

    def both(predicate: Tensor, *operands: Any) -> tuple[Any, Any]:
        results = true_function(*operands), false_function(*operands)
        _same_kinds("cond: true_function and false_function", *results)
        return results

    around = Surroundings(true_function, false_function)
    return _traced(mode.tracer, "cond", around, choose, both, (predicate, *operands))


def while_loop(condition: Callable[..., Any], body: Callable[..., Any], *state: Any) -> Any:
    """`state = body(*state)` as long as `condition(*state)` holds, one number each time; gives the last state.

    `state` are arrays and containers of them; `body` gives as many, in a tuple if there are several, of the same
    shapes and dtypes: ShapeError or DTypeError says where they are not.
    """

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        result = body(*state)
        new = (result,) if len(state) == 1 else tuple(result)
        _same_kinds("while_loop: the state and what body gives", state, new)
        return new

    def loop(*state: Any) -> tuple[Any, ...]:
        while condition(*state):
            state = step(state)
        return state

    def once(*state: Any) -> tuple[Any, Any]:
        holds = condition(*state)
        return step(state), holds

    start = tree_map(asarray, state)
    if mode.tracer is None:
        result = _run(loop, start)
    else:
        result = _traced(mode.tracer, "while_loop", Surroundings(condition, body), loop, once, start)
    return result[0] if len(state) == 1 else result


def scan(function: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any) -> tuple[Any, Any]:
    """`carry, y = function(carry, x)` for each `x` of `xs`; gives the last carry, and the `y` along a new first axis.

    `xs` is an array (L, ...) or a container of such, with one L of at least 1. The carry keeps its shapes and dtypes:
    ShapeError or DTypeError says where it does not.
    """
    lengths = {np.shape(x)[:1] for x in flatten(xs)[0]}
    if len(lengths) != 1 or not all(length and length[0] for length in lengths):
        raise ShapeError(f"scan: expected arrays of one length of at least 1, got {sorted(lengths)}")
    ((count,),) = lengths

    def loop(carry: Any, xs: Any) -> tuple[Any, Any]:
        rows: list[list[Any]] = []
        for place in range(count):
            new, y = function(carry, tree_map(lambda x, place=place: x[place], xs))
            _same_kinds("scan: the carry and what function gives", carry, new)
            carry = new
            leaves, rebuild = flatten(y)
            rows.append(leaves)
        return carry, rebuild([stack(column) for column in zip(*rows, strict=True)])

    def every(carry: Any, xs: Any) -> tuple[Any, Any]:
        return loop(carry, xs), None

    start = tree_map(asarray, carry), tree_map(asarray, xs)
    if mode.tracer is None:
        last, ys = _run(loop, start)
    else:
        last, ys = _traced(mode.tracer, "scan", Surroundings(function), loop, every, start)
    return last, ys


def _run(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """`function(*arguments)`, with results that were there before, or are there twice, at entries of their own.

    So what flows back to a result adds up by itself before it is added to what flows back to, say, the operand that was
    given as it is; and a program, of which every result is another variable, has the bits of the function by itself.
    """
    start = next_serial()
    result = function(*arguments)
    if not mode.recording or isinstance(mode.tracer, _Seen):  # which looks for the Tensors that are used, themselves
        return result
    leaves, rebuild = flatten(result)
    known: set[Entry] = set()
    own: dict[int, Tensor] = {}
    for place, leaf in enumerate(leaves):
        entry = leaf._entry if isinstance(leaf, Tensor) else None
        if entry is not None:
            if entry.serial < start or entry in known:
                own[place] = at_own_entry("result", leaf)
            known.add(entry)
    return rebuild([own.get(place, leaf) for place, leaf in enumerate(leaves)]) if own else result


def _same_kinds(what: str, one: Any, other: Any) -> None:
    """Raise an error unless two trees have leaves of the same shapes and dtypes in the same containers."""
    if _containers(one) != _containers(other):
        raise ShapeError(f"{what} must be the same containers of arrays")
    for a, b in zip(flatten(one)[0], flatten(other)[0], strict=True):
        if np.shape(a) != np.shape(b):
            raise ShapeError(f"{what} must have the same shapes, got {np.shape(a)} and {np.shape(b)}")
        if asarray(a).dtype != asarray(b).dtype:
            raise DTypeError(f"{what} must have the same dtypes, got {asarray(a).dtype} and {asarray(b).dtype}")


def _containers(tree: Any) -> Any:
    opened = contents(tree)
    return None if opened is None else (type(tree), [(key, _containers(item)) for key, item in opened.items()])


# --------------------------------------------------------------------------------------------------
# As an entry of a program


def _traced(
    tracer: Tracer,
    name: str,
    around: Surroundings,
    run: Callable[..., Any],
    sample: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> Any:
    """`run(*arguments)` as one entry. `sample` takes the same, and uses all that `run` ever may.

    It gives what `run` may give, and what else it found. What the functions use besides their arguments becomes an
    input of the entry, too: while they run, these Tensors have the values and the entries of that run; and the
    variables `around` the functions are what they are now.
    """
    if isinstance(tracer, _Seen):  # a part of another one's functions
        with around.as_then():
            sample(*arguments)
        return _run(run, arguments)
    leaves, rebuild = flatten(arguments)
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
    operands = [leaves[place] for place in places]

    def filled(tensors: Sequence[Tensor]) -> Any:
        every = list(leaves)
        for place, tensor in zip(places, tensors, strict=True):
            every[place] = tensor
        return rebuild(every)

    seen = _Seen(name)
    with _apart(seen, mode.recording), around.as_then():
        found = sample(*filled(seen.given(operands)))
    if around.written:
        tracer.refuses(
            f"a function of {name} that assigns to {around.written[0]!r}, a variable around it,",
            "let it be a result, or a part of the state that goes from turn to turn",
        )
    rebuild_output = flatten(found[0])[1]
    captured = seen.captured
    tracer.verifies(_Again(name, around, captured, operands, lambda given: sample(*filled(given)), found))
    del found
    count = len(operands)

    def call(*inputs: Tensor) -> list[Tensor]:
        with _standing_for(captured, inputs[count:], around):
            results = [asarray(y) for y in flatten(_run(run, filled(inputs[:count])))[0]]
            return [wrap(y._array, y._entry) for y in results]  # which stay as they are when the others go back

    return rebuild_output(_entry(name, call, [*operands, *captured]))


class _Again:
    """Runs functions once more, when all is traced, since a replay will: raises where they do something else by then.

    They may have looked up what was another one meanwhile: a variable of a module, an attribute, an item of a list.
    """

    def __init__(
        self,
        name: str,
        around: Surroundings,
        captured: Sequence[Tensor],
        operands: Sequence[Tensor],
        function: Callable[[Sequence[Tensor]], Any],
        found: Any,
    ) -> None:
        self._name = name
        self._around = around
        self._line = user_line()
        self._recording = mode.recording
        self._captured = captured
        self._values = [wrap(tensor._array, tensor._entry) for tensor in captured]
        self._operands = [wrap(x._array) for x in operands]
        self._function = function
        self._digests = _digests(found)
        self._used = _natures(captured)

    def __call__(self) -> None:
        seen = _Seen(self._name)
        with _apart(seen, self._recording), _standing_for(self._captured, self._values, self._around):
            digests = _digests(self._function(seen.given(self._operands)))
            used = _natures(seen.captured)
        if digests != self._digests or used != self._used:
            raise TraceError(
                f"{self._name} at {self._line}: by the end of the program, where a function of it ran again, as in "
                f"each replay, it {'gave other values' if digests != self._digests else 'used another Tensor'}. "
                "Something that it looks up has changed since: an attribute, an item of a list or dict, or a global. "
                "Bind it to a variable before the call, or pass it as an operand"
            )


def _natures(tensors: Sequence[Tensor]) -> set[Any]:
    """What tells Tensors apart, but for those that are made anew each time, as `detach` does."""
    return {(id(tensor._array), tensor.requires_grad) for tensor in tensors}


def _digests(tree: Any) -> list[Any]:
    """The leaves of a tree, and of arrays their shapes, dtypes, and checksums."""
    return [_digest(leaf) for leaf in flatten(tree)[0]]


def _digest(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        leaf = leaf._array
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.shape, leaf.dtype, zlib.crc32(np.ascontiguousarray(leaf).tobytes())
    return repr(leaf) if isinstance(leaf, float) else leaf  # a NaN is itself


def _entry(name: str, call: Callable[..., list[Tensor]], inputs: Sequence[Tensor]) -> list[Tensor]:
    """What `call` makes of `inputs`, written down as one entry of the program, and recorded if they are."""
    if mode.tracer is None:
        return call(*inputs)
    # A Tensor that is an input twice is one: what flows back to it adds up in one place.
    places: dict[tuple[int, int], int] = {}
    slots = [places.setdefault((id(x._array), id(x._entry)), len(places)) for x in inputs]
    once = [inputs[slots.index(slot)] for slot in range(len(places))]

    def of_once(*tensors: Tensor) -> list[Tensor]:
        return call(*[tensors[slot] for slot in slots])

    def function(*arrays: Any) -> tuple[Any, ...]:
        with _apart(None, recording=False):
            # Arrays of their own, since a result may be one of the inputs, and another one the next time.
            return tuple([np.asarray(y._array).view() for y in of_once(*map(wrap, arrays))])

    outputs = list(map(wrap, function(*[x._array for x in once])))
    mode.tracer.ran(name, function, once, outputs)
    parents = tuple([x._entry if mode.recording else None for x in once])
    if any(parents):
        op = Op(f"{name}_inputs", function, broadcasts=False)
        shared = written(op, parents, (), np.dtype(np.float64), [x._array for x in once])
        shared.watch = Together(_onward(name, of_once, len(outputs)))
        for place, y in enumerate(outputs):
            if y.dtype.kind == "f":
                op = Op(name, function, broadcasts=False)
                op.rules = ((_output_rule(place), FULL),)
                y._entry = written(op, (shared,), y.shape, y.dtype)
                for observer in mode.observers:
                    observer.recorded(y._entry, y)
    return outputs


def _output_rule(place: int) -> Callable[..., Any]:
    return lambda g, saved, shape, params: Cotangents({place: g})


def _onward(name: str, call: Callable[..., list[Tensor]], count: int) -> Callable[..., dict[int, Any]]:
    """How a backward pass goes on to the inputs of `call`, which gives `count` outputs: by one more entry."""

    def onward(g: Cotangents, saved: Sequence[Any], before: dict[int, Any]) -> dict[int, Any]:
        inputs = [_tensor(x) for x in saved[1:]]
        live = [place in g.of_outputs for place in range(count)]
        begun = {place: have is not None for place, have in before.items()}
        cotangents = [_tensor(g.of_outputs[place]) for place in sorted(g.of_outputs)]
        given = [_tensor(have) for have in before.values() if have is not None]
        pulled = _gradient(name, call, len(inputs), live, begun)
        totals = _entry(f"{name}_gradient", pulled, [*inputs, *cotangents, *given])
        return dict(zip(before, totals, strict=True))

    return onward


def _gradient(
    name: str, call: Callable[..., list[Tensor]], count: int, live: list[bool], begun: dict[int, bool]
) -> Callable[..., list[Tensor]]:
    """What makes the gradients of some inputs of `call`: those in `begun`, which tells whether they have one already.

    It takes all the `count` inputs, then the gradients of the `live` outputs, and then those that there are already.
    """

    def pulled(*tensors: Tensor) -> list[Tensor]:
        inputs, rest = tensors[:count], iter(tensors[count:])
        cotangents = [next(rest) if is_live else None for is_live in live]
        before = [next(rest) if has_one else None for has_one in begun.values()]

        def of_some(*changing: Tensor) -> list[Tensor]:
            every = list(inputs)
            for place, x in zip(begun, changing, strict=True):
                every[place] = x
            return call(*every)

        at = Linearized(name, of_some, [inputs[place] for place in begun], {})
        totals = at.gradients(cotangents, before)
        return [_nothing(x) if g is None else _tensor(g) for x, g in zip(at.inputs, totals, strict=True)]

    return pulled


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else wrap(x)


def _nothing(like: Tensor) -> Tensor:
    """Zeros for an input that was not used: negative ones, since these change nothing that is added to them."""
    return wrap(np.full(like.shape, -0.0, like.dtype))


class _Seen(Tracer):
    """Finds the Tensors that a function uses besides those that it is given, and refuses what it may not do."""

    def __init__(self, name: str) -> None:
        self.captured: list[Tensor] = []
        self._name = name
        self._given: list[Tensor] = []
        self._made: dict[int, Any] = {}  # arrays by their ids

    def given(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The Tensors to call the function with."""
        self._given = [wrap(x._array) for x in tensors]
        return self._given

    def called(self, op: Op, arguments: Sequence[Any], params: dict[str, Any], out: Tensor, seconds: float) -> None:
        """An op ran."""
        for leaf in flatten((list(arguments), params))[0]:
            if isinstance(leaf, Tensor):
                self.meets(leaf)
        if type(out._array) is np.bool:  # there are but two of these objects
            out._array = np.asarray(out._array)
        self.constant(out._array)

    def meets(self, tensor: Tensor) -> None:
        """A Tensor is used."""
        array = tensor._array
        new = id(array) not in self._made and isinstance(array, np.ndarray | np.generic)
        if new and not any(tensor is other for other in (*self._given, *self.captured)):
            self.captured.append(tensor)

    def reads(self, tensor: Any, how: str) -> None:
        """Python may decide by values here; these are read anew each time."""
        self.meets(tensor)

    def made(self, tensor: Tensor, like: Tensor | None = None) -> None:
        """A Tensor was asked for."""
        self.meets(tensor)

    def constant(self, array: Any) -> None:
        """An array was made inside."""
        self._made[id(array)] = array

    def refuses(self, what: str, remedy: str) -> None:
        """What could not be done again: an error."""
        raise TraceError(f"{what} at {user_line()} cannot be in a function of {self._name} in a program: {remedy}")

    def assigns(self, tensor: Any, value: Tensor, array: Any) -> None:
        """A Tensor is about to have another value."""
        if id(tensor._array) not in self._made:
            self.refuses("an assignment", "give the new value as a result, and assign that")

    def gradient(self, tensor: Any, cleared: bool) -> None:
        """A gradient is about to be looked at, or replaced."""
        if id(tensor._array) not in self._made:
            self.refuses("backward", "use tapegrad.grad inside, or call backward on what comes out")

    def drawn(self, draw: Callable[[], Any], tensor: Tensor) -> None:
        """Random numbers were drawn."""
        self.refuses("a random draw", "draw the numbers before, and pass them as an operand")

    def moves(self, optimizer: Any) -> None:
        """An optimizer is about to step."""
        self.refuses("a step of an optimizer", "give the gradients as results, and step outside")


@contextlib.contextmanager
def _apart(tracer: Tracer | None, recording: bool) -> Iterator[None]:
    """Let the tracer of this thread not hear of what runs in this block, but perhaps another one."""
    before = mode.tracer, mode.recording, mode.observers
    others = tuple(observer for observer in mode.observers if not isinstance(observer, Tracer))
    mode.tracer = tracer
    mode.set(recording, others if tracer is None else (*others, tracer))
    try:
        yield
    finally:
        mode.tracer = before[0]
        mode.set(*before[1:])


@contextlib.contextmanager
def _standing_for(captured: Sequence[Tensor], tensors: Sequence[Tensor], around: Surroundings) -> Iterator[None]:
    """Let the `captured` Tensors have the values and the entries of others in this block, in one thread at a time.

    The variables `around` the functions that run in it are what they were when these were written down.
    """
    with swapping, around.as_then():
        # What is itself stays: another thread may be recording what it computes with a parameter.
        pairs = [
            pair
            for pair in zip(captured, tensors, strict=True)
            if mode.recording or pair[0]._array is not pair[1]._array
        ]
        before = [(tensor, tensor._array, tensor._entry) for tensor, _ in pairs]
        inside, mode.inside_a_program = mode.inside_a_program, True
        for tensor, other in pairs:
            tensor._array, tensor._entry = other._array, other._entry
        try:
            yield
        finally:
            mode.inside_a_program = inside
            for tensor, array, entry in before:
                tensor._array, tensor._entry = array, entry
