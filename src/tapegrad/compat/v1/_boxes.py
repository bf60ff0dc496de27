"""Boxes in pictures: drawn, and those of the same thing left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import plain
from ._infer import Kind
from ._nodes import convert, node

if TYPE_CHECKING:
    from ._operation import Tensor

__all__ = ["draw_bounding_boxes", "non_max_suppression"]

#: Yellow, blue, red, lime, purple, olive, maroon, navy, aqua and fuchsia, one box after the other.
_COLOURS = (
    (1, 1, 0, 1), (0, 0, 1, 1), (1, 0, 0, 1), (0, 1, 0, 1), (0.5, 0, 0.5, 1), (0.5, 0.5, 0, 1), (0.5, 0, 0, 1),
    (0, 0, 0.5, 1), (0, 1, 1, 1), (1, 0, 1, 1),
)  # fmt: skip


def draw_bounding_boxes(images: Any, boxes: Any, name: str | None = None, colors: Any = None) -> Tensor:
    """Pictures (N, H, W, C) with the edges of boxes (N, boxes, 4): top, left, bottom, right from 0 to 1."""

    def draw(images: Any, boxes: Any, *colors: Any) -> Any:
        drawn = np.array(plain(images))
        height, width, depth = drawn.shape[1:]
        colours = np.array(plain(colors[0]) if colors and len(plain(colors[0])) else _COLOURS, np.float32)
        if depth == 1 and not colors:
            colours[:, 0] = 1
        for picture, here in zip(drawn, plain(boxes), strict=True):
            scaled = np.trunc(here * np.array([height - 1, width - 1] * 2, here.dtype)).astype(np.int64)
            for place, (top, left, bottom, right) in enumerate(scaled):
                if top >= height or bottom < 0 or left >= width or right < 0 or top > bottom or left > right:
                    continue
                colour = colours[place % len(colours), :depth]
                rows = slice(max(top, 0), min(bottom, height - 1) + 1)
                columns = slice(max(left, 0), min(right, width - 1) + 1)
                for row in (top, bottom):
                    if 0 <= row < height:
                        picture[row, columns] = colour
                for column in (left, right):
                    if 0 <= column < width:
                        picture[rows, column] = colour
        return drawn

    given = [convert(images), convert(boxes), *([] if colors is None else [convert(colors)])]
    return node("DrawBoundingBoxesV2", draw, given, name, python=True, sample=lambda images, *_: images)  # type: ignore[no-any-return]


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = float("-inf"),
    name: str | None = None,
) -> Tensor:
    """The places of the boxes (N, 4) of the highest `scores` of which no two share more than `iou_threshold`."""

    def choose(boxes: Any, scores: Any, most: Any, share: Any, least: Any) -> Any:
        corners, values = plain(boxes), plain(scores)
        top, bottom = np.minimum(corners[:, 0], corners[:, 2]), np.maximum(corners[:, 0], corners[:, 2])
        left, right = np.minimum(corners[:, 1], corners[:, 3]), np.maximum(corners[:, 1], corners[:, 3])
        areas = (bottom - top) * (right - left)
        chosen: list[int] = []
        for place in np.argsort(-values, kind="stable").tolist():
            if len(chosen) >= int(plain(most)) or values[place] <= plain(least):
                break
            high = np.minimum(bottom[place], bottom[chosen]) - np.maximum(top[place], top[chosen])
            wide = np.minimum(right[place], right[chosen]) - np.maximum(left[place], left[chosen])
            both = np.maximum(high, 0) * np.maximum(wide, 0)
            together = areas[place] + areas[chosen] - both
            if not (both > plain(share) * together).any():
                chosen.append(place)
        return np.array(chosen, np.int32)

    given = [convert(boxes), convert(scores), convert(max_output_size)]
    given += [convert(iou_threshold, given[0].dtype), convert(score_threshold, given[1].dtype)]
    return node(  # type: ignore[no-any-return]
        "NonMaxSuppressionV3", choose, given, name, python=True, sample=lambda *_: Kind((None,), np.dtype(np.int32))
    )
