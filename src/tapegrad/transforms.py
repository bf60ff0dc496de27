"""Functions of functions: gradients, products with Jacobians, and recomputing instead of keeping.

A transform runs the function on Tensors of its own, each at an identity entry, and differentiates back to those
entries alone; so transforms nest without mixing. Its rules are recorded if the result can depend on anything
that is recorded outside, and only then. Arguments may be numbers, arrays, Tensors, and containers of these.
What comes back are arrays, as the function itself would give, or Tensors where Tensors went in or a recorded
result must stay differentiable.
"""

from __future__ import annotations

import functools
import operator
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from . import random
from ._number import Number
from ._pytree import flatten
from ._tape import UNWANTED, Entry, Tensor, collect, cotangent, mode, next_serial, propagate, recording, wrap
from .errors import BackwardError, DTypeError, ShapeError
from .ops.product import vdot
from .ops.shape import reshape, stack
from .primitive import FULL, Op, primitive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_identity = primitive(lambda x: x, lambda g: g, name="input")


def _at_own_entry(name: str, leaf: Any) -> Tensor:
    """A Tensor with the value of `leaf` at a fresh entry, linked to the leaf's own where that is recorded outside."""
    value = leaf._array if isinstance(leaf, Tensor) else leaf
    number = type(value) is float
    dtype = np.asarray(value).dtype
    if dtype.kind != "f":
        raise DTypeError(
            f"{name}: expected floating-point numbers or arrays to differentiate by, got {dtype} "
            f"({type(leaf).__name__}); write 2.0 for 2, or convert with astype"
        )
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


