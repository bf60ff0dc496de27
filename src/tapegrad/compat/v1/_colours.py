"""Colours of pictures: other dtypes, grey, hue, saturation, brightness and contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise, product, reduction
from ...ops import shape as shaping
from . import _dtypes as dtypes
from ._clipping import saturate_cast
from ._graph import get_default_graph
from ._math import cast, floordiv, multiply
from ._nodes import convert, node
from ._random_ops import random_uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "convert_image_dtype",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "per_image_standardization",
    "random_brightness",
    "random_contrast",
    "random_hue",
    "random_saturation",
    "rgb_to_grayscale",
    "rgb_to_hsv",
]


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Tensor:
    """A picture as another dtype: whole numbers go up to the largest one, floating-point numbers up to 1."""
    image, wanted = convert(image), dtypes.as_dtype(dtype)
    have = image.dtype
    if have == wanted:
        return image
    with get_default_graph().name_scope(name or "convert_image") as scope:
        to = saturate_cast if saturate else cast
        if have.is_integer and wanted.is_integer:
            if have.max > wanted.max:
                return to(floordiv(image, (have.max + 1) // (wanted.max + 1)), wanted, scope)
            return multiply(to(image, wanted), (wanted.max + 1) // (have.max + 1), scope)
        if have.is_floating and wanted.is_floating:
            return cast(image, wanted, scope)
        if have.is_integer:
            return multiply(cast(image, wanted), 1.0 / have.max, scope)
        return to(multiply(image, wanted.max + 0.5), wanted, scope)


def _in_floats(kind: str, image: Any, name: str | None, function: Callable[..., Any], *others: Any) -> Tensor:
    """A change of colours, done in floating-point numbers and given in the picture's own dtype."""
    image = convert(image)
    with get_default_graph().name_scope(name or kind) as scope:
        floats = image if image.dtype.is_floating else convert_image_dtype(image, dtypes.float32)
        inputs = [floats, *[convert(other, floats.dtype) for other in others]]
        if image.dtype.is_floating:
            return node(kind, function, inputs, scope)  # type: ignore[no-any-return]
        return convert_image_dtype(node(kind, function, inputs), image.dtype, True, scope)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """Colours as shades of grey: `(..., 3) -> (..., 1)`."""
    weights = np.array([[0.2989], [0.587], [0.114]])
    return _in_floats("rgb_to_grayscale", images, name, lambda x: product.matmul(x, weights.astype(x.dtype)))


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Shades of grey as colours: `(..., 1) -> (..., 3)`."""
    return node("grayscale_to_rgb", lambda x: shaping.concat([x, x, x], -1), [images], name)  # type: ignore[no-any-return]


def _to_hsv(x: Any) -> Any:
    red, green, blue = x[..., 0], x[..., 1], x[..., 2]
    value, least = reduction.max(x, -1), reduction.min(x, -1)
    spread = value - least
    some = elementwise.greater(spread, 0)
    safe = elementwise.where(some, spread, 1)
    is_red, is_green = elementwise.equal(value, red), elementwise.equal(value, green)
    hue = elementwise.where(
        is_red,
        (green - blue) / safe,
        elementwise.where(is_green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = elementwise.where(some, elementwise.remainder(hue / 6, 1), 0)
    lit = elementwise.greater(value, 0)
    saturation = elementwise.where(lit, spread / elementwise.where(lit, value, 1), 0)
    return shaping.stack([hue, saturation, value], -1)


def _to_rgb(x: Any) -> Any:
    hue, saturation, value = x[..., 0:1], x[..., 1:2], x[..., 2:3]
    # How far each colour is lit at a hue: 1 within a sixth of the circle around its own, 0 a third away.
    sixths = hue * 6 + np.array([0, -2, -4], x.dtype)
    distance = elementwise.abs(elementwise.remainder(sixths + 3, 6) - 3)
    lit = elementwise.clip(2 - distance, 0, 1)
    return value * (1 - saturation * (1 - lit))


def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Red, green and blue as hue, saturation and value, all from 0 to 1."""
    return node("RGBToHSV", _to_hsv, [images], name)  # type: ignore[no-any-return]


def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Hue, saturation and value as red, green and blue, all from 0 to 1."""
    return node("HSVToRGB", _to_rgb, [images], name)  # type: ignore[no-any-return]


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """A picture with `delta` added, where 1 is as bright as can be."""
    return _in_floats("adjust_brightness", image, None, elementwise.add, delta)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Pictures with every channel's distance from its mean multiplied."""

    def change(x: Any, factor: Any) -> Any:
        mean = reduction.mean(x, (-3, -2), True)
        return (x - mean) * factor + mean

    return _in_floats("adjust_contrast", images, None, change, contrast_factor)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """A picture to the power of `gamma`, times `gain`."""
    return _in_floats("adjust_gamma", image, None, lambda x, gamma, gain: gain * x**gamma, float(gamma), float(gain))


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """A picture with its hues turned by `delta` of the whole circle."""

    def change(x: Any, delta: Any) -> Any:
        hsv = _to_hsv(x)
        turned = elementwise.remainder(hsv[..., 0:1] + delta, 1)
        return _to_rgb(shaping.concat([turned, hsv[..., 1:]], -1))

    return _in_floats("adjust_hue", image, name, change, delta)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """A picture with its saturation multiplied."""

    def change(x: Any, factor: Any) -> Any:
        hsv = _to_hsv(x)
        saturation = elementwise.clip(hsv[..., 1:2] * factor, 0, 1)
        return _to_rgb(shaping.concat([hsv[..., 0:1], saturation, hsv[..., 2:]], -1))

    return _in_floats("adjust_saturation", image, name, change, saturation_factor)


def per_image_standardization(image: Any) -> Tensor:
    """Pictures less their mean, divided by their deviation, or by 1 / sqrt(numbers in one) if that is more."""

    def change(x: Any) -> Any:
        x = x if x.dtype.kind == "f" else shaping.astype(x, np.float32)
        axes = (-3, -2, -1)
        least = 1 / np.sqrt(np.prod(x.shape[-3:]))
        deviation = elementwise.maximum(reduction.std(x, axes, 0, True), np.asarray(least, x.dtype))
        return (x - reduction.mean(x, axes, True)) / deviation

    return node("per_image_standardization", change, [image])  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------
# By chance


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """A picture with a number from -`max_delta` to `max_delta` added."""
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """A picture with its contrast multiplied by a number from `lower` to `upper`."""
    return adjust_contrast(image, random_uniform([], lower, upper, seed=seed))


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """A picture with its hues turned by a number from -`max_delta` to `max_delta`."""
    return adjust_hue(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """A picture with its saturation multiplied by a number from `lower` to `upper`."""
    return adjust_saturation(image, random_uniform([], lower, upper, seed=seed))
