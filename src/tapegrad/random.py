"""Random numbers: one stream that can be seeded, saved and continued, which everything random draws from.

    tg.random.seed(0)
    w = tg.random.normal((784, 300), std=0.05)

Initialisers, dropout masks and the shuffling of batches draw from the same stream, so one seed fixes a run.
The stream belongs to the process; its draws are locked, but threads that share it interleave as they happen
to run. A thread that must give the same numbers whatever the others do brings a stream of its own:

    with tg.random.Generator(seed=7):     # for this thread, inside this block
        train(model)

The numbers are those of NumPy's PCG64. What is continuous or a mask comes as a Tensor, which ops take as it
is; what counts or orders comes as an array, which indexes.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np

from ._dtype import get_default_dtype
from ._tape import Tensor, mode, wrap
from .errors import DTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

__all__ = [
    "Generator",
    "bernoulli",
    "get_state",
    "integers",
    "normal",
    "permutation",
    "seed",
    "set_state",
    "truncated_normal",
    "uniform",
]


_P = ParamSpec("_P")
_T = TypeVar("_T")


class Generator:
    """A stream of random numbers; as a context, the one that this thread draws from.

    `seed` is an integer of at least 0; without one the stream starts somewhere unpredictable.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._numbers = np.random.Generator(np.random.PCG64(seed))
        self._lock = threading.Lock()

    def get_state(self) -> dict[str, Any]:
        """Where the stream stands, as strings and numbers that JSON can hold."""
        with self._lock:
            return dict(self._numbers.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from where `get_state` was called. Raises ValueError for anything that it did not give."""
        bits = np.random.PCG64()
        try:
            bits.state = cast("Any", state)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"set_state: expected what get_state gave, got {state!r}") from error
        with self._lock:
            self._numbers = np.random.Generator(bits)

    def __enter__(self) -> Generator:
        _not_traced("with Generator", "enter it around the call of the compiled function")
        _thread.generators.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _thread.generators.pop()

    def __getstate__(self) -> dict[str, Any]:
        return self.get_state()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self.set_state(state)


class _Thread(threading.local):
    """The generators that this thread has entered, the innermost last."""

    def __init__(self) -> None:
        self.generators: list[Generator] = []


_thread = _Thread()
_making = threading.Lock()
_process: Generator | None = None


def _of_process() -> Generator:
    """The process's stream, made when it is first asked for: importing numpy.random takes 20 ms."""
    global _process
    with _making:
        if _process is None:
            _process = Generator()
        return _process


def seed(seed: int) -> None:
    """Start the current stream anew: what is drawn from here on depends on `seed` (at least 0) alone."""
    _not_traced("tapegrad.random.seed")
    _current().set_state(dict(np.random.PCG64(seed).state))


def get_state() -> dict[str, Any]:
    """Where the current stream stands, as strings and numbers that JSON can hold."""
    return _current().get_state()


def set_state(state: dict[str, Any]) -> None:
    """Go on from where `get_state` was called. Raises ValueError for anything that it did not give."""
    _not_traced("tapegrad.random.set_state")
    _current().set_state(state)


def _told(draw: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let a tracer know of what is drawn, so that a program draws anew each time; it is then always a Tensor."""

    @functools.wraps(draw)
    def drawn(*arguments: _P.args, **keywords: _P.kwargs) -> _T:
        result = draw(*arguments, **keywords)
        if mode.tracer is None:
            return result
        tensor = result if isinstance(result, Tensor) else wrap(result)
        mode.tracer.drawn(lambda: _array(draw(*arguments, **keywords)), tensor)
        return cast("_T", tensor)

    return drawn


def _array(drawn: Any) -> Any:
    return drawn._array if isinstance(drawn, Tensor) else drawn


def _current() -> Generator:
    """The stream that this thread draws from."""
    return _thread.generators[-1] if _thread.generators else _of_process()


def _not_traced(what: str, remedy: str = "a replay goes on in the stream; call it before the function") -> None:
    if mode.tracer is not None:
        mode.tracer.refuses(what, remedy)


@_told
def uniform(
    shape: int | tuple[int, ...] = (), low: float = 0.0, high: float = 1.0, dtype: DTypeLike | None = None
) -> Tensor:
    """Draw from `low` (included) up to `high`, every value as likely, in the default dtype or `dtype`."""
    kind, drawn = _kinds(dtype)
    generator = _current()
    with generator._lock:
        array = generator._numbers.random(shape, drawn)
    if (low, high) != (0.0, 1.0):
        array = array * (float(high) - float(low)) + float(low)
    return wrap(array.astype(kind, copy=False))


@_told
def normal(
    shape: int | tuple[int, ...] = (), mean: float = 0.0, std: float = 1.0, dtype: DTypeLike | None = None
) -> Tensor:
    """Draw from the normal distribution, in the default dtype or `dtype`."""
    kind, drawn = _kinds(dtype)
    generator = _current()
    with generator._lock:
        array = generator._numbers.standard_normal(shape, drawn)
    return wrap((array * float(std) + float(mean)).astype(kind, copy=False))


@_told
def truncated_normal(
    shape: int | tuple[int, ...] = (), mean: float = 0.0, std: float = 1.0, dtype: DTypeLike | None = None
) -> Tensor:
    """Draw from the normal distribution, drawing again what lies more than 2 `std` from `mean`, as TensorFlow does."""
    kind, drawn = _kinds(dtype)
    generator = _current()
    with generator._lock:
        array = generator._numbers.standard_normal(shape, drawn)
        while count := np.count_nonzero(outside := np.abs(array) > 2):
            array[outside] = generator._numbers.standard_normal(count, drawn)
    return wrap((array * float(std) + float(mean)).astype(kind, copy=False))


@_told
def bernoulli(shape: int | tuple[int, ...] = (), probability: float = 0.5, dtype: DTypeLike | None = None) -> Tensor:
    """Draw ones with `probability` and zeros otherwise, in the default dtype or `dtype`."""
    kind, drawn = _kinds(dtype)
    if not 0 <= probability <= 1:
        raise ValueError(f"bernoulli: a probability lies between 0 and 1, got {probability}")
    generator = _current()
    with generator._lock:
        array = generator._numbers.random(shape, drawn)
    return wrap(np.asarray(array < probability).astype(kind))


@_told
def integers(low: int, high: int, shape: int | tuple[int, ...] = ()) -> NDArray[np.int64]:
    """Draw integers from `low` (included) up to `high` (excluded), every one as likely, as an array."""
    generator = _current()
    with generator._lock:
        return np.asarray(generator._numbers.integers(low, high, shape))


@_told
def permutation(count: int) -> NDArray[np.int64]:
    """Draw an order of `0 ... count - 1`, every one as likely, as an array: `x[permutation(len(x))]` shuffles."""
    generator = _current()
    with generator._lock:
        return generator._numbers.permutation(count)


def _kinds(dtype: DTypeLike | None) -> tuple[np.dtype[Any], Any]:
    """The dtype to give, and the one to draw in: NumPy draws single and double precision only."""
    kind = get_default_dtype() if dtype is None else np.dtype(dtype)
    if kind.kind != "f":
        raise DTypeError(f"random: draws are floating-point numbers, not {kind}; use integers for whole numbers")
    return kind, np.float64 if kind.itemsize >= 8 else np.float32