class _Linearized:
    """A function's result at a point, and the tape that leads from it back to its arguments."""

    def __init__(
        self, name: str, function: Callable[..., Any], arguments: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        leaves, self.rebuild_arguments = flatten(tuple(arguments))
        self.name = name
        self.tensors_in = any(isinstance(leaf, Tensor) for leaf in leaves)
        self.inputs = [_at_own_entry(name, leaf) for leaf in leaves]
        self.targets = [_entry(x) for x in self.inputs]
        with recording(True):
            out = function(*self.rebuild_arguments(self.inputs), **kwargs)
        self.outputs, self.rebuild_output = flatten(out)
        roots = [y._entry for y in self.outputs if isinstance(y, Tensor) and y._entry is not None]
        self.order, self.reached = collect(roots, self.targets)
        # Whether the result, and so its gradient, depends on anything recorded outside this transform.
        self.outside = mode.recording and (
            UNWANTED in self.reached.values() or any(target.parents[0] is not None for target in self.targets)
        )

    def value(self) -> Any:
        """The result: as the function itself would give it, or recorded if it depends on what is outside."""
        return self.rebuild_output([self._outward(y) if isinstance(y, Tensor) else y for y in self.outputs])

    def _outward(self, y: Tensor) -> Any:
        if self.outside:
            return y
        return wrap(np.asarray(y._array)) if self.tensors_in else y._array

    def pull(self, cotangents: Sequence[Any], release: bool = False) -> list[Any]:
        """The gradient for each leaf of the arguments, given a cotangent for each leaf of the result."""
        create = self.outside or (mode.recording and any(isinstance(g, Tensor) and g.requires_grad for g in cotangents))
        gradients = dict(self.reached)
        for y, g in zip(self.outputs, cotangents, strict=True):
            if np.shape(g) != np.shape(y):
                raise ShapeError(
                    f"{self.name}: the cotangent has shape {np.shape(g)}, but the result has shape {np.shape(y)}"
                )
            root = y._entry if isinstance(y, Tensor) else None
            if root is not None and gradients[root] is not UNWANTED:
                g = cotangent(root, g, create)
                gradients[root] = g if gradients[root] is None else gradients[root] + g
        propagate(self.order, gradients, create=create, release=release and not create)
        for observer in mode.observers:
            for target in self.targets:
                if gradients[target] is not None:
                    observer.reached(target, gradients[target])
        return [self._gradient(x, gradients[target]) for x, target in zip(self.inputs, self.targets, strict=True)]

    def _gradient(self, x: Tensor, g: Any) -> Any:
        if isinstance(g, Tensor):
            return g
        if g is None:
            g = np.zeros(x.shape, x.dtype)
        elif not self.tensors_in and type(x) is Number:
            return float(g)
        elif isinstance(g, np.ndarray):
            g = g.copy()  # rules may hand one array, or a view of it, to several arguments; the caller owns this one
        return wrap(g) if self.tensors_in or self.outside else g


def _entry(tensor: Tensor) -> Entry:
    assert tensor._entry is not None
    return tensor._entry


def _of_some(
    name: str, function: Callable[..., Any], argnums: int | Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[_Linearized, Callable[[list[Any]], Any]]:
    """`function` linearized by the arguments `argnums`; and how their leaves become what the caller asked for."""
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for place in chosen:
        if not -len(args) <= place < len(args):
            raise TypeError(
                f"{name}: argnums={argnums}, but the function was called with {len(args)} positional arguments"
            )
    places = [place % len(args) for place in chosen]

    def of_chosen(*values: Any, **keywords: Any) -> Any:
        every = list(args)
        for place, value in zip(places, values, strict=True):
            every[place] = value
        return function(*every, **keywords)

    at = _Linearized(name, of_chosen, [args[place] for place in places], kwargs)

    def answer(leaves: list[Any]) -> Any:
        trees = at.rebuild_arguments(leaves)
        return trees[0] if isinstance(argnums, int) else trees

    return at, answer


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives `(function(...), its gradient)`, by the argument `argnums` or by several.

    `function` gives one number. Arguments may be containers of arrays, and then so is the gradient. Raises
    ShapeError when the result is not one number, and DTypeError for an argument that is not floating-point.
    """

    @functools.wraps(function)
    def valued(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        at, answer = _of_some("grad", function, argnums, args, kwargs)
        if len(at.outputs) != 1 or np.shape(at.outputs[0]) != ():
            shapes = [np.shape(y) for y in at.outputs]
            raise ShapeError(
                f"grad: expected a function that gives one number, but the result has shape "
                f"{shapes[0] if len(shapes) == 1 else shapes}; reduce it (e.g. with sum), or use jacobian or vjp"
            )
        if all(root is UNWANTED for root in at.reached.values() if root is not None) and not at.order:
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
    at = _Linearized("vjp", function, args, {})

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        trees = at.rebuild_arguments(at.pull(flatten(cotangents)[0]))
        return tuple(trees)

    return at.value(), pullback


def jvp(function: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """`(function(*args), the product of its Jacobian with tangents)`, the directional derivative.

    `tangents` has the structure and the shapes of `args`. A pullback is linear in its cotangent, so the product is
    the gradient of the pullback by it: two backward passes, and no second kind of rule.
    """
    at = _Linearized("jvp", function, args, {})
    directions = flatten(tuple(tangents))[0]
    for x, direction in zip(at.inputs, directions, strict=True):
        if np.shape(direction) != x.shape:
            raise ShapeError(f"jvp: the tangent has shape {np.shape(direction)}, but its argument has shape {x.shape}")
    zeros = [np.zeros(np.shape(y), y.dtype if hasattr(y, "dtype") else float) for y in at.outputs]
    back = _Linearized("jvp", lambda *gs: at.pull(gs), zeros, {})
    back.outside = at.outside  # what lies outside of the second pass alone is the first, and that ends here
    back.tensors_in = at.tensors_in
    return at.value(), at.rebuild_output(back.pull(directions))


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
            columns = [
                reshape(stack([row[i] for row in rows]), np.shape(y) + x.shape)
                if rows
                else np.zeros(np.shape(y) + x.shape, x.dtype)
                for i, x in enumerate(at.inputs)
            ]
            results.append(answer(columns))
        return at.rebuild_output(results)

    return jacobians


def hessian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function that gives the second derivatives of `function`, which gives one number: argument's shape twice."""
    return jacobian(grad(function, argnums), argnums)


def hvp(function: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of `function` at `x` times `v`, which has the shapes of `x`, without making the Hessian."""

    def along(x: Any) -> Any:
        pairs = zip(flatten(grad(function)(x))[0], flatten(v)[0], strict=True)
        return functools.reduce(operator.add, [vdot(g, direction) for g, direction in pairs])

    return grad(along)(x)


# --------------------------------------------------------------------------------------------------
# Recompute instead of keep


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with what its rules need recomputed in the backward pass instead of kept since the forward one.

    The result is an array, or a container of arrays, each with one entry on the tape for the whole function. What
    the function uses besides its arguments gets its gradient too. Random draws are repeated as they were; so must
    be everything else: the function may not depend on what changes between the two passes.
    """

    @functools.wraps(function)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not mode.recording:
            return function(*args, **kwargs)
        draws = random.get_state()
        leaves, rebuild = flatten((args, kwargs))
        frozen = [wrap(x._array, x._entry) if type(x) is Tensor else x for x in leaves]

        def run() -> list[Any]:
            # Tensors of its own, so that `x += 1` inside cannot reach the caller's.
            again, keywords = rebuild([wrap(x._array, x._entry) if type(x) is Tensor else x for x in frozen])
            outputs, run.rebuild = flatten(function(*again, **keywords))  # type: ignore[attr-defined]
            return outputs

        start = next_serial()
        outputs = run()
        return run.rebuild([_recomputed(run, k, y, start, draws) for k, y in enumerate(outputs)])  # type: ignore[attr-defined]

    return checkpointed


def _recomputed(run: Callable[[], list[Any]], place: int, y: Any, start: int, draws: dict[str, Any]) -> Any:
    """The output `y` of a checkpointed run at an entry of its own, in place of those that led to it since `start`."""
    if not isinstance(y, Tensor) or y._entry is None or y._entry.serial < start:
        return y
    parents = _reached_before(y._entry, start)
    results: dict[int, Any] = {}

    def gradients(g: Any) -> None:
        now, since = random.get_state(), next_serial()
        random.set_state(draws)
        try:
            with recording(True):
                again = run()[place]
        finally:
            random.set_state(now)
        if not isinstance(again, Tensor) or again._entry is None or _reached_before(again._entry, since) != parents:
            raise BackwardError(
                "checkpoint: recomputing the function did not use the tensors that it used before; what it depends on "
                "must not change between the forward and the backward pass"
            )
        order, pending = collect([again._entry], parents)
        pending[again._entry] = g
        create = isinstance(g, Tensor)
        propagate(order, pending, create=create, release=not create)
        results.update({i: pending[parent] for i, parent in enumerate(parents)})

    def rule(index: int) -> Callable[..., Any]:
        def gradient(g: Any, saved: Any, shape: Any, params: Any) -> Any:
            if index not in results:
                gradients(g)
            return results.pop(index)

        return gradient

    op = Op("checkpoint", run, broadcasts=False)
    op.rules = tuple((rule(i), FULL) for i in range(len(parents)))
    entry = Entry()
    entry.op = op
    entry.parents = tuple(parents)
    entry.params = None
    entry.saved = (None,) * (len(parents) + 1)
    entry.serial = next_serial()
    entry.shape = y.shape
    entry.dtype = y.dtype
    entry.watch = None
    out = wrap(y._array, entry)
    for observer in mode.observers:
        observer.recorded(entry, out)
    return out


def _reached_before(entry: Entry, start: int) -> list[Entry]:
    """The entries older than `start` that `entry` was computed from, without passing through another of them."""
    found: dict[Entry, None] = {}
    seen = {entry}
    stack = [entry]
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                if parent.serial < start:
                    found[parent] = None
                else:
                    stack.append(parent)
    return sorted(found, key=lambda e: e.serial)
