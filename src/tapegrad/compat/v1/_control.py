"""Choices and loops inside of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import control
from ..._pytree import flatten
from ..._tape import Tensor as Value
from ..._tape import mode
from ...ops.shape import concat
from ._arguments import plain
from ._frames import Body, built, enclosing, like, over_rows
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import constant, convert, node
from ._operation import Operation, Tensor
from ._shapes import Sizes, TensorShape, sizes_of
from ._tensor_arrays import TensorArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._run import Run

__all__ = ["TensorArray", "case", "cond", "foldl", "foldr", "map_fn", "scan", "while_loop"]

_UNROLLED = 300  # turns of a loop that a program holds one by one; what is longer stays a loop


# --------------------------------------------------------------------------------------------------
# Choices


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """What `true_fn()` gives where `pred` holds in a run, and what `false_fn()` gives otherwise.

    Both build their operations now, and only those of one run. They give tensors of the same dtypes, in lists or
    tuples of the same kind; a list of one tensor comes as the tensor, unless `strict`.
    """
    yes, no = fn1 if true_fn is None else true_fn, fn2 if false_fn is None else false_fn
    if not callable(yes) or not callable(no):
        raise TypeError(f"cond: true_fn and false_fn must be callable, got {yes!r} and {no!r}")
    if isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool")
    with get_default_graph().name_scope(name or "cond"):
        chosen = convert(pred)
        branches = [_branch(yes, strict), _branch(no, strict)]
        bodies = [body for body, _ in branches]
        kinds = [[kind_of(x) for x in body.results] for body in bodies]
        if len(kinds[0]) != len(kinds[1]):
            raise ValueError(
                f"true_fn and false_fn must return the same number of tensors, got {len(kinds[0])} and {len(kinds[1])}"
            )
        for one, other in zip(*kinds, strict=True):
            if one.dtype != other.dtype:
                raise ValueError(
                    f"Outputs of true_fn and false_fn must have the same type: {one.dtype}, {other.dtype}; use tf.cast"
                )
        merged = [Kind(_common(a.sizes, b.sizes), a.dtype) for a, b in zip(*kinds, strict=True)]

        def choose(run: Run, values: Sequence[Any], given: Sequence[dict[Tensor, Any]]) -> list[Any]:
            (pred,) = values
            functions = [lambda i=i: bodies[i](run, [], given[i]) for i in range(2)]
            if isinstance(pred, Value) and mode.tracer is not None:
                return list(control.cond(pred, *functions))
            return functions[0 if np.asarray(plain(pred)).item() else 1]()

        outputs = enclosing("If", choose, bodies, [chosen], lambda: merged, len(merged), "Merge")
    return branches[0][1](outputs)


def _branch(function: Callable[[], Any], strict: bool) -> tuple[Body, Callable[[list[Tensor]], Any]]:
    pack: Any = None

    def make() -> list[Tensor]:
        nonlocal pack
        result = function()
        if result is None:
            raise ValueError("true_fn and false_fn must have a return value")
        leaves, rebuild = flatten(result)
        single = isinstance(result, list | tuple) and len(result) == 1 and not strict
        pack = (lambda tensors: tensors[0]) if single else rebuild
        return [_done(leaf) if isinstance(leaf, Operation) else convert(leaf) for leaf in leaves]

    return built(make), pack


def _done(operation: Operation) -> Tensor:
    """A tensor that has a value when an operation has run."""
    with get_default_graph().control_dependencies([operation]):
        return constant(np.bool_(True))


def _common(one: Sizes, other: Sizes) -> Sizes:
    if one is None or other is None or len(one) != len(other):
        return None
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function of the first predicate that holds gives, or `default()` where none does.

    `pred_fn_pairs` are pairs in a list or a dict. Without a `default`, and with `exclusive` where two predicates hold,
    the run raises InvalidArgumentError.
    """
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else list(pred_fn_pairs)
    if not pairs:
        raise ValueError("case: pred_fn_pairs must not be empty")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not callable(pair[1]):
            raise TypeError(f"case: each of pred_fn_pairs must be a tuple of a predicate and a function, got {pair!r}")
    with get_default_graph().name_scope(name):
        predicates = [convert(predicate) for predicate, _ in pairs]
        if exclusive:
            predicates[0] = node("OnlyOne", _only_one, predicates, sample=lambda first, *_: first)
        if default is None:
            predicates[-1] = node("SomeOne", _some_one, predicates, sample=lambda first, *_: first)
            last: Callable[[], Any] = pairs[-1][1]
        else:
            last = default
        for predicate, (_, function) in reversed(list(zip(predicates, pairs, strict=True))):
            last = _chain(predicate, function, last, strict)
        return last()


