"""Pictures: files, sizes, colours, flips and crops: `tf.image`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import elementwise
from ...ops import shape as shaping
from . import _boxes, _colours, _image_files, _resizing
from ._arguments import fixed, plain
from ._array import pad
from ._boxes import *
from ._colours import *
from ._graph import get_default_graph
from ._image_files import *
from ._infer import Kind
from ._missing import not_covered
from ._nodes import convert, node
from ._random_ops import draws, random_uniform
from ._resizing import *
from ._slicing import slice_of, stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "central_crop",
    "crop_to_bounding_box",
    "flip_left_right",
    "flip_up_down",
    "pad_to_bounding_box",
    "random_flip_left_right",
    "random_flip_up_down",
    "resize_image_with_crop_or_pad",
    "resize_with_crop_or_pad",
    "rot90",
    "sample_distorted_bounding_box",
    "total_variation",
    "transpose_image",
]
__all__ += _boxes.__all__
__all__ += _colours.__all__
__all__ += _image_files.__all__
__all__ += _resizing.__all__


# --------------------------------------------------------------------------------------------------
# Flips


def _turned(kind: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def call(image: Any) -> Tensor:
        return node(kind, function, [image])  # type: ignore[no-any-return]

    return call


flip_left_right = _turned("flip_left_right", lambda x: shaping.flip(x, -2))
flip_up_down = _turned("flip_up_down", lambda x: shaping.flip(x, -3))
transpose_image = _turned("transpose_image", lambda x: shaping.swapaxes(x, -3, -2))


def rot90(image: Any, k: int = 1, name: str | None = None) -> Tensor:
    """A picture turned `k` times to the left by a right angle."""
    times = int(fixed(k, "k")) % 4

    def turn(x: Any) -> Any:
        if times == 2:
            return shaping.flip(x, (-3, -2))
        if times == 0:
            return x
        return shaping.flip(shaping.swapaxes(x, -3, -2), -3 if times == 1 else -2)

    return node("rot90", turn, [image], name)  # type: ignore[no-any-return]


def _by_chance(kind: str, axis: int) -> Callable[..., Tensor]:
    def call(image: Any, seed: int | None = None) -> Tensor:
        image = convert(image)
        with get_default_graph().name_scope(kind):
            # A coin for each picture of a batch.
            many = image.shape.ndims == 4
            coin = random_uniform(_batch(image) if many else [], 0, 1, seed=seed)

            def flip(x: Any, coin: Any) -> Any:
                turned = elementwise.less(coin, 0.5)
                turned = shaping.reshape(turned, (-1, 1, 1, 1)) if many else turned
                return elementwise.where(turned, shaping.flip(x, axis), x)

            return node(kind, flip, [image, coin])  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = kind
    return call


def _batch(image: Tensor) -> Tensor:
    return node("Shape", lambda x: np.array(np.shape(x)[:1], np.int32), [image])  # type: ignore[no-any-return]


random_flip_left_right = _by_chance("random_flip_left_right", -2)
random_flip_up_down = _by_chance("random_flip_up_down", -3)


# --------------------------------------------------------------------------------------------------
# Crops


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """The part of a picture, or of each in a batch, that begins at an offset and has a size."""
    image = convert(image)
    many = image.shape.ndims == 4
    begin = [*([0] if many else []), offset_height, offset_width, 0]
    return slice_of(image, begin, [*([-1] if many else []), target_height, target_width, -1], "crop_to_bounding_box")


def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """A picture, or each in a batch, put at an offset into a black one of a size."""
    image = convert(image)
    sizes = image.shape.as_list()
    height, width = sizes[-3:-1]
    if height is None or width is None:
        raise ValueError(f"pad_to_bounding_box: the size of the picture must be known, got {image.shape}")
    top, left = fixed(offset_height, "offset_height"), fixed(offset_width, "offset_width")
    below, right = (
        fixed(target_height, "target_height") - top - height,
        fixed(target_width, "target_width") - left - width,
    )
    if min(top, left, below, right) < 0:
        raise ValueError(f"pad_to_bounding_box: a picture of {height}x{width} at {top}, {left} does not fit")
    edges = [[top, below], [left, right], [0, 0]]
    return pad(image, [[0, 0], *edges] if len(sizes) == 4 else edges)


def resize_image_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Tensor:
    """The middle of a picture, with black margins where it is smaller than the wanted size."""
    height, width = int(fixed(target_height, "target_height")), int(fixed(target_width, "target_width"))

    def change(x: Any) -> Any:
        edges: list[tuple[int, int]] = [(0, 0)] * (x.ndim - 3)
        key: list[Any] = [slice(None)] * (x.ndim - 3)
        for have, want in zip(x.shape[-3:-1], (height, width), strict=True):
            before = max((have - want) // 2, 0)
            key.append(slice(before, before + want))
            missing = max(want - have, 0)
            edges.append((missing // 2, missing - missing // 2))
        return shaping.pad(x[tuple(key)], [*edges, (0, 0)])

    return node("resize_image_with_crop_or_pad", change, [image])  # type: ignore[no-any-return]


resize_with_crop_or_pad = resize_image_with_crop_or_pad


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle of a picture, with that share of its height and width."""
    if not 0 < central_fraction <= 1:
        raise ValueError("central_fraction must be within (0, 1]")

    def crop(x: Any) -> Any:
        key: list[Any] = [slice(None)] * (x.ndim - 3)
        for size in x.shape[-3:-1]:
            start = int((size - size * central_fraction) / 2)
            key.append(slice(start, size - start))
        return x[tuple(key)]

    return convert(image) if central_fraction == 1 else node("central_crop", crop, [image])


