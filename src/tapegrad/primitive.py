"""`primitive()`: a function of arrays and one gradient rule for each argument become an op.

    multiply = primitive(np.multiply, lambda g, y: g * y, lambda g, x: g * x)

A rule takes the incoming gradient `g` and, by name, exactly what it needs of

- the arguments, by the names that a Python function gives them, or as `x`, `y`, `z` where it gives none,
- `out`, the result,
- `shape`, the shape of the argument that the rule is for,
- the op's parameters, such as `axis`: whatever it is called with by keyword.

What no rule names is not kept. Rules are written with operators and with tapegrad's own ops. Given plain
arrays these run plain NumPy; given Tensors they record, which is how one rule serves every order. A rule
never branches on values, and never writes into an array.
"""

from __future__ import annotations

import inspect
import sys
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy import generic, ndarray

from ._tape import Entry, Tensor, everyone, mode, next_serial, observe, wrap
from .errors import LostGradientError, RuleError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._tape import Observer

UFUNCS: dict[Any, Recorder] = {}  # NumPy's ufunc -> the op that records it

OWN: dict[str, Callable[..., Any]] = {}  # the functions of tapegrad's own ops, by names that a file can hold

# What rules compute with as it is. Lists do not do arithmetic, and some subclasses of arrays do another one.
_PLAIN = frozenset({ndarray, bool, int, float, *np.sctypeDict.values()})

_new_entry = Entry.__new__
_new_tensor = Tensor.__new__


class Recorder(Protocol):
    """What `primitive` gives: a function that runs its op, and tells which."""

    op: Op

    def __call__(self, *arguments: Any, **params: Any) -> Any:
        """Run the op, recorded when an argument asks for it."""


class Op:
    """What an entry says that ran: a name, a function, and its rules in the one form that backward calls."""

    __slots__ = ("accumulate", "broadcasts", "function", "kept", "name", "needs", "rules")

    name: str
    function: Callable[..., Any]
    rules: tuple[tuple[Callable[..., Any], int] | None, ...]
    needs: tuple[frozenset[int], ...]  # which places of `saved` each rule asks for
    broadcasts: bool
    accumulate: Callable[[Any, Any, Any], Any] | None

    def __init__(self, name: str, function: Callable[..., Any], broadcasts: bool) -> None:
        self.name = name
        self.function = function
        self.broadcasts = broadcasts
        self.accumulate = None
        self.rules = ()
        self.needs = ()
        self.kept: dict[tuple[bool, ...], tuple[bool, ...]] = {}

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> str:
        raise TypeError(f"the op {self.name} cannot be pickled; pickle arrays, or detached Tensors")

    def keeps(self, wanted: tuple[bool, ...], places: int) -> tuple[bool, ...]:
        """Which of `(out, *arguments)` must be kept, when `wanted` says which arguments want a gradient."""
        kept = self.kept.get(wanted)
        if kept is None:
            needed: set[int] = set()
            for want, need in zip(wanted, self.needs, strict=False):
                if want:
                    needed |= need
            kept = self.kept[wanted] = tuple(place in needed for place in range(places))
        return kept


def primitive(
    function: Callable[..., Any],
    *rules: Callable[..., Any] | None,
    name: str | None = None,
    broadcasts: bool | None = None,
) -> Recorder:
    """Make an op of `function`: called with a Tensor it records, called with arrays it just runs.

    `rules` has one gradient rule for each leading argument that is an array, None for one without a
    gradient (an index, a condition). Everything else is a parameter, passed on as it came. `broadcasts`
    (by default, whether `function` is a ufunc, of numba's, too) lets a rule give a gradient of the result's shape,
    which is then summed over what was broadcast. `function` may be compiled by numba; it gets arrays only.

    Raises RuleError when a rule asks for something that does not exist.
    """
    is_ufunc = isinstance(function, np.ufunc)
    op = Op(
        str(name or getattr(function, "__name__", type(function).__name__)),
        function,
        hasattr(function, "nin") if broadcasts is None else broadcasts,
    )
    places, defaults, parameters = _names(op.name, function, len(rules))
    adapted = [_adapt(op.name, rule, places, defaults, parameters) for rule in rules]
    op.rules = tuple(rule for rule, _ in adapted)
    op.needs = tuple(need for _, need in adapted)
    _enter(op.name, function)
    simple = is_ufunc or isinstance(function, BuiltinFunctionType)  # gives an array and takes no parameters
    if simple and len(rules) == 2 and None not in rules:
        call = _binary(op)
    elif simple and len(rules) == 1:
        call = _unary(op)
    elif len(rules) == 1:
        call = _one_array(op)
    else:
        call = _general(op)
    call.__name__ = call.__qualname__ = op.name
    call.__doc__ = getattr(function, "__doc__", None) if isinstance(function, FunctionType) else None
    recorder = cast("Recorder", call)
    recorder.op = op
    if is_ufunc:
        UFUNCS.setdefault(function, recorder)  # a user's own sin does not change np.sin for everybody else
    return recorder


