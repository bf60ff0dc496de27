"""Functions of functions: gradients, products with Jacobians, and recomputing instead of keeping.

A transform runs the function on Tensors of its own, each at an identity entry, and differentiates back to those
entries alone; so transforms nest without mixing. Its rules are recorded if the result can depend on anything
that is recorded outside, and only then. Arguments may be numbers, arrays, Tensors, and containers of these.
What comes back are arrays and numbers, as the function itself would give, or Tensors where Tensors went in or a
recorded result must stay differentiable.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from . import random
from ._closures import Surroundings
from ._number import Number
from ._pytree import flatten, leaves_like
from ._tape import UNWANTED, Entry, Tensor, Together, collect, cotangent, mode, next_serial, propagate, recording, wrap
from .errors import BackwardError, DTypeError, ShapeError
from .ops.shape import reshape, stack
from .primitive import FULL, Op, primitive, settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_identity = primitive(lambda x: x, lambda g: g, name="input")


def at_own_entry(name: str, leaf: Any) -> Tensor:
    """A Tensor with the value of `leaf` at a fresh entry, linked to the leaf's own where that is recorded outside."""
    value = leaf._array if isinstance(leaf, Tensor) else settled(name, leaf)
    number = type(value) is float
    dtype = np.asarray(value).dtype
    if dtype.kind != "f":
        raise DTypeError(
            f"{name}: expected floating-point numbers or arrays to differentiate by, got {dtype} "
            f"({type(leaf).__name__}); write 2.0 for 2, or convert with astype"
        )
    if mode.tracer is not None and not number:
        mode.tracer.meets(leaf) if isinstance(leaf, Tensor) else mode.tracer.constant(value)
    outer = leaf._entry if isinstance(leaf, Tensor) and mode.recording else None
    entry = Entry()
    entry.op = _identity.op
    entry.parents = (outer,)
    entry.params = None
    entry.saved = (None, None)
    entry.serial = next_serial()
    entry.shape = () if number else value.shape
    entry.dtype = dtype
    entry.watch = None
    tensor = Number(value, entry) if number else wrap(value, entry)
    for observer in mode.observers:
        observer.recorded(entry, tensor)
    return tensor