def _chain(predicate: Tensor, function: Callable[[], Any], rest: Callable[[], Any], strict: bool) -> Callable[[], Any]:
    return lambda: cond(predicate, function, rest, strict)


def _only_one(*predicates: Any) -> Any:
    if sum(bool(plain(predicate)) for predicate in predicates) > 1:
        raise ValueError("case: more than one predicate holds, and exclusive=True")
    return predicates[0]


def _some_one(*predicates: Any) -> Any:
    if not any(bool(plain(predicate)) for predicate in predicates):
        raise ValueError("case: none of the predicates holds, and there is no default")
    return predicates[-1]


# --------------------------------------------------------------------------------------------------
# Loops


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """`loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds in a run; gives the last ones.

    `loop_vars` are tensors, TensorArrays and nests of these. They keep their dtypes, and their shapes unless
    `shape_invariants` has larger ones, in the same nest.
    """
    if not callable(cond) or not callable(body):
        raise TypeError("while_loop: cond and body must be callable.")
    if not isinstance(loop_vars, list | tuple) and not isinstance(loop_vars, Tensor):
        loop_vars = [loop_vars]
    if isinstance(loop_vars, Tensor):
        loop_vars = [loop_vars]
    if not loop_vars:
        raise ValueError("No loop variables provided")
    leaves, rebuild = flatten(loop_vars)
    with get_default_graph().name_scope(name or "while"):
        start = [_flow(leaf) for leaf in leaves]
        kinds = _invariants(start, shape_invariants)

        def nest(arguments: Sequence[Tensor]) -> Any:
            return rebuild([leaf.with_flow(x) if isinstance(leaf, TensorArray) else x
                            for leaf, x in zip(leaves, arguments, strict=True)])  # fmt: skip

        def make(*arguments: Tensor) -> list[Tensor]:
            result = body(*nest(arguments))
            if len(loop_vars) == 1 and not (isinstance(result, list | tuple) and len(result) == 1):
                result = [result]
            new = flatten(result)[0]
            if len(new) != len(leaves):
                raise ValueError(
                    f"The body of a while_loop must give as many tensors as there are loop variables: {len(leaves)}, "
                    f"got {len(new)}"
                )
            return [_flow(x, old.dtype) for x, old in zip(new, start, strict=True)]

        test = built(lambda *arguments: [cond(*nest(arguments))], kinds)
        step = built(make, kinds)
        after = [_checked(x, kind, y, shape_invariants is None)
                 for x, kind, y in zip(start, kinds, step.results, strict=True)]  # fmt: skip
        limit = [] if maximum_iterations is None else [convert(maximum_iterations)]

        def loop(run: Run, values: Sequence[Any], given: Sequence[dict[Tensor, Any]]) -> list[Any]:
            state, most = list(values[: len(start)]), values[len(start) :]

            def goes_on(turns: Any, *state: Any) -> Any:
                go = test(run, state, given[0])[0]
                return go if not most else go & (turns < most[0])

            def turn(turns: Any, *state: Any) -> tuple[Any, ...]:
                return (turns + 1, *step(run, state, given[1]))

            turns: Any = np.asarray(0, np.int32)
            while True:
                go = goes_on(turns, *state)
                if mode.tracer is not None and (isinstance(go, Value) or turns >= _UNROLLED):
                    return list(control.while_loop(goes_on, turn, turns, *state)[1:])
                if not np.asarray(plain(go)).item():
                    return state
                turns, *state = turn(turns, *state)

        outputs = enclosing("While", loop, [test, step], [*start, *limit], lambda: after, len(start), "Exit")
    result = nest(outputs)
    return result if return_same_structure or len(loop_vars) != 1 else result[0]


def _flow(leaf: Any, dtype: Any = None) -> Tensor:
    if isinstance(leaf, TensorArray):
        return leaf.flow
    return convert(leaf, None if dtype is None or dtype == "string" or isinstance(leaf, Tensor) else dtype)


def _invariants(start: Sequence[Tensor], shapes: Any) -> list[Kind]:
    if shapes is None:
        return [like(x) for x in start]
    found: list[Any] = []

    def walk(tree: Any) -> None:
        if isinstance(tree, list | tuple) and any(isinstance(x, TensorShape | list | tuple) for x in tree):
            for item in tree:
                walk(item)
        else:
            found.append(tree)

    walk(list(shapes) if isinstance(shapes, list | tuple) else [shapes])
    if len(found) != len(start):
        raise ValueError(
            f"shape_invariants must have the same structure as loop_vars: {len(start)} shapes, got {len(found)}"
        )
    return [like(x, sizes_of(shape)) for x, shape in zip(start, found, strict=True)]