def sample_distorted_bounding_box(
    image_size: Any,
    bounding_boxes: Any,
    seed: int | None = None,
    seed2: int | None = None,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = None,
    area_range: Any = None,
    max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """A part of a picture by chance that has enough of one of the boxes: where it begins, its size, and as a box.

    `image_size` is (H, W, channels), and boxes are (1, N, 4) of top, left, bottom, right from 0 to 1. The first two
    results are for tf.slice; the whole picture is given where no part was found in `max_attempts`.
    """
    ratios, areas = aspect_ratio_range or (0.75, 1.33), area_range or (0.05, 1.0)
    least, most = float(fixed(min_object_covered, "min_object_covered")), max_attempts or 100
    boxes = convert(np.zeros((1, 0, 4), np.float32) if bounding_boxes is None else bounding_boxes)

    def draw(stream: np.random.Generator, size: Any, boxes: Any) -> Any:
        height, width = plain(size)[:2].tolist()
        known = plain(boxes).reshape(-1, 4) * [height, width, height, width]
        if not len(known):
            if not use_image_if_no_bounding_boxes:
                raise ValueError("No bounding boxes provided as input; set use_image_if_no_bounding_boxes")
            known = np.array([[0, 0, height, width]])
        for _ in range(most):
            ratio, area = stream.uniform(*ratios), stream.uniform(*areas) * height * width
            tall, wide = round((area / ratio) ** 0.5), round((area * ratio) ** 0.5)
            if 0 < tall <= height and 0 < wide <= width:
                top, left = stream.integers(0, height - tall + 1), stream.integers(0, width - wide + 1)
                inner = np.minimum(known[:, 2:], [top + tall, left + wide]) - np.maximum(known[:, :2], [top, left])
                whole = np.prod(known[:, 2:] - known[:, :2], 1)
                if (np.prod(np.maximum(inner, 0), 1) >= least * whole).any():
                    return np.array([top, left, tall, wide], np.int32)
        return np.array([0, 0, height, width], np.int32)

    with get_default_graph().name_scope(name or "sample_distorted_bounding_box"):
        size = convert(image_size)
        part = draws("part", draw, [size, boxes], None, seed, lambda *_: Kind((4,), np.dtype(np.int32)))

        def as_box(part: Any, size: Any) -> Any:
            corners = shaping.concat([part[:2], part[:2] + part[2:]], 0)
            sides = shaping.concat([size[:2], size[:2]], 0)
            return shaping.reshape(shaping.astype(corners / sides, np.float32), (1, 1, 4))

        begin = stack([_number(part, 0), _number(part, 1), 0])
        extent = stack([_number(part, 2), _number(part, 3), -1])
        return begin, extent, node("box", as_box, [part, size])


def _number(x: Tensor, place: int) -> Tensor:
    return node("StridedSlice", lambda x: x[place], [x])  # type: ignore[no-any-return]


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of all differences between neighbours, for each picture."""

    def measure(x: Any) -> Any:
        axes = (-3, -2, -1)
        down = elementwise.abs(x[..., 1:, :, :] - x[..., :-1, :, :]).sum(axes)
        return down + elementwise.abs(x[..., 1:, :] - x[..., :-1, :]).sum(axes)

    return node("total_variation", measure, [images], name)  # type: ignore[no-any-return]


__getattr__ = not_covered(__name__)
