"""Recurrent layers and their cells, by PyTorch's formulas, with its names of arguments and parameters.

    lstm = nn.LSTM(2, 8, num_layers=2, bidirectional=True, batch_first=True)
    out, (h, c) = lstm(x, lengths=lengths)     # (N, L, 2) -> (N, L, 16), and the last states (4, N, 8) each

PyTorch's weights carry over when they are transposed: as in Linear, `weight_ih` is (inputs, gates * hidden) here.
The gates stand side by side in PyTorch's order: input, forget, cell, output in an LSTM; reset, update, new in a GRU.
All parameters start uniform within 1 / sqrt(hidden) of zero, as PyTorch's do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._tape import Tensor, mode, wrap
from ..errors import DTypeError, ShapeError
from ..ops._windows import per_dimension
from ..ops.activation import relu, sigmoid
from ..ops.elementwise import tanh, where
from ..ops.indexing import plain_key
from ..ops.shape import concat, reshape, swapaxes, unstack
from ..primitive import constant
from . import init
from ._recurrence import recurrence
from .dropout import dropout
from .linear import affine
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike, NDArray

    State = tuple[Any, ...]  # (h,), and (h, c) in an LSTM; each is (N, hidden)


class _Kind(NamedTuple):
    """What makes a recurrent layer the one that it is."""

    step: Callable[[Any, State, Any, Any], State]
    gates: int
    states: int
    apart: bool  # whether `bias_hh` is for the step, and not added to the gates together with `bias_ih`


# The steps. `x` is what the gates get from the input and the biases, (N, gates * hidden); `weight` is
# (hidden, gates * hidden); `bias` is None unless the kind wants it apart.


def _tanh_step(x: Any, state: State, weight: Any, bias: Any) -> State:
    return (tanh(x + state[0] @ weight),)


def _relu_step(x: Any, state: State, weight: Any, bias: Any) -> State:
    return (relu(x + state[0] @ weight),)


def _lstm_step(x: Any, state: State, weight: Any, bias: Any) -> State:
    h, c = state
    gates = x + h @ weight
    n = c.shape[-1]
    opened = sigmoid(gates)  # that of the new values, too, which nobody asks for: quicker than three ops
    i, f, o = opened[..., :n], opened[..., n : 2 * n], opened[..., 3 * n :]
    c = f * c + i * tanh(gates[..., 2 * n : 3 * n])
    return o * tanh(c), c


def _gru_step(x: Any, state: State, weight: Any, bias: Any) -> State:
    (h,) = state
    product = h @ weight
    product = product if bias is None else product + bias
    n = h.shape[-1]
    opened = sigmoid(x[..., : 2 * n] + product[..., : 2 * n])
    r, z = opened[..., :n], opened[..., n:]
    new = tanh(x[..., 2 * n :] + r * product[..., 2 * n :])
    return (new + z * (h - new),)


_RNN = {"tanh": _Kind(_tanh_step, 1, 1, apart=False), "relu": _Kind(_relu_step, 1, 1, apart=False)}
_LSTM = _Kind(_lstm_step, 4, 2, apart=False)
_GRU = _Kind(_gru_step, 3, 1, apart=True)


def _rnn_kind(name: str, nonlinearity: str) -> _Kind:
    if nonlinearity not in _RNN:
        raise ValueError(f'{name}: expected the nonlinearity "tanh" or "relu", got {nonlinearity!r}')
    return _RNN[nonlinearity]


class _Recurrent(Module):
    """What cells and layers have in common: their sizes, and parameters by name."""

    _kind: _Kind
    input_size: int
    hidden_size: int
    bias: bool

    def _set(self, kind: _Kind, input_size: int, hidden_size: int, bias: bool) -> None:
        self._kind = kind
        (self.input_size,) = per_dimension(type(self).__name__, "input_size", input_size, 1)
        (self.hidden_size,) = per_dimension(type(self).__name__, "hidden_size", hidden_size, 1)
        self.bias = bias

    def _make(self, inputs: int, suffix: str, dtype: DTypeLike | None) -> None:
        """Make the parameters of one direction of one layer."""
        hidden = self.hidden_size
        gates = self._kind.gates * hidden
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (inputs, gates), "weight_hh": (hidden, gates)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        for name, shape in shapes.items():
            parameter = init.uniform(shape, -(hidden**-0.5), hidden**-0.5, dtype)
            parameter.requires_grad = True
            setattr(self, name + suffix, parameter)

    def _parameters(self, suffix: str) -> tuple[Tensor, Tensor, Any, Any]:
        """The weights of the input and of the hidden state, the bias of the gates, and that of the step."""
        weights = getattr(self, "weight_ih" + suffix), getattr(self, "weight_hh" + suffix)
        if not self.bias:
            return *weights, None, None
        ih, hh = getattr(self, "bias_ih" + suffix), getattr(self, "bias_hh" + suffix)
        return (*weights, ih, hh) if self._kind.apart else (*weights, ih + hh, None)

    def _states(self, hx: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> State:
        """The states to start from: zeros, or those of `hx`, which are checked."""
        count = self._kind.states
        if hx is None:
            return (np.zeros(shape, dtype),) * count
        given = (hx,) if count == 1 else tuple(hx) if isinstance(hx, tuple | list) else ()
        if [np.shape(state) for state in given] != [shape] * count:
            expected = f"hx of shape {shape}" if count == 1 else f"hx as a pair (h, c) of shape {shape} each"
            got = np.shape(hx) if count == 1 else [np.shape(state) for state in given] or type(hx).__name__
            raise ShapeError(f"{type(self).__name__}: expected {expected}, got {got}")
        return given


# Cells


class _Cell(_Recurrent):
    """One step of a recurrent layer, with parameters of its own."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        shape = np.shape(x)
        if len(shape) != 2 or shape[1] != self.input_size:
            raise ShapeError(f"{type(self).__name__}: expected x as (N, {self.input_size}), got shape {shape}")
        weight_ih, weight_hh, bias, bias_step = self._parameters("")
        state = self._states(hx, (shape[0], self.hidden_size), weight_hh.dtype)
        state = self._kind.step(affine(x, weight_ih, bias), state, weight_hh, bias_step)
        return state if len(state) > 1 else state[0]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias else ', bias=False'}"