def variadic(
    function: Callable[..., Any], rule: Callable[..., Any], *, name: str, broadcasts: bool = False
) -> Callable[..., Any]:
    """Make an op of a function of any number of arrays, with one rule that is told which by `index`.

    The rule may ask for `index`, `arguments` (all arrays, in order), `out`, `shape` and parameters.
    """
    ops: dict[int, Op] = {}
    _enter(name, function)

    def op_for(count: int) -> Op:
        op = ops.get(count)
        if op is None:
            op = ops[count] = Op(name, function, broadcasts)
            adapted = [_adapt(name, rule, {"out": 0}, {}, None, index=i, count=count) for i in range(count)]
            op.rules = tuple(rule for rule, _ in adapted)
            op.needs = tuple(need for _, need in adapted)
        return op

    def call(*arguments: Any, **params: Any) -> Any:
        return run(op_for(len(arguments)), arguments, params)

    call.__name__ = call.__qualname__ = name
    call.op_for = op_for  # type: ignore[attr-defined]
    return call


def _enter(name: str, function: Callable[..., Any]) -> None:
    """Note an op that a module of tapegrad's makes: `ops.shape:astype`, and `ops.shape:astype/2` for a second one."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    module = "" if frame is None else str(frame.f_globals.get("__name__"))
    package = __name__.partition(".")[0] + "."
    if module.startswith(package):
        key = plain = f"{module.removeprefix(package)}:{name}"
        count = 1
        while key in OWN:
            count += 1
            key = f"{plain}/{count}"
        OWN[key] = function


def constant(function: Callable[..., Any], *, name: str | None = None) -> Recorder:
    """Make an op without a gradient (a comparison, floor, argmax): its result is never recorded."""
    return primitive(function, name=name)


# --------------------------------------------------------------------------------------------------
# Rules in the two forms that backward calls: `rule(g, saved[place])`, the usual one, without a call between;
# and `rule(g, saved, shape, params)` for everything else, whose place is FULL.

FULL = -1


_STAR, _STARS = 4, 8  # what `co_flags` of a function with *args and with **kwargs has


def _names(
    op_name: str, function: Callable[..., Any], count: int
) -> tuple[dict[str, int], dict[str, Any], set[str] | None]:
    """The names by which rules may ask for arguments, with their places in `saved`; and for parameters.

    These come as their defaults, and as all of their names, None where the function does not tell them.
    """
    names: list[str] = ["x", "y", "z"]
    defaults: dict[str, Any] = {}
    parameters: set[str] | None = set() if isinstance(function, np.ufunc) else None
    if isinstance(function, FunctionType):
        code = function.__code__
        names = list(code.co_varnames[: code.co_argcount])
        if count > len(names) and not code.co_flags & _STAR:
            raise RuleError(f"{op_name}: got {count} rules, but its function takes {len(names)} arguments by position")
        defaults = _defaults(function)
        if not code.co_flags & _STARS:
            parameters = set(_parameters(function)[count:])
    return {"out": 0} | {name: place for place, name in enumerate(names[:count], 1)}, defaults, parameters


def _parameters(function: Callable[..., Any]) -> list[str]:
    if isinstance(function, FunctionType):  # the same as below, in a tenth of the time: importing adapts 200 rules
        code = function.__code__
        return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    return list(inspect.signature(function).parameters)


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """The parameters that may be left out, with what they are then."""
    if not isinstance(function, FunctionType):
        return {}
    code = function.__code__
    names, given = code.co_varnames[: code.co_argcount], function.__defaults__ or ()
    return dict(zip(names[len(names) - len(given) :], given, strict=True)) | (function.__kwdefaults__ or {})


def _adapt(
    op_name: str,
    rule: Callable[..., Any] | None,
    places: dict[str, int],
    defaults: dict[str, Any],
    parameters: set[str] | None,
    index: int | None = None,
    count: int = 0,
) -> tuple[tuple[Callable[..., Any], int] | None, frozenset[int]]:
    """A rule, which asks by name, in the form that backward calls; and the places of `saved` it asks for."""
    if rule is None:
        return None, frozenset()
    wanted = _parameters(rule)
    if wanted[:1] != ["g"]:
        raise RuleError(f"{op_name}: a rule's first parameter is g, the incoming gradient; this one takes {wanted}")
    if parameters is not None:
        known = {"g", "shape", *places, *parameters}
        strange = [name for name in wanted[: len(wanted) - len(_defaults(rule))] if name not in known]
        if strange:
            raise RuleError(
                f"{op_name}: a rule asks for {', '.join(strange)}, which there is not; it may ask for "
                f"{', '.join([*places, 'shape', *sorted(parameters)])}"
            )
    match wanted[1:]:
        case []:
            return (lambda g, saved, shape, params: rule(g), FULL), frozenset()
        case ["shape"]:
            return (lambda g, saved, shape, params: rule(g, shape), FULL), frozenset()
        case [a] if a in places:
            return (rule, places[a]), frozenset({places[a]})
        case [a, b] if a in places and b in places:
            i, j = places[a], places[b]
            return (lambda g, saved, shape, params: rule(g, saved[i], saved[j]), FULL), frozenset({i, j})
    picks = [(n, places[n]) for n in wanted if n in places]
    others = [n for n in wanted[1:] if n not in places]
    fixed = defaults if index is None else {**defaults, "index": index}
    need = frozenset(i for _, i in picks)
    if "arguments" in others:
        need |= frozenset(range(1, count + 1))

    def adapted(g: Any, saved: tuple[Any, ...], shape: tuple[int, ...], params: dict[str, Any] | None) -> Any:
        known = {**fixed, **params} if params else dict(fixed)
        known["shape"] = shape
        known["arguments"] = saved[1:]
        asked = {n: known[n] for n in others if n in known}
        for n, i in picks:
            asked[n] = saved[i]
        return rule(g, **asked)

    return (adapted, FULL), need


# --------------------------------------------------------------------------------------------------
# Recording. `_record` is the whole of it; `_unary` and `_binary` are the same, unrolled for ufuncs,
# because the overhead of an op is what a small model pays for.


def _record(op: Op, arguments: Sequence[Any], params: dict[str, Any], recording: bool = True) -> Any:
    """Run an op whose arguments include a Tensor, and record it if any of them wants a gradient."""
    count = len(op.rules)
    raw = [
        a._array if isinstance(a, Tensor) else a if type(a) in _PLAIN else settled(op.name, a)
        for a in arguments[:count]
    ]
    if len(arguments) > count:
        raw += [_parameter(op, a) for a in arguments[count:]]
    try:
        array = op.function(*raw, **params)
    except Exception as error:
        _explain(op, raw, error)
        raise
    if not isinstance(array, np.ndarray | np.generic):
        array = _as_array(op, array)
    if recording and op.rules:
        parents = tuple(
            [
                a._entry if rule is not None and isinstance(a, Tensor) else None
                for a, rule in zip(arguments, op.rules, strict=False)
            ]
        )
        if any(parents):
            wanted = tuple([p is not None for p in parents])
            kept = op.kept.get(wanted) or op.keeps(wanted, count + 1)
            entry = _new_entry(Entry)
            entry.op = op
            entry.parents = parents
            if len(raw) > count:
                params = {**_positional(op, raw), **params}
            entry.params = params or None
            entry.saved = (
                array if kept[0] else None,
                *[a if keep else None for a, keep in zip(raw, kept[1:], strict=False)],
            )
            entry.serial = next_serial()
            entry.shape = array.shape
            entry.dtype = array.dtype
            entry.watch = None
            return wrap(array, entry)
    return wrap(array)


def run(op: Op, arguments: Sequence[Any], params: dict[str, Any]) -> Any:
    """Run an op as its arguments and this thread's mode ask: plainly, recorded, or watched."""
    for a in arguments:
        if isinstance(a, Tensor):
            if mode.usual:
                return _record(op, arguments, params)
            return _unusual(op, arguments, params)
    if any(isinstance(value, Tensor) for value in params.values()):
        raise TypeError(f"{op.name}: takes its {len(op.rules)} arrays by position, and got a Tensor by keyword")
    if params and arguments and mode.tracer is not None and mode.tracer.computes(params):
        # An index, say, that a program computes, into an array that it does not: the result is the program's, too.
        array = np.asarray(arguments[0])
        mode.tracer.constant(array)
        return _unusual(op, (wrap(array), *arguments[1:]), params)
    return op.function(*arguments, **params)


