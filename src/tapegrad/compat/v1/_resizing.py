"""Pictures in another size. Each way is linear: a matrix of weights for the rows, and one for the columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ops import product
from ...ops import shape as shaping
from ._arguments import fixed, sizes_argument, sizes_in
from ._graph import get_default_graph
from ._infer import Kind, kind_of
from ._nodes import convert, node

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._operation import Tensor

__all__ = [
    "ResizeMethod",
    "resize",
    "resize_area",
    "resize_bicubic",
    "resize_bilinear",
    "resize_images",
    "resize_nearest_neighbor",
]


class ResizeMethod:
    """How to resize pictures."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


# --------------------------------------------------------------------------------------------------
# For a row of `before` cells, the weights (after, before) of each new one. `align` lets the outermost cells' centres
# stay where they are; `half` puts centres in the middle of cells, as TensorFlow did only later.


def _positions(before: int, after: int, align: bool, half: bool) -> Any:
    """Where new cells are among the old ones."""
    scale = (before - 1) / (after - 1) if align and after > 1 else before / after
    places = np.arange(after, dtype=np.float32)
    return (places + 0.5) * np.float32(scale) - 0.5 if half else places * np.float32(scale)


def _matrix(before: int, places: Any, weights: Any) -> Any:
    """Weights for neighbours (after, n) at places which, where they are outside, mean the outermost ones."""
    out = np.zeros((len(places), before), np.float32)
    np.add.at(out, (np.arange(len(places))[:, None], np.clip(places, 0, before - 1)), weights)
    return out


def _bilinear(before: int, after: int, align: bool, half: bool) -> Any:
    at = _positions(before, after, align, half)
    first = np.floor(at).astype(int)
    share = np.where(at < 0, 0, at - first)
    return _matrix(before, np.stack([first, first + 1], 1), np.stack([1 - share, share], 1))


def _nearest(before: int, after: int, align: bool, half: bool) -> Any:
    at = _positions(before, after, align, False)
    if half:
        at = (np.arange(after) + 0.5) * (before / after)
    first = np.floor(at + 0.5 if align else at).astype(int)
    return _matrix(before, first[:, None], np.ones((after, 1)))


def _bicubic(before: int, after: int, align: bool, half: bool) -> Any:
    """By cubic convolution: Keys, Cubic convolution interpolation for digital image processing, IEEE ASSP 29, 1981."""
    at = _positions(before, after, align, half)
    first = np.floor(at).astype(int)
    share = np.rint((at - first) * 1024) / 1024  # as TensorFlow, which looks weights up in a table of that many
    steep = -0.5 if half else -0.75
    places = first[:, None] + np.arange(-1, 3)
    distance = np.abs(np.arange(-1, 3) - share[:, None])
    near = (steep + 2) * distance**3 - (steep + 3) * distance**2 + 1
    far = steep * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    weights = np.where(distance <= 1, near, far)
    if half:  # cells outside do not count
        weights = np.where((places >= 0) & (places < before), weights, 0)
        weights = weights / weights.sum(1, keepdims=True)
    return _matrix(before, places, weights)


def _area(before: int, after: int, align: bool, half: bool) -> Any:
    scale = (before - 1) / (after - 1) if align and after > 1 else before / after
    start = np.arange(after)[:, None] * scale
    cells = np.arange(math.ceil(start[-1, 0] + scale))  # those outside mean the outermost one
    covered = np.clip(np.minimum(start + scale, cells + 1) - np.maximum(start, cells), 0, None)
    return _matrix(before, np.broadcast_to(cells, covered.shape), covered / scale)


_WAYS: dict[int, tuple[str, Callable[..., Any]]] = {
    0: ("ResizeBilinear", _bilinear),
    1: ("ResizeNearestNeighbor", _nearest),
    2: ("ResizeBicubic", _bicubic),
    3: ("ResizeArea", _area),
}


def _resized(
    method: int, images: Any, size: Any, align_corners: bool, half_pixel_centers: bool, name: str | None
) -> Tensor:
    kind, weights = _WAYS[method]
    given, sizes = sizes_argument(size)
    images = convert(images)
    dtype = images.dtype.dtype if method == ResizeMethod.NEAREST_NEIGHBOR else np.dtype(np.float32)

    def change(x: Any, *given: Any) -> Any:
        height, width = sizes_in(given, sizes)
        rows = weights(x.shape[1], height, align_corners, half_pixel_centers)
        columns = weights(x.shape[2], width, align_corners, half_pixel_centers)
        if method == ResizeMethod.NEAREST_NEIGHBOR:
            return x[:, rows.argmax(1)][:, :, columns.argmax(1)]
        x = shaping.astype(x, dtype)
        wide = product.matmul(columns, x)  # (N, H, W, C): the columns of each row
        return shaping.moveaxis(product.tensordot(rows, wide, ((1,), (1,))), 0, 1)

    def sample(x: Any, *given: Any) -> Any:
        if x is None:
            return Kind((None, *(sizes or (None, None)), None), dtype)
        return np.broadcast_to(np.zeros((), dtype), (x.shape[0], *sizes_in(given, sizes), x.shape[3]))

    return node(kind, change, [images, *given], name, sample=sample)  # type: ignore[no-any-return]


def resize_images(
    images: Any, size: Any, method: int = ResizeMethod.BILINEAR, align_corners: bool = False,
    preserve_aspect_ratio: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Pictures (N, H, W, C) or one of them (H, W, C) in the size (height, width).

    With `preserve_aspect_ratio` the largest one that fits into that size. The result is float32, except for the
    nearest neighbours, and for pictures that have the size already.
    """
    if method not in _WAYS:
        raise ValueError(f"resize_images: method must be one of tf.image.ResizeMethod, got {method!r}")
    images = convert(images)
    shape = kind_of(images).sizes
    if shape is None or len(shape) not in (3, 4):
        raise ValueError(f"'images' must have either 3 or 4 dimensions, got shape {images.shape}; set_shape tells it")
    with get_default_graph().name_scope(name or "resize"):
        if preserve_aspect_ratio:
            size = _fitting(images, shape, size)
        wanted = None
        if sizes_argument(size)[1] is not None:
            wanted = tuple(fixed(size, "size"))
        if wanted == shape[-3:-1]:
            return images
        if len(shape) == 4:
            return _resized(method, images, size, align_corners, False, None)
        from ._array import expand_dims, squeeze

        return squeeze(_resized(method, expand_dims(images, 0), size, align_corners, False, None), [0])


def _fitting(images: Tensor, shape: Any, size: Any) -> Any:
    """The size with the ratio of the pictures, as large as fits into `size`."""
    wanted = fixed(size, "size")

    def largest(have: Any) -> Any:
        height, width = have[-3], have[-2]
        scale = min(wanted[0] / height, wanted[1] / width)
        return np.rint([height * scale, width * scale]).astype(np.int32)

    if None not in shape[-3:-1]:
        return largest(shape).tolist()
    return node("size", lambda x: largest(np.shape(x)), [images])


resize = resize_images


def _way(method: int) -> Callable[..., Tensor]:
    def call(
        images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
    ) -> Tensor:
        return _resized(method, images, size, align_corners, half_pixel_centers, name)

    return call


resize_bilinear, resize_nearest_neighbor, resize_bicubic = (_way(method) for method in (0, 1, 2))


def resize_area(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Tensor:
    """Pictures (N, H, W, C) in another size: each new cell is the mean of what it covers."""
    return _resized(ResizeMethod.AREA, images, size, align_corners, False, name)
