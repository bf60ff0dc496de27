"""The heart: what the tape is made of, who records, and how it is replayed in reverse.

Running an op on a recorded `Tensor` makes one `Entry`: the op, the entries of its arguments, its
parameters and the arrays that its gradient rules will ask for. Entries are data, never closures, so
they can be walked, printed, drawn and timed as well as differentiated. They hold each other, never
Tensors: there is no reference cycle, and dropping a result frees at once all that led to it.

Three facts carry the rest of this file:

- entries are numbered as they are made, so the numbers are already a topological order;
- the backward pass keeps its gradients in a dictionary of its own, so passes may nest, run in
  several threads, or stop in the middle, and leave nothing behind;
- with `create_graph` the rules are handed Tensors instead of arrays, and so are recorded themselves.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from abc import ABC, abstractmethod
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from ._rows import Rows
from .errors import BackwardError, DTypeError, RuleError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .primitive import Op
    from .tensor import TensorMethods
else:
    TensorMethods = object  # `tensor.py` installs the methods, since they stand on ops and ops on this

next_serial = itertools.count(1).__next__
_by_serial = attrgetter("serial")


class Entry:
    """One line of the tape: an op that ran, or a leaf that asked for a gradient.

    `saved` is `(out, *arguments)` with None for what no rule asks for, and None as a whole once released.
    `parents` has one entry an argument, None where no gradient is wanted. A leaf has no op.
    """

    __slots__ = ("__weakref__", "dtype", "line", "op", "params", "parents", "saved", "serial", "shape", "watch")

    op: Op | None
    parents: tuple[Entry | None, ...]
    params: dict[str, Any] | None
    saved: tuple[Any, ...] | None
    serial: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    watch: Watch | None
    line: str  # where the user called the op, as file:line: set in debug mode only

    def __repr__(self) -> str:
        if self.op is None:
            return f"<entry {self.serial}: leaf {self.shape}>"
        arguments = ", ".join("constant" if parent is None else str(parent.shape) for parent in self.parents)
        return f"<entry {self.serial}: {self.op.name} of {arguments} -> {self.shape}>"


class Watch:
    """Who waits for the gradient of an entry: hooks, and the Tensor whose `.grad` it becomes."""

    __slots__ = ("hooks", "tensor")

    def __init__(self, tensor: Tensor | None = None) -> None:
        self.tensor = None if tensor is None else weakref.ref(tensor)
        self.hooks: list[Callable[[Tensor], Any]] = []

    def receive(self, entry: Entry, gradient: Any) -> Any:
        """Run the hooks, which may replace the gradient, and add it to the waiting Tensor's `.grad`."""
        if self.hooks and isinstance(gradient, Rows):
            gradient = gradient.dense()
        if mode.tracer is not None and not isinstance(gradient, Tensor):
            mode.tracer.constant(gradient)
            gradient = wrap(gradient)
            mode.tracer.made(gradient)
        for hook in tuple(self.hooks):
            replaced = hook(gradient if isinstance(gradient, Tensor) else wrap(gradient))
            if replaced is not None:
                if np.shape(replaced) != entry.shape:
                    raise ShapeError(
                        f"register_hook: the hook gave a gradient of shape {np.shape(replaced)} "
                        f"for a tensor of shape {entry.shape}"
                    )
                gradient = cotangent(entry, replaced, isinstance(gradient, Tensor))
        tensor = None if self.tensor is None else self.tensor()
        if tensor is not None:
            if mode.tracer is not None:
                mode.tracer.gradient(tensor, cleared=False)
            new = gradient if isinstance(gradient, Tensor | Rows) else wrap(gradient)
            tensor._grad = new if tensor._grad is None else _add(tensor._grad, new)
        return gradient


class Together(Watch):
    """What a pass does at an entry that stands for many ops, in place of rules: it goes on to all parents at once.

    `go_on(g, saved, before)` is given the gradients that the parents have already, or None, by their places, and gives
    those that they have then. The ops add to these one after the other, as they would if each had its own entry. A sum
    of theirs, added to what was there, would have other last bits.
    """

    __slots__ = ("go_on",)

    def __init__(self, go_on: Callable[[Any, tuple[Any, ...], dict[int, Any]], dict[int, Any]]) -> None:
        super().__init__()
        self.go_on = go_on