def _unusual(op: Op, arguments: Sequence[Any], params: dict[str, Any]) -> Any:
    """Run an op while nothing is recorded, or while somebody watches."""
    if not mode.observers:
        return _record(op, arguments, params, recording=False)

    def tell(observer: Observer, out: Tensor, seconds: float) -> None:
        observer.called(op, arguments, params, out, seconds)
        if out._entry is not None:
            observer.recorded(out._entry, out)

    return observe(lambda: _record(op, arguments, params, mode.recording), tell)


def _general(op: Op) -> Callable[..., Any]:
    def call(*arguments: Any, **params: Any) -> Any:
        return run(op, arguments, params)

    return call


def _unary(op: Op) -> Callable[..., Any]:
    function = op.function
    keep_out, keep_x = op.keeps((True,), 2)

    def call(x: Any) -> Any:
        if type(x) is not Tensor or not everyone.usual:
            return run(op, (x,), {})
        a, parent = x._array, x._entry
        try:
            array = function(a)
        except Exception as error:
            _explain(op, (a,), error)
            raise
        out = _new_tensor(Tensor)
        out._array = array
        out._grad = None
        if parent is None:
            out._entry = None
            return out
        entry = out._entry = _new_entry(Entry)
        entry.op = op
        entry.parents = (parent,)
        entry.params = None
        entry.saved = (array if keep_out else None, a if keep_x else None)
        entry.serial = next_serial()
        entry.shape = array.shape
        entry.dtype = array.dtype
        entry.watch = None
        return out

    return call


