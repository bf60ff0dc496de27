"""Arithmetic of one number made a loop over arrays: one pass over memory, however many terms a formula has.

    rule(parameter, gradient, *state, *numbers) -> parameter, or (parameter, *state)

A rule is an ordinary function that computes with operators and NumPy's functions of one number, and calls nothing else.
Here it is compiled into a loop. NumPy applies the same function to whole arrays, and gives the same bits.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import intrinsic, register_jitable

from . import threads
from .arrays import flat_to_read
from .jit import compiled
from .jobs import taken
from .memory import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, np.dtype[Any]]

_SMALL = 1 << 17  # elements below which a helper brings little: memory is what the time goes to
_JOB = 1 << 12  # elements

_loops: dict[tuple[Any, bool], Any] = {}  # of a rule, with and without decay


def apply(rule: Callable[..., Any], arrays: Sequence[Array], numbers: Sequence[float], decay: float) -> list[Array]:
    """New arrays that `rule` gives for each element of `arrays`, a parameter, its gradient and its state.

    All have one shape and one dtype, in which everything is computed. `decay` times the parameter is added to the
    gradient first.
    """
    first = arrays[0]
    outputs = [np.empty(first.shape, first.dtype) for _ in arrays[1:]]  # of all but the gradient
    loop = _loops.get((rule, bool(decay)))
    if loop is None:
        loop = _loops[rule, bool(decay)] = _compiled(rule, len(arrays), bool(decay))
    number = first.dtype.type
    size = first.size
    threads.run(
        loop,
        -(-size // _JOB),
        size,
        *[array.reshape(-1) for array in outputs],
        *map(flat_to_read, arrays),
        number(decay),
        tuple(map(number, numbers)),
        parallel=size > _SMALL,
    )
    return outputs


def _compiled(rule: Callable[..., Any], count: int, decayed: bool) -> Any:
    """The loop of a rule over `count` arrays, whose name in the cache tells the rule, and a changed one from before."""
    loop = _LOOPS[count](register_jitable(rule), decayed)
    code = rule.__code__
    version = hashlib.sha256(repr((code.co_code, code.co_consts, code.co_names)).encode()).hexdigest()[:16]
    loop.__qualname__ = f"{rule.__name__}_{version}"
    return compiled(loop)


# --------------------------------------------------------------------------------------------------
# Access to elements that tells LLVM what it cannot know, and would ask at run time for few arrays only: what is written
# to was made for that, so that nothing else is there. Then it makes vector instructions of the loops.


def _scopes(builder: Any, own: str, other: str) -> dict[str, Any]:
    domain = builder.module.add_metadata(["tapegrad.update"])
    mine, theirs = (builder.module.add_metadata([f"tapegrad.update.{name}", domain]) for name in (own, other))
    return {"alias.scope": builder.module.add_metadata([mine]), "noalias": builder.module.add_metadata([theirs])}


@intrinsic
def _get(context: Any, array: Any, index: Any) -> Any:
    """`array[index]`, of an array that is not written to."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(place_of(context, builder, signature.args[0], *arguments))
        for name, node in _scopes(builder, "read", "written").items():
            value.set_metadata(name, node)
        return value

    return array.dtype(array, types.intp), generate


@intrinsic
def _put(context: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index] = value`, into an array that is not read."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[2], place_of(context, builder, signature.args[0], *arguments[:2]))
        for name, node in _scopes(builder, "written", "read").items():
            stored.set_metadata(name, node)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), generate


# --------------------------------------------------------------------------------------------------
# The loops, for a state of nothing, one, two or three arrays: `x` the parameter, `g` its gradient, `a`, `b` and `c`.


def _over_two(rule, decayed):
    def loop(state, jobs, size, to_x, x, g, decay, numbers):
        for job in taken(state, jobs):
            for i in range(job * _JOB, min((job + 1) * _JOB, size)):
                gradient = _get(g, i) + decay * _get(x, i) if decayed else _get(g, i)
                _put(to_x, i, rule(_get(x, i), gradient, *numbers))

    return loop


def _over_three(rule, decayed):
    def loop(state, jobs, size, to_x, to_a, x, g, a, decay, numbers):
        for job in taken(state, jobs):
            for i in range(job * _JOB, min((job + 1) * _JOB, size)):
                gradient = _get(g, i) + decay * _get(x, i) if decayed else _get(g, i)
                new_x, new_a = rule(_get(x, i), gradient, _get(a, i), *numbers)
                _put(to_x, i, new_x)
                _put(to_a, i, new_a)

    return loop


def _over_four(rule, decayed):
    def loop(state, jobs, size, to_x, to_a, to_b, x, g, a, b, decay, numbers):
        for job in taken(state, jobs):
            for i in range(job * _JOB, min((job + 1) * _JOB, size)):
                gradient = _get(g, i) + decay * _get(x, i) if decayed else _get(g, i)
                new_x, new_a, new_b = rule(_get(x, i), gradient, _get(a, i), _get(b, i), *numbers)
                _put(to_x, i, new_x)
                _put(to_a, i, new_a)
                _put(to_b, i, new_b)

    return loop


def _over_five(rule, decayed):
    def loop(state, jobs, size, to_x, to_a, to_b, to_c, x, g, a, b, c, decay, numbers):
        for job in taken(state, jobs):
            for i in range(job * _JOB, min((job + 1) * _JOB, size)):
                gradient = _get(g, i) + decay * _get(x, i) if decayed else _get(g, i)
                new_x, new_a, new_b, new_c = rule(_get(x, i), gradient, _get(a, i), _get(b, i), _get(c, i), *numbers)
                _put(to_x, i, new_x)
                _put(to_a, i, new_a)
                _put(to_b, i, new_b)
                _put(to_c, i, new_c)

    return loop


_LOOPS = {2: _over_two, 3: _over_three, 4: _over_four, 5: _over_five}