class Pending(ABC):
    """A gradient of a pass that is being traced, whose parts are put together when it is read.

    An array of a program is never written into, so each sum on the way would be another array.
    """

    @abstractmethod
    def together(self) -> Tensor:
        """The gradient."""


def _add(old: Tensor | Rows, new: Tensor | Rows) -> Tensor | Rows:
    """The sum of two gradients: plain arrays are added without a record, recorded ones with one."""
    if isinstance(old, Rows) and isinstance(new, Rows):
        return old + new  # type: ignore[no-any-return]
    old = wrap(old.dense()) if isinstance(old, Rows) else old
    new = wrap(new.dense()) if isinstance(new, Rows) else new
    if old._entry is None and new._entry is None and mode.tracer is None:
        return wrap(old._array + new._array)
    return old + new  # type: ignore[no-any-return]


class Tensor(TensorMethods):
    """A NumPy array that records what is computed from it.

    Made by `tapegrad.tensor` and `tapegrad.asarray`, and by every op. `_array` is the value, which is
    never written to; `_entry` is its line on the tape, or None when no gradient is wanted.
    """

    __slots__ = ("__weakref__", "_array", "_entry", "_grad")

    _array: Any
    _entry: Entry | None
    _grad: Tensor | Rows | None

    def __init__(self, array: np.ndarray[Any, Any] | np.generic, requires_grad: bool = False) -> None:
        if not isinstance(array, np.ndarray | np.generic):
            raise TypeError(
                f"Tensor: expected a NumPy array, got {type(array).__name__}; use tapegrad.tensor, which converts"
            )
        self._array = array
        self._entry = leaf(self) if requires_grad else None
        self._grad = None


_new = Tensor.__new__


def wrap(array: Any, entry: Entry | None = None) -> Tensor:
    """A Tensor of `array` at `entry`, with none of the constructor's checks."""
    tensor = _new(Tensor)
    tensor._array = array
    tensor._entry = entry
    tensor._grad = None
    return tensor


def leaf(tensor: Tensor) -> Entry:
    """A fresh leaf entry for `tensor`, held weakly so that the tape never keeps it alive."""
    if tensor._array.dtype.kind != "f":
        raise DTypeError(
            f"requires_grad: only floating-point tensors have gradients, and this one is {tensor._array.dtype}; "
            "convert it first, e.g. tapegrad.tensor(x, dtype=np.float32, requires_grad=True)"
        )
    entry = Entry()
    entry.op = None
    entry.parents = ()
    entry.params = None
    entry.saved = ()
    entry.serial = next_serial()
    entry.shape = tensor._array.shape
    entry.dtype = tensor._array.dtype
    entry.watch = Watch(tensor)
    for observer in mode.observers:
        observer.recorded(entry, tensor)
    return entry


def keep_gradient(tensor: Tensor) -> None:
    """Let backward passes put the gradient of `tensor` in its `.grad` although it is not a leaf."""
    entry = tensor._entry
    if entry is not None:
        if entry.watch is None:
            entry.watch = Watch()
        entry.watch.tensor = weakref.ref(tensor)


def keeps_gradient(tensor: Tensor) -> bool:
    """Whether backward passes put the gradient of `tensor` in its `.grad`."""
    watch = None if tensor._entry is None else tensor._entry.watch
    return watch is not None and watch.tensor is not None and watch.tensor() is tensor


# --------------------------------------------------------------------------------------------------
# Who records


class _Everyone:
    """Whether every thread records and nobody watches: what each op asks first, cheaper than a thread-local."""

    __slots__ = ("_lock", "_unusual", "usual")

    def __init__(self) -> None:
        self.usual = True
        self._unusual = 0
        self._lock = threading.Lock()

    def count(self, change: int) -> None:
        """Note that one thread more, or one less, is in an unusual mode."""
        with self._lock:
            self._unusual += change
            self.usual = self._unusual == 0


everyone = _Everyone()