def _one_array(op: Op) -> Callable[..., Any]:
    function = op.function
    keep_out, keep_x = op.keeps((True,), 2)

    def call(*arguments: Any, **params: Any) -> Any:
        if len(arguments) != 1 or type(arguments[0]) is not Tensor or not everyone.usual:
            return run(op, arguments, params)
        (x,) = arguments
        a, parent = x._array, x._entry
        try:
            array = function(a, **params)
        except Exception as error:
            _explain(op, (a,), error)
            raise
        if type(array) is not ndarray and not isinstance(array, generic):
            array = _as_array(op, array)
        out = _new_tensor(Tensor)
        out._array = array
        out._grad = None
        if parent is None:
            out._entry = None
            return out
        entry = out._entry = _new_entry(Entry)
        entry.op = op
        entry.parents = (parent,)
        entry.params = params
        entry.saved = (array if keep_out else None, a if keep_x else None)
        entry.serial = next_serial()
        entry.shape = array.shape
        entry.dtype = array.dtype
        entry.watch = None
        return out

    return call


def _binary(op: Op) -> Callable[..., Any]:
    function = op.function
    # Indexed by which arguments want a gradient: 1 the first, 2 the second, 3 both.
    keep_out, keep_x, keep_y = zip(*(op.keeps((bool(n & 1), bool(n & 2)), 3) for n in range(4)), strict=True)

    def call(x: Any, y: Any) -> Any:
        if type(x) is Tensor:
            a, p = x._array, x._entry
            if type(y) is Tensor:
                b, q = y._array, y._entry
            elif isinstance(y, Tensor):
                return run(op, (x, y), {})
            else:
                b, q = y if type(y) in _PLAIN else settled(op.name, y), None
        elif type(y) is Tensor and not isinstance(x, Tensor):
            a, p, b, q = x if type(x) in _PLAIN else settled(op.name, x), None, y._array, y._entry
        else:
            return run(op, (x, y), {})
        if not everyone.usual:
            return run(op, (x, y), {})
        try:
            array = function(a, b)
        except Exception as error:
            _explain(op, (a, b), error)
            raise
        out = _new_tensor(Tensor)
        out._array = array
        out._grad = None
        if p is None:
            if q is None:
                out._entry = None
                return out
            wanted = 2
        else:
            wanted = 1 if q is None else 3
        entry = out._entry = _new_entry(Entry)
        entry.op = op
        entry.parents = (p, q)
        entry.params = None
        entry.saved = (
            array if keep_out[wanted] else None,
            a if keep_x[wanted] else None,
            b if keep_y[wanted] else None,
        )
        entry.serial = next_serial()
        entry.shape = array.shape
        entry.dtype = array.dtype
        entry.watch = None
        return out

    return call


