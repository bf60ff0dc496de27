"""Blocks of pictures as channels, and channels as blocks; patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...ops import shape as shaping
from ...ops._windows import windows
from ._nodes import node
from ._windowed import edges_of, spatial

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = ["depth_to_space", "extract_image_patches", "space_to_depth"]


def _last_only(kind: str, data_format: str) -> None:
    if data_format != "NHWC":
        raise ValueError(f"{kind}: only pictures with their channels last (NHWC) are covered, got {data_format}")


def depth_to_space(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Channels laid out as blocks of cells: `(N, H, W, C) -> (N, H * b, W * b, C / b^2)`."""
    _last_only("depth_to_space", data_format)
    b = block_size

    def spread(x: Any) -> Any:
        n, h, w, c = x.shape
        parts = shaping.reshape(x, (n, h, w, b, b, c // (b * b)))
        return shaping.reshape(shaping.permute_dims(parts, (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, c // (b * b)))

    return node("DepthToSpace", spread, [input], name)  # type: ignore[no-any-return]


def space_to_depth(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Blocks of cells as channels: `(N, H, W, C) -> (N, H / b, W / b, C * b^2)`."""
    _last_only("space_to_depth", data_format)
    b = block_size

    def gather(x: Any) -> Any:
        n, h, w, c = x.shape
        parts = shaping.reshape(x, (n, h // b, b, w // b, b, c))
        return shaping.reshape(shaping.permute_dims(parts, (0, 1, 3, 2, 4, 5)), (n, h // b, w // b, c * b * b))

    return node("SpaceToDepth", gather, [input], name)  # type: ignore[no-any-return]


def extract_image_patches(
    images: Any, ksizes: Any = None, strides: Any = None, rates: Any = None, padding: Any = None,
    name: str | None = None, sizes: Any = None,
) -> Tensor:  # fmt: skip
    """The cells of each window as channels: `(N, H, W, C) -> (N, OH, OW, KH * KW * C)`."""
    size = spatial("ksizes", ksizes if sizes is None else sizes, 2, False)
    steps, holes = spatial("strides", strides, 2, False), spatial("rates", rates, 2, False)
    edges = edges_of(padding, 2, False)

    def cut(x: Any) -> Any:
        at = windows("extract_image_patches", x.shape[1:3], size, steps, edges, holes)
        x = shaping.pad(x, [(0, 0), *zip(at.before, at.after, strict=True), (0, 0)])
        parts = []
        for row in range(size[0]):
            for column in range(size[1]):
                top, left = row * holes[0], column * holes[1]
                down = slice(top, top + (at.out[0] - 1) * steps[0] + 1, steps[0])
                right = slice(left, left + (at.out[1] - 1) * steps[1] + 1, steps[1])
                parts.append(x[:, down, right])
        return shaping.concat(parts, -1)

    return node("ExtractImagePatches", cut, [images], name)  # type: ignore[no-any-return]