class _Mode(threading.local):
    """What this thread does with the ops that it runs."""

    def __init__(self) -> None:
        self.recording = True
        self.observers: tuple[Observer, ...] = ()
        self.tracer: Tracer | None = None  # one of the observers
        self.inside_a_program = False  # in a function that an entry of a program runs
        self.usual = True
        self.inside = 0.0  # seconds that observed runs took inside the one that is going on

    def set(self, recording: bool, observers: tuple[Observer, ...]) -> None:
        self.recording = recording
        self.observers = observers
        usual = recording and not observers
        if usual is not self.usual:
            self.usual = usual
            everyone.count(-1 if usual else 1)


mode = _Mode()


class Observer:
    """Someone who is told of every op and of every rule that this thread runs; see `debug`.

    Seconds are an op's or a rule's own, without those of the observed ones that it ran itself.
    """

    def called(self, op: Op, arguments: Sequence[Any], params: dict[str, Any], out: Tensor, seconds: float) -> None:
        """An op ran forward on a Tensor, whether it was recorded or not."""

    def recorded(self, entry: Entry, tensor: Tensor) -> None:
        """An entry was written for `tensor`: a leaf, or what an op or a transform made."""

    def reached(self, entry: Entry, g: Any) -> None:
        """A backward pass has the whole gradient of `entry`; if it goes on from there, its rules run next."""

    def differentiated(self, entry: Entry, index: int, g: Any, gradient: Any, seconds: float) -> None:
        """The rule of argument `index` of `entry` made `gradient` of `g`, or `g` itself was added to what was there."""


