"""Signals: `tf.signal`."""

from __future__ import annotations

from ._complex import fft, fft2d, fft3d, ifft, ifft2d, ifft3d, irfft, irfft2d, rfft, rfft2d
from ._missing import not_covered

__all__ = ["fft", "fft2d", "fft3d", "ifft", "ifft2d", "ifft3d", "irfft", "irfft2d", "rfft", "rfft2d"]

__getattr__ = not_covered(__name__)
