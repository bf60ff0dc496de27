"""Complex numbers and Fourier transforms: values to look at, which no rule goes through and no program knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import plain
from ._infer import Kind, kind_of
from ._nodes import convert, node, operands

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "angle",
    "complex",
    "conj",
    "fft",
    "fft2d",
    "fft3d",
    "ifft",
    "ifft2d",
    "ifft3d",
    "imag",
    "irfft",
    "irfft2d",
    "real",
    "rfft",
    "rfft2d",
]

_PARTS: dict[str, np.dtype[Any]] = {"complex64": np.dtype(np.float32), "complex128": np.dtype(np.float64)}
_WHOLES: dict[str, np.dtype[Any]] = {"float32": np.dtype(np.complex64), "float64": np.dtype(np.complex128)}


def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """Complex numbers of their real and imaginary parts, two tensors of float32 or of float64."""
    parts = operands(real, imag)
    kind = _WHOLES.get(parts[0].dtype.name)
    if kind is None or parts[0].dtype != parts[1].dtype:
        raise TypeError(
            f"real and imag have incorrect types: {parts[0].dtype.name} {parts[1].dtype.name}; "
            "expected float32 or float64 for both"
        )

    def whole(real: Any, imag: Any) -> Any:
        return (plain(real) + 1j * plain(imag)).astype(kind)

    return node(  # type: ignore[no-any-return]
        "Complex", whole, parts, name, python=True, sample=lambda *_: Kind(_together(*parts), kind)
    )


def _together(x: Tensor, y: Tensor) -> tuple[int, ...] | None:
    """The static shape of two tensors that are broadcast, where all of it is known."""
    known = []
    for sizes in (kind_of(x).sizes, kind_of(y).sizes):
        if sizes is None:
            return None
        known.append(tuple(n for n in sizes if n is not None))
        if len(known[-1]) < len(sizes):
            return None
    return np.broadcast_shapes(*known)


def _part(kind: str, function: Callable[[Any], Any], input: Any, name: str | None) -> Tensor:
    x = convert(input)
    if not x.dtype.is_complex:
        return x if kind == "Real" else node(kind, lambda value: function(plain(value)), [x], name, python=True)
    found = Kind(kind_of(x).sizes, _PARTS[x.dtype.name])
    return node(  # type: ignore[no-any-return]
        kind, lambda value: function(plain(value)).astype(found.dtype), [x], name, python=True, sample=lambda _: found
    )


def real(input: Any, name: str | None = None) -> Tensor:
    """The real parts."""
    return _part("Real", np.real, input, name)


def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary parts."""
    return _part("Imag", np.imag, input, name)


def angle(input: Any, name: str | None = None) -> Tensor:
    """The angles from the positive real numbers, from -pi to pi."""
    return _part("Angle", np.angle, input, name)


def conj(x: Any, name: str | None = None) -> Tensor:
    """The conjugates; what is real is its own."""
    value = convert(x)
    if not value.dtype.is_complex:
        return value
    return node("Conj", lambda v: np.conj(plain(v)), [value], name, python=True, sample=lambda _: kind_of(value))  # type: ignore[no-any-return]


def _transform(kind: str, function: Callable[..., Any], rank: int, x: Any, name: str | None) -> Tensor:
    """A Fourier transform over the last `rank` dimensions, in the precision of what comes in."""
    value = convert(x)
    if not value.dtype.is_complex:
        raise TypeError(
            f"{kind} expected complex64 or complex128, got {value.dtype.name}; tf.cast or tf.complex makes it"
        )
    found = kind_of(value)

    def transformed(values: Any) -> Any:
        return function(plain(values), axes=tuple(range(-rank, 0))).astype(found.dtype)

    return node(kind, transformed, [value], name, python=True, sample=lambda _: found)  # type: ignore[no-any-return]


def fft(input: Any, name: str | None = None) -> Tensor:
    """The discrete Fourier transform along the last dimension."""
    return _transform("FFT", np.fft.fftn, 1, input, name)


def ifft(input: Any, name: str | None = None) -> Tensor:
    """What `fft` undoes, and which undoes it."""
    return _transform("IFFT", np.fft.ifftn, 1, input, name)


def fft2d(input: Any, name: str | None = None) -> Tensor:
    """The same over the last two dimensions."""
    return _transform("FFT2D", np.fft.fftn, 2, input, name)


def ifft2d(input: Any, name: str | None = None) -> Tensor:
    """What undoes `fft2d`."""
    return _transform("IFFT2D", np.fft.ifftn, 2, input, name)


def fft3d(input: Any, name: str | None = None) -> Tensor:
    """The same over the last three dimensions."""
    return _transform("FFT3D", np.fft.fftn, 3, input, name)


def ifft3d(input: Any, name: str | None = None) -> Tensor:
    """What undoes `fft3d`."""
    return _transform("IFFT3D", np.fft.ifftn, 3, input, name)


def _of_reals(
    kind: str, function: Callable[..., Any], rank: int, x: Any, length: Any, back: bool, name: str | None
) -> Tensor:
    value = convert(x)
    lengths = None if length is None else tuple(int(n) for n in np.asarray(length).ravel())
    dtype = _PARTS[value.dtype.name] if back else _WHOLES[value.dtype.name]
    sizes = kind_of(value).sizes
    unknown = Kind(None if sizes is None else (*sizes[:-rank], *[None] * rank), dtype)

    def transformed(values: Any) -> Any:
        return function(plain(values), s=lengths, axes=tuple(range(-rank, 0))).astype(dtype)

    return node(kind, transformed, [value], name, python=True, sample=lambda _: unknown)  # type: ignore[no-any-return]


def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The first half of the Fourier transform of real numbers: the other half is its conjugate."""
    return _of_reals("RFFT", np.fft.rfftn, 1, input_tensor, fft_length, False, name)


def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The real numbers whose `rfft` is given."""
    return _of_reals("IRFFT", np.fft.irfftn, 1, input_tensor, fft_length, True, name)


def rfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The same over the last two dimensions."""
    return _of_reals("RFFT2D", np.fft.rfftn, 2, input_tensor, fft_length, False, name)


def irfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The real numbers whose `rfft2d` is given."""
    return _of_reals("IRFFT2D", np.fft.irfftn, 2, input_tensor, fft_length, True, name)