class Tracer(Observer):
    """An observer that writes down a program: rules are handed Tensors, so that it is told of what they compute.

    It hears of whatever else makes a value or takes one away, so that nothing is frozen in silence.
    """

    def reads(self, tensor: TensorMethods, how: str) -> None:
        """The value of a Tensor is about to be read into Python, by `how`."""

    def assigns(self, tensor: TensorMethods, value: Tensor, array: Any) -> None:
        """`tensor` is about to get `array`, which is that of `value`."""

    def gradient(self, tensor: TensorMethods, cleared: bool) -> None:
        """The gradient of `tensor` is about to be looked at, or replaced."""

    def drawn(self, draw: Callable[[], Any], tensor: Tensor) -> None:
        """`draw`, which may be called again and gives an array, drew random numbers for `tensor`."""

    def moves(self, optimizer: Any) -> None:
        """An optimizer is about to step, which changes its `state`."""

    def moved(self, move: Callable[[Any, Any], Any], parameter: Tensor, gradient: Any, new: Tensor) -> None:
        """An optimizer made a new value of a parameter and its gradient; `move` may be called again."""

    def computes(self, params: dict[str, Any]) -> bool:
        """Whether there is a value of the program among the parameters of an op, and not only constants."""
        return False

    def constant(self, array: Any) -> None:
        """A Tensor is about to be made of an array that is no Tensor's."""

    def ran(self, name: str, function: Callable[..., Any], inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """`function`, which takes arrays and may be called again, made a tuple of the arrays of `outputs`."""

    def refuses(self, what: str, remedy: str) -> None:
        """`what` is about to happen, and would not happen again in a replay."""

    def meets(self, tensor: Tensor) -> None:
        """Another Tensor is about to be made of the array of `tensor`."""

    def made(self, tensor: Tensor, like: Tensor | None = None) -> None:
        """`tensor` would be a Tensor, and not an array, where the function runs by itself; or if `like` would be."""

    def asked(self, ask: Callable[[], Any], answer: Any) -> None:
        """What runs depends on the `answer`, such as whether a layer is in training."""

    def verifies(self, check: Callable[[], None]) -> None:
        """`check`, to be called when the program is written down, raises where a replay would do something else."""


def observe(run: Callable[[], Any], tell: Callable[[Observer, Any, float], None]) -> Any:
    """What `run()` gives, after telling this thread's observers of it and of the seconds that it took."""
    outside, mode.inside = mode.inside, 0.0
    started = perf_counter()
    try:
        result = run()
        seconds = perf_counter() - started - mode.inside
        for observer in mode.observers:
            tell(observer, result, seconds)
        return result
    finally:
        mode.inside = outside + perf_counter() - started


@contextlib.contextmanager
def recording(on: bool) -> Iterator[None]:
    """Record, or do not, in this thread and inside this block."""
    before = mode.recording
    mode.set(on, mode.observers)
    try:
        yield
    finally:
        mode.set(before, mode.observers)


@contextlib.contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Tell `observer` of every op of this thread inside this block."""
    mode.set(mode.recording, (*mode.observers, observer))
    try:
        yield
    finally:
        mode.set(mode.recording, tuple(o for o in mode.observers if o is not observer))


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside a `with no_grad():` block, or inside a function decorated with `@no_grad()`."""
    with recording(False):
        yield


# --------------------------------------------------------------------------------------------------
# Replay in reverse

UNWANTED = object()  # marks entries whose gradient nobody asked for


def collect(roots: Sequence[Entry], targets: Sequence[Entry] = ()) -> tuple[list[Entry], dict[Entry, Any]]:
    """What lies between `roots` and `targets` (every leaf, when there are none), newest first.

    Also gives the dictionary that the gradients will be kept in: None for what is on the way, UNWANTED
    for what was reached but leads to no target.
    """
    gradients: dict[Entry, Any] = dict.fromkeys(targets)
    stack = [root for root in dict.fromkeys(roots) if root not in gradients]
    gradients.update(dict.fromkeys(stack))
    order: list[Entry] = []
    push, pop, note = stack.append, stack.pop, order.append
    if targets:
        oldest = min([target.serial for target in targets])

        def push(entry: Entry) -> None:
            if entry.serial > oldest:
                stack.append(entry)
            else:  # older than every target, so nothing behind it leads to one
                gradients[entry] = UNWANTED

    while stack:
        entry = pop()
        note(entry)
        for parent in entry.parents:
            if parent is not None and parent not in gradients:
                gradients[parent] = None
                push(parent)
    order.sort(key=_by_serial, reverse=True)
    if targets:
        for entry in reversed(order):
            if all(parent is None or gradients[parent] is UNWANTED for parent in entry.parents):
                gradients[entry] = UNWANTED
        order = [entry for entry in order if gradients[entry] is not UNWANTED]
    return order, gradients


def propagate(
    order: Sequence[Entry], gradients: dict[Entry, Any], *, create: bool, release: bool, fixed: bool = False
) -> None:
    """Carry the gradients that `gradients` starts with through `order`, adding up where paths meet.

    `create` records the rules, for a gradient of the gradient, and with `fixed` only how the result depends on the
    gradients at the start; `release` drops what the rules needed. Raises BackwardError, before anything is done, where
    an earlier pass dropped it.
    """
    for entry in order:
        if entry.saved is None:
            raise _released(entry)
    observers = mode.observers
    observed = bool(observers)
    add = np.add
    owned: set[Entry] = set()  # whose gradient is an array made here, that may be added to in place
    op: Op | None = None
    index = 0
    linked = create and not fixed
    traced = mode.tracer is not None
    recorded_outside = mode.recording
    if create and not recorded_outside:
        mode.set(True, observers)
    try:
        for entry in order:
            g = gradients[entry]
            if g is None:
                continue
            gradients[entry] = None  # from here on only `g` holds it, so memory falls as the pass goes
            if traced and isinstance(g, Pending):
                g = g.together()
            op = entry.op
            index = -1
            if entry.watch is not None:
                if op is not None and isinstance(entry.watch, Together):
                    _go_on(entry, g, gradients, owned, linked, release)
                    continue
                g = entry.watch.receive(entry, g)
            if observed:
                for observer in observers:
                    observer.reached(entry, g)
            if op is None:
                continue
            saved = entry.saved
            if saved is None:  # another thread was quicker
                raise _released(entry)
            if linked:
                saved = _recordable(entry, saved)
            if traced:
                saved = tuple([wrap(value) if isinstance(value, ndarray | np.generic) else value for value in saved])
            params = entry.params
            rules = op.rules
            for parent in entry.parents:
                index += 1
                if parent is None:
                    continue
                have = gradients[parent]
                if have is not None:
                    if have is UNWANTED:
                        continue
                    if op.accumulate is not None:
                        if parent not in owned and type(have) is ndarray:
                            have = np.array(have)
                            owned.add(parent)
                        if observed:
                            gradients[parent] = _observed_accumulate(entry, index, g, have)
                        else:
                            gradients[parent] = op.accumulate(have, g, params)
                        continue
                if observed:
                    d = _observed_rule(entry, index, g, saved)
                else:
                    rule, place = rules[index]  # type: ignore[misc]  # only arguments with a rule have a parent
                    d = rule(g, saved[place]) if place >= 0 else rule(g, saved, parent.shape, params)
                try:
                    fits = d.shape == parent.shape and d.dtype is parent.dtype
                except AttributeError:  # Rows, or no array at all
                    fits = False
                if not fits:
                    d = _fit(op, d, parent)
                if have is None:
                    gradients[parent] = d
                elif parent in owned:
                    add(have, d, have)
                else:
                    have = gradients[parent] = have + d
                    # NumPy's scalars, and Rows, cannot be added to in place.
                    if type(have) is ndarray and not create:
                        owned.add(parent)
            if release:
                entry.saved = None
        if traced:
            gradients.update({entry: g.together() for entry, g in gradients.items() if isinstance(g, Pending)})
    except Exception as error:
        if op is not None and not isinstance(error, BackwardError):
            _annotate(error, op, entry, index)
        raise
    finally:
        if create and not recorded_outside:
            mode.set(False, observers)


def _go_on(entry: Entry, g: Any, gradients: dict[Entry, Any], owned: set[Entry], linked: bool, release: bool) -> None:
    """What `propagate` does at an entry with a `Together`."""
    assert isinstance(entry.watch, Together)
    if entry.saved is None:
        raise _released(entry)
    saved = _recordable(entry, entry.saved) if linked else entry.saved
    wanted = {i: parent for i, parent in enumerate(entry.parents) if parent and gradients[parent] is not UNWANTED}
    before = {i: gradients[parent] for i, parent in wanted.items()}
    before = {i: have.together() if isinstance(have, Pending) else have for i, have in before.items()}
    for place, total in entry.watch.go_on(g, saved, before).items():
        gradients[wanted[place]] = total
        owned.discard(wanted[place])
    if release:
        entry.saved = None


def _released(entry: Entry) -> BackwardError:
    assert entry.op is not None
    return BackwardError(
        f"backward: the graph behind this {entry.op.name} was released by an earlier backward; pass "
        "retain_graph=True to that one, or add the results up and call backward once"
    )


def _recordable(entry: Entry, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """The saved arrays as Tensors at the entries that they came from."""
    out, *arguments = saved
    return (
        None if out is None else wrap(_array(out), entry),
        *[
            value if value is None or parent is None else wrap(_array(value), parent)
            for value, parent in zip(arguments, entry.parents, strict=True)
        ],
    )


def _array(value: Any) -> Any:
    """A saved value, which may be a Python number, as what a Tensor holds."""
    if isinstance(value, ndarray | np.generic):
        return value
    array = np.asarray(value)
    if mode.tracer is not None:
        mode.tracer.constant(array)
    return array


def _fit(op: Op, gradient: Any, parent: Entry) -> Any:
    """Settle a gradient's shape and dtype: sum over what was broadcast, cast to the input's dtype.

    Rows stay as they are for a leaf, where the pass ends, and become an array for what a rule or an observer will see.
    """
    if isinstance(gradient, Rows):
        if parent.op is None and gradient.shape == parent.shape and not mode.observers:
            return Rows(gradient.indices, np.asarray(gradient.values, parent.dtype), parent.shape)
        gradient = gradient.dense()
    if not isinstance(gradient, Tensor | np.ndarray | np.generic):
        raise RuleError(f"{op.name}: its rule gave {type(gradient).__name__}, not an array of shape {parent.shape}")
    shape = gradient.shape
    if shape != parent.shape:
        lead = len(shape) - len(parent.shape)
        fits = lead >= 0 and all(a in (1, b) for a, b in zip(parent.shape, shape[lead:], strict=True))
        if not (op.broadcasts and fits):
            raise RuleError(
                f"{op.name}: its rule gave a gradient of shape {shape} for an argument of shape {parent.shape}; "
                "a rule gives its argument's shape"
            )
        stretched = (i + lead for i, n in enumerate(parent.shape) if n == 1 and shape[i + lead] != 1)
        gradient = gradient.sum(axis=(*range(lead), *stretched)).reshape(parent.shape)
    if gradient.dtype.kind not in "fiub":  # a cast would drop the imaginary part
        raise DTypeError(
            f"{op.name}: its gradient is {gradient.dtype} for an argument of {parent.dtype}; only functions of real "
            "numbers are differentiated"
        )
    return gradient if gradient.dtype == parent.dtype else gradient.astype(parent.dtype)


def _observed_rule(entry: Entry, index: int, g: Any, saved: tuple[Any, ...]) -> Any:
    """What the rule of argument `index` gives, settled, with the observers told."""
    op, parent = entry.op, entry.parents[index]
    assert op is not None and parent is not None
    rule, place = op.rules[index]  # type: ignore[misc]

    def run() -> Any:
        d = rule(g, saved[place]) if place >= 0 else rule(g, saved, parent.shape, entry.params)
        return _fit(op, d, parent)

    return observe(run, lambda observer, d, seconds: observer.differentiated(entry, index, g, d, seconds))


def _observed_accumulate(entry: Entry, index: int, g: Any, have: Any) -> Any:
    """Add `g` to the gradient that the parent has already, with the observers told."""
    assert entry.op is not None and entry.op.accumulate is not None
    accumulate = entry.op.accumulate
    return observe(
        lambda: accumulate(have, g, entry.params),
        lambda observer, _, seconds: observer.differentiated(entry, index, g, g, seconds),
    )


def _annotate(error: Exception, op: Op, entry: Entry, index: int) -> None:
    """Say where in the backward pass an exception came from."""
    shapes = ", ".join("constant" if parent is None else str(parent.shape) for parent in entry.parents)
    line = getattr(entry, "line", None)
    where = f", called at {line}" if line else "; tapegrad.debug() would tell the line that called it"
    rule = f"in the gradient of {op.name} for argument {index}" if index >= 0 else f"before the rules of {op.name}"
    error.add_note(f"{rule}: arguments {shapes}, result {entry.shape}{where}")


def backward(tensor: Tensor, gradient: Any, retain_graph: bool, create_graph: bool) -> None:
    """Add the gradient of `tensor` to the `.grad` of every leaf it was computed from; see `Tensor.backward`."""
    root = tensor._entry
    if root is None:
        raise BackwardError(
            "backward: nothing was recorded for this tensor. Nothing that it was computed from requires a gradient "
            "(tapegrad.tensor(..., requires_grad=True)), or it came through an op without one (a comparison, floor, "
            "argmax, ...), through detach(), or ran under no_grad()"
        )
    order, gradients = collect([root])
    gradients[root] = start = cotangent(root, gradient, create_graph)
    if mode.tracer is not None:
        mode.tracer.made(start)
    propagate(order, gradients, create=create_graph, release=not (retain_graph or create_graph))


def cotangent(root: Entry, gradient: Any, create: bool) -> Any:
    """The gradient that a backward pass starts from, checked against the entry that it is for."""
    if gradient is None:
        if root.shape != ():
            raise BackwardError(
                f"backward: a result of shape {root.shape} needs a cotangent of that shape: call y.backward(g), "
                "or reduce it to one number first, e.g. y.sum().backward()"
            )
        gradient = np.ones((), root.dtype)
    shape = np.shape(gradient)
    if shape != root.shape:
        raise ShapeError(f"backward: the cotangent has shape {shape}, but the result has shape {root.shape}")
    if isinstance(gradient, Tensor):
        gradient = gradient if gradient.dtype == root.dtype else gradient.astype(root.dtype)
        return gradient if create or mode.tracer is not None else gradient._array
    gradient = np.array(gradient, root.dtype)  # a copy: the caller may go on writing into theirs
    if mode.tracer is not None:
        mode.tracer.constant(gradient)
        return wrap(gradient)
    return wrap(gradient) if create else gradient