def _checked(start: Tensor, kind: Kind, result: Tensor, strict: bool) -> Kind:
    """The kind of what comes out; raises an error for a body that changes dtypes or shapes."""
    after = kind_of(result)
    if after.dtype != kind.dtype:
        raise TypeError(
            f"The loop variable {start.name!r} enters the loop with type {kind.dtype}, but has type {after.dtype} "
            "after one iteration."
        )
    sizes = result.shape.sizes
    if kind.sizes is not None and sizes is not None:
        same = len(kind.sizes) == len(sizes) and all(
            a is None or b is None or a == b for a, b in zip(kind.sizes, sizes, strict=True)
        )
        if not same:
            raise ValueError(
                f"The shape for {start.name!r} is not an invariant for the loop. It enters the loop with shape "
                f"{TensorShape(kind.sizes)}, but has shape {TensorShape(sizes)} after one iteration. Provide shape "
                "invariants using either the `shape_invariants` argument of tf.while_loop or set_shape() on the loop "
                "variables."
            )
    if kind.sizes is None or sizes is None:
        return Kind(kind.sizes if not strict else None, kind.dtype)
    return Kind(tuple(a if b is not None else None for a, b in zip(kind.sizes, sizes, strict=True)), kind.dtype)


# --------------------------------------------------------------------------------------------------
# Loops over the rows of tensors


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
) -> Any:
    """`fn` of each row of `elems`, a tensor or a nest of tensors of one length, stacked.

    `dtype` is the nest of dtypes that `fn` gives, where that is another one than it takes.
    """
    if not callable(fn):
        raise TypeError("fn must be callable.")
    leaves, rebuild = flatten(elems)
    pack: Any = None

    def step(rows: list[Tensor], _: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        nonlocal pack
        ys, pack = flatten(fn(rebuild(rows)))
        kinds = flatten(dtype)[0] if dtype is not None else [None] * len(ys)
        return [convert(y, None if isinstance(y, Tensor) else kind) for y, kind in zip(ys, kinds, strict=True)], []

    with get_default_graph().name_scope(name or "map"):
        ys, _ = over_rows("While", [convert(x) for x in leaves], [], step, name="while")
    return pack(ys)


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All values of `a = fn(a, row)` over the rows of `elems`, stacked; `a` begins as `initializer`, or the first row.

    With `reverse` it goes from the last row to the first.
    """
    ys, _, pack, first = _folded(fn, elems, initializer, reverse, name or "scan", keep=True)
    if first is not None:

        def joined(y: Any, row: Any) -> Any:
            return concat([y, row[None]] if reverse else [row[None], y], axis=0)

        ys = [node("ConcatV2", joined, [y, row]) for y, row in zip(ys, first, strict=True)]
    return pack(ys)


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """The last value of `a = fn(a, row)` over the rows of `elems`; `a` begins as `initializer`, or the first row."""
    _, last, pack, _ = _folded(fn, elems, initializer, False, name or "foldl")
    return pack(last)


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """`foldl` from the last row to the first."""
    _, last, pack, _ = _folded(fn, elems, initializer, True, name or "foldr")
    return pack(last)


def _folded(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any, reverse: bool, name: str, keep: bool = False
) -> tuple[list[Tensor], list[Tensor], Callable[[list[Tensor]], Any], list[Tensor] | None]:
    if not callable(fn):
        raise TypeError("fn must be callable.")
    leaves, rebuild = flatten(elems)
    with get_default_graph().name_scope(name):
        xs = [convert(x) for x in leaves]
        first = None
        if initializer is None:
            place, rest = (-1, slice(None, -1)) if reverse else (0, slice(1, None))
            first = [node("StridedSlice", lambda x, place=place: x[place], [x]) for x in xs]
            xs = [node("StridedSlice", lambda x, rest=rest: x[rest], [x]) for x in xs]
            state, pack = first, rebuild
        else:
            given, pack = flatten(initializer)
            state = [convert(x) for x in given]

        def step(rows: list[Tensor], now: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            new = [convert(x, old.dtype) for x, old in zip(flatten(fn(pack(now), rebuild(rows)))[0], now, strict=True)]
            return new if keep else [], new

        ys, last = over_rows("While", xs, state, step, reverse=reverse, name="while")
    return ys, last, pack, first
