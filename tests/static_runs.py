"""What the tests of programs share: a function run by itself and the same one compiled, compared call by call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tapegrad as tg
from tapegrad import Tensor
from tapegrad._pytree import flatten


def bits(ours: Any, theirs: Any) -> None:
    """Results with the same leaves, of the same kinds, in every bit."""
    ours, theirs = flatten(ours)[0], flatten(theirs)[0]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert isinstance(a, Tensor) == isinstance(b, Tensor)
        a, b = (np.asarray(x._array if isinstance(x, Tensor) else x) for x in (a, b))
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes(), f"{a} is not {b}"


def state_of(things: Sequence[Any]) -> list[Any]:
    """Everything that Tensors, modules and optimizers keep, as arrays and numbers."""
    found: list[Any] = []
    for thing in things:
        if isinstance(thing, Tensor):
            found += [thing.detach(), thing.grad]
        elif isinstance(thing, tg.nn.Module):
            found += [state for _, tensor in thing._state() for state in (tensor.detach(), tensor.grad)]
        else:
            found.append([{key: s[key] for key in sorted(s)} for s in thing.state])
    return found


def compare(
    make: Callable[[], tuple[Callable[..., Any], Sequence[Any]]],
    calls: Sequence[tuple[Any, ...]],
    between: Callable[..., None] | None = None,
    programs: int | None = 1,
) -> Any:
    """Run what `make` makes, a function and what it changes, on `calls`: by itself, and compiled; all bits must agree.

    `between(place, *things)` happens before each call. Gives the compiled function.
    """
    expected = []
    tg.random.seed(0)
    step, things = make()
    for place, call in enumerate(calls):
        if between is not None:
            between(place, *things)
        result = step(*call)
        expected.append((result, state_of(things), tg.random.get_state()))
    tg.random.seed(0)
    step, things = make()
    compiled = tg.compile(step, fuse=False)
    for place, (call, (result, state, draws)) in enumerate(zip(calls, expected, strict=True)):
        if between is not None:
            between(place, *things)
        bits(compiled(*call), result)
        bits(state_of(things), state)
        assert tg.random.get_state() == draws, f"call {place}"
    if programs is not None:
        assert len(compiled.programs) == programs
    return compiled