class RNNCell(_Cell):
    """`h' = tanh(x W_ih + b_ih + h W_hh + b_hh)`: x (N, input_size), h (N, hidden_size) -> (N, hidden_size).

    `nonlinearity` is "tanh" or "relu". Without `hx` the state starts with zeros. Raises ShapeError for other shapes.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self._set(_rnn_kind("RNNCell", nonlinearity), input_size, hidden_size, bias)
        self.nonlinearity = nonlinearity
        self._make(self.input_size, "", dtype)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class LSTMCell(_Cell):
    """`c' = f c + i g` and `h' = o tanh(c')`: x (N, input_size), states (N, hidden_size) each -> (h', c').

    The gates i, f, o are sigmoids of `x W_ih + b_ih + h W_hh + b_hh`, and g is its hyperbolic tangent, each with
    columns of its own. `hx` is the pair (h, c); without it both start with zeros. Raises ShapeError for other shapes.
    Source: Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997; the forget gate: Gers,
    Schmidhuber and Cummins, Learning to forget, Neural Computation 12, 2000.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: DTypeLike | None = None) -> None:
        self._set(_LSTM, input_size, hidden_size, bias)
        self._make(self.input_size, "", dtype)


class GRUCell(_Cell):
    """`h' = (1 - z) n + z h`: x (N, input_size), h (N, hidden_size) -> (N, hidden_size).

    The gates r and z are sigmoids of `x W_ih + b_ih + h W_hh + b_hh`, each with columns of its own, and with those
    of n, `n = tanh(x W_in + b_in + r (h W_hn + b_hn))`. Without `hx` the state starts with zeros. Raises ShapeError
    for other shapes. Source: Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014; `r`
    is applied after the product, as in version 1 of the paper and in PyTorch.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: DTypeLike | None = None) -> None:
        self._set(_GRU, input_size, hidden_size, bias)
        self._make(self.input_size, "", dtype)


# Layers


class _Layers(_Recurrent):
    """Cells run over sequences, forward and perhaps backward, layer over layer."""

    def _build(
        self, kind: _Kind, input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool,
        dropout: float, bidirectional: bool, dtype: DTypeLike | None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self._set(kind, input_size, hidden_size, bias)
        (self.num_layers,) = per_dimension(name, "num_layers", num_layers, 1)
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: a probability lies between 0 and 1, got dropout={dropout}")
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self._suffixes = ("", "_reverse") if bidirectional else ("",)
        for layer in range(self.num_layers):
            for suffix in self._suffixes:
                inputs = self.hidden_size * len(self._suffixes) if layer else self.input_size
                self._make(inputs, f"_l{layer}{suffix}", dtype)

    def forward(self, x: Any, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """The last layer's hidden states at all steps, and the last states of all layers; see the class."""
        shape, name = np.shape(x), type(self).__name__
        if len(shape) != 3 or shape[2] != self.input_size or not shape[int(self.batch_first)]:
            dimensions = "(N, L, " if self.batch_first else "(L, N, "
            raise ShapeError(f"{name}: expected x as {dimensions}{self.input_size}) of at least one step, got {shape}")
        if self.batch_first:
            x = swapaxes(x, 0, 1)
            shape = np.shape(x)
        steps, count = shape[:2]
        real = None if lengths is None else _real_steps(name, lengths, steps, count)
        each = (self.num_layers * len(self._suffixes), count, self.hidden_size)
        starts = self._states(hx, each, self._parameters("_l0")[1].dtype)
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = dropout(x, self.dropout, self.training)
            directions = []
            for suffix in self._suffixes:
                state = tuple(start[len(last)] for start in starts)
                out, state = self._run(x, state, f"_l{layer}{suffix}", suffix != "", real)
                directions.append(out)
                last.append(state)
            x = directions[0] if len(directions) == 1 else concat(directions, -1)
        ends = tuple(_stacked(states) for states in zip(*last, strict=True))
        return swapaxes(x, 0, 1) if self.batch_first else x, ends if len(ends) > 1 else ends[0]

    def _run(
        self, x: Any, state: State, suffix: str, backwards: bool, real: NDArray[np.bool_] | None
    ) -> tuple[Any, State]:
        """One direction of one layer: (L, N, inputs) -> (L, N, hidden), and its last state."""
        weight_ih, weight_hh, bias, bias_step = self._parameters(suffix)
        # The input's part in the gates is one product for all steps; what is left in the loop depends on the state.
        gates = affine(x, weight_ih, bias)
        out, state = self._through(gates, state, weight_hh, bias_step, backwards, real)
        return out if real is None else where(real, out, 0), state

    def _through(
        self, gates: Any, state: State, weight: Any, bias: Any, backwards: bool, real: NDArray[np.bool_] | None
    ) -> tuple[Any, State]:
        """All steps of one direction: (L, N, gates * hidden) -> (L, N, hidden), and the last state."""
        slices = unstack(gates)
        each: Any = None if real is None else unstack(wrap(real) if mode.tracer is not None else real)
        outs: list[Any] = [None] * len(slices)
        for place in reversed(range(len(slices))) if backwards else range(len(slices)):
            new = self._kind.step(slices[place], state, weight, bias)
            # A row whose sequence has ended, or backwards has not begun, keeps its state.
            state = new if each is None else tuple(where(each[place], a, b) for a, b in zip(new, state, strict=True))
            outs[place] = state[0]
        return _stacked(outs), state

    def extra_repr(self) -> str:
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        unusual = [f", {name}={getattr(self, name)!r}" for name, value in usual.items() if getattr(self, name) != value]
        return f"{self.input_size}, {self.hidden_size}{''.join(unusual)}"