def settled(name: str, value: Any) -> Any:
    """`value`, which `name` was called with and which is no Tensor, as rules can compute with it."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, ndarray) and not isinstance(value, np.memmap):
        raise TypeError(
            f"{name}: expected a plain array, got {type(value).__module__}.{type(value).__name__}, whose arithmetic "
            "is another; convert it, e.g. with np.asarray"
        )
    return np.asarray(value) if isinstance(value, list | tuple) or hasattr(value, "__array__") else value


def _parameter(op: Op, value: Any) -> Any:
    """An argument that no rule is for, as the function gets it."""
    if not isinstance(value, Tensor):
        return value
    if op.rules and value._entry is not None and mode.recording:
        raise LostGradientError(
            f"{op.name}: its {len(op.rules)} rules leave no gradient for a recorded Tensor passed after its arrays; "
            "give it a rule, or pass t.detach() to treat it as fixed"
        )
    return value._array


def _positional(op: Op, raw: Sequence[Any]) -> dict[str, Any]:
    """Parameters that were passed by position, by name, so that rules can ask for them."""
    if not isinstance(op.function, FunctionType):
        raise TypeError(f"{op.name}: takes {len(op.rules)} arrays, got {len(raw)}; pass parameters by keyword")
    names = list(inspect.signature(op.function).parameters)
    return dict(zip(names[len(op.rules) :], raw[len(op.rules) :], strict=False))


def _as_array(op: Op, value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return np.asarray(value)
    if isinstance(value, Tensor):
        raise TypeError(
            f"{op.name}: its function computed a Tensor, because it got one by keyword, or uses one from outside; "
            f"its {len(op.rules)} arrays are passed by position, and what has no rule as t.detach().numpy()"
        )
    raise RuleError(
        f"{op.name}: an op's function gives one array, and this one gave {type(value).__name__}; "
        "make one op of each result"
    )


def _explain(op: Op, raw: Sequence[Any], error: Exception) -> None:
    """Let NumPy's exception say also which op and which arguments it was about, or raise a plainer one from it."""
    got = ", ".join(f"{getattr(a, 'dtype', type(a).__name__)} {np.shape(a)}" for a in raw if _has_shape(a))
    if op.broadcasts and type(error) is ValueError and "broadcast" in str(error):
        shapes = " and ".join(str(np.shape(a)) for a in raw)
        raise ShapeError(
            f"{op.name}: shapes {shapes} do not broadcast together; aligned at the right, "
            "each dimension must be equal or 1"
        ) from error
    if isinstance(op.function, np.ufunc) and op.function.signature and isinstance(error, ValueError):
        shapes = " and ".join(str(np.shape(a)) for a in raw)
        raise ShapeError(
            f"{op.name}: shapes {shapes} do not fit together as {op.function.signature}, where dimensions of one "
            "name have one size and those before them broadcast"
        ) from error
    error.add_note(f"in {op.name} of {got}")


def _has_shape(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | int | float)