class Linearized:
    """A function's result at a point, and the tape that leads from it back to its arguments."""

    def __init__(
        self, name: str, function: Callable[..., Any], arguments: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        start = next_serial()
        leaves, self.rebuild_arguments = flatten(tuple(arguments))
        # A Number is how a Python number of an outer transform looks, so it counts as a number here, too.
        self.were_tensors = [isinstance(leaf, Tensor) and type(leaf) is not Number for leaf in leaves]
        self.inputs = [at_own_entry(name, leaf) for leaf in leaves]
        self.targets = [_entry(x) for x in self.inputs]
        with recording(True):
            self.result = function(*self.rebuild_arguments(self.inputs), **kwargs)
        self.outputs, self.rebuild_output = flatten(self.result)
        roots = [y._entry for y in self.outputs if isinstance(y, Tensor) and y._entry is not None]
        self.order, self.reached = collect(roots, self.targets)
        self.depends = bool(self.order) or any(root in self.targets for root in roots)
        # Whether the result, and so its gradient, depends on anything recorded outside this transform, which is older.
        self.outside = mode.recording and (
            any(entry.serial < start for entry in self.reached)
            or any(target.parents[0] is not None for target in self.targets)
        )

    def value(self) -> Any:
        """The result: as the function itself would give it, or recorded if it depends on what is outside."""
        return self.rebuild_output([self._outward(y) if isinstance(y, Tensor) else y for y in self.outputs])

    def _outward(self, y: Tensor) -> Any:
        if self.outside:
            return y
        if mode.tracer is not None:  # which an array could escape
            return wrap(y._array)
        return wrap(y._array) if any(self.were_tensors) and type(y) is not Number else y._array

    def pull(self, cotangents: Sequence[Any], release: bool = False) -> list[Any]:
        """The gradient for each leaf of the arguments, given a cotangent for each leaf of the result."""
        return [self.as_argument(i, g) for i, g in enumerate(self.gradients(cotangents, (), release))]

    def gradients(self, cotangents: Sequence[Any], before: Sequence[Any] = (), release: bool = False) -> list[Any]:
        """The gradient for each leaf of the arguments, or None where none came to it.

        A cotangent may be None: nobody used that leaf of the result. `before`, if given, are the gradients that the
        arguments have already, or None; they are gone on with.
        """
        given = [g for g in (*cotangents, *before) if isinstance(g, Tensor)]
        create = self.outside or (mode.recording and any(g.requires_grad for g in given))
        gradients = dict(self.reached)
        for target, g in zip(self.targets, before, strict=False):
            gradients[target] = None if g is None else cotangent(target, g, create)
        for y, g in zip(self.outputs, cotangents, strict=True):
            root = y._entry if isinstance(y, Tensor) else None
            if root is not None and g is not None and gradients[root] is not UNWANTED:
                if type(g) is Number:
                    g = wrap(np.float64(g._array), g._entry)
                g = cotangent(root, g, create)
                gradients[root] = g if gradients[root] is None else gradients[root] + g
        propagate(self.order, gradients, create=create, release=release and not create, fixed=not self.outside)
        for target in self.targets:  # where the pass ends, so that it did not do this itself
            g = gradients[target]
            if g is not None:
                if target.watch is not None:
                    gradients[target] = g = target.watch.receive(target, g)
                for observer in mode.observers:
                    observer.reached(target, g)
        return [gradients[target] for target in self.targets]

    def as_argument(self, place: int, g: Any) -> Any:
        """A gradient as what the argument's leaf at `place` was: a Python number, an array or a Tensor."""
        x = self.inputs[place]
        if type(x) is Number:
            if isinstance(g, Tensor):
                return Number(g.item(), g._entry)
            return 0.0 if g is None else float(g)
        if isinstance(g, Tensor):
            if mode.tracer is not None:
                mode.tracer.made(g, like=x)
            return g
        # A copy, since rules may hand one array, or a view of it, to several arguments; the caller owns this one.
        g = np.zeros(x.shape, x.dtype) if g is None else np.array(g)
        if isinstance(x._array, np.generic):
            g = g[()]
        return _of_no_op(g, x) if self.were_tensors[place] or self.outside else g


def _of_no_op(array: Any, like: Tensor) -> Tensor:
    """A Tensor of an array that no op gave, such as zeros, for an argument."""
    if mode.tracer is not None:
        mode.tracer.constant(array)
    made = wrap(array)
    if mode.tracer is not None:
        mode.tracer.made(made, like=like)
    return made


def _matching(what: str, tree: Any, like: Any) -> list[Any]:
    """The leaves of `tree`, which must have the containers and the shapes of `like`, in the order of its leaves."""
    leaves = leaves_like(tree, like, what)
    for leaf, expected in zip(leaves, flatten(like)[0], strict=True):
        if np.shape(leaf) != np.shape(expected):
            raise ShapeError(f"{what}: expected shape {np.shape(expected)}, got {np.shape(leaf)}")
    return leaves


def _entry(tensor: Tensor) -> Entry:
    assert tensor._entry is not None
    return tensor._entry


def _of_some(
    name: str, function: Callable[..., Any], argnums: int | Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Linearized, Callable[[list[Any]], Any]]:
    """`function` linearized by the arguments `argnums`; and how their leaves become what the caller asked for."""
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for place in chosen:
        if not -len(args) <= place < len(args):
            raise TypeError(
                f"{name}: argnums={argnums}, but the function was called with {len(args)} positional arguments"
            )
    places = [place % len(args) for place in chosen]
    if len(set(places)) < len(places):
        raise ValueError(f"{name}: argnums={argnums} names an argument twice")

    def of_chosen(*values: Any, **keywords: Any) -> Any:
        every = list(args)
        for place, value in zip(places, values, strict=True):
            every[place] = value
        return function(*every, **keywords)

    at = Linearized(name, of_chosen, [args[place] for place in places], kwargs)

    def answer(leaves: list[Any]) -> Any:
        trees = at.rebuild_arguments(leaves)
        return trees[0] if isinstance(argnums, int) else trees

    return at, answer


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives `(function(...), its gradient)`, by the argument `argnums` or by several.

    `function` gives one number. Arguments may be containers of arrays, and then so is the gradient. Raises
    TypeError or ShapeError when the result is not one number, and DTypeError for an argument that is not
    floating-point.
    """

    @functools.wraps(function)
    def valued(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        at, answer = _of_some("grad", function, argnums, args, kwargs)
        if not isinstance(at.result, Tensor | np.ndarray | np.generic | float | int):
            raise TypeError(
                f"grad: expected a function that gives one number, but it gave {type(at.result).__name__}; use "
                "jacobian or vjp for the gradients of several results"
            )
        if np.shape(at.result) != ():
            raise ShapeError(
                f"grad: expected a function that gives one number, but the result has shape {np.shape(at.result)}; "
                "reduce it (e.g. with sum), or use jacobian or vjp"
            )
        if not at.depends:
            warnings.warn(
                "grad: the result does not depend on the argument through any op with a gradient, so the gradient "
                "is zero (comparisons, floor and argmax have none, and .item(), .numpy() and detach() let go of it)",
                stacklevel=2,
            )
        return at.value(), answer(at.pull([np.ones(())], release=True))

    return valued


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives the gradient of `function`; see `value_and_grad`.

    >>> grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    valued = value_and_grad(function, argnums)

    @functools.wraps(function)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return valued(*args, **kwargs)[1]

    return gradient


def vjp(function: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """`(function(*args), pullback)`: `pullback(g)` gives the product of `g` with the Jacobian, one for each argument.

    `g` has the structure and the shapes of the result. The pullback may be called any number of times.
    """
    at = Linearized("vjp", function, args, {})

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        trees = at.rebuild_arguments(at.pull(_matching("vjp: the cotangent", cotangents, at.result)))
        return tuple(trees)

    return at.value(), pullback


def jvp(function: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """`(function(*args), the product of its Jacobian with tangents)`, the directional derivative.

    `tangents` has the structure and the shapes of `args`. A pullback is linear in its cotangent, so the product is
    the gradient of the pullback by it: two backward passes, and no second kind of rule.
    Source: Townsend, A new trick for calculating Jacobian vector products, 2017.
    """
    if not isinstance(args, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError("jvp: expected a tuple of arguments and one of tangents, e.g. jvp(f, (x,), (v,))")
    at = Linearized("jvp", function, args, {})
    directions = _matching("jvp: the tangents", tuple(tangents), tuple(args))
    zeros = [_zero(y) for y in at.outputs]
    live = [k for k, y in enumerate(at.outputs) if isinstance(y, Tensor) and y._entry is not None]

    def pulled(*gs: Any) -> list[Any]:
        every = list(zeros)
        for k, g in zip(live, gs, strict=True):
            every[k] = g
        with np.errstate(invalid="ignore"):  # the products of zeros and infinite slopes are not used
            return at.pull(every)

    back = Linearized("jvp", pulled, [zeros[k] for k in live], {})
    # What lies outside of the second pass alone is the first, and that ends here.
    back.outside = at.outside
    back.were_tensors = [any(at.were_tensors)] * len(live)
    products = list(zeros)
    for k, product in zip(live, back.pull(directions), strict=True):
        products[k] = product
    return at.value(), at.rebuild_output(products)


def _zero(y: Any) -> Any:
    """The tangent of a leaf of a result that does not move: of its type, shape and dtype."""
    value = y._array if isinstance(y, Tensor) else y
    if isinstance(value, np.ndarray):
        return np.zeros(value.shape, value.dtype)
    return type(value)(0) if isinstance(value, np.generic | float | int) else value


def jacobian(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives all derivatives of `function`, in arrays of the result's shape + the argument's shape.

    One backward pass for each element of the result. Containers of results give containers of Jacobians.
    """

    @functools.wraps(function)
    def jacobians(*args: Any, **kwargs: Any) -> Any:
        at, answer = _of_some("jacobian", function, argnums, args, kwargs)
        zeros = [np.zeros(np.shape(y), getattr(y, "dtype", float)) for y in at.outputs]
        results = []
        for k, y in enumerate(at.outputs):
            rows = []
            for place in np.ndindex(np.shape(y)):
                unit = zeros[k].copy()
                unit[place] = 1
                rows.append(at.pull([*zeros[:k], unit, *zeros[k + 1 :]]))
            results.append(answer(rows[0] if np.shape(y) == () else _stacked(at, rows, np.shape(y))))
        return at.rebuild_output(results)

    return jacobians


def _stacked(at: Linearized, rows: Sequence[Sequence[Any]], shape: tuple[int, ...]) -> list[Any]:
    """For each argument, the gradients of all elements of a result of `shape` in one array."""
    if not rows:
        empty = [np.zeros(shape + x.shape, x.dtype) for x in at.inputs]
        were_tensors = zip(empty, at.inputs, at.were_tensors, strict=True)
        return [_of_no_op(e, x) if were or at.outside else e for e, x, were in were_tensors]
    return [
        reshape(stack(column), shape + x.shape) for column, x in zip(zip(*rows, strict=True), at.inputs, strict=True)
    ]


def hessian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function that gives the second derivatives of `function`, which gives one number: argument's shape twice."""
    return jacobian(grad(function, argnums), argnums)


def hvp(function: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of `function` at `x` times `v`, which has the structure and the shapes of `x`, without making it.

    The Hessian is symmetric, so this is the pullback of the gradient.
    """
    at = Linearized("hvp", grad(function), (x,), {})
    return at.rebuild_arguments(at.pull(_matching("hvp: v", v, x)))[0]


# --------------------------------------------------------------------------------------------------
# Recompute instead of keep
#
# A checkpointed run is on the tape as one entry for what it was computed from, its inputs, and one more for each of
# its outputs, whose only parent that is. A backward pass carries the outputs' gradients to the inputs' entry, where
# the function is run again, once for all of them, and differentiated: what its ops give is added, one by one, to what
# the inputs were given by later ops. What that needs lives in the pass alone.


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with what its rules need recomputed in the backward pass instead of kept since the forward one.

    The result is an array, or a container of arrays. What the function uses besides its arguments gets its gradient
    too. Random draws are repeated as they were, and variables around it have the values from then; so must be
    everything else: the function may not depend on what changes between the two passes. Where a recorded Tensor that
    it uses did, the backward pass raises BackwardError.
    """

    @functools.wraps(function)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if mode.tracer is not None or mode.inside_a_program:  # which recomputes nothing, and drops what it can
            return function(*args, **kwargs)
        draws = random.get_state()
        leaves, rebuild = flatten((args, kwargs))
        frozen = [wrap(x._array, x._entry) if type(x) is Tensor else x for x in leaves]

        def run() -> Any:
            # Tensors of its own, so that `x += 1` inside cannot reach the caller's.
            again, keywords = rebuild([wrap(x._array, x._entry) if type(x) is Tensor else x for x in frozen])
            return function(*again, **keywords)

        def run_again() -> Any:
            with around.as_then():
                return run()

        around = Surroundings(function)
        start = next_serial()
        outputs, rebuild_output = flatten(run())
        new = _written_since(start, outputs)
        if not new:
            return rebuild_output(outputs)
        parents = _reached_before(new.values(), start)
        given = {x._entry for x in frozen if isinstance(x, Tensor)}
        recomputation = _Recomputation(run_again, draws, parents, [p for p in parents if p not in given])
        inputs = written(Op("checkpoint_inputs", run, broadcasts=False), parents, (), np.dtype(np.float64))
        inputs.watch = Together(recomputation.onward)
        first: dict[Entry, int] = {}  # a result that is there twice is one Tensor, as it is without the checkpoint
        for k, entry in new.items():
            place = first.setdefault(entry, k)
            outputs[k] = outputs[place] if place < k else _output(recomputation, inputs, k, outputs[k])
        return rebuild_output(outputs)

    return checkpointed


def written(
    op: Op, parents: Sequence[Entry | None], shape: tuple[int, ...], dtype: np.dtype[Any], saved: Sequence[Any] = ()
) -> Entry:
    """An entry that keeps nothing but `saved`, which is one for each parent."""
    entry = Entry()
    entry.op = op
    entry.parents = tuple(parents)
    entry.params = None
    entry.saved = (None, *saved) if saved else (None,) * (len(parents) + 1)
    entry.serial = next_serial()
    entry.shape = shape
    entry.dtype = dtype
    entry.watch = None
    return entry


def _output(recomputation: _Recomputation, inputs: Entry, place: int, y: Tensor) -> Tensor:
    """The output `y` of a checkpointed run, at an entry of its own in place of those that led to it."""
    op = Op("checkpoint", recomputation.run, broadcasts=False)
    op.rules = ((lambda g, saved, shape, params: Cotangents({place: g}), FULL),)
    entry = written(op, [inputs], y.shape, y.dtype)
    out = Number(y._array, entry) if type(y) is Number else wrap(y._array, entry)
    for observer in mode.observers:
        observer.recorded(entry, out)
    return out


class Cotangents(Tensor):
    """The gradients of some outputs of an entry that stands for many ops, by their places.

    For a backward pass it is the gradient of the inputs' entry: a Tensor, so that it adds up as one.
    """

    __slots__ = ("of_outputs",)

    def __init__(self, of_outputs: dict[int, Any]) -> None:
        super().__init__(np.zeros(()))
        self.of_outputs = of_outputs

    def __add__(self, other: Cotangents) -> Cotangents:  # type: ignore[override]
        return Cotangents(self.of_outputs | other.of_outputs)


class _Recomputation:
    """How a checkpointed function is run again, as it was run before."""

    def __init__(
        self, run: Callable[[], Any], draws: dict[str, Any], parents: Sequence[Entry], held: Sequence[Entry]
    ) -> None:
        self.run = run
        self.draws = draws
        self.parents = parents
        # The leaves among `held`, which the function holds itself, and their values.
        tensors = [entry.watch.tensor for entry in held if entry.op is None and entry.watch is not None]
        self.values = [(ref, tensor._array) for ref in tensors if ref is not None and (tensor := ref()) is not None]

    def onward(self, g: Cotangents, saved: Sequence[Any], before: dict[int, Any]) -> dict[int, Any]:
        """The gradient of each parent in `before`, given those of some outputs and what the parents have already."""
        of_outputs = g.of_outputs
        now, start = random.get_state(), next_serial()
        random.set_state(self.draws)
        try:
            with recording(True):
                outputs = flatten(self.run())[0]
        finally:
            random.set_state(now)
        new = _written_since(start, outputs)
        changed = any((tensor := ref()) is not None and tensor._array is not array for ref, array in self.values)
        if changed or not of_outputs.keys() <= new.keys() or _reached_before(new.values(), start) != self.parents:
            raise BackwardError(
                "checkpoint: recomputing the function did not use the tensors that it used before, or not their "
                "values; what it depends on must not change between the forward and the backward pass"
            )
        order, gradients = collect([new[k] for k in of_outputs], self.parents)
        for k, of_output in of_outputs.items():
            have = gradients[new[k]]
            gradients[new[k]] = of_output if have is None else have + of_output
        for place, have in before.items():
            gradients[self.parents[place]] = have
        create = any(isinstance(g, Tensor) for g in of_outputs.values())
        propagate(order, gradients, create=create, release=not create)
        return {place: gradients[self.parents[place]] for place in before}


def _written_since(start: int, outputs: Sequence[Any]) -> dict[int, Entry]:
    """The entries of those outputs, by their places, that have one written since `start`."""
    entries = {k: y._entry for k, y in enumerate(outputs) if isinstance(y, Tensor)}
    return {k: entry for k, entry in entries.items() if entry is not None and entry.serial > start}


def _reached_before(roots: Iterable[Entry], start: int) -> list[Entry]:
    """The entries older than `start` that `roots` were computed from, without passing through another of them."""
    found: dict[Entry, None] = {}
    seen = set(roots)
    stack = list(seen)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                if parent.serial < start:
                    found[parent] = None
                else:
                    stack.append(parent)
    return sorted(found, key=lambda e: e.serial)