def _stacked(states: Sequence[Any]) -> Any:
    """States (N, hidden) along a new first dimension, which `concat` and `reshape` do faster than `stack`."""
    return reshape(concat(states) if len(states) > 1 else states[0], (len(states), *np.shape(states[0])))


def _real_steps(name: str, lengths: Any, steps: int, count: int) -> NDArray[np.bool_] | None:
    """(L, N, 1): whether a row has so many steps; None when all of them have all."""
    lengths = lengths if isinstance(lengths, Tensor) else np.asarray(lengths)
    if lengths.shape != (count,):
        raise ShapeError(f"{name}: expected lengths of shape ({count},), one for each row, got {lengths.shape}")
    if lengths.dtype.kind not in "iu":
        raise DTypeError(f"{name}: lengths are integers, got {lengths.dtype}")
    real: NDArray[np.bool_] = plain_key(_real(lengths, name=name, steps=steps))
    return None if mode.tracer is None and real.all() else real


def _real_raw(lengths: Any, *, name: str, steps: int) -> Any:
    if lengths.size and not (lengths.min() >= 0 and lengths.max() <= steps):
        raise ValueError(
            f"{name}: lengths run from {lengths.min()} to {lengths.max()}, but sequences have 0 to {steps} steps"
        )
    return np.arange(steps)[:, None, None] < lengths[:, None]


_real = constant(_real_raw, name="real_steps")


class RNN(_Layers):
    """`RNNCell`s over sequences: (L, N, input_size) -> (L, N, directions * hidden_size), and the last states.

    `model(x, hx, lengths)` gives `(out, h)`. `out` are the last layer's hidden states at all steps, those of both
    directions side by side; `h` is (num_layers * directions, N, hidden_size), the layers in order, in each of them
    the forward direction first. With `batch_first`, `x` and `out` are (N, L, ...). `hx` are states to start from,
    shaped as `h`; without it they are zeros.

    `lengths` (N,) says how many steps of each row are real. `out` is zero past them; the last state is that of the
    last real step; and the backward direction begins there. `dropout` is the probability with which numbers are left
    out between layers in training. Raises ShapeError for other shapes, and ValueError for lengths that are none.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        kind = _rnn_kind("RNN", nonlinearity)
        self._build(kind, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)
        self.nonlinearity = nonlinearity

    def _through(
        self, gates: Any, state: State, weight: Any, bias: Any, backwards: bool, real: NDArray[np.bool_] | None
    ) -> tuple[Any, State]:
        out = recurrence(state[0], gates, weight, real, backwards, self.nonlinearity)
        return out, (out[0 if backwards else -1],)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")


class LSTM(_Layers):
    """`LSTMCell`s over sequences: gives `(out, (h, c))`, and takes `hx` as such a pair; all else as in `RNN`."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self._build(_LSTM, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)


class GRU(_Layers):
    """`GRUCell`s over sequences: gives `(out, h)`; all else as in `RNN`."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self._build(_GRU, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)
